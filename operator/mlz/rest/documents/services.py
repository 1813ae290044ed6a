"""
Scoring services: their documents, and the bodies that make and change them.

IBM names the list and its ``guid``; the rest is ours, in the same shape. A scoring service is made
once and named by GitOps users too, so its name is the resource's and never changes.
"""

from dataclasses import dataclass, field

from mlz.api.names import API_VERSION, NAME_LIMIT, SCORING_SERVICE
from mlz.api.parsing import Body
from mlz.rest.documents.bodies import (
    Json,
    created_at,
    modified_at,
    name_of,
    part,
    uid_of,
    without_absent,
)
from mlz.rest.documents.hrefs import scoring_service_path
from mlz.rest.documents.naming import is_name
from mlz.rest.documents.operations import Operation, operations
from mlz.rest.documents.requests import (
    flag_at,
    integer_at,
    kind_of,
    name_at,
    object_of,
    parsing_error,
)
from mlz.rest.problems import Code, Refusal, invalid_field

_TYPES = ("standard", "cluster")
_PATHS = ("/type", "/active", "/replicas")
_MOST_REPLICAS = 1000


@dataclass(frozen=True, slots=True)
class ServiceCreation:
    """A scoring service as a caller asks for it; ``fields`` are those of the spec."""

    name: str
    fields: Json = field(default_factory=dict)


def scoring_service(body: Body, base_url: str) -> Json:
    """The document of one; the guid is what ``scoringGroupId`` names."""
    spec, guid = part(body, "spec"), uid_of(body)
    return {
        "metadata": {
            "guid": guid,
            "url": f"{base_url}{scoring_service_path(guid)}",
            "created_at": created_at(body),
            "modified_at": modified_at(body),
        },
        "entity": without_absent(
            {
                "name": name_of(body),
                "type": spec.get("type"),
                "active": is_active(body),
                "replicas": spec.get("replicas"),
            }
        ),
    }


def is_active(body: Body) -> bool:
    """Whether deployments may use it; they may unless it says otherwise."""
    return part(body, "spec").get("active") is not False


def check_is_active(body: Body) -> None:
    """
    Source: MLz 3.2, "Create online deployment API": "must be an active one".

    Raises:
        Refusal: ``inactive_scoring_service``.
    """
    if not is_active(body):
        raise Refusal(
            Code.INACTIVE_SCORING_SERVICE,
            f"scoring service '{name_of(body)}' is not active; activate it or name another",
        )


def unknown_service(guid: str) -> Refusal:
    """A ``scoringGroupId`` that is nobody's guid."""
    return Refusal(
        Code.UNKNOWN_SCORING_SERVICE,
        f"scoringGroupId '{guid[:80]}' is the guid of no scoring service; see "
        "GET /v3/deployments/scoring",
    )


def creation(document: object) -> ServiceCreation:
    """
    What the body of a create asks for.

    Raises:
        Refusal: it is no object, or a field is wrong.
    """
    fields = object_of(document)
    name = fields.required_text("name")
    if not is_name(name):
        expected = f"lower-case letters, digits and '-', first a letter, at most {NAME_LIMIT}"
        raise fields.refused("name", expected, f"'{name[:80]}'")
    given = {key: fields.value(key) for key in ("type", "active", "replicas")}
    if given["type"] is None:
        given["type"] = "standard"
    return ServiceCreation(
        name=name,
        fields={
            key: _value(f"$.{key}", value) for key, value in given.items() if value is not None
        },
    )


def manifest(wanted: ServiceCreation, namespace: str) -> Json:
    """The MLzScoringService to make."""
    return {
        "apiVersion": API_VERSION,
        "kind": SCORING_SERVICE,
        "metadata": {"name": wanted.name, "namespace": namespace},
        "spec": dict(wanted.fields),
    }


def merge_patch(document: object, current: Body) -> Json:
    """
    The merge patch that a JSON Patch of the document asks for; {} where nothing would change.

    Raises:
        Refusal: an operation, a path or a value is none that is taken.
    """
    changes = [_change(one) for one in operations(document, ("replace", "add", "remove"))]
    spec = part(current, "spec")
    changed = {key: value for key, value in changes if spec.get(key) != value}
    return {"spec": changed} if changed else {}


def _change(one: Operation) -> tuple[str, object]:
    if one.path not in _PATHS:
        raise parsing_error(f"path '{one.path}' cannot be changed; take {', '.join(_PATHS)}")
    if one.op != "remove":
        return one.path[1:], _value(one.path, one.value)
    if one.path == "/type":
        raise parsing_error("a scoring service has a type: replace it")
    return one.path[1:], None


def _value(path: str, value: object) -> object:
    if path.endswith("active"):
        return flag_at(path, value)
    if path.endswith("replicas"):
        return integer_at(path, value, 1, _MOST_REPLICAS)
    if not isinstance(value, str):
        raise invalid_field(path, f"one of {', '.join(_TYPES)}", kind_of(value))
    if value not in _TYPES:
        raise invalid_field(path, f"one of {', '.join(_TYPES)}", f"'{name_at(path, value)[:40]}'")
    return value
