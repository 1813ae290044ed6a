"""
What IBM's page says of the documents of an update, each sentence that needs no server.

Source: watsonx, "Updating a deployment"; ``test_ibm_pages`` lists the sentences.
"""

from typing import Any

import pytest

from mlz.lifecycle.updates import MISMATCH
from mlz.rest.documents import v3_patch, v4, v4_patch
from mlz.rest.documents.changes import Named, merge_patch
from mlz.rest.problems import Code, Refusal
from unit.rest.documents.examples import (
    BASE,
    HREF,
    MISMATCH_WARNING,
    SECOND_VERSION,
    SERVICE,
    VERSION,
    Json,
    an_update,
    related,
    the_deployment,
    the_second_version,
    v3_entity,
)


def v4_patched(operations: list[Json], **named: Any) -> Json:
    return merge_patch(v4_patch.change_of(operations), the_deployment(), Named(**named))


def test_details_are_updated() -> None:
    operations = [{"op": "replace", "path": "/name", "value": "other"}]

    assert v4_patched(operations) == {"spec": {"displayName": "other"}}
    assert merge_patch(v3_patch.change_of(operations), the_deployment(), Named()) == {
        "spec": {"displayName": "other"}
    }


@pytest.mark.parametrize("op", ["add", "remove", "replace"])
def test_three_operations(op: str) -> None:
    value = None if op == "remove" else "text"
    operation = {"op": op, "path": "/description"} | ({"value": value} if value else {})

    assert v4_patched([operation]) == {"spec": {"description": value}}


def test_the_asset_is_updated() -> None:
    v4_form = [{"op": "replace", "path": "/asset", "value": {"id": SECOND_VERSION}}]
    path = " /deploy_info/artifactVersionHref"
    v3_form = [{"op": "replace", "path": path, "value": HREF.replace(VERSION, SECOND_VERSION)}]
    wanted = {"spec": {"asset": {"modelVersion": "churn-v2"}}}
    named = Named(version=the_second_version())

    assert v4_patched(v4_form, version=the_second_version()) == wanted
    assert merge_patch(v3_patch.change_of(v3_form), the_deployment(), named) == wanted


def test_the_initial_state_is_updating() -> None:
    assert v4.deployment(an_update(), BASE)["entity"]["status"]["state"] == "updating"
    assert v3_entity(an_update())["status"] == "updating"


def test_the_state_changes_to_ready_and_the_meta_has_the_new_asset() -> None:
    active = {"active": {"version": "churn-v2", "guid": SECOND_VERSION}}
    found = related(
        the_deployment({"state": "ready", "asset": active}, asset={"modelVersion": "churn-v2"}),
        wanted=an_update().wanted,
    )

    entity = v4.deployment(found, BASE)["entity"]
    assert (entity["status"]["state"], entity["asset"]["id"]) == ("ready", SECOND_VERSION)
    assert v3_entity(found)["deployed_version"]["guid"] == SECOND_VERSION


def test_only_the_asset_can_be_specified() -> None:
    asset = {"op": "replace", "path": "/asset", "value": {"id": SECOND_VERSION}}
    href = {"op": "replace", "path": "/deploy_info/artifactVersionHref", "value": HREF}
    name = {"op": "replace", "path": "/name", "value": "other"}
    group = {"op": "replace", "path": "/deploy_info/scoringGroupId", "value": SERVICE}

    for reader, operations in (
        (v4_patch.change_of, [asset, name]),
        (v3_patch.change_of, [href, name]),
        (v3_patch.change_of, [group, href]),
    ):
        with pytest.raises(Refusal) as caught:
            reader(operations)
        assert caught.value.code is Code.ONLY_ASSET_CAN_BE_PATCHED


def test_a_mismatch_is_a_warning_in_the_status() -> None:
    found = an_update(message={"level": "warning", "text": MISMATCH})

    status = v4.deployment(found, BASE)["entity"]["status"]

    assert status["message"]["text"] == MISMATCH_WARNING
    assert v3_entity(found)["status_message"] == {"level": "warning", "text": MISMATCH_WARNING}
