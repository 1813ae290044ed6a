"""
A deployment in watsonx's v4 form, as far as that is documented.

Source: watsonx, "Updating a deployment"; the public v4 SDKs for ``status``.
"""

from typing import Any

from mlz.api.names import ANNOTATION_CUSTOM, ANNOTATION_TAGS
from mlz.api.parsing import Body
from mlz.lifecycle.deployments import State
from mlz.rest.documents.bodies import (
    Json,
    annotation,
    created_at,
    display_name,
    modified_at,
    owner_of,
    part,
    uid_of,
    without_absent,
)
from mlz.rest.documents.hrefs import v4_deployment_path
from mlz.rest.documents.related import Related
from mlz.rest.documents.requests import json_body
from mlz.rest.documents.v3 import failure_of, message_of, state_of
from mlz.rest.problems import Refusal

# watsonx polls until a state is neither initializing nor updating. A suspended deployment will
# change by nobody's waiting, and answers nobody.
_STATES: dict[str, str] = {
    State.INITIALIZING: "initializing",
    State.ACTIVE: "ready",
    State.UPDATING: "updating",
    State.READY: "ready",
    State.FAILED: "failed",
    State.SUSPENDED: "failed",
}
_SUSPENDED = {"level": "info", "text": "The deployment is suspended: nothing answers."}


def deployment(related: Related, base_url: str) -> Json:
    """The document of one deployment."""
    body = related.deployment
    return {
        "metadata": without_absent(
            {
                "id": related.guid,
                "name": display_name(body),
                "description": str(part(body, "spec").get("description") or ""),
                "tags": tags_of(body),
                "owner": owner_of(body),
                "created_at": created_at(body),
                "modified_at": modified_at(body),
            }
        ),
        "entity": {
            "asset": {"id": _asset_id(related)},
            "custom": custom_of(body),
            "status": _status(related, base_url),
        },
    }


def tags_of(body: Body) -> list[str]:
    """The tags; none where somebody has made the annotation unreadable."""
    found = _from_annotation(body, ANNOTATION_TAGS)
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []


def custom_of(body: Body) -> Json:
    """The custom properties; none where somebody has made the annotation unreadable."""
    found = _from_annotation(body, ANNOTATION_CUSTOM)
    return found if isinstance(found, dict) else {}


def _asset_id(related: Related) -> str:
    """An update that failed has gone back to the asset before it."""
    told = part(related.deployment, "status", "asset", "active").get("guid")
    if failure_of(related.deployment) is not None and told:
        return str(told)
    wanted = related.wanted.version
    return str(told or "") if wanted is None else uid_of(wanted)


def _status(related: Related, base_url: str) -> Json:
    body = related.deployment
    state, url = state_of(body), f"{base_url}{v4_deployment_path(related.guid)}/predictions"
    return without_absent(
        {
            "state": _STATES.get(state, "initializing"),
            "message": _SUSPENDED if state == State.SUSPENDED else message_of(body),
            "failure": _failure(body),
            "inference": [{"url": url}],
        }
    )


def _failure(body: Body) -> Json | None:
    failure = failure_of(body)
    if failure is None:
        return None
    return {"errors": [{"code": failure["reason"], "message": failure["message"]}]}


def _from_annotation(body: Body, key: str) -> Any:
    text = annotation(body, key)
    if text is None:
        return None
    try:
        return json_body(text.encode())
    except (Refusal, UnicodeEncodeError):
        return None
