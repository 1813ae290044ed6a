"""
A deployment as MLz's v3 API shows it, field for field.

Source: MLz 3.2, "Create online deployment API", response example. Numbers that are strings there
are strings here. Ours beside them, where they have a value: ``servingId``, ``status_message``,
``failure``. Fields that IBM documents for Spark or for batch alone keep their empty values.
"""

from mlz.api.conditions import ConditionType
from mlz.api.parsing import Body
from mlz.lifecycle.deployments import State
from mlz.lifecycle.report import SCORING_PATH, SCORING_PORT
from mlz.rest.documents.bodies import (
    Json,
    created_at,
    display_name,
    modified_at,
    name_of,
    owner_of,
    part,
    uid_of,
    without_absent,
)
from mlz.rest.documents.hrefs import Href, deployment_path, published_model_path, version_path
from mlz.rest.documents.related import AssetBodies, Related, href_of, model_guid

# Of a version that inspection has not numbered yet; numbers begin with 1.
NO_SEQUENCE = "0"


def deployment(related: Related, base_url: str) -> Json:
    """
    The document of one deployment.

    Args:
        base_url: scheme, host and port of the facade as its callers see it.
    """
    return {"metadata": _metadata(related, base_url), "entity": _entity(related, base_url)}


def state_of(body: Body) -> str:
    """The state, verbatim; INITIALIZING until the operator has seen the deployment."""
    return str(part(body, "status").get("state") or State.INITIALIZING)


def message_of(body: Body) -> Json | None:
    """
    A word for people: on the schema, else on what holds the deployment up, or None.

    Source: watsonx v4, ``entity.status.message``.
    """
    message = part(body, "status", "message")
    if message:
        return {"level": message.get("level"), "text": message.get("text")}
    stalled = condition_of(body, ConditionType.STALLED)
    if stalled is None or failure_of(body) is not None:
        return None
    return {"level": "warning", "text": f"{stalled.get('reason')}: {stalled.get('message')}"}


def failure_of(body: Body) -> Json | None:
    """Why the wanted asset does not serve, or None."""
    failure = part(body, "status", "failure")
    if not failure:
        return None
    return {"reason": failure.get("reason"), "message": failure.get("message")}


def author_of(body: Body) -> Json:
    """The author as given, else the user who made it; {} where neither is known."""
    author = part(body, "spec", "author")
    name = author.get("name") or owner_of(body)
    return without_absent({"name": name, "email": author.get("email")})


def sequence_of(version: Body | None) -> str:
    """The number of a version within its model, as text."""
    return str(part(version or {}, "status").get("versionSeq") or NO_SEQUENCE)


def published_model(asset: AssetBodies, base_url: str) -> Json:
    """The model as its deployments show it; one that is not there has an id alone."""
    guid = model_guid(asset)
    body = asset.model or asset.version or {}
    return {
        "author": author_of(body),
        "created_at": created_at(body),
        "description": str(part(body, "spec").get("description") or ""),
        "guid": guid,
        "name": display_name(body),
        "url": f"{base_url}{published_model_path(guid)}",
    }


def scoring_url(body: Body, guid: str) -> str:
    """Where to score; what the operator will say, before it has said it."""
    told = part(body, "status").get("scoringUrl")
    if told:
        return str(told)
    namespace = part(body, "metadata").get("namespace", "")
    return f"http://{name_of(body)}.{namespace}.svc:{SCORING_PORT}{SCORING_PATH}/{guid}"


def _metadata(related: Related, base_url: str) -> Json:
    body = related.deployment
    path = deployment_path(model_guid(related.wanted), related.guid)
    return {
        "url": f"{base_url}{path}",
        "guid": related.guid,
        "modified_at": modified_at(body),
        "model_status": [],
        "created_at": created_at(body),
    }


def _entity(related: Related, base_url: str) -> Json:
    body, spec = related.deployment, part(related.deployment, "spec")
    return without_absent(
        {
            "author": author_of(body),
            "deploy_info": _deploy_info(related),
            "deployed_version": _deployed_version(related),
            "description": str(spec.get("description") or ""),
            "model_type": spec.get("engineType"),
            "name": display_name(body),
            "published_model": published_model(related.wanted, base_url),
            "runtime_environment": spec.get("engineType"),
            "scoring_url": scoring_url(body, related.guid),
            "servingId": spec.get("servingId"),
            "status": state_of(body),
            "status_message": message_of(body),
            "failure": failure_of(body),
            "type": spec.get("type"),
        }
    )


def _deploy_info(related: Related) -> Json:
    spec = part(related.deployment, "spec")
    return without_absent(
        {
            "artifactVersionHref": _version_url(related.wanted),
            "engineType": spec.get("engineType"),
            "nextFire": "0",
            "scheduleStatus": "",
            "scoringGroupId": "" if related.service is None else uid_of(related.service),
            "timeout": spec.get("timeoutInMs"),
            "telum2": spec.get("telum2"),
            "versionSeq": sequence_of(related.wanted.version),
            "zaiu": spec.get("zaiu"),
        }
    )


def _deployed_version(related: Related) -> Json:
    """The version now serving, by the guid it had when it came to serve; '' where none is known."""
    told = part(related.deployment, "status", "asset", "active").get("guid")
    href = href_of(related.serving)
    guid = told or ("" if href is None else href.version)
    url = version_path(Href(model_guid(related.serving), guid)) if guid else ""
    return {"guid": guid, "url": url}


def _version_url(asset: AssetBodies) -> str:
    href = href_of(asset)
    return "" if href is None else version_path(href)


def condition_of(body: Body, kind: ConditionType) -> Body | None:
    """The condition of a type, or None where it is absent."""
    conditions = part(body, "status").get("conditions") or ()
    return next((one for one in conditions if one.get("type") == kind), None)
