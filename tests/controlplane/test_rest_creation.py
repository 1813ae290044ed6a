"""
Deployments are created over HTTP as IBM's page describes it, of listed models and services.

IBM's examples are run as printed but for host, token and ids, and for the engine type: spark is
none of ours, pmml is in its place. Source: MLz 3.2, "Create online deployment API".
"""

from typing import Any

import pytest

from controlplane.documents import (
    MODELS,
    ada,
    asset_patch,
    create_body,
    created,
    gone,
    inspected,
    path,
    versions,
)
from controlplane.facades import Caller
from controlplane.operators import Manifest, until
from controlplane.rest_stage import SCHEMA, RestStage, Version
from mlz.api.names import REST_MANAGER
from mlz.errors import Reason
from unit.rest.documents.examples import CREATE_RESPONSE, fields_of

__all__ = ["ada", "create_body", "created", "gone", "path", "versions"]


# "Create online deployment API"


def test_the_documented_create_answers_exactly_the_documented_fields(created: Any) -> None:
    assert created.status_code == 201, created.text
    assert fields_of(created.json()) == fields_of(CREATE_RESPONSE)


def test_the_documented_create_answers_the_documented_values(
    stage: RestStage, created: Any, create_body: Manifest, versions: dict[str, Version]
) -> None:
    version, document = versions["churn-1"], created.json()
    meta, entity = document["metadata"], document["entity"]
    path = f"/v3/published_models/{version.model_guid}"
    model = entity.pop("published_model")
    times = meta.pop("created_at"), meta.pop("modified_at"), model.pop("created_at")

    assert meta == {
        "url": f"{stage.facade.url}{path}/deployments/{meta['guid']}",
        "guid": meta["guid"],
        "model_status": [],
    }
    assert model == {
        "author": {"name": "wmlz11"},
        "description": "",
        "guid": version.model_guid,
        "name": "churn",
        "url": f"{stage.facade.url}{path}",
    }
    assert entity.pop("scoring_url").endswith(f"/iml/v2/scoring/online/{meta['guid']}")
    assert entity == {
        "author": create_body["author"],
        "deploy_info": {
            **create_body["deploy_info"],
            "nextFire": "0",
            "scheduleStatus": "",
            "versionSeq": entity["deploy_info"]["versionSeq"],
        },
        "deployed_version": {"guid": version.guid, "url": version.href},
        "description": create_body["description"],
        "model_type": "pmml",
        "name": "CVT-online",
        "runtime_environment": "pmml",
        "status": "ACTIVE",
        "type": "online",
    }
    assert entity["deploy_info"]["versionSeq"].isdigit()
    assert all(len(one) == len("2022-12-28T06:50:25.387Z") and one[-1] == "Z" for one in times)


def test_status_201_and_the_id_of_what_was_submitted(created: Any) -> None:
    assert created.status_code == 201
    assert created.json()["metadata"]["guid"]


def test_the_mode_is_sync_in_default(created: Any) -> None:
    assert "sync" not in created.request.url.params
    assert created.json()["entity"]["status"] == "ACTIVE"


def test_in_sync_mode_the_answer_comes_when_the_deployment_is_done(
    stage: RestStage, versions: dict[str, Version], gone: list[str]
) -> None:
    version = versions["churn-2"]
    body = stage.create_body(version, "sync-mode")

    made = stage.as_("ada")("POST", version.deployments, json=body, params={"sync": "true"})

    gone.append(f"{version.deployments}/{made.json()['metadata']['guid']}")
    assert made.json()["entity"]["status"] == stage.state(gone[0]) == "ACTIVE"


def test_a_create_that_fails_is_told_in_the_document(
    ada: Caller, stage: RestStage, versions: dict[str, Version], gone: list[str]
) -> None:
    version = versions["churn-broken"]

    made = ada("POST", version.deployments, json=stage.create_body(version, "broken-from-start"))

    gone.append(f"{version.deployments}/{made.json()['metadata']['guid']}")
    assert made.status_code == 201
    assert made.json()["entity"]["status"] == "FAILED"
    assert made.json()["entity"]["failure"]["reason"] == Reason.MODEL_INVALID


def test_in_async_mode_it_is_initializing_and_get_tells_the_final_status(
    stage: RestStage, versions: dict[str, Version], gone: list[str]
) -> None:
    version = versions["churn-2"]
    body = stage.create_body(version, "async-mode")

    made = stage.as_("ada")("POST", version.deployments, json=body, params={"sync": "false"})

    gone.append(f"{version.deployments}/{made.json()['metadata']['guid']}")
    assert made.status_code == 201
    assert made.json()["entity"]["status"] == "INITIALIZING"
    assert fields_of(made.json()["metadata"]) == fields_of(CREATE_RESPONSE["metadata"])
    stage.becomes(gone[0], "ACTIVE")


# A body without deploy_info is refused behind the check of roles, and makes nothing.
@pytest.mark.parametrize(
    ("user", "status", "code"),
    [
        pytest.param("root", 400, "empty_deploy_info", id="sysadm, of any model"),
        pytest.param("ada", 400, "empty_deploy_info", id="mladm, of any model"),
        pytest.param("wmlz11", 400, "empty_deploy_info", id="apiuser, of an own model"),
        pytest.param("stranger", 403, "not_owner", id="apiuser, of no other's model"),
        pytest.param("dev", 403, "ALNB101E", id="devuser, not at all"),
        pytest.param("app", 403, "ALNB101E", id="appuser, not at all"),
    ],
)
def test_who_may_create(
    stage: RestStage, versions: dict[str, Version], user: str, status: int, code: str
) -> None:
    at = versions["churn-1"].deployments

    response = stage.as_(user)("POST", at, json={"type": "online", "name": "x"})

    assert (response.status_code, response.json()["code"]) == (status, code)


def test_the_serving_id_is_answered_and_unique_in_its_scoring_group(
    ada: Caller, stage: RestStage, versions: dict[str, Version], gone: list[str]
) -> None:
    first, second = versions["fraud-1"], versions["fraud-2"]
    gone.append(stage.deploy(first, "fraud-by-id", servingId="fraud_EU"))
    rival = stage.create_body(second, "fraud-rival") | {"servingId": "fraud_EU"}

    refused = ada("POST", second.deployments, json=rival)

    assert ada("GET", gone[0]).json()["entity"]["servingId"] == "fraud_EU"
    assert (refused.status_code, refused.json()["code"]) == (400, "duplicate_serving_id")


def test_deployments_of_one_serving_id_share_an_identical_schema(
    ada: Caller, stage: RestStage, versions: dict[str, Version], gone: list[str]
) -> None:
    gone.append(stage.deploy(versions["fraud-3"], "fraud-shared", servingId="fraud_US"))

    refused = ada("PATCH", gone[0], json=asset_patch(versions["fraud-wide"]))

    assert (refused.status_code, refused.json()["code"]) == (409, "schema_mismatch")
    assert refused.json()["errors"][0]["reason"] == Reason.SCHEMA_BLOCKED
    document = ada("GET", gone[0]).json()
    assert document["entity"]["deployed_version"]["guid"] == versions["fraud-3"].guid


def test_only_an_active_scoring_service_takes_deployments(
    stage: RestStage, versions: dict[str, Version]
) -> None:
    root, version = stage.as_("root"), versions["churn-2"]
    made = root("POST", "/v3/deployments/scoring", json={"name": "asleep", "active": False})
    guid = made.json()["metadata"]["guid"]
    body = stage.create_body(version, "in-vain", scoringGroupId=guid)

    refused = root("POST", version.deployments, json=body)

    assert (refused.status_code, refused.json()["code"]) == (400, "inactive_scoring_service")


def test_a_version_is_deployed_once_in_a_scoring_service_and_again_in_another(
    stage: RestStage, versions: dict[str, Version], path: str, gone: list[str]
) -> None:
    root, version = stage.as_("root"), versions["churn-1"]
    made = root("POST", "/v3/deployments/scoring", json={"name": "beside", "type": "standard"})
    group = made.json()["metadata"]["guid"]

    again = root("POST", version.deployments, json=stage.create_body(version, "again"))
    beside = stage.create_body(version, "beside", scoringGroupId=group)
    elsewhere = root("POST", version.deployments, json=beside, params={"sync": "false"})

    assert (again.status_code, again.json()["code"]) == (400, "duplicate_deployment")
    assert elsewhere.status_code == 201
    assert elsewhere.json()["entity"]["deploy_info"]["scoringGroupId"] == group
    gone.append(f"{version.deployments}/{elsewhere.json()['metadata']['guid']}")


def test_the_name_of_a_deployment_is_unique(
    ada: Caller, stage: RestStage, versions: dict[str, Version], path: str
) -> None:
    version = versions["churn-2"]

    refused = ada("POST", version.deployments, json=stage.create_body(version, "CVT-online"))

    assert (refused.status_code, refused.json()["code"]) == (400, "duplicate_deployment_name")


def test_kubectl_shows_what_rest_has_made(
    stage: RestStage, created: Any, versions: dict[str, Version]
) -> None:
    guid = created.json()["metadata"]["guid"]
    found = [one for one in stage.admin.all("MLzDeployment") if one["metadata"]["uid"] == guid]

    assert [one["spec"] for one in found] == [
        {
            "type": "online",
            "displayName": "CVT-online",
            "description": "This is online deployment created for tests",
            "author": {"name": "John Smith", "email": "john.smith@example.com"},
            "scoringService": "default",
            "asset": {"modelVersion": "churn-1"},
            "engineType": "pmml",
        }
    ]


def test_rest_owns_no_field_of_what_it_has_made(stage: RestStage, created: Any) -> None:
    guid = created.json()["metadata"]["guid"]
    found = next(one for one in stage.admin.all("MLzDeployment") if one["metadata"]["uid"] == guid)

    entries = found["metadata"]["managedFields"]
    ours = [one["fieldsV1"] for one in entries if one["manager"] == REST_MANAGER]
    assert all(set(one) <= {"f:metadata"} for one in ours)


def test_a_repeated_create_with_its_idempotency_key_makes_one(
    ada: Caller, stage: RestStage, versions: dict[str, Version], gone: list[str]
) -> None:
    version, key = versions["churn-2"], {"Idempotency-Key": "order 66"}
    body, query = stage.create_body(version, "once"), {"sync": "false"}

    first = ada("POST", version.deployments, json=body, headers=key, params=query)
    again = ada("POST", version.deployments, json=body, headers=key, params=query)
    other = {"Idempotency-Key": "order 67"}
    foreign = ada("POST", version.deployments, json=body, headers=other, params=query)

    gone.append(f"{version.deployments}/{first.json()['metadata']['guid']}")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json()["metadata"]["guid"] == first.json()["metadata"]["guid"]
    assert (foreign.status_code, foreign.json()["code"]) == (400, "duplicate_deployment_name")


# "Get models API", "Get model version API", scoring services


def test_models_are_got_by_name_with_their_latest_version(
    ada: Caller, stage: RestStage, versions: dict[str, Version]
) -> None:
    found = ada("GET", MODELS, params={"modelName": "Fraud in cards"}).json()

    (model,) = found["resources"]
    entity = model["entity"]
    assert model["metadata"]["guid"] == versions["fraud-1"].model_guid
    assert entity.keys() == {
        "author", "description", "digest", "engineType", "framework", "inspection",
        "label_column", "model_type", "model_url", "model_version", "name", "versionSeq",
    }  # fmt: skip
    assert (entity["name"], entity["label_column"]) == ("Fraud in cards", "isFraud")
    assert entity["author"] == {"name": "wmlz11"}
    assert entity["model_type"] == "standard"
    assert entity["versionSeq"] == entity["model_version"]["versionSeq"]
    assert found["count"] == 1
    assert ada("GET", MODELS, params={"modelName": "fraud"}).json()["resources"] == []


def test_only_own_models_are_listed(stage: RestStage) -> None:
    assert stage.as_("wmlz11")("GET", MODELS).json()["count"] == 2
    assert stage.as_("stranger")("GET", MODELS).json()["count"] == 0
    assert stage.as_("app")("GET", MODELS).status_code == 403


def test_a_model_version_tells_its_engine_type_and_its_schema(
    stage: RestStage, ada: Caller, versions: dict[str, Version]
) -> None:
    version = versions["churn-1"]
    until(lambda: inspected(ada, version), "churn-1 is inspected")

    found = stage.as_("app")("GET", version.href).json()

    entity = found["entity"]
    assert found["metadata"]["url"] == f"{stage.facade.url}{version.href}"
    assert (entity["engineType"], entity["name"]) == ("pmml", "churn")
    assert entity["framework"] == {"name": "pmml", "runtimes": [{"name": "pmml"}]}
    assert entity["schema"] == SCHEMA.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert entity["model_version"] == {
        "guid": version.guid,
        "url": version.href,
        "versionSeq": entity["versionSeq"],
    }


def test_the_list_of_scoring_services_has_the_guid_that_a_create_takes(
    stage: RestStage, created: Any
) -> None:
    found = stage.as_("app")("GET", "/v3/deployments/scoring").json()["resources"]

    guids = {one["entity"]["name"]: one["metadata"]["guid"] for one in found}
    assert guids["default"] == created.json()["entity"]["deploy_info"]["scoringGroupId"]


def test_a_scoring_service_is_made_changed_and_deleted(stage: RestStage) -> None:
    root, at = stage.as_("root"), "/v3/deployments/scoring"
    made = root("POST", at, json={"name": "three", "type": "cluster", "replicas": 3})
    path = f"{at}/{made.json()['metadata']['guid']}"

    patched = root("PATCH", path, json=[{"op": "replace", "path": "/active", "value": False}])

    assert made.status_code == 201
    expected = {"name": "three", "type": "cluster", "replicas": 3, "active": False}
    assert patched.json()["entity"] == root("GET", path).json()["entity"] == expected
    assert root("DELETE", path).status_code == 204
    assert root("GET", path).status_code == 404


def test_a_list_is_read_page_by_page(ada: Caller, versions: dict[str, Version]) -> None:
    whole = ada("GET", f"{MODELS}/{versions['churn-1'].model_guid}/versions").json()
    pages, url = [], f"{MODELS}/{versions['churn-1'].model_guid}/versions?limit=4"
    while url:
        page = ada("GET", url).json()
        assert page["count"] == whole["count"]
        pages += page["resources"]
        url = page.get("next", {}).get("href", "")

    assert pages == whole["resources"]
    assert len(pages) >= 10
