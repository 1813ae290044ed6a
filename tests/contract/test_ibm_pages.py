"""
The two public pages of IBM that the REST API follows, sentence by sentence.

``SENTENCES`` has every sentence that promises something, and the test that holds it: those about
documents alone are in ``test_ibm_create_page`` and ``test_ibm_update_page``, the others over HTTP
in ``controlplane``, those of pods in ``unit``.
Sources: MLz 3.2, "Create online deployment API"; watsonx, "Updating a deployment".
"""

import ast
from pathlib import Path

import pytest

CREATE = "contract/test_ibm_create_page.py::"
UPDATE = "contract/test_ibm_update_page.py::"
CREATION = "controlplane/test_rest_creation.py::"
DEPLOYMENTS = "controlplane/test_rest_deployments.py::"
ERRORS = "controlplane/test_rest_errors.py::"
TABLE = f"{ERRORS}test_a_request_is_refused"
TESTS = Path(__file__).parents[1]

SENTENCES: dict[str, str] = {
    # "Create online deployment API"
    "POST /v3/published_models/${modelId}/deployments": (
        f"{CREATION}test_the_documented_create_answers_exactly_the_documented_fields"
    ),
    "Content-Type: application/json": TABLE,
    "Authorization: <Bearer token>": f"{ERRORS}test_a_token_is_refused",
    "sysadm, mladm, apiuser (only if the model was created by the user)": (
        f"{CREATION}test_who_may_create"
    ),
    "The mode is sync in default if this parameter is not set.": (
        f"{CREATION}test_the_mode_is_sync_in_default"
    ),
    "In async mode ... the status of the created online deployment will be INITIALIZING.": (
        f"{CREATION}test_in_async_mode_it_is_initializing_and_get_tells_the_final_status"
    ),
    "You need to check the final status ... with the Get deployment detail API.": (
        f"{CREATION}test_in_async_mode_it_is_initializing_and_get_tells_the_final_status"
    ),
    "The status of a successfully created online deployment is ACTIVE.": (
        f"{CREATION}test_the_documented_create_answers_the_documented_values"
    ),
    "In sync mode, the response will be returned after the deploy action is completely done.": (
        f"{CREATION}test_in_sync_mode_the_answer_comes_when_the_deployment_is_done"
    ),
    "The request content is expected to contain a JSON object.": (
        f"{CREATE}test_the_request_content_is_a_json_object"
    ),
    "The servingId must be 3 to 36 characters long, contain only letters, numbers, or "
    "underscores, and must begin with a letter.": f"{CREATE}test_the_serving_id",
    "All deployments that use the same servingId must share an identical model schema": (
        f"{CREATION}test_deployments_of_one_serving_id_share_an_identical_schema"
    ),
    "only one deployment with a given servingId can be deployed within a specific scoringGroupId": (
        f"{CREATION}test_the_serving_id_is_answered_and_unique_in_its_scoring_group"
    ),
    "type: Required. Specify the deployment type: online or batch.": (
        f"{CREATE}test_required_fields"
    ),
    "name: Required. A unique name of the deployment created.": (
        f"{CREATION}test_the_name_of_a_deployment_is_unique"
    ),
    "description: Optional": f"{CREATE}test_optional_fields",
    "author: Optional; name (optional for String), email (optional for String)": (
        f"{CREATE}test_optional_fields"
    ),
    "deploy_info: Required": f"{CREATE}test_required_fields",
    "scoringGroupId: Required; The group ID of a scoring service": (
        f"{CREATE}test_required_fields_of_deploy_info"
    ),
    "scoringGroupId: ... must be an active one": (
        f"{CREATION}test_only_an_active_scoring_service_takes_deployments"
    ),
    "See the guid field returned by the Get scoring service list API.": (
        f"{CREATION}test_the_list_of_scoring_services_has_the_guid_that_a_create_takes"
    ),
    "engineType: Required; spark, pmml, scikit, xgboost, arima, sarimax, onnx, watfore": (
        f"{CREATE}test_engine_types"
    ),
    "engineType: ... Refer to the Get model version API.": (
        f"{CREATION}test_a_model_version_tells_its_engine_type_and_its_schema"
    ),
    "artifactVersionHref: Required; contains the model ID and model version ID": (
        f"{CREATE}test_the_href_holds_model_and_version"
    ),
    "artifactVersionHref: ... See the Get models API.": (
        f"{CREATION}test_models_are_got_by_name_with_their_latest_version"
    ),
    "zaiu: Optional Boolean. Applicable only to ONNX models.": (
        f"{CREATE}test_accelerators_are_applicable_only_to_onnx_models"
    ),
    "zaiu: When set to true, the deployment uses the z16 on-chip AI accelerator for scoring.": (
        f"{CREATE}test_each_flag_has_its_accelerator"
    ),
    "If both zaiu and telum2 are set to true, telum2 takes precedence.": (
        f"{CREATE}test_telum2_takes_precedence"
    ),
    "If neither flag is specified, the ONNX model runs on the CPU.": (
        f"{CREATE}test_each_flag_has_its_accelerator"
    ),
    "telum2: Optional Boolean. Applicable only to ONNX models.": (
        f"{CREATE}test_accelerators_are_applicable_only_to_onnx_models"
    ),
    "telum2: When set to true, the deployment uses the z17 on-chip AI accelerator for scoring.": (
        f"{CREATE}test_each_flag_has_its_accelerator"
    ),
    "batching: whether to enable online micro-batching, true or false.": (
        f"{CREATE}test_micro_batching_may_be_declined"
    ),
    "maxLatencyInMs: maximum latency in milliseconds for online micro-batching.": (
        f"{CREATE}test_micro_batching_has_no_limits_to_set"
    ),
    "maxBatchSize: maximum batch size for online micro-batching.": (
        f"{CREATE}test_micro_batching_has_no_limits_to_set"
    ),
    "predictionHorizon is effective only when the engineType is set to watfore.": (
        f"{CREATE}test_the_prediction_horizon_is_without_effect_elsewhere"
    ),
    "timeout: an optional duration, in milliseconds, for scoring requests in PMML": (
        f"{DEPLOYMENTS}test_details_are_updated_in_mlzs_form"
    ),
    "timeout: Valid range: 1-60,000 milliseconds.": f"{CREATE}test_the_range_of_timeouts",
    "timeout: Default value: not specified": f"{CREATE}test_optional_fields",
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
        f"{CREATION}test_status_201_and_the_id_of_what_was_submitted"
    ),
    "A submission ID should be returned.": (
        f"{CREATION}test_status_201_and_the_id_of_what_was_submitted"
    ),
    "Example of request body": f"{CREATE}test_the_request_example_makes_a_deployment",
    "Response example of a successful request": (
        f"{CREATE}test_the_response_example_field_for_field"
    ),
    "400 empty_deploy_info: No deploy_info is provided.": TABLE,
    "400 parsing_error: No type is provided.": TABLE,
    "400 not_supported_deployment_type: Invalid type is provided.": TABLE,
    "400 duplicate_deployment_name: Specify a unique online deployment name.": TABLE,
    "400 duplicate_deployment: the model of this version has been deployed in the service.": TABLE,
    "400 duplicate_deployment: Specify another version of this model or another scoring service.": (
        f"{CREATION}test_a_version_is_deployed_once_in_a_scoring_service_and_again_in_another"
    ),
    "400 timeout_not_supported: an integer greater than 0 ... the PMML engine only.": TABLE,
    "500 not_found: artifactVersionHref is not valid.": TABLE,
    # "Updating a deployment"
    "you can still update your deployment details": (
        f"{DEPLOYMENTS}test_details_are_updated_in_watsonxs_form"
    ),
    'For <operation type>, use "add", "remove", or "replace".': f"{UPDATE}test_three_operations",
    "you can update the deployed asset from the same endpoint": (
        f"{DEPLOYMENTS}test_watsonxs_asset_patch_is_updating_warns_and_becomes_ready"
    ),
    "When the update is complete, the new model is available from the REST API endpoint.": (
        f"{DEPLOYMENTS}test_a_completed_update_answers_at_the_same_url"
    ),
    "The framework of the new model is compatible with the existing deployed model.": (
        f"{DEPLOYMENTS}test_the_verdict_on_a_planned_update_is_told_without_it"
    ),
    "The input schema exists and matches for the new and deployed model.": (
        f"{DEPLOYMENTS}test_the_verdict_on_a_planned_update_is_told_without_it"
    ),
    "Failure to follow these conditions can result in a failed deployment.": (
        f"{DEPLOYMENTS}test_an_update_to_a_refused_asset_fails_and_the_old_one_goes_on"
    ),
    'The initial state for the PATCH API output is "updating".': (
        f"{DEPLOYMENTS}test_watsonxs_asset_patch_is_updating_warns_and_becomes_ready"
    ),
    'Keep polling the status until it changes to "ready", then retrieve the deployment meta.': (
        f"{DEPLOYMENTS}test_watsonxs_asset_patch_is_updating_warns_and_becomes_ready"
    ),
    "Only the ASSET attribute can be specified for the asset patch.": (
        f"{UPDATE}test_only_the_asset_can_be_specified"
    ),
    "Changing any other attribute results in an error.": TABLE,
    "The schema of the current model and the model being patched is compared": (
        f"{DEPLOYMENTS}test_the_verdict_on_a_planned_update_is_told_without_it"
    ),
    "A warning message is returned in the output of the Patch request API if the two don't "
    "match.": f"{DEPLOYMENTS}test_an_asset_update_with_a_mismatch_warns_goes_on_and_becomes_ready",
}


@pytest.mark.parametrize("holder", sorted(set(SENTENCES.values())))
def test_every_sentence_is_held_by_a_test_that_there_is(holder: str) -> None:
    file, _, name = holder.partition("::")

    assert name in named_tests(TESTS / file)


def named_tests(source: Path) -> set[str]:
    tree = ast.parse(source.read_text(encoding="utf-8"))
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    return {name for name in names if name.startswith("test_")}
