"""MLz's update: which operations are taken, and the merge patch that they become."""

from typing import Any

import pytest

from mlz.rest.documents.changes import Change, Named, changes_asset, merge_patch
from mlz.rest.documents.hrefs import Href
from mlz.rest.documents.v3_patch import change_of
from mlz.rest.problems import Code, Refusal
from unit.rest.documents.examples import (
    HREF,
    MODEL,
    SECOND_HREF,
    SECOND_VERSION,
    SERVICE,
    Json,
    the_deployment,
    the_second_version,
    the_service,
    the_version,
)

ASSET = "/deploy_info/artifactVersionHref"


def replace(path: str, value: object, op: str = "replace") -> Json:
    return {"op": op, "path": path, "value": value}


def refusal(document: object) -> Refusal:
    with pytest.raises(Refusal) as caught:
        change_of(document)
    return caught.value


def patched(document: object, current: Json | None = None, **named: Any) -> Json:
    body = the_deployment() if current is None else current
    return merge_patch(change_of(document), body, Named(**named))


# What is read


@pytest.mark.parametrize(
    ("path", "value", "change"),
    [
        (ASSET, SECOND_HREF, Change(asset=Href(MODEL, SECOND_VERSION))),
        ("/name", "other", Change(fields={"displayName": "other"})),
        ("/deploy_info/scoringGroupId", SERVICE, Change(scoring_group_id=SERVICE)),
        ("/deploy_info/zaiu", True, Change(fields={"zaiu": True})),
        ("/deploy_info/telum2", False, Change(fields={"telum2": False})),
        ("/deploy_info/batching", False, Change()),
        ("/deploy_info/conventionality", {"what": "ever"}, Change()),
        ("/deploy_info/timeout", 60000, Change(fields={"timeoutInMs": 60000})),
    ],
)
@pytest.mark.parametrize("op", ["replace", "add"])
def test_each_documented_path_is_read(path: str, value: object, change: Change, op: str) -> None:
    assert change_of([replace(path, value, op)]) == change


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(replace("/name", "other"), id="one object in place of an array"),
        pytest.param([replace(" /name", "other")], id="a leading blank, as IBM prints it"),
        pytest.param([replace("/ name ", "other")], id="blanks anywhere"),
        pytest.param([{**replace("/name", "other"), "from": "/x"}], id="an unknown key"),
    ],
)
def test_what_ibms_clients_send_is_taken(document: object) -> None:
    assert change_of(document) == Change(fields={"displayName": "other"})


def test_operations_add_up() -> None:
    change = change_of([replace("/name", "other"), replace("/deploy_info/timeout", 5)])

    assert change.fields == {"displayName": "other", "timeoutInMs": 5}
    assert change.display_name == "other"


def test_no_operation_changes_nothing() -> None:
    assert patched([]) == {}


def test_a_timeout_can_be_removed() -> None:
    current = the_deployment(timeoutInMs=5)

    assert patched([{"op": "remove", "path": "/deploy_info/timeout"}], current) == {
        "spec": {"timeoutInMs": None}
    }


@pytest.mark.parametrize(
    ("document", "code"),
    [
        pytest.param("x", Code.PARSING_ERROR, id="a text"),
        pytest.param(None, Code.PARSING_ERROR, id="null"),
        pytest.param(["x"], Code.PARSING_ERROR, id="an array of texts"),
        pytest.param([{}], Code.PARSING_ERROR, id="an empty operation"),
        pytest.param([{"op": "replace", "path": "/name"}], Code.PARSING_ERROR, id="no value"),
        pytest.param([replace("/name", None)], Code.INVALID_FIELD, id="the value is null"),
        pytest.param([replace("/name", "")], Code.INVALID_FIELD, id="an empty name"),
        pytest.param(
            [{"op": "replace", "path": 1, "value": 1}], Code.PARSING_ERROR, id="path is 1"
        ),
        pytest.param([{"op": 1, "path": "/name", "value": 1}], Code.PARSING_ERROR, id="op is 1"),
        pytest.param([replace("x" * 301, 1)], Code.PARSING_ERROR, id="a path too long"),
        *(
            pytest.param([replace("/name", "a", op)], Code.PARSING_ERROR, id=f"{op} is not taken")
            for op in ("test", "move", "copy", "REPLACE", "")
        ),
        *(
            pytest.param([replace(path, "a")], Code.PARSING_ERROR, id=f"{path} cannot be changed")
            for path in ("/servingId", "/type", "/description", "/author", "", "/", "/deploy_info")
        ),
        pytest.param(
            [replace("/name", "a"), replace(" /name", "b")], Code.PARSING_ERROR, id="a path twice"
        ),
        pytest.param([{"op": "remove", "path": "/name"}], Code.PARSING_ERROR, id="no name at all"),
        pytest.param([replace("/name", "a")] * 101, Code.PARSING_ERROR, id="too many operations"),
        pytest.param([replace(ASSET, "churn")], Code.NOT_FOUND, id="an href that is none"),
        pytest.param([replace(ASSET, 1)], Code.INVALID_FIELD, id="an href that is a number"),
        pytest.param(
            [replace("/deploy_info/engineType", "spark")], Code.UNSUPPORTED_ENGINE, id="spark"
        ),
        pytest.param([replace("/deploy_info/zaiu", 1)], Code.INVALID_FIELD, id="zaiu is 1"),
        pytest.param([replace("/deploy_info/batching", True)], Code.INVALID_FIELD, id="batching"),
        pytest.param([replace("/deploy_info/batching", None)], Code.INVALID_FIELD, id="null, too"),
        pytest.param([replace("/deploy_info/maxBatchSize", 8)], Code.INVALID_FIELD, id="its size"),
        *(
            pytest.param(
                [replace("/deploy_info/timeout", one)],
                Code.TIMEOUT_NOT_SUPPORTED,
                id=f"timeout {one!r}",
            )
            for one in (0, 60001, None, "5", True)
        ),
    ],
)
def test_a_patch_is_refused_with_the_code_of_its_first_fault(document: object, code: Code) -> None:
    assert refusal(document).code is code


def test_a_refused_operation_says_what_is_taken() -> None:
    assert "replace, add, remove" in refusal([replace("/name", "a", "move")]).message
    assert "/deploy_info/timeout" in refusal([replace("/type", "a")]).message


@pytest.mark.parametrize(
    "other",
    [
        replace("/name", "a"),
        replace("/deploy_info/zaiu", True),
        replace("/deploy_info/timeout", 5),
        replace("/deploy_info/scoringGroupId", SERVICE),
        replace("/deploy_info/batching", False),
        replace("/deploy_info/conventionality", 1),
        {"op": "remove", "path": "/deploy_info/timeout"},
    ],
    ids=lambda one: str(one["path"]),
)
def test_nothing_but_the_engine_type_may_come_with_another_asset(other: Json) -> None:
    found = refusal([replace(ASSET, SECOND_HREF), other])

    assert found.code is Code.ONLY_ASSET_CAN_BE_PATCHED
    assert found.status == 400
    assert other["path"] in found.message


# The merge patch


def test_another_asset_is_its_version_by_name() -> None:
    second = the_second_version()

    assert patched([replace(ASSET, SECOND_HREF)], version=second) == {
        "spec": {"asset": {"modelVersion": "churn-v2"}, }
    }  # fmt: skip
    assert changes_asset(the_deployment(), second)


def test_the_same_asset_again_changes_nothing() -> None:
    assert patched([replace(ASSET, HREF)], version=the_version()) == {}
    assert not changes_asset(the_deployment(), the_version())


def test_an_asset_by_uri_is_taken_out() -> None:
    current = the_deployment(
        asset={"uri": "s3://a/b", "sha256": "a" * 64, "secretRef": {"name": "s"}}
    )

    patch = patched([replace(ASSET, SECOND_HREF)], current, version=the_second_version())

    assert patch["spec"]["asset"] == {
        "modelVersion": "churn-v2",
        "uri": None,
        "sha256": None,
        "secretRef": None,
    }


def test_the_own_version_of_an_asset_by_uri_is_the_asset_that_it_has() -> None:
    """To name it would take it from the deployment, which then would have it deleted."""
    told = {"asset": {"target": {"version": "churn-v1"}}}
    current = the_deployment(told, asset={"uri": "s3://a/b", "sha256": "a" * 64})

    assert patched([replace(ASSET, HREF)], current, version=the_version()) == {}


def test_a_version_brings_its_engine_type_along() -> None:
    second = the_second_version(engineType="xgboost")
    both = [replace(ASSET, SECOND_HREF), replace("/deploy_info/engineType", "xgboost")]
    wanted = {"spec": {"asset": {"modelVersion": "churn-v2"}, "engineType": "xgboost"}}

    assert patched(both[:1], version=second) == wanted
    assert patched(both, version=second) == wanted


@pytest.mark.parametrize(
    ("document", "spec", "version", "code"),
    [
        pytest.param(
            [replace(ASSET, SECOND_HREF), replace("/deploy_info/engineType", "onnx")],
            {},
            {},
            Code.INVALID_FIELD,
            id="an engine type that is not the version's",
        ),
        pytest.param(
            [replace("/deploy_info/engineType", "onnx")],
            {},
            {},
            Code.INVALID_FIELD,
            id="an engine type without an asset",
        ),
        pytest.param(
            [replace(ASSET, SECOND_HREF)],
            {"timeoutInMs": 5},
            {"engineType": "xgboost"},
            Code.TIMEOUT_NOT_SUPPORTED,
            id="the deployment has a timeout, and the new type takes none",
        ),
        pytest.param(
            [replace(ASSET, SECOND_HREF)],
            {"engineType": "onnx", "zaiu": True},
            {"engineType": "xgboost"},
            Code.INVALID_FIELD,
            id="the deployment is accelerated, and the new type is not",
        ),
        pytest.param(
            [replace("/deploy_info/zaiu", True)],
            {},
            {},
            Code.INVALID_FIELD,
            id="only onnx is accelerated",
        ),
        pytest.param(
            [replace("/deploy_info/timeout", 5)],
            {"engineType": "onnx"},
            {},
            Code.TIMEOUT_NOT_SUPPORTED,
            id="a timeout for onnx",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused(
    document: object, spec: Json, version: Json, code: Code
) -> None:
    with pytest.raises(Refusal) as caught:
        patched(document, the_deployment(**spec), version=the_second_version(**version))

    assert caught.value.code is code


def test_the_engine_type_that_it_has_may_be_said_again() -> None:
    assert patched([replace("/deploy_info/engineType", "pmml")]) == {}


def test_another_scoring_service_is_named_as_kubernetes_does() -> None:
    other = the_service()
    other["metadata"]["name"] = "second"

    patch = patched([replace("/deploy_info/scoringGroupId", SERVICE)], service=other)

    assert patch == {"spec": {"scoringService": "second"}}


@pytest.mark.parametrize(
    ("document", "named", "code", "status"),
    [
        pytest.param([replace(ASSET, SECOND_HREF)], {}, Code.NOT_FOUND, 500, id="a version"),
        pytest.param(
            [replace("/deploy_info/scoringGroupId", "x")],
            {},
            Code.UNKNOWN_SCORING_SERVICE,
            400,
            id="a scoring service",
        ),
        pytest.param(
            [replace("/deploy_info/scoringGroupId", SERVICE)],
            {"service": the_service(active=False)},
            Code.INACTIVE_SCORING_SERVICE,
            400,
            id="an active scoring service",
        ),
    ],
)
def test_what_is_named_has_to_exist(document: object, named: Json, code: Code, status: int) -> None:
    with pytest.raises(Refusal) as caught:
        patched(document, **named)

    assert (caught.value.code, caught.value.status) == (code, status)


def test_only_what_differs_is_written() -> None:
    document = [replace("/name", "CVT-online"), replace("/deploy_info/timeout", 7)]

    assert patched(document, the_deployment(timeoutInMs=5)) == {"spec": {"timeoutInMs": 7}}
    assert patched(document, the_deployment(timeoutInMs=7)) == {}
