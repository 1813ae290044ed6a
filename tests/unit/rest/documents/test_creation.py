"""The body of a create: what is refused with which code, and the resource that it asks for."""

from typing import Any

import pytest

from mlz.api.names import ANNOTATION_CREATED_BY
from mlz.api.parsing import deployment
from mlz.rest.documents import v3
from mlz.rest.documents.creation import Creation, Place, accepted, creation, manifest
from mlz.rest.problems import Code, Refusal
from unit.rest.documents.examples import (
    DEPLOYMENT,
    HREF,
    MODEL,
    SERVICE,
    VERSION,
    Json,
    a_create_body,
    related,
    the_deployment,
    the_service,
    the_version,
)


def place(**version: Any) -> Place:
    return Place("mlz-models", the_service(), the_version(**version), "wmlz11")


def refusal(document: object) -> Refusal:
    with pytest.raises(Refusal) as caught:
        creation(document)
    return caught.value


def without(key: str, **fields: object) -> Json:
    return {name: value for name, value in a_create_body().items() if name != key} | fields


# Refusals


@pytest.mark.parametrize(
    ("document", "code"),
    [
        pytest.param(without("deploy_info"), Code.EMPTY_DEPLOY_INFO, id="no deploy_info"),
        pytest.param(without("", deploy_info={}), Code.EMPTY_DEPLOY_INFO, id="an empty one"),
        pytest.param(without("", deploy_info=None), Code.EMPTY_DEPLOY_INFO, id="null"),
        pytest.param(without("", deploy_info="x"), Code.INVALID_FIELD, id="deploy_info is a text"),
        pytest.param([], Code.PARSING_ERROR, id="the body is an array"),
        pytest.param(without("type"), Code.PARSING_ERROR, id="no type"),
        pytest.param(
            without("", type="stream"), Code.NOT_SUPPORTED_DEPLOYMENT_TYPE, id="no such type"
        ),
        pytest.param(
            without("", type=1), Code.NOT_SUPPORTED_DEPLOYMENT_TYPE, id="type is a number"
        ),
        pytest.param(
            without("", type="batch"), Code.NOT_SUPPORTED_DEPLOYMENT_TYPE, id="batch is to come"
        ),
        pytest.param(without("name"), Code.INVALID_FIELD, id="no name"),
        pytest.param(without("", name=" "), Code.INVALID_FIELD, id="a blank name"),
        pytest.param(without("", name="a\nb"), Code.INVALID_FIELD, id="a name of two lines"),
        pytest.param(without("", name="x" * 254), Code.INVALID_FIELD, id="a name too long"),
        pytest.param(without("", name="\ud800"), Code.INVALID_FIELD, id="half a character"),
        pytest.param(without("", description=1), Code.INVALID_FIELD, id="description is a number"),
        pytest.param(without("", author="me"), Code.INVALID_FIELD, id="author is a text"),
        pytest.param(without("", author={"email": 1}), Code.INVALID_FIELD, id="so is the e-mail"),
        pytest.param(without("", servingId="ab"), Code.INVALID_SERVING_ID, id="too short"),
        pytest.param(without("", servingId="a" * 37), Code.INVALID_SERVING_ID, id="too long"),
        pytest.param(without("", servingId="1abc"), Code.INVALID_SERVING_ID, id="first a digit"),
        pytest.param(without("", servingId="a-bc"), Code.INVALID_SERVING_ID, id="a hyphen"),
        pytest.param(without("", servingId="abc\n"), Code.INVALID_SERVING_ID, id="a line break"),
        pytest.param(without("", servingId=123), Code.INVALID_SERVING_ID, id="a number"),
    ],
)
def test_a_body_is_refused_with_the_code_of_its_first_fault(document: object, code: Code) -> None:
    assert refusal(document).code is code


@pytest.mark.parametrize(
    ("deploy_info", "code"),
    [
        pytest.param({"scoringGroupId": None}, Code.INVALID_FIELD, id="no scoring service"),
        pytest.param({"scoringGroupId": 7}, Code.INVALID_FIELD, id="its guid is a number"),
        pytest.param({"engineType": None}, Code.INVALID_FIELD, id="no engine type"),
        pytest.param({"engineType": ["pmml"]}, Code.INVALID_FIELD, id="a list of engine types"),
        *(
            pytest.param({"engineType": one}, Code.UNSUPPORTED_ENGINE, id=f"{one} is not offered")
            for one in ("spark", "scikit", "arima", "sarimax", "watfore", "tensorflow", "PMML")
        ),
        pytest.param({"artifactVersionHref": None}, Code.INVALID_FIELD, id="no href"),
        pytest.param({"artifactVersionHref": 1}, Code.INVALID_FIELD, id="the href is a number"),
        pytest.param({"artifactVersionHref": "/v3/x"}, Code.NOT_FOUND, id="no version's href"),
        pytest.param({"zaiu": "true"}, Code.INVALID_FIELD, id="zaiu is a text"),
        pytest.param({"zaiu": True}, Code.INVALID_FIELD, id="only onnx is accelerated on z16"),
        pytest.param({"telum2": True}, Code.INVALID_FIELD, id="nor on z17"),
        pytest.param({"batching": True}, Code.INVALID_FIELD, id="micro-batching is to come"),
        pytest.param({"batching": "no"}, Code.INVALID_FIELD, id="batching is a text"),
        pytest.param({"maxLatencyInMs": 5}, Code.INVALID_FIELD, id="its latency, too"),
        pytest.param({"maxBatchSize": 5}, Code.INVALID_FIELD, id="and its size"),
        pytest.param({"predictionHorizon": "3"}, Code.INVALID_FIELD, id="the horizon is a text"),
        *(
            pytest.param({"timeout": one}, Code.TIMEOUT_NOT_SUPPORTED, id=f"timeout {one!r}")
            for one in (0, -1, 60001, 1.5, "500", True, [], 10**30)
        ),
        pytest.param(
            {"timeout": 5, "engineType": "onnx"}, Code.TIMEOUT_NOT_SUPPORTED, id="not for onnx"
        ),
    ],
)
def test_deploy_info_is_refused_with_the_code_of_its_first_fault(
    deploy_info: Json, code: Code
) -> None:
    assert refusal(a_create_body(**deploy_info)).code is code


def test_an_href_that_is_none_is_a_500_as_documented() -> None:
    found = refusal(a_create_body(artifactVersionHref="churn"))

    assert (found.code, found.status) == ("not_found", 500)
    assert "churn" in found.message


def test_faults_come_in_the_order_of_ibms_table() -> None:
    everything: Json = {"type": "stream", "timeout": 0, "name": ""}
    codes = []
    for repaired in (
        {},
        {"deploy_info": {"timeout": 0, "artifactVersionHref": "x", "engineType": "pmml"}},
        {"type": "online"},
        {"name": "churn"},
        {"deploy_info": a_create_body(timeout=0, artifactVersionHref="x")["deploy_info"]},
        {"deploy_info": a_create_body(artifactVersionHref="x")["deploy_info"]},
    ):
        everything |= repaired
        codes.append(refusal(everything).code)

    assert codes == [
        Code.EMPTY_DEPLOY_INFO,
        Code.NOT_SUPPORTED_DEPLOYMENT_TYPE,
        Code.INVALID_FIELD,
        Code.INVALID_FIELD,
        Code.TIMEOUT_NOT_SUPPORTED,
        Code.NOT_FOUND,
    ]


def test_a_refused_field_is_named() -> None:
    found = refusal(a_create_body(zaiu="yes"))

    assert "$.deploy_info.zaiu" in found.message
    assert found.errors == (
        {
            "path": "$.deploy_info.zaiu",
            "fault": "type",
            "expected": "true or false",
            "found": "a string",
        },
    )


# What is asked for


def test_ibms_example_is_read_whole() -> None:
    wanted = creation(a_create_body())

    assert wanted == Creation(
        name="CVT-online",
        description="This is online deployment created for tests",
        author_name="John Smith",
        author_email="john.smith@example.com",
        scoring_group_id=SERVICE,
        engine_type=wanted.engine_type,
        href=wanted.href,
    )
    assert wanted.engine_type == "pmml"
    assert (wanted.href.model, wanted.href.version) == (MODEL, VERSION)


@pytest.mark.parametrize(
    "deploy_info",
    [
        pytest.param({"batching": False}, id="no batching"),
        pytest.param({"predictionHorizon": 12}, id="a horizon, effective with watfore only"),
        pytest.param({"versionSeq": "1", "nextFire": "0"}, id="what an answer holds besides"),
        pytest.param({"conventionality": {"a": []}}, id="an unknown field"),
        pytest.param({"timeout": None, "zaiu": None}, id="null is absent"),
    ],
)
def test_what_has_no_effect_is_taken(deploy_info: Json) -> None:
    document = a_create_body()
    document["deploy_info"] |= deploy_info

    assert creation(document) == creation(a_create_body())


@pytest.mark.parametrize(
    "href",
    [
        pytest.param(f"https://127.0.0.1:9999{HREF}", id="absolute"),
        pytest.param(f" {HREF} ", id="with blanks"),
        pytest.param(f"{HREF}/", id="with a slash at the end"),
        pytest.param(HREF.replace(VERSION, VERSION.upper()), id="a guid in capitals"),
    ],
)
def test_an_href_may_look_otherwise(href: str) -> None:
    assert creation(a_create_body(artifactVersionHref=href)).href.version == VERSION


# The resource


def test_the_resource_is_what_kubectl_would_apply() -> None:
    made = manifest(creation(a_create_body(timeout=500) | {"servingId": "churn_1"}), place())

    assert made == {
        "apiVersion": "mlz.dev/v1alpha1",
        "kind": "MLzDeployment",
        "metadata": {
            "name": made["metadata"]["name"],
            "namespace": "mlz-models",
            "annotations": {ANNOTATION_CREATED_BY: "wmlz11"},
        },
        "spec": {
            "type": "online",
            "displayName": "CVT-online",
            "description": "This is online deployment created for tests",
            "author": {"name": "John Smith", "email": "john.smith@example.com"},
            "servingId": "churn_1",
            "scoringService": "default",
            "asset": {"modelVersion": "churn-v1"},
            "engineType": "pmml",
            "timeoutInMs": 500,
        },
    }
    body = {**made, "metadata": {**made["metadata"], "uid": "1"}}
    assert deployment(body).fault is None


def test_an_author_who_is_not_named_is_the_caller() -> None:
    made = manifest(creation(without("author")), place())

    assert made["spec"]["author"] == {"name": "wmlz11"}


def test_a_name_that_is_one_of_kubernetes_is_the_resources_alone() -> None:
    made = manifest(creation(without("", name="churn")), place())

    assert made["metadata"]["name"] == "churn"
    assert "displayName" not in made["spec"]


def test_the_engine_type_is_the_versions() -> None:
    with pytest.raises(Refusal) as caught:
        manifest(creation(a_create_body()), place(engineType="xgboost"))

    assert caught.value.code is Code.INVALID_FIELD
    assert "xgboost, as the model version is" in caught.value.message


def test_an_asynchronous_create_is_initializing_even_where_the_operator_was_faster() -> None:
    document = v3.deployment(related(accepted(the_deployment())), "https://127.0.0.1")

    assert document["entity"]["status"] == "INITIALIZING"
    assert document["entity"]["name"] == "CVT-online"
    assert document["metadata"]["guid"] == DEPLOYMENT
