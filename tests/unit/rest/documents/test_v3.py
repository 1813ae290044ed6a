"""A deployment as MLz's v3 API shows it."""

from typing import Any

import pytest

from builders import a_condition, a_deployment_body, a_version_body
from mlz.api.names import ANNOTATION_CREATED_BY
from mlz.rest.documents import v3
from mlz.rest.documents.related import (
    AssetBodies,
    Related,
    is_of_model,
    uses_version,
    wanted_version_name,
)
from unit.rest.documents.examples import (
    BASE,
    CREATE_RESPONSE,
    HREF,
    MODEL,
    SECOND_HREF,
    SECOND_VERSION,
    VERSION,
    Json,
    an_update,
    related,
    the_deployment,
    the_model,
    the_version,
)


def entity(found: Related) -> Json:
    document = v3.deployment(found, BASE)["entity"]
    assert isinstance(document, dict)
    return document


def test_the_document_is_ibms_example_field_for_field() -> None:
    assert v3.deployment(related(), BASE) == CREATE_RESPONSE


@pytest.mark.parametrize(
    ("spec", "field", "value"),
    [
        pytest.param({"servingId": "churn_online"}, "servingId", "churn_online", id="servingId"),
        pytest.param({"description": None}, "description", "", id="no description is ''"),
        pytest.param({"displayName": None}, "name", "cvt-online", id="the name is the resource's"),
        pytest.param({"author": None}, "author", {"name": "wmlz11"}, id="the author is the owner"),
    ],
)
def test_fields_of_the_spec(spec: Json, field: str, value: object) -> None:
    assert entity(related(the_deployment(**spec)))[field] == value


@pytest.mark.parametrize(
    ("spec", "field", "value"),
    [
        pytest.param({"timeoutInMs": 500}, "timeout", 500, id="a timeout"),
        pytest.param({"zaiu": True}, "zaiu", True, id="the z16 accelerator"),
        pytest.param({"telum2": False}, "telum2", False, id="no z17 accelerator, said so"),
    ],
)
def test_options_are_shown_only_where_they_are_set(spec: Json, field: str, value: object) -> None:
    assert entity(related(the_deployment(**spec)))["deploy_info"][field] == value
    assert field not in entity(related())["deploy_info"]


def test_numbers_that_are_strings_there_are_strings_here() -> None:
    info = entity(related())["deploy_info"]

    assert (info["nextFire"], info["scheduleStatus"], info["versionSeq"]) == ("0", "", "1")


def test_a_version_that_is_not_inspected_has_number_0() -> None:
    wanted = AssetBodies(a_version_body(), the_model())

    assert entity(related(wanted=wanted))["deploy_info"]["versionSeq"] == "0"


@pytest.mark.parametrize("state", ["INITIALIZING", "ACTIVE", "updating", "ready", "FAILED"])
def test_the_status_is_the_state_verbatim(state: str) -> None:
    assert entity(related(the_deployment({"state": state})))["status"] == state


def test_a_deployment_that_the_operator_has_not_seen_is_initializing() -> None:
    body = a_deployment_body()

    document = entity(related(body))

    assert document["status"] == "INITIALIZING"
    assert document["scoring_url"] == (
        "http://churn.models.svc:8080/iml/v2/scoring/online/uid-of-churn"
    )
    assert document["deployed_version"] == {"guid": VERSION, "url": HREF}


def test_a_guid_of_the_spec_is_the_public_id() -> None:
    guid = "00000000-0000-4000-8000-000000000001"

    metadata = v3.deployment(related(the_deployment(guid=guid)), BASE)["metadata"]

    assert metadata["guid"] == guid
    assert metadata["url"].endswith(f"/deployments/{guid}")


# Times


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"meta": {"managedFields": [{"time": "2030-01-01T00:00:00Z"}]}}, id="a write"),
        pytest.param(
            {
                "status": {
                    "conditions": [a_condition("Ready", "True", "S", "", "2030-01-01T00:00:00Z")]
                }
            },
            id="a condition",
        ),
        pytest.param(
            {
                "status": {
                    "failure": {"reason": "R", "message": "m", "time": "2030-01-01T00:00:00Z"}
                }
            },
            id="a failure",
        ),
    ],
)
def test_modified_at_is_the_time_of_the_latest_change(changed: Any) -> None:
    metadata = v3.deployment(related(the_deployment(**changed)), BASE)["metadata"]

    assert metadata["modified_at"] == "2030-01-01T00:00:00.000Z"
    assert metadata["created_at"] == "2022-12-28T06:50:09.000Z"


# The asset


def test_while_an_update_is_under_way_the_old_version_is_deployed_and_the_new_one_wanted() -> None:
    document = entity(an_update())

    assert document["deploy_info"]["artifactVersionHref"] == SECOND_HREF
    assert document["deploy_info"]["versionSeq"] == "2"
    assert document["deployed_version"] == {"guid": VERSION, "url": HREF}


def test_a_deleted_version_that_serves_is_known_by_what_status_says() -> None:
    found = related(wanted=AssetBodies())

    document = entity(found)

    assert document["deployed_version"]["guid"] == VERSION
    assert document["deploy_info"]["artifactVersionHref"] == ""
    assert document["published_model"]["guid"] == "-"


def test_a_deployment_of_an_asset_by_uri_is_of_a_model_with_its_versions_guid() -> None:
    body = the_deployment(asset={"uri": "https://store.example.com/a", "sha256": "a" * 64})
    found = related(body, wanted=AssetBodies(the_version(model=None)))

    document = v3.deployment(found, BASE)

    assert document["entity"]["published_model"]["guid"] == VERSION
    assert document["entity"]["deploy_info"]["artifactVersionHref"] == (
        f"/v3/ml_assets/models/{VERSION}/versions/{VERSION}"
    )
    assert f"/v3/published_models/{VERSION}/deployments/" in document["metadata"]["url"]
    assert is_of_model(found, VERSION)


def test_a_deployment_is_found_under_the_models_that_it_wants_and_serves() -> None:
    other = the_model()
    other["metadata"]["uid"] = "00000000-0000-4000-8000-00000000000a"
    found = related(wanted=AssetBodies(the_version(), other), active=related().wanted)

    assert is_of_model(found, MODEL)
    assert is_of_model(found, other["metadata"]["uid"])
    assert not is_of_model(found, VERSION)


def test_a_version_is_in_use_while_it_is_wanted_or_serves() -> None:
    body = an_update().deployment

    assert uses_version(body, "churn-v1")
    assert uses_version(body, "churn-v2")
    assert not uses_version(body, "churn-v3")


def test_the_version_of_an_asset_by_uri_is_the_one_that_status_names() -> None:
    asset = {"uri": "https://store.example.com/a", "sha256": "a" * 64}
    told = {"asset": {"target": {"version": "churn-0a1b2c3d"}}}

    assert wanted_version_name(the_deployment(told, asset=asset)) == "churn-0a1b2c3d"
    assert wanted_version_name(a_deployment_body(asset=asset)) is None


# What is in the way


def test_a_warning_on_the_schema_is_shown_as_it_is() -> None:
    found = an_update(message={"level": "warning", "text": "The input schema …"})

    assert entity(found)["status_message"] == {"level": "warning", "text": "The input schema …"}


def test_a_failure_is_shown_with_reason_and_message() -> None:
    failure = {"reason": "ModelInvalid", "message": "no model", "time": "2022-12-28T06:50:10Z"}
    found = related(the_deployment({"state": "FAILED", "failure": failure}))

    assert entity(found)["failure"] == {"reason": "ModelInvalid", "message": "no model"}
    assert "status_message" not in entity(found)


def test_what_holds_a_deployment_up_for_now_is_a_message() -> None:
    stalled = a_condition("Stalled", "True", "Unschedulable", "no node takes the pod")
    found = related(the_deployment({"state": "INITIALIZING", "conditions": [stalled]}))

    assert entity(found)["status_message"] == {
        "level": "warning",
        "text": "Unschedulable: no node takes the pod",
    }
    assert "failure" not in entity(found)


def test_what_kubectl_made_has_no_author_unless_it_says_one() -> None:
    body = the_deployment(author=None)
    del body["metadata"]["annotations"][ANNOTATION_CREATED_BY]

    assert entity(related(body))["author"] == {}


def test_after_the_update_the_new_version_is_deployed() -> None:
    active = {"version": "churn-v2", "guid": SECOND_VERSION}
    found = related(
        the_deployment({"state": "ready", "asset": {"active": active}}),
        wanted=an_update().wanted,
    )

    assert entity(found)["deployed_version"] == {"guid": SECOND_VERSION, "url": SECOND_HREF}
