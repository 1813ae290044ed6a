"""
Deployments that are there are read, updated in both forms and deleted over HTTP.

IBM's examples are run as printed but for host, token and ids, and for the engine type: spark is
none of ours, pmml is in its place. Source: MLz 3.2, the pages beside
"Create online deployment API"; watsonx, "Updating a deployment".
"""

from collections.abc import Callable
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
    v4_path,
    versions,
)
from controlplane.facades import Caller
from controlplane.operators import Manifest, until
from controlplane.rest_stage import RestStage, Version
from mlz.errors import Reason
from unit.rest.documents.examples import MISMATCH_WARNING

__all__ = ["ada", "create_body", "created", "gone", "path", "versions"]

Planner = Callable[[str], tuple[Manifest, str]]


# Get, list and preconditions


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
    assert entity["status_message"] == {"level": "warning", "text": MISMATCH_WARNING}
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
        until(lambda: inspected(ada, wanted), f"{version} is inspected")
        told = ada("POST", f"{path}/validate", json=asset_patch(wanted)).json()
        serving = ada("GET", path).json()["entity"]["deployed_version"]["guid"]
        return told, names[serving]

    return plan


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
    assert status["message"] == {"level": "warning", "text": MISMATCH_WARNING}

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


# Without a model


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
