"""
IBM's own examples, and custom resources that tell the same.

Source: MLz 3.2, "Create online deployment API". Its engine type, spark, is none of ours: pmml is
in its place.
"""

from typing import Any

from builders import a_deployment_body, a_model_body, a_service_body, a_version_body
from mlz.api.names import ANNOTATION_CREATED_BY
from mlz.rest.documents import v3
from mlz.rest.documents.related import AssetBodies, Related

Json = dict[str, Any]

BASE = "https://mlz.example.com:9999"
MODEL = "179e5d7e-05a8-4ec9-bf23-381456663565"
VERSION = "4dd86b2c-c09e-4328-acc1-999a57ab09eb"
SECOND_VERSION = "5ee97c3d-d1af-4439-bdd2-aaab68bc1afc"
DEPLOYMENT = "17650863-0dc2-4b32-81de-7c6f407085f1"
SERVICE = "a9955c98-2a95-429c-9413-9c86edbe2017"
HREF = f"/v3/ml_assets/models/{MODEL}/versions/{VERSION}"
SECOND_HREF = f"/v3/ml_assets/models/{MODEL}/versions/{SECOND_VERSION}"

# Source: watsonx, "Updating a deployment", word for word.
MISMATCH_WARNING = (
    "The input schema of the asset being patched does not match with the currently deployed asset. "
    "Please ensure that the score payloads are up to date as per the asset being patched."
)

CREATE_RESPONSE: Json = {
    "metadata": {
        "url": f"{BASE}/v3/published_models/{MODEL}/deployments/{DEPLOYMENT}",
        "guid": DEPLOYMENT,
        "modified_at": "2022-12-28T06:50:25.000Z",
        "model_status": [],
        "created_at": "2022-12-28T06:50:09.000Z",
    },
    "entity": {
        "author": {"email": "john.smith@example.com", "name": "wmlz11"},
        "deploy_info": {
            "artifactVersionHref": HREF,
            "engineType": "pmml",
            "nextFire": "0",
            "scheduleStatus": "",
            "scoringGroupId": SERVICE,
            "versionSeq": "1",
        },
        "deployed_version": {"guid": VERSION, "url": HREF},
        "description": "This is online deployment created for tests",
        "model_type": "pmml",
        "name": "CVT-online",
        "published_model": {
            "author": {"name": "wmlz11"},
            "created_at": "2022-12-23T04:57:16.000Z",
            "description": "",
            "guid": MODEL,
            "name": "churn",
            "url": f"{BASE}/v3/published_models/{MODEL}",
        },
        "runtime_environment": "pmml",
        "scoring_url": f"https://127.0.0.1:15779/iml/v2/scoring/online/{DEPLOYMENT}",
        "status": "ACTIVE",
        "type": "online",
    },
}


def a_create_body(**deploy_info: Any) -> Json:
    """IBM's request example; ``deploy_info`` overrides its fields, None leaves one out."""
    info = {
        "scoringGroupId": SERVICE,
        "engineType": "pmml",
        "artifactVersionHref": HREF,
    } | deploy_info
    return {
        "type": "online",
        "name": "CVT-online",
        "description": "This is online deployment created for tests",
        "author": {"name": "John Smith", "email": "john.smith@example.com"},
        "deploy_info": {key: value for key, value in info.items() if value is not None},
    }


def the_model() -> Json:
    meta = {
        "uid": MODEL,
        "creationTimestamp": "2022-12-23T04:57:16Z",
        "annotations": {ANNOTATION_CREATED_BY: "wmlz11"},
    }
    return a_model_body(meta=meta)


def the_version(**fields: Any) -> Json:
    """The first inspected version of the model; ``status`` overrides what inspection says."""
    status = {"versionSeq": 1, "guid": VERSION} | fields.pop("status", {})
    meta = {"uid": VERSION} | fields.pop("meta", {})
    return a_version_body(status=status, meta=meta, **{"engineType": "pmml"} | fields)


def the_second_version(**fields: Any) -> Json:
    body = the_version(**fields, status={"versionSeq": 2, "guid": SECOND_VERSION})
    body["metadata"] |= {"uid": SECOND_VERSION, "name": "churn-v2"}
    return body


def the_service(**spec: Any) -> Json:
    return a_service_body(meta={"uid": SERVICE}, **spec)


def the_deployment(status: Json | None = None, **spec: Any) -> Json:
    """IBM's deployment, ACTIVE; ``status`` and ``spec`` override fields, None leaves one out."""
    told = {
        "state": "ACTIVE",
        "observedGeneration": 1,
        "scoringUrl": f"https://127.0.0.1:15779/iml/v2/scoring/online/{DEPLOYMENT}",
        "asset": {
            "active": {
                "version": "churn-v1",
                "guid": VERSION,
                "versionSeq": 1,
                "since": "2022-12-28T06:50:25Z",
            }
        },
    } | (status or {})
    meta = {
        "uid": DEPLOYMENT,
        "creationTimestamp": "2022-12-28T06:50:09Z",
        "annotations": {ANNOTATION_CREATED_BY: "wmlz11"},
    } | spec.pop("meta", {})
    fields = {
        "displayName": "CVT-online",
        "description": "This is online deployment created for tests",
        "author": {"email": "john.smith@example.com", "name": "wmlz11"},
        "engineType": "pmml",
    } | spec
    return a_deployment_body(
        "cvt-online",
        {key: value for key, value in told.items() if value is not None},
        meta=meta,
        **fields,
    )


def related(deployment: Json | None = None, **others: Any) -> Related:
    """IBM's deployment with its model, version and scoring service."""
    fields: Json = {
        "deployment": the_deployment() if deployment is None else deployment,
        "wanted": AssetBodies(the_version(), the_model()),
        "service": the_service(),
    } | others
    return Related(**fields)


def an_update(**status: Any) -> Related:
    """``churn-v2`` is wanted, ``churn-v1`` serves."""
    body = the_deployment(
        {"state": "updating"} | status, asset={"modelVersion": "churn-v2"}, meta={"generation": 2}
    )
    return related(
        body,
        wanted=AssetBodies(the_second_version(), the_model()),
        active=AssetBodies(the_version(), the_model()),
    )


def v3_entity(found: Any) -> Json:
    entity = v3.deployment(found, BASE)["entity"]
    assert isinstance(entity, dict)
    return entity


def fields_of(document: Any) -> Any:
    """The names of all fields, without their values."""
    if isinstance(document, dict):
        return {key: fields_of(value) for key, value in document.items()}
    return type(document)
