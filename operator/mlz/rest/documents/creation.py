"""
The body of a create, and the MLzDeployment that it asks for.

Checks come in the order of IBM's table: ``empty_deploy_info``, ``parsing_error``,
``not_supported_deployment_type``, then types and values of all other fields, then
``timeout_not_supported``, and last ``not_found`` for the href. What the cluster has to say (the
scoring service, duplicates) comes after all of these. Unknown fields are ignored; a known one of a
wrong type is not.

Source: MLz 3.2, "Create online deployment API".
"""

import re
from dataclasses import dataclass

from mlz.api.names import ANNOTATION_CREATED_BY, API_VERSION, DEPLOYMENT
from mlz.api.parsing import Body
from mlz.model.asset import EngineType
from mlz.rest.documents.bodies import Json, name_of, part, without_absent
from mlz.rest.documents.hrefs import Href, version_href
from mlz.rest.documents.naming import resource_name
from mlz.rest.documents.requests import Fields, kind_of, object_of, parsing_error, whole
from mlz.rest.problems import Code, Refusal, invalid_field

LARGEST_TIMEOUT = 60_000

# Source: MLz 3.2, "Create online deployment API", engineType.
_ENGINES_OF_MLZ = frozenset(
    {"spark", "pmml", "scikit", "xgboost", "arima", "sarimax", "onnx", "watfore"}
)
_SERVING_ID = re.compile("[A-Za-z][A-Za-z0-9_]{2,35}")
_HREF_LIMIT = 2048


@dataclass(frozen=True, slots=True)
class Creation:
    """
    A deployment as a caller asks for it, all checked that needs no cluster.

    Attributes:
        scoring_group_id: guid of the scoring service.
        href: the model version.
    """

    name: str
    scoring_group_id: str
    engine_type: EngineType
    href: Href
    serving_id: str | None = None
    description: str | None = None
    author_name: str | None = None
    author_email: str | None = None
    zaiu: bool | None = None
    telum2: bool | None = None
    timeout_in_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where the deployment is made and what it names there."""

    namespace: str
    service: Body
    version: Body
    owner: str


def creation(document: object) -> Creation:
    """
    What the body asks for.

    Raises:
        Refusal: the first check that fails, in the documented order.
    """
    fields = object_of(document)
    info = _deploy_info(fields)
    _check_type(fields)
    author = fields.inner("author")
    engine_type = engine_type_at(f"{info.path}.engineType", info.value("engineType"))
    check_accelerators(info, engine_type)
    check_batching(info)
    # Effective only with watfore, says IBM, so it is taken and dropped.
    info.number("predictionHorizon")
    # Arguments are read in this order, too.
    return Creation(
        serving_id=_serving_id(fields),
        name=fields.required_text("name"),
        description=fields.text("description"),
        author_name=author.name("name"),
        author_email=author.name("email"),
        scoring_group_id=info.required_text("scoringGroupId"),
        engine_type=engine_type,
        zaiu=info.flag("zaiu"),
        telum2=info.flag("telum2"),
        timeout_in_ms=_timeout(info, engine_type),
        href=version_href(info.required_text("artifactVersionHref", _HREF_LIMIT)),
    )


def manifest(wanted: Creation, place: Place) -> Json:
    """
    The MLzDeployment to make.

    The author is the one given, else the caller; who owns it is an annotation, never the author.

    Raises:
        Refusal: ``invalid_field``; the version is of another engine type.
    """
    check_engine_type(wanted.engine_type, place.version)
    name = resource_name(wanted.name)
    spec = {
        "type": "online",
        "displayName": None if wanted.name == name else wanted.name,
        "description": wanted.description or None,
        "author": without_absent(
            {"name": wanted.author_name or place.owner, "email": wanted.author_email}
        ),
        "servingId": wanted.serving_id,
        "scoringService": name_of(place.service),
        "asset": {"modelVersion": name_of(place.version)},
        "engineType": wanted.engine_type.value,
        "zaiu": wanted.zaiu,
        "telum2": wanted.telum2,
        "timeoutInMs": wanted.timeout_in_ms,
    }
    return {
        "apiVersion": API_VERSION,
        "kind": DEPLOYMENT,
        "metadata": {
            "name": name,
            "namespace": place.namespace,
            "annotations": {ANNOTATION_CREATED_BY: place.owner},
        },
        "spec": without_absent(spec),
    }


def accepted(body: Body) -> Body:
    """
    A deployment as it was asked for, which an asynchronous create answers.

    It reads INITIALIZING however soon the operator was, as IBM says.

    Source: MLz 3.2, "Create online deployment API", ``sync``.
    """
    return {key: value for key, value in body.items() if key != "status"}


# Checks that an update makes as well


def engine_type_at(path: str, value: object) -> EngineType:
    """
    An engine type that is offered.

    Raises:
        Refusal: ``unsupported_engine``, also for those of MLz that are not offered here.
    """
    if not isinstance(value, str):
        raise invalid_field(path, "an engine type", kind_of(value))
    if value in tuple(EngineType):
        return EngineType(value)
    known = "is an engine type of MLz that" if value in _ENGINES_OF_MLZ else "is none that"
    raise Refusal(
        Code.UNSUPPORTED_ENGINE,
        f"{path}: '{value[:40]}' {known} is offered here; take one of {', '.join(EngineType)}",
    )


def check_engine_type(engine_type: EngineType, version: Body) -> None:
    """The version says what its bytes are; the deployment has to ask for the same."""
    found = part(version, "spec").get("engineType")
    if found != engine_type.value:
        raise invalid_field(
            "$.deploy_info.engineType", f"{found}, as the model version is", engine_type.value
        )


def check_accelerators(info: Fields, engine_type: EngineType) -> None:
    """Source: MLz 3.2, "Applicable only to ONNX models"."""
    for key in ("zaiu", "telum2"):
        if info.flag(key) and engine_type is not EngineType.ONNX:
            raise info.refused(key, "false or absent: only onnx is accelerated", "true")


def check_batching(info: Fields) -> None:
    """Micro-batching has no field in our resources yet; asking for none of it is fine."""
    if info.flag("batching"):
        raise info.refused("batching", "false: micro-batching is not offered yet", "true")
    for key in ("maxLatencyInMs", "maxBatchSize"):
        if info.number(key) is not None:
            raise info.refused(key, "nothing: micro-batching is not offered yet", "a number")


def timeout_of(value: object, engine_type: EngineType | str) -> int:
    """
    A timeout in milliseconds.

    Raises:
        Refusal: ``timeout_not_supported``.
    """
    if engine_type != EngineType.PMML:
        raise Refusal(
            Code.TIMEOUT_NOT_SUPPORTED,
            f"a timeout is supported for online deployments of pmml only, not of {engine_type}",
        )
    found = whole(value)
    if found is not None and 1 <= found <= LARGEST_TIMEOUT:
        return found
    raise Refusal(
        Code.TIMEOUT_NOT_SUPPORTED,
        f"a timeout is an integer from 1 to {LARGEST_TIMEOUT}, in milliseconds",
    )


# Fields


def _deploy_info(fields: Fields) -> Fields:
    info = fields.inner("deploy_info")
    if not info.document:
        raise Refusal(
            Code.EMPTY_DEPLOY_INFO,
            "no deploy_info is provided; it holds scoringGroupId, engineType and "
            "artifactVersionHref",
        )
    return info


def _check_type(fields: Fields) -> None:
    kind = fields.value("type")
    if kind is None:
        raise parsing_error("no type is provided; specify type: online")
    if kind == "batch":
        raise Refusal(
            Code.NOT_SUPPORTED_DEPLOYMENT_TYPE,
            "type batch is not offered yet; specify type: online",
        )
    if kind != "online":
        raise Refusal(Code.NOT_SUPPORTED_DEPLOYMENT_TYPE, "specify type as online")


def _serving_id(fields: Fields) -> str | None:
    found = fields.value("servingId")
    if found is None or (isinstance(found, str) and _SERVING_ID.fullmatch(found)):
        return found
    raise Refusal(
        Code.INVALID_SERVING_ID,
        "a servingId has 3 to 36 letters, digits or underscores, and begins with a letter",
    )


def _timeout(info: Fields, engine_type: EngineType) -> int | None:
    found = info.value("timeout")
    return None if found is None else timeout_of(found, engine_type)
