"""
The two public pages of IBM that the REST API follows, sentence by sentence.

``SENTENCES`` has every sentence that promises something, and the test that holds it: those about
documents alone are here, the others over HTTP in ``controlplane``, those of pods in ``unit``.
Sources: MLz 3.2, "Create online deployment API"; watsonx, "Updating a deployment".
"""

import ast
from pathlib import Path
from typing import Any

import pytest

from mlz.api.v1alpha1 import DeploymentSpec
from mlz.lifecycle.updates import MISMATCH
from mlz.rest.documents import v3, v3_patch, v4, v4_patch
from mlz.rest.documents.changes import Named, merge_patch
from mlz.rest.documents.creation import Place, creation, manifest
from mlz.rest.documents.services import check_is_active
from mlz.rest.problems import STATUSES, Code, Refusal
from unit.rest.documents.examples import (
    BASE,
    CREATE_RESPONSE,
    HREF,
    SECOND_VERSION,
    SERVICE,
    VERSION,
    Json,
    a_create_body,
    an_update,
    related,
    the_deployment,
    the_second_version,
    the_service,
    the_version,
)

DOCUMENTS = "controlplane/test_rest_documents.py::"
ERRORS = "controlplane/test_rest_errors.py::"
TABLE = f"{ERRORS}test_a_request_is_refused"
TESTS = Path(__file__).parents[1]

SENTENCES: dict[str, str] = {
    # "Create online deployment API"
    "POST /v3/published_models/${modelId}/deployments": (
        f"{DOCUMENTS}test_the_documented_create_answers_exactly_the_documented_fields"
    ),
    "Content-Type: application/json": TABLE,
    "Authorization: <Bearer token>": f"{ERRORS}test_a_token_is_refused",
    "sysadm, mladm, apiuser (only if the model was created by the user)": (
        f"{DOCUMENTS}test_who_may_create"
    ),
    "The mode is sync in default if this parameter is not set.": (
        f"{DOCUMENTS}test_the_mode_is_sync_in_default"
    ),
    "In async mode ... the status of the created online deployment will be INITIALIZING.": (
        f"{DOCUMENTS}test_in_async_mode_it_is_initializing_and_get_tells_the_final_status"
    ),
    "You need to check the final status ... with the Get deployment detail API.": (
        f"{DOCUMENTS}test_in_async_mode_it_is_initializing_and_get_tells_the_final_status"
    ),
    "The status of a successfully created online deployment is ACTIVE.": (
        f"{DOCUMENTS}test_the_documented_create_answers_the_documented_values"
    ),
    "In sync mode, the response will be returned after the deploy action is completely done.": (
        f"{DOCUMENTS}test_in_sync_mode_the_answer_comes_when_the_deployment_is_done"
    ),
    "The request content is expected to contain a JSON object.": (
        "test_the_request_content_is_a_json_object"
    ),
    "The servingId must be 3 to 36 characters long, contain only letters, numbers, or "
    "underscores, and must begin with a letter.": "test_the_serving_id",
    "All deployments that use the same servingId must share an identical model schema": (
        f"{DOCUMENTS}test_deployments_of_one_serving_id_share_an_identical_schema"
    ),
    "only one deployment with a given servingId can be deployed within a specific scoringGroupId": (
        f"{DOCUMENTS}test_the_serving_id_is_answered_and_unique_in_its_scoring_group"
    ),
    "type: Required. Specify the deployment type: online or batch.": "test_required_fields",
    "name: Required. A unique name of the deployment created.": (
        f"{DOCUMENTS}test_the_name_of_a_deployment_is_unique"
    ),
    "description: Optional": "test_optional_fields",
    "author: Optional; name (optional for String), email (optional for String)": (
        "test_optional_fields"
    ),
    "deploy_info: Required": "test_required_fields",
    "scoringGroupId: Required; The group ID of a scoring service": (
        "test_required_fields_of_deploy_info"
    ),
    "scoringGroupId: ... must be an active one": (
        f"{DOCUMENTS}test_only_an_active_scoring_service_takes_deployments"
    ),
    "See the guid field returned by the Get scoring service list API.": (
        f"{DOCUMENTS}test_the_list_of_scoring_services_has_the_guid_that_a_create_takes"
    ),
    "engineType: Required; spark, pmml, scikit, xgboost, arima, sarimax, onnx, watfore": (
        "test_engine_types"
    ),
    "engineType: ... Refer to the Get model version API.": (
        f"{DOCUMENTS}test_a_model_version_tells_its_engine_type_and_its_schema"
    ),
    "artifactVersionHref: Required; contains the model ID and model version ID": (
        "test_the_href_holds_model_and_version"
    ),
    "artifactVersionHref: ... See the Get models API.": (
        f"{DOCUMENTS}test_models_are_got_by_name_with_their_latest_version"
    ),
    "zaiu: Optional Boolean. Applicable only to ONNX models.": (
        "test_accelerators_are_applicable_only_to_onnx_models"
    ),
    "zaiu: When set to true, the deployment uses the z16 on-chip AI accelerator for scoring.": (
        "test_each_flag_has_its_accelerator"
    ),
    "If both zaiu and telum2 are set to true, telum2 takes precedence.": (
        "test_telum2_takes_precedence"
    ),
    "If neither flag is specified, the ONNX model runs on the CPU.": (
        "test_each_flag_has_its_accelerator"
    ),
    "telum2: Optional Boolean. Applicable only to ONNX models.": (
        "test_accelerators_are_applicable_only_to_onnx_models"
    ),
    "telum2: When set to true, the deployment uses the z17 on-chip AI accelerator for scoring.": (
        "test_each_flag_has_its_accelerator"
    ),
    "batching: whether to enable online micro-batching, true or false.": (
        "test_micro_batching_may_be_declined"
    ),
    "maxLatencyInMs: maximum latency in milliseconds for online micro-batching.": (
        "test_micro_batching_has_no_limits_to_set"
    ),
    "maxBatchSize: maximum batch size for online micro-batching.": (
        "test_micro_batching_has_no_limits_to_set"
    ),
    "predictionHorizon is effective only when the engineType is set to watfore.": (
        "test_the_prediction_horizon_is_without_effect_elsewhere"
    ),
    "timeout: an optional duration, in milliseconds, for scoring requests in PMML": (
        f"{DOCUMENTS}test_details_are_updated_in_mlzs_form"
    ),
    "timeout: Valid range: 1-60,000 milliseconds.": "test_the_range_of_timeouts",
    "timeout: Default value: not specified": "test_optional_fields",
    "The specified timeout value is uniformly applied to all incoming online scoring requests": (
        "unit/resources/test_workload.py::test_the_engine_is_told_what_it_serves_and_as_whom"
    ),
    "If a scoring request exceeds the defined timeout duration, it is canceled": (
        "unit/scoring/test_http_api.py::test_overload_and_timeout_have_their_statuses"
    ),
    "... and a scoring request timed out error is returned.": (
        f"{ERRORS}test_what_scoring_pods_refuse_is_handed_on"
    ),
    "If a scoring request completes within the defined timeout duration, it returns a response": (
        "unit/scoring/test_http_api.py::test_scoring_works_under_both_ids"
    ),
    "Status code 201 indicates a successful completion.": (
        f"{DOCUMENTS}test_status_201_and_the_id_of_what_was_submitted"
    ),
    "A submission ID should be returned.": (
        f"{DOCUMENTS}test_status_201_and_the_id_of_what_was_submitted"
    ),
    "Example of request body": "test_the_request_example_makes_a_deployment",
    "Response example of a successful request": "test_the_response_example_field_for_field",
    "400 empty_deploy_info: No deploy_info is provided.": TABLE,
    "400 parsing_error: No type is provided.": TABLE,
    "400 not_supported_deployment_type: Invalid type is provided.": TABLE,
    "400 duplicate_deployment_name: Specify a unique online deployment name.": TABLE,
    "400 duplicate_deployment: the model of this version has been deployed in the service.": TABLE,
    "400 duplicate_deployment: Specify another version of this model or another scoring service.": (
        f"{DOCUMENTS}test_a_version_is_deployed_once_in_a_scoring_service_and_again_in_another"
    ),
    "400 timeout_not_supported: an integer greater than 0 ... the PMML engine only.": TABLE,
    "500 not_found: artifactVersionHref is not valid.": TABLE,
    # "Updating a deployment"
    "you can still update your deployment details": (
        f"{DOCUMENTS}test_details_are_updated_in_watsonxs_form"
    ),
    'For <operation type>, use "add", "remove", or "replace".': "test_three_operations",
    "you can update the deployed asset from the same endpoint": (
        f"{DOCUMENTS}test_watsonxs_asset_patch_is_updating_warns_and_becomes_ready"
    ),
    "When the update is complete, the new model is available from the REST API endpoint.": (
        f"{DOCUMENTS}test_a_completed_update_answers_at_the_same_url"
    ),
    "The framework of the new model is compatible with the existing deployed model.": (
        f"{DOCUMENTS}test_the_verdict_on_a_planned_update_is_told_without_it"
    ),
    "The input schema exists and matches for the new and deployed model.": (
        f"{DOCUMENTS}test_the_verdict_on_a_planned_update_is_told_without_it"
    ),
    "Failure to follow these conditions can result in a failed deployment.": (
        f"{DOCUMENTS}test_an_update_to_a_refused_asset_fails_and_the_old_one_goes_on"
    ),
    'The initial state for the PATCH API output is "updating".': (
        f"{DOCUMENTS}test_watsonxs_asset_patch_is_updating_warns_and_becomes_ready"
    ),
    'Keep polling the status until it changes to "ready", then retrieve the deployment meta.': (
        f"{DOCUMENTS}test_watsonxs_asset_patch_is_updating_warns_and_becomes_ready"
    ),
    "Only the ASSET attribute can be specified for the asset patch.": (
        "test_only_the_asset_can_be_specified"
    ),
    "Changing any other attribute results in an error.": TABLE,
    "The schema of the current model and the model being patched is compared": (
        f"{DOCUMENTS}test_the_verdict_on_a_planned_update_is_told_without_it"
    ),
    "A warning message is returned in the output of the Patch request API if the two don't "
    "match.": f"{DOCUMENTS}test_an_asset_update_with_a_mismatch_warns_goes_on_and_becomes_ready",
}


@pytest.mark.parametrize("holder", sorted(set(SENTENCES.values())))
def test_every_sentence_is_held_by_a_test_that_there_is(holder: str) -> None:
    file, _, name = holder.rpartition("::")
    source = Path(__file__) if not file else TESTS / file

    assert name in named_tests(source)


def named_tests(source: Path) -> set[str]:
    tree = ast.parse(source.read_text(encoding="utf-8"))
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    return {name for name in names if name.startswith("test_")}


def v3_entity(found: Any) -> Json:
    entity = v3.deployment(found, BASE)["entity"]
    assert isinstance(entity, dict)
    return entity


def refusal(document: object) -> Refusal:
    with pytest.raises(Refusal) as caught:
        creation(document)
    return caught.value


def fields_of(document: Any) -> Any:
    """The names of all fields, without their values."""
    if isinstance(document, dict):
        return {key: fields_of(value) for key, value in document.items()}
    return type(document)


# "Create online deployment API"


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


# "Updating a deployment"


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
    text = (
        "The input schema of the asset being patched does not match with the currently deployed "
        "asset. Please ensure that the score payloads are up to date as per the asset being "
        "patched."
    )
    found = an_update(message={"level": "warning", "text": MISMATCH})

    status = v4.deployment(found, BASE)["entity"]["status"]

    assert status["message"]["text"] == text
    assert v3_entity(found)["status_message"] == {"level": "warning", "text": text}
