"""
Every operation on deployments, models and scoring services over HTTP, as IBM's pages describe it.

IBM's examples are run as printed but for host, token and ids, and for the engine type: spark is
none of ours, pmml is in its place. Sources: MLz 3.2, "Create online deployment API", and the pages
beside it; watsonx, "Updating a deployment".
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from controlplane.facades import Caller
from controlplane.operators import Manifest, until
from controlplane.rest_stage import ANOTHER_SCHEMA, SCHEMA, RestStage, Version
from mlz.api.names import REST_MANAGER
from mlz.errors import Reason
from mlz.model.asset import Inspection
from unit.rest.documents.examples import CREATE_RESPONSE, a_create_body

# Source: watsonx, "Updating a deployment", word for word.
IBMS_WARNING = (
    "The input schema of the asset being patched does not match with the currently deployed asset. "
    "Please ensure that the score payloads are up to date as per the asset being patched."
)
MODELS = "/v3/ml_assets/models"

Planner = Callable[[str], tuple[Manifest, str]]


@pytest.fixture(scope="module", autouse=True)
def versions(stage: RestStage) -> dict[str, Version]:
    """Models and versions of all tests, made at once so that they are inspected at once."""
    stage.model("churn", description="")
    stage.model("fraud", displayName="Fraud in cards", labelColumn="isFraud")
    found = [
        stage.version(name, "churn")
        for name in ("churn-1", "churn-2", "churn-3", "churn-4", "churn-5", "churn-6", "churn-7")
    ]
    found += [stage.version(name, "fraud") for name in ("fraud-1", "fraud-2", "fraud-3")]
    found += [
        stage.version("churn-wide", "churn", ANOTHER_SCHEMA),
        stage.version("churn-wide-2", "churn", ANOTHER_SCHEMA),
        stage.version("fraud-wide", "fraud", ANOTHER_SCHEMA),
        stage.version("churn-onnx", "churn", SCHEMA, "onnx"),
        stage.version("churn-broken", "churn", BROKEN),
    ]
    return {one.name: one for one in found}


BROKEN = Inspection(reason=Reason.MODEL_INVALID, message="the file is cut off")


@pytest.fixture(scope="module")
def ada(stage: RestStage) -> Caller:
    return stage.as_("ada")


@pytest.fixture(scope="module")
def create_body(stage: RestStage, versions: dict[str, Version]) -> Manifest:
    """IBM's request example."""
    href = versions["churn-1"].href
    return a_create_body(scoringGroupId=stage.group, artifactVersionHref=href)


@pytest.fixture(scope="module")
def created(stage: RestStage, versions: dict[str, Version], create_body: Manifest) -> Any:
    """The answer to IBM's request example, sent by the user of IBM's response example."""
    return stage.as_("wmlz11")("POST", versions["churn-1"].deployments, json=create_body)


@pytest.fixture(scope="module")
def path(created: Any, versions: dict[str, Version]) -> str:
    return f"{versions['churn-1'].deployments}/{created.json()['metadata']['guid']}"


@pytest.fixture
def gone(ada: Caller) -> Iterator[list[str]]:
    """Paths of deployments that a test wants deleted after it."""
    paths: list[str] = []
    yield paths
    for one in paths:
        ada("DELETE", one)


def fields_of(document: Any) -> Any:
    """The names of all fields, without their values."""
    if isinstance(document, dict):
        return {key: fields_of(value) for key, value in document.items()}
    return type(document)


def v4_path(path: str) -> str:
    return f"/ml/v4/deployments/{path.rpartition('/')[2]}"


def asset_patch(version: Version) -> list[Manifest]:
    """IBM's patch; its listing shows paths with a blank."""
    path = " /deploy_info/artifactVersionHref"
    return [{"op": "replace", "path": path, "value": version.href}]


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


# Get, list, retries and preconditions


def test_get_answers_the_document_of_the_create(ada: Caller, created: Any, path: str) -> None:
    found = ada("GET", path)

    assert found.status_code == 200
    was, now = created.json(), found.json()
    was["metadata"].pop("modified_at")
    now["metadata"].pop("modified_at")
    assert now == was
    assert ada("GET", path, params={"include_pending": "true"}).status_code == 200


@pytest.mark.parametrize(
    ("user", "status"),
    [
        pytest.param("root", 200, id="sysadm"),
        pytest.param("app", 200, id="appuser"),
        pytest.param("wmlz11", 200, id="apiuser, an own deployment"),
        pytest.param("stranger", 403, id="apiuser, not another's"),
        pytest.param("dev", 403, id="devuser, none"),
    ],
)
def test_who_may_get(stage: RestStage, path: str, user: str, status: int) -> None:
    assert stage.as_(user)("GET", path).status_code == status


def test_the_lists_hold_what_the_caller_may_read(
    stage: RestStage, versions: dict[str, Version], path: str
) -> None:
    for at in ("/v3/deployments", versions["churn-1"].deployments):
        mine = stage.as_("wmlz11")("GET", at).json()
        assert mine["count"] == len(mine["resources"]) == 1
        assert mine["resources"][0]["metadata"]["url"].endswith(path)
        assert stage.as_("stranger")("GET", at).json() == {"count": 0, "resources": []}
    listed = stage.as_("wmlz11")("GET", "/ml/v4/deployments").json()["resources"]
    assert [one["metadata"]["id"] for one in listed] == [path.rpartition("/")[2]]


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


def test_what_has_changed_since_is_not_overwritten(
    ada: Caller, stage: RestStage, versions: dict[str, Version], gone: list[str]
) -> None:
    gone.append(stage.deploy(versions["churn-2"], "etag"))
    rename = [{"op": "replace", "path": "/name", "value": "etag-2"}]

    def renamed() -> Any:
        """The operator writes as well: who is told that it has changed reads again."""
        seen = ada("GET", gone[0]).headers["etag"]
        answer = ada("PATCH", gone[0], json=rename, headers={"If-Match": f'"0", {seen}'})
        return (seen, answer) if answer.is_success else None

    seen, first = until(renamed, "it is renamed")
    stale = {"If-Match": seen}
    patched = ada("PATCH", gone[0], json=rename, headers=stale)
    deleted = ada("DELETE", gone[0], headers=stale)

    assert first.headers["etag"] != seen
    for refused in (patched, deleted):
        assert (refused.status_code, refused.json()["code"]) == (412, "precondition_failed")
    assert ada("PATCH", gone[0], json=rename, headers={"If-Match": "*"}).status_code == 200


# "Update online deployment API"


def test_details_are_updated_in_mlzs_form(
    ada: Caller, stage: RestStage, versions: dict[str, Version], gone: list[str]
) -> None:
    gone.append(stage.deploy(versions["churn-3"], "v3-details"))
    operations = [
        {"op": "replace", "path": " /name", "value": "V3 details"},
        {"op": "add", "path": "/deploy_info/timeout", "value": 60000},
    ]

    patched = ada("PATCH", gone[0], json=operations)

    assert patched.status_code == 200, patched.text
    entity = patched.json()["entity"]
    assert (entity["name"], entity["deploy_info"]["timeout"]) == ("V3 details", 60000)
    assert ada("GET", gone[0]).json()["entity"]["name"] == "V3 details"


def test_a_single_operation_is_taken_in_place_of_an_array(
    ada: Caller, stage: RestStage, path: str
) -> None:
    operation = {"op": "replace", "path": "/name", "value": "CVT-online"}

    assert ada("PATCH", path, json=operation).status_code == 200


def test_an_asset_update_with_a_mismatch_warns_goes_on_and_becomes_ready(
    ada: Caller, stage: RestStage, versions: dict[str, Version], gone: list[str]
) -> None:
    old, new = versions["churn-4"], versions["churn-wide"]
    gone.append(stage.deploy(old, "v3-asset"))

    patched = ada("PATCH", gone[0], json=asset_patch(new))

    assert patched.status_code == 200, patched.text
    entity = patched.json()["entity"]
    assert entity["status"] == "updating"
    assert entity["status_message"] == {"level": "warning", "text": IBMS_WARNING}
    assert entity["deploy_info"]["artifactVersionHref"] == new.href
    assert entity["deployed_version"]["guid"] == old.guid
    document = stage.becomes(gone[0], "ready")
    assert document["entity"]["deployed_version"] == {"guid": new.guid, "url": new.href}


def test_a_completed_update_answers_at_the_same_url(
    ada: Caller, stage: RestStage, versions: dict[str, Version], gone: list[str]
) -> None:
    gone.append(stage.deploy(versions["churn-5"], "v3-sync"))
    before = ada("GET", gone[0]).json()

    patched = ada("PATCH", gone[0], json=asset_patch(versions["churn-6"]), params={"sync": "true"})

    assert patched.status_code == 200, patched.text
    after = patched.json()
    assert (after["entity"]["status"], "failure" in after["entity"]) == ("ready", False)
    assert after["entity"]["deployed_version"]["guid"] == versions["churn-6"].guid
    for part, key in (("metadata", "url"), ("metadata", "guid"), ("entity", "scoring_url")):
        assert after[part][key] == before[part][key]
    # A schema that matches is worth no warning.
    assert "status_message" not in after["entity"]


def test_an_update_to_a_refused_asset_fails_and_the_old_one_goes_on(
    ada: Caller, stage: RestStage, versions: dict[str, Version], gone: list[str]
) -> None:
    gone.append(stage.deploy(versions["churn-7"], "v3-broken"))

    refused = ada("PATCH", gone[0], json=asset_patch(versions["churn-broken"]))

    assert (refused.status_code, refused.json()["code"]) == (409, "update_failed")
    entity = ada("GET", gone[0]).json()["entity"]
    assert (entity["status"], entity["failure"]["reason"]) == ("ready", Reason.MODEL_INVALID)
    assert entity["deployed_version"]["guid"] == versions["churn-7"].guid
    status = ada("GET", v4_path(gone[0])).json()["entity"]["status"]
    assert status["failure"]["errors"][0]["code"] == Reason.MODEL_INVALID


@pytest.mark.parametrize(
    ("version", "verdict", "change"),
    [
        pytest.param("churn-2", "Identical", None, id="the same schema"),
        pytest.param("churn-wide", "Incompatible", "inputs.income", id="one more input"),
        pytest.param("churn-onnx", "Incompatible", "engineType", id="another framework"),
    ],
)
def test_the_verdict_on_a_planned_update_is_told_without_it(
    planner: Planner, version: str, verdict: str, change: str | None
) -> None:
    told, serving = planner(version)

    assert told["verdict"] == verdict
    assert change is None or change in [one["path"] for one in told["changes"]]
    assert serving == "churn-1"


@pytest.fixture
def planner(ada: Caller, versions: dict[str, Version], path: str) -> Planner:
    """Validates an update to a version; answers the verdict, and what serves after it."""
    names = {one.guid: one.name for one in versions.values()}

    def plan(version: str) -> tuple[Manifest, str]:
        wanted = versions[version]
        until(lambda: _inspected(ada, wanted), f"{version} is inspected")
        told = ada("POST", f"{path}/validate", json=asset_patch(wanted)).json()
        serving = ada("GET", path).json()["entity"]["deployed_version"]["guid"]
        return told, names[serving]

    return plan


def _inspected(ada: Caller, version: Version) -> bool:
    entity = ada("GET", version.href).json()["entity"]
    return bool(entity["inspection"]["state"] == "accepted")


# "Updating a deployment", in watsonx's form


def test_details_are_updated_in_watsonxs_form(
    ada: Caller, created: Any, versions: dict[str, Version], path: str
) -> None:
    at, query = v4_path(path), {"version": "2024-01-29", "space_id": "any"}
    operations = [
        {"op": "replace", "path": "/description", "value": "by watsonx"},
        {"op": "add", "path": "/tags", "value": ["risk", "eu"]},
        {"op": "add", "path": "/custom", "value": {"team": "risk"}},
    ]

    patched = ada("PATCH", at, json=operations, params=query)

    assert patched.status_code == 200, patched.text
    meta, entity = patched.json()["metadata"], patched.json()["entity"]
    assert (meta["description"], meta["tags"]) == ("by watsonx", ["risk", "eu"])
    assert entity["custom"] == {"team": "risk"}
    removal = [{"op": "remove", "path": one} for one in ("/tags", "/custom")]
    removed = ada("PATCH", at, json=removal).json()
    assert (removed["metadata"]["tags"], removed["entity"]["custom"]) == ([], {})


def test_the_same_deployment_in_watsonxs_form(
    ada: Caller, path: str, versions: dict[str, Version]
) -> None:
    document = ada("GET", v4_path(path)).json()

    assert document["metadata"].keys() == {
        "id", "name", "description", "tags", "owner", "created_at", "modified_at",
    }  # fmt: skip
    assert document["metadata"]["owner"] == "wmlz11"
    assert document["entity"]["asset"] == {"id": versions["churn-1"].guid}
    assert document["entity"]["status"]["state"] == "ready"


def test_watsonxs_asset_patch_is_updating_warns_and_becomes_ready(
    ada: Caller, stage: RestStage, versions: dict[str, Version], gone: list[str]
) -> None:
    new = versions["churn-wide-2"]
    gone.append(stage.deploy(versions["churn-3"], "v4-asset"))
    at, operations = v4_path(gone[0]), [
        {"op": "replace", "path": "/asset", "value": {"id": new.guid}}
    ]  # fmt: skip

    patched = ada("PATCH", at, json=operations)

    assert patched.status_code == 202, patched.text
    status = patched.json()["entity"]["status"]
    assert status["state"] == "updating"
    assert status["message"] == {"level": "warning", "text": IBMS_WARNING}

    def status_now() -> Any:
        return ada("GET", at).json()["entity"]["status"]

    until(lambda: status_now()["state"] == "ready", "the update is ready")
    assert "failure" not in status_now()
    assert ada("GET", at).json()["entity"]["asset"] == {"id": new.guid}
    assert stage.state(gone[0]) == "ready"


# Delete


def test_a_deleted_deployment_is_gone_and_its_name_is_free(
    ada: Caller, stage: RestStage, versions: dict[str, Version], gone: list[str]
) -> None:
    first = stage.deploy(versions["churn-3"], "phoenix")

    deleted = ada("DELETE", first)

    assert (deleted.status_code, deleted.content) == (204, b"")
    assert ada("GET", first).status_code == 404
    assert ada("DELETE", first).status_code == 404
    until(lambda: stage.admin.find("MLzDeployment", "phoenix") is None, "it is gone")
    second = stage.deploy(versions["churn-3"], "phoenix")
    gone.append(second)
    assert ada("DELETE", v4_path(second)).status_code == 204


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
    until(lambda: _inspected(ada, version), "churn-1 is inspected")

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


def test_a_deployment_of_an_asset_by_uri_is_a_model_of_its_own(
    ada: Caller, stage: RestStage, versions: dict[str, Version]
) -> None:
    stage.admin.deploy("by-uri")
    stage.admin.becomes("by-uri", "ACTIVE")

    def listed() -> Any:
        found = ada("GET", "/v3/deployments").json()["resources"]
        return next((one for one in found if one["entity"]["name"] == "by-uri"), None)

    document = until(listed, "by-uri is listed")
    path = document["metadata"]["url"].removeprefix(stage.facade.url)
    entity = ada("GET", path).json()["entity"]
    assert entity["published_model"]["guid"] == entity["deployed_version"]["guid"]
    assert path.split("/")[3] == entity["deployed_version"]["guid"]


@pytest.mark.parametrize("form", ["v3", "v4"])
def test_a_version_without_a_model_is_its_own_deployments_alone(
    ada: Caller, stage: RestStage, path: str, form: str
) -> None:
    if stage.admin.find("MLzDeployment", "own") is None:
        stage.admin.deploy("own")
    active = until(lambda: stage.admin.status("own").get("asset", {}).get("active"), "own serves")
    guid = active["guid"]
    href = f"{MODELS}/{guid}/versions/{guid}"
    operation = {
        "v3": {"path": "/deploy_info/artifactVersionHref", "value": href},
        "v4": {"path": "/asset", "value": {"id": guid}},
    }[form]
    at = {"v3": path, "v4": v4_path(path)}[form]

    refused = ada("PATCH", at, json=[{"op": "replace", **operation}])

    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_field")
    assert "own" in refused.json()["message"]
