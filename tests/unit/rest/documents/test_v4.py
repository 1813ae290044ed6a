"""The same deployments in watsonx's form: documents and updates."""

import json

import pytest

from mlz.api.names import ANNOTATION_CUSTOM, ANNOTATION_TAGS
from mlz.rest.documents import v4
from mlz.rest.documents.changes import Change, Named, merge_patch
from mlz.rest.documents.hrefs import Href
from mlz.rest.documents.v4_patch import change_of, is_asset_update
from mlz.rest.problems import Code, Refusal
from unit.rest.documents.examples import (
    BASE,
    DEPLOYMENT,
    SECOND_VERSION,
    VERSION,
    Json,
    an_update,
    related,
    the_deployment,
    the_second_version,
)


def one(op: str, path: str, value: object = None) -> list[Json]:
    return [{"op": op, "path": path} | ({} if op == "remove" else {"value": value})]


def refusal(document: object) -> Refusal:
    with pytest.raises(Refusal) as caught:
        change_of(document)
    return caught.value


def noted(**annotations: str) -> Json:
    return the_deployment(meta={"annotations": annotations})


# Documents


def test_the_document() -> None:
    body = the_deployment()
    body["metadata"]["annotations"] |= {
        ANNOTATION_TAGS: '["a","b"]',
        ANNOTATION_CUSTOM: '{"team":"risk"}',
    }

    assert v4.deployment(related(body), BASE) == {
        "metadata": {
            "id": DEPLOYMENT,
            "name": "CVT-online",
            "description": "This is online deployment created for tests",
            "tags": ["a", "b"],
            "owner": "wmlz11",
            "created_at": "2022-12-28T06:50:09.000Z",
            "modified_at": "2022-12-28T06:50:25.000Z",
        },
        "entity": {
            "asset": {"id": VERSION},
            "custom": {"team": "risk"},
            "status": {
                "state": "ready",
                "inference": [{"url": f"{BASE}/ml/v4/deployments/{DEPLOYMENT}/predictions"}],
            },
        },
    }


@pytest.mark.parametrize(
    ("state", "word"),
    [
        ("INITIALIZING", "initializing"),
        ("ACTIVE", "ready"),
        ("updating", "updating"),
        ("ready", "ready"),
        ("FAILED", "failed"),
        ("SUSPENDED", "failed"),
        ("of a newer operator", "initializing"),
    ],
)
def test_the_state_is_one_of_four_words(state: str, word: str) -> None:
    document = v4.deployment(related(the_deployment({"state": state})), BASE)

    assert document["entity"]["status"]["state"] == word


def test_a_suspended_deployment_says_so() -> None:
    document = v4.deployment(related(the_deployment({"state": "SUSPENDED"})), BASE)

    assert document["entity"]["status"]["message"]["level"] == "info"


def test_while_it_is_updating_the_asset_is_the_new_one() -> None:
    message = {"level": "warning", "text": "The input schema …"}

    entity = v4.deployment(an_update(message=message), BASE)["entity"]

    assert entity["asset"] == {"id": SECOND_VERSION}
    assert entity["status"]["state"] == "updating"
    assert entity["status"]["message"] == message


def test_after_an_update_that_failed_the_asset_is_the_old_one_and_the_failure_is_told() -> None:
    failure = {"reason": "WarmUpFailed", "message": "not finite", "time": "2022-12-28T06:50:30Z"}

    entity = v4.deployment(an_update(state="ready", failure=failure), BASE)["entity"]

    assert entity["asset"] == {"id": VERSION}
    assert entity["status"]["state"] == "ready"
    assert entity["status"]["failure"] == {
        "errors": [{"code": "WarmUpFailed", "message": "not finite"}]
    }


@pytest.mark.parametrize("text", ["", "{", "NaN", "[" * 100_000, '"\\ud800"', "7", "[1]"])
def test_annotations_that_somebody_made_unreadable_hold_nothing(text: str) -> None:
    body = noted(**{ANNOTATION_TAGS: text, ANNOTATION_CUSTOM: text})

    assert v4.tags_of(body) == []
    assert v4.custom_of(body) == {}


# Updates


@pytest.mark.parametrize(
    ("op", "path", "value", "change"),
    [
        ("replace", "/name", "other", Change(fields={"displayName": "other"})),
        ("add", "/name", "other", Change(fields={"displayName": "other"})),
        ("add", "/description", "text", Change(fields={"description": "text"})),
        ("replace", "/description", "", Change(fields={"description": None})),
        ("remove", "/description", None, Change(fields={"description": None})),
        ("add", "/tags", ["b", "a"], Change(annotations={ANNOTATION_TAGS: '["b","a"]'})),
        ("remove", "/tags", None, Change(annotations={ANNOTATION_TAGS: None})),
        ("replace", "/custom", {"a": 1}, Change(annotations={ANNOTATION_CUSTOM: '{"a":1}'})),
        ("remove", "/custom", None, Change(annotations={ANNOTATION_CUSTOM: None})),
        ("replace", "/asset", {"id": VERSION, "rev": "2"}, Change(asset=Href("", VERSION))),
    ],
)
def test_each_documented_path_is_read(op: str, path: str, value: object, change: Change) -> None:
    assert change_of(one(op, path, value)) == change


@pytest.mark.parametrize(
    ("document", "code"),
    [
        pytest.param(one("add", "/asset", {"id": VERSION}), Code.PARSING_ERROR, id="add an asset"),
        pytest.param(one("remove", "/asset"), Code.PARSING_ERROR, id="remove the asset"),
        pytest.param(one("replace", "/asset", VERSION), Code.INVALID_FIELD, id="a bare id"),
        pytest.param(one("replace", "/asset", {"id": 1}), Code.INVALID_FIELD, id="id is a number"),
        pytest.param(one("remove", "/name"), Code.PARSING_ERROR, id="remove the name"),
        pytest.param(one("replace", "/tags", "a"), Code.INVALID_FIELD, id="tags are a text"),
        pytest.param(one("replace", "/tags", [1]), Code.INVALID_FIELD, id="a tag is a number"),
        pytest.param(one("replace", "/tags", ["a"] * 51), Code.INVALID_FIELD, id="too many tags"),
        pytest.param(one("replace", "/custom", []), Code.INVALID_FIELD, id="custom is an array"),
        pytest.param(
            one("replace", "/custom", {"a": "x" * 17_000}),
            Code.INVALID_FIELD,
            id="custom too large",
        ),
        pytest.param(one("replace", "/hardware_spec", {}), Code.PARSING_ERROR, id="another path"),
        pytest.param(one("move", "/name", "a"), Code.PARSING_ERROR, id="another operation"),
    ],
)
def test_a_patch_is_refused_with_the_code_of_its_first_fault(document: object, code: Code) -> None:
    assert refusal(document).code is code


@pytest.mark.parametrize("path", ["/name", "/description", "/tags", "/custom"])
def test_an_asset_comes_alone(path: str) -> None:
    asset = one("replace", "/asset", {"id": VERSION})

    assert refusal(asset + one("remove", path)).code is Code.ONLY_ASSET_CAN_BE_PATCHED
    assert is_asset_update(change_of(asset))
    assert not is_asset_update(change_of([]))


def test_tags_and_custom_properties_become_annotations_and_come_back() -> None:
    custom = {"größe": [1, 2.5, None, {"tief": True}]}
    document = one("add", "/tags", ["a b", "ü"]) + one("add", "/custom", custom)

    patch = merge_patch(change_of(document), the_deployment(), Named())
    body = noted(**patch["metadata"]["annotations"])

    assert patch.keys() == {"metadata"}
    assert v4.tags_of(body) == ["a b", "ü"]
    assert v4.custom_of(body) == custom
    assert merge_patch(change_of(document), body, Named()) == {}
    assert json.dumps(patch)


def test_another_asset_is_found_by_its_guid_and_brings_its_engine_type_along() -> None:
    change = change_of(one("replace", "/asset", {"id": SECOND_VERSION.upper()}))
    second = the_second_version(engineType="xgboost")

    assert change.asset == Href("", SECOND_VERSION)
    assert merge_patch(change, the_deployment(), Named(version=second)) == {
        "spec": {"asset": {"modelVersion": "churn-v2"}, "engineType": "xgboost"}
    }


def test_the_guid_of_no_version_is_a_404() -> None:
    change = change_of(one("replace", "/asset", {"id": SECOND_VERSION}))

    with pytest.raises(Refusal) as caught:
        merge_patch(change, the_deployment(), Named())

    assert (caught.value.code, caught.value.status) == (Code.NOT_FOUND, 404)
