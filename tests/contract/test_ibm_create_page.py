"""
What IBM's page says of the documents of a create, each sentence that needs no server.

Source: MLz 3.2, "Create online deployment API"; ``test_ibm_pages`` lists the sentences.
"""

import pytest

from mlz.api.v1alpha1 import DeploymentSpec
from mlz.rest.documents import v3
from mlz.rest.documents.creation import Place, creation, manifest
from mlz.rest.documents.services import check_is_active
from mlz.rest.problems import STATUSES, Code, Refusal
from unit.rest.documents.examples import (
    BASE,
    CREATE_RESPONSE,
    HREF,
    Json,
    a_create_body,
    fields_of,
    related,
    the_deployment,
    the_service,
    the_version,
    v3_entity,
)


def refusal(document: object) -> Refusal:
    with pytest.raises(Refusal) as caught:
        creation(document)
    return caught.value


def test_the_request_example_makes_a_deployment() -> None:
    place = Place("mlz-models", the_service(), the_version(), "wmlz11")

    made = manifest(creation(a_create_body()), place)

    assert made["spec"] == {
        "type": "online",
        "displayName": "CVT-online",
        "description": "This is online deployment created for tests",
        "author": {"name": "John Smith", "email": "john.smith@example.com"},
        "scoringService": "default",
        "asset": {"modelVersion": "churn-v1"},
        "engineType": "pmml",
    }


def test_the_response_example_field_for_field() -> None:
    document = v3.deployment(related(), BASE)

    assert fields_of(document) == fields_of(CREATE_RESPONSE)
    assert document == CREATE_RESPONSE


def test_a_deployment_that_was_just_made_is_initializing() -> None:
    body = {key: value for key, value in the_deployment().items() if key != "status"}
    document = v3.deployment(related(body), BASE)

    assert document["entity"]["status"] == "INITIALIZING"
    assert fields_of(document) == fields_of(CREATE_RESPONSE)


def test_a_successfully_created_deployment_is_active() -> None:
    assert v3_entity(related())["status"] == "ACTIVE"


@pytest.mark.parametrize("document", [[], "x", 1, None, [a_create_body()]])
def test_the_request_content_is_a_json_object(document: object) -> None:
    assert refusal(document).code is Code.PARSING_ERROR


@pytest.mark.parametrize(
    ("serving_id", "taken"),
    [
        ("abc", True),
        ("a" * 36, True),
        ("A_1", True),
        ("ab", False),
        ("a" * 37, False),
        ("1ab", False),
        ("_ab", False),
        ("a-b", False),
        ("äbc", False),
    ],
)
def test_the_serving_id(serving_id: str, taken: bool) -> None:
    document = a_create_body() | {"servingId": serving_id}

    if taken:
        assert creation(document).serving_id == serving_id
    else:
        assert refusal(document).code is Code.INVALID_SERVING_ID


@pytest.mark.parametrize("field", ["type", "name", "deploy_info"])
def test_required_fields(field: str) -> None:
    assert field in refusal({**a_create_body(), field: None}).message


@pytest.mark.parametrize("field", ["scoringGroupId", "engineType", "artifactVersionHref"])
def test_required_fields_of_deploy_info(field: str) -> None:
    assert field in refusal(a_create_body(**{field: None})).message


@pytest.mark.parametrize("field", ["servingId", "description", "author"])
def test_optional_fields(field: str) -> None:
    wanted = creation({**a_create_body(), field: None})

    assert wanted.name == "CVT-online"
    assert wanted.timeout_in_ms is None


def test_the_scoring_service_must_be_active() -> None:
    check_is_active(the_service())

    with pytest.raises(Refusal) as caught:
        check_is_active(the_service(active=False))
    assert caught.value.code is Code.INACTIVE_SCORING_SERVICE


@pytest.mark.parametrize(
    ("engine_type", "offered"),
    [
        ("spark", False),
        ("pmml", True),
        ("scikit", False),
        ("xgboost", True),
        ("arima", False),
        ("sarimax", False),
        ("onnx", True),
        ("watfore", False),
    ],
)
def test_engine_types(engine_type: str, offered: bool) -> None:
    document = a_create_body(engineType=engine_type)

    if offered:
        assert creation(document).engine_type == engine_type
    else:
        assert refusal(document).code is Code.UNSUPPORTED_ENGINE
        assert "of MLz" in refusal(document).message


def test_the_href_holds_model_and_version() -> None:
    href = creation(a_create_body()).href

    assert f"/v3/ml_assets/models/{href.model}/versions/{href.version}" == HREF


@pytest.mark.parametrize("flag", ["zaiu", "telum2"])
def test_accelerators_are_applicable_only_to_onnx_models(flag: str) -> None:
    assert getattr(creation(a_create_body(engineType="onnx", **{flag: True})), flag) is True
    assert refusal(a_create_body(**{flag: True})).code is Code.INVALID_FIELD
    assert refusal(a_create_body(engineType="onnx", **{flag: "true"})).code is Code.INVALID_FIELD


def test_telum2_takes_precedence() -> None:
    wanted = creation(a_create_body(engineType="onnx", zaiu=True, telum2=True))
    place = Place("mlz-models", the_service(), the_version(engineType="onnx"), "wmlz11")

    spec = DeploymentSpec.model_validate(manifest(wanted, place)["spec"])

    assert spec.provider == "telum2"


@pytest.mark.parametrize(
    ("flags", "provider"), [({}, "cpu"), ({"zaiu": True}, "zaiu"), ({"telum2": True}, "telum2")]
)
def test_each_flag_has_its_accelerator(flags: Json, provider: str) -> None:
    wanted = creation(a_create_body(engineType="onnx", **flags))
    place = Place("mlz-models", the_service(), the_version(engineType="onnx"), "wmlz11")

    spec = DeploymentSpec.model_validate(manifest(wanted, place)["spec"])

    assert spec.provider == provider


def test_micro_batching_may_be_declined() -> None:
    assert creation(a_create_body(batching=False))
    assert "not offered yet" in refusal(a_create_body(batching=True)).message


@pytest.mark.parametrize("field", ["maxLatencyInMs", "maxBatchSize"])
def test_micro_batching_has_no_limits_to_set(field: str) -> None:
    assert "not offered yet" in refusal(a_create_body(**{field: 8})).message


def test_the_prediction_horizon_is_without_effect_elsewhere() -> None:
    assert creation(a_create_body(predictionHorizon=5)) == creation(a_create_body())


@pytest.mark.parametrize(
    ("timeout", "taken"), [(0, False), (1, True), (60000, True), (60001, False)]
)
def test_the_range_of_timeouts(timeout: int, taken: bool) -> None:
    document = a_create_body(timeout=timeout)

    if taken:
        assert creation(document).timeout_in_ms == timeout
    else:
        assert refusal(document).code is Code.TIMEOUT_NOT_SUPPORTED


@pytest.mark.parametrize(
    ("document", "status", "code"),
    [
        ({**a_create_body(), "deploy_info": None}, 400, "empty_deploy_info"),
        ({**a_create_body(), "type": None}, 400, "parsing_error"),
        ({**a_create_body(), "type": "stream"}, 400, "not_supported_deployment_type"),
        (a_create_body(timeout=-1), 400, "timeout_not_supported"),
        (a_create_body(timeout=5, engineType="onnx"), 400, "timeout_not_supported"),
        (a_create_body(artifactVersionHref="/v3/x"), 500, "not_found"),
    ],
)
def test_the_table_of_errors(document: Json, status: int, code: str) -> None:
    found = refusal(document)

    assert (found.status, found.code) == (status, code)
    assert STATUSES[Code.DUPLICATE_DEPLOYMENT_NAME] == STATUSES[Code.DUPLICATE_DEPLOYMENT] == 400
