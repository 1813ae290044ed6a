"""
Models and versions as MLz's v3 API shows them.

Of these documents only the beginning is public. What IBM names is called so; a version's schema,
its digest and what inspection made of it are ours. ``training_definition_url`` is Spark's, and
nothing is known of ``training_info``: neither is here.
Source: MLz 3.2, "Get models API", "Get model version API".
"""

from mlz.api.conditions import ConditionType
from mlz.api.parsing import Body
from mlz.rest.documents.bodies import (
    Json,
    created_at,
    display_name,
    modified_at,
    part,
    uid_of,
    without_absent,
)
from mlz.rest.documents.hrefs import Href, model_path, version_path
from mlz.rest.documents.related import AssetBodies, model_guid
from mlz.rest.documents.v3 import author_of, condition_of, sequence_of

# Source: MLz 3.2, "Get models API": created through the standard API.
_MODEL_TYPE = "standard"


def model(asset: AssetBodies, base_url: str) -> Json:
    """A model with its latest version; also the answer of an import, with the new version."""
    body = asset.model or asset.version or {}
    guid = model_guid(asset)
    return {
        "metadata": _metadata(body, guid, f"{base_url}{model_path(guid)}"),
        "entity": _entity(asset, base_url),
    }


def version(asset: AssetBodies, base_url: str) -> Json:
    """One version, with its schema."""
    body = asset.version or {}
    guid = uid_of(body)
    path = version_path(Href(model_guid(asset), guid))
    return {
        "metadata": _metadata(body, guid, f"{base_url}{path}"),
        "entity": without_absent(
            {**_entity(asset, base_url), "schema": part(body, "status").get("schema")}
        ),
    }


def latest_version(model_body: Body, versions: list[Body]) -> Body | None:
    """The newest inspected version of a model; before there is one, the newest at all."""
    told = part(model_body, "status").get("latestVersion")
    named = (one for one in versions if part(one, "metadata").get("name") == told)
    return next(named, None) or max(versions, key=_age, default=None)


def has_name(model_body: Body, wanted: str | None) -> bool:
    """Whether a model is meant by ``modelName``; None means any."""
    return wanted is None or display_name(model_body) == wanted


def inspection_of(body: Body) -> Json:
    """What inspection made of a version: pending, accepted, or refused with reason and message."""
    ready = condition_of(body, ConditionType.READY)
    if ready is not None and ready.get("status") == "True":
        return {"state": "accepted"}
    if ready is not None and ready.get("status") == "False":
        return _told("refused", ready)
    stalled = condition_of(body, ConditionType.STALLED)
    return {"state": "pending"} if stalled is None else _told("pending", stalled)


def _told(state: str, condition: Body) -> Json:
    return {
        "state": state,
        "reason": condition.get("reason"),
        "message": condition.get("message"),
    }


def _metadata(body: Body, guid: str, url: str) -> Json:
    return {
        "guid": guid,
        "url": url,
        "created_at": created_at(body),
        "modified_at": modified_at(body),
    }


def _entity(asset: AssetBodies, base_url: str) -> Json:
    """The model's words with those of one version."""
    body = asset.model or asset.version or {}
    spec, version_body = part(body, "spec"), asset.version
    entity = {
        "author": author_of(body),
        "description": str(spec.get("description") or ""),
        "label_column": spec.get("labelColumn"),
        "model_type": _MODEL_TYPE,
        "model_url": f"{base_url}{model_path(model_guid(asset))}",
        "name": display_name(body),
        "prediction_column": spec.get("predictionColumn"),
        "probability_column": spec.get("probabilityColumn"),
    }
    if version_body is not None:
        entity |= _of_version(asset, version_body)
    return without_absent(entity)


def _of_version(asset: AssetBodies, body: Body) -> Json:
    guid, sequence = uid_of(body), sequence_of(body)
    return {
        "digest": part(body, "status").get("digest"),
        "engineType": part(body, "spec").get("engineType"),
        "framework": _framework(body),
        "inspection": inspection_of(body),
        "model_version": {
            "guid": guid,
            "url": version_path(Href(model_guid(asset), guid)),
            "versionSeq": sequence,
        },
        "versionSeq": sequence,
    }


def _framework(body: Body) -> Json:
    """What wrote the model, as found or as declared, and what runs it."""
    engine_type = part(body, "spec").get("engineType")
    known = part(body, "status", "framework") or part(body, "spec", "framework")
    return without_absent(
        {
            "name": known.get("name") or engine_type,
            "version": known.get("version"),
            "runtimes": [{"name": engine_type}],
        }
    )


def _age(body: Body) -> tuple[str, str]:
    return str(part(body, "metadata").get("creationTimestamp") or ""), uid_of(body)
