"""
What every document reads of a resource: ids, names, times, its owner.

A body is raw JSON as the API server has it. The CRDs vouch for its types; an absent part is read as
an empty one, so that a document can be made of whatever is there.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from mlz.api.conditions import moment
from mlz.api.names import ANNOTATION_CREATED_BY
from mlz.api.parsing import Body

Json = dict[str, Any]

# A list has a few for each of its resources, and the same ones the next time.
_TIMES_KEPT = 16 * 1024


def part(body: Body, *keys: str) -> Mapping[str, Any]:
    """A nested object; an empty one where there is none."""
    found: Any = body
    for key in keys:
        found = found.get(key) or {}
    # The cheap question first: a list asks it a hundred thousand times.
    return found if type(found) is dict or isinstance(found, Mapping) else {}


def name_of(body: Body) -> str:
    """The name of the resource."""
    return str(part(body, "metadata").get("name", ""))


def uid_of(body: Body) -> str:
    """The uid, which is the guid of everything but some deployments."""
    return str(part(body, "metadata").get("uid", ""))


def deployment_guid(body: Body) -> str:
    """The public id of a deployment: the one asked for, else the uid."""
    return str(part(body, "spec").get("guid") or uid_of(body))


def display_name(body: Body) -> str:
    """The name for people: the one given, else the resource's."""
    return str(part(body, "spec").get("displayName") or name_of(body))


def owner_of(body: Body) -> str | None:
    """The user who made it by REST, or None where kubectl did."""
    return annotation(body, ANNOTATION_CREATED_BY)


def annotation(body: Body, key: str) -> str | None:
    """An annotation, or None."""
    found = part(body, "metadata", "annotations").get(key)
    return None if found is None else str(found)


def created_at(body: Body) -> str:
    """When the resource was made, as the API writes times."""
    return in_milliseconds(str(part(body, "metadata").get("creationTimestamp") or ""))


def modified_at(body: Body) -> str:
    """When anything of the resource changed last, as far as the resource itself tells."""
    return max((in_milliseconds(one) for one in _times(body)), default="")


@lru_cache(maxsize=_TIMES_KEPT)
def in_milliseconds(text: str) -> str:
    """A time of Kubernetes as MLz writes it: three digits of a second, and Z; '' stays ''."""
    if not text:
        return ""
    return moment(text).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def without_absent(document: Mapping[str, Any]) -> Json:
    """The document without the keys that have no value."""
    return {key: value for key, value in document.items() if value is not None}


def _times(body: Body) -> Iterator[str]:
    status, asset = part(body, "status"), part(body, "status", "asset")
    yield str(part(body, "metadata").get("creationTimestamp") or "")
    for entry in part(body, "metadata").get("managedFields") or ():
        yield str(entry.get("time") or "")
    for one in status.get("conditions") or ():
        yield str(one.get("lastTransitionTime") or "")
    yield str(part(asset, "active").get("since") or "")
    yield str(part(asset, "target").get("since") or "")
    yield str(part(status, "failure").get("time") or "")
