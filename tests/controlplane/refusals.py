"""Requests that the REST API refuses, a sentence each: IBM's table, and what is ours."""

from controlplane.facades import PASSWORD
from controlplane.shop import Row, form, patch, raw, without
from mlz.rest.problems import Code

NOBODY = "00000000-0000-4000-8000-000000000000"
PNG = b"\x89PNG\r\n\x1a\n"

# Source: MLz 3.2, "Create online deployment API", Table 3; in its order.
IBMS_TABLE = [
    Row(
        "No deploy_info is provided.",
        Code.EMPTY_DEPLOY_INFO, "POST", "create",
        lambda shop: without(shop.body(), "deploy_info"),
        status=400,
    ),
    Row(
        "No type is provided.",
        Code.PARSING_ERROR, "POST", "create",
        lambda shop: without(shop.body(), "type"),
        status=400,
    ),
    Row(
        "Invalid type is provided.",
        Code.NOT_SUPPORTED_DEPLOYMENT_TYPE, "POST", "create",
        lambda shop: shop.body() | {"type": "stream"},
        status=400,
    ),
    Row(
        "Specify a unique online deployment name.",
        Code.DUPLICATE_DEPLOYMENT_NAME, "POST", "create",
        lambda shop: shop.body() | {"name": "risk-online"},
        status=400,
    ),
    Row(
        "The model of this version has been deployed in the scoring service.",
        Code.DUPLICATE_DEPLOYMENT, "POST", "create",
        lambda shop: shop.body(artifactVersionHref=shop.versions["risk-1"].href),
        status=400,
    ),
    Row(
        "The timeout value must be an integer greater than 0.",
        Code.TIMEOUT_NOT_SUPPORTED, "POST", "create",
        lambda shop: shop.body(timeout=0),
        status=400,
    ),
    Row(
        "The timeout is supported with the PMML engine only.",
        Code.TIMEOUT_NOT_SUPPORTED, "POST", "create",
        lambda shop: shop.body(timeout=10, engineType="onnx"),
        status=400,
    ),
    Row(
        "artifactVersionHref is not valid: it is no href at all.",
        Code.NOT_FOUND, "POST", "create",
        lambda shop: shop.body(artifactVersionHref="/v3/models/x"),
        status=500,
    ),
    Row(
        "artifactVersionHref is not valid: it names nothing.",
        Code.NOT_FOUND, "POST", "create",
        lambda shop: shop.body(artifactVersionHref=shop.one.href[:-36] + NOBODY),
        status=500,
    ),
    Row(
        "artifactVersionHref is not valid: it names a version of another model than the path.",
        Code.NOT_FOUND, "POST", "create",
        lambda shop: shop.body(artifactVersionHref=shop.versions["bystander-1"].href),
        status=500,
    ),
]  # fmt: skip

OURS = [
    # The body
    Row("The body is no JSON.", Code.PARSING_ERROR, "POST", "create", options=raw(b"{")),
    Row("The body is no object.", Code.PARSING_ERROR, "POST", "create", lambda _: []),
    Row(
        "The body is not UTF-8.",
        Code.PARSING_ERROR, "PATCH", "deployment",
        options=raw(b'"\xff"'),
    ),
    Row(
        "The body is nested too deeply.",
        Code.PARSING_ERROR, "PATCH", "v4",
        options=raw(b"[" * 5000 + b"]" * 5000),
    ),
    Row(
        "The body is no form.",
        Code.PARSING_ERROR, "POST", "models",
        options=raw(b"x", "multipart/form-data; boundary=b"),
    ),
    Row(
        "The content type is no JSON.",
        Code.UNSUPPORTED_MEDIA_TYPE, "POST", "create",
        options=raw(b"<a/>", "application/xml"),
    ),
    Row(
        "The content type of an import is no form.",
        Code.UNSUPPORTED_MEDIA_TYPE, "POST", "models",
        lambda _: {},
    ),
    Row(
        "The body is too large.",
        Code.BODY_TOO_LARGE, "POST", "create",
        options=raw(b" " * (1024 * 1024 + 1)),
    ),
    # Fields and parameters
    Row(
        "A field has a wrong type.",
        Code.INVALID_FIELD, "POST", "create",
        lambda shop: shop.body() | {"description": 5},
    ),
    Row(
        "A required field is missing.",
        Code.INVALID_FIELD, "POST", "create",
        lambda shop: without(shop.body(), "name"),
    ),
    Row(
        "The engine type is another one than the version's.",
        Code.INVALID_FIELD, "POST", "create",
        lambda shop: shop.body(engineType="xgboost"),
    ),
    Row(
        "An accelerator is asked for a model that is not of onnx.",
        Code.INVALID_FIELD, "POST", "create",
        lambda shop: shop.body(zaiu=True),
    ),
    Row(
        "Micro-batching is not offered yet.",
        Code.INVALID_FIELD, "PATCH", "deployment",
        patch("/deploy_info/batching", True),
    ),
    Row(
        "A query parameter has a wrong type.",
        Code.INVALID_FIELD, "POST", "create",
        lambda shop: shop.body(),
        options={"params": {"sync": "perhaps"}},
    ),
    Row(
        "A limit of a list is no number.",
        Code.INVALID_FIELD, "GET", "/v3/deployments",
        options={"params": {"limit": "-1"}},
    ),
    Row(
        "The mark of a page is none of ours.",
        Code.INVALID_FIELD, "GET", "/ml/v4/deployments",
        options={"params": {"start": "x"}},
    ),
    Row(
        "The Idempotency-Key is too long.",
        Code.INVALID_FIELD, "POST", "create",
        lambda shop: shop.body(),
        options={"headers": {"Idempotency-Key": "x" * 201}},
    ),
    Row(
        "A table to score has no rows.",
        Code.INVALID_FIELD, "POST", "predictions",
        lambda _: {"input_data": [{"fields": ["age"]}]},
    ),
    Row(
        "The engine type is one of MLz that is not offered.",
        Code.UNSUPPORTED_ENGINE, "POST", "create",
        lambda shop: shop.body(engineType="spark"),
    ),
    Row(
        "The servingId begins with a digit.",
        Code.INVALID_SERVING_ID, "POST", "create",
        lambda shop: shop.body() | {"servingId": "1st"},
    ),
    Row(
        "Another deployment of the scoring service has the servingId.",
        Code.DUPLICATE_SERVING_ID, "POST", "create",
        lambda shop: shop.body() | {"servingId": "risk"},
    ),
    Row(
        "The scoringGroupId is nobody's.",
        Code.UNKNOWN_SCORING_SERVICE, "POST", "create",
        lambda shop: shop.body(scoringGroupId=NOBODY),
    ),
    Row(
        "Batch is not offered yet.",
        Code.NOT_SUPPORTED_DEPLOYMENT_TYPE, "POST", "create",
        lambda shop: shop.body() | {"type": "batch"},
    ),
    # Ids in paths
    Row("No model has the id.", Code.NOT_FOUND, "GET", f"/v3/ml_assets/models/{NOBODY}"),
    Row(
        "No model has the id, and so none can be deployed.",
        Code.NOT_FOUND, "POST", f"/v3/published_models/{NOBODY}/deployments",
        lambda shop: shop.body(),
    ),
    Row("No deployment has the id.", Code.NOT_FOUND, "GET", f"/ml/v4/deployments/{NOBODY}"),
    Row("No deployment has the odd id.", Code.NOT_FOUND, "DELETE", "/ml/v4/deployments/%00%20'"),
    Row(
        "No scoring service has the id.",
        Code.NOT_FOUND, "DELETE", f"/v3/deployments/scoring/{NOBODY}",
        user="root",
    ),
    Row(
        "No deployment has the servingId.",
        Code.NOT_FOUND, "POST", "/ml/v4/deployments/nobody/predictions",
        lambda _: {"input_data": [{"values": [[1]]}]},
    ),
    Row("There is nothing at the path.", Code.NOT_FOUND, "GET", "/v4/deployments"),
    Row("The path has other methods.", Code.METHOD_NOT_ALLOWED, "PUT", "deployment"),
    # Updates
    Row(
        "An update of the asset changes the name as well.",
        Code.ONLY_ASSET_CAN_BE_PATCHED, "PATCH", "deployment",
        lambda shop: [*shop.move("spare"), {"op": "replace", "path": "/name", "value": "x"}],
    ),
    Row(
        "An update of the asset in watsonx's form changes the name as well.",
        Code.ONLY_ASSET_CAN_BE_PATCHED, "PATCH", "v4",
        lambda shop: [
            {"op": "replace", "path": "/asset", "value": {"id": shop.one.guid}},
            {"op": "replace", "path": "/name", "value": "x"},
        ],
    ),
    Row(
        "Another path than the documented ones.",
        Code.PARSING_ERROR, "PATCH", "deployment",
        patch("/servingId", "other"),
    ),
    Row(
        "Another operation than the documented ones.",
        Code.PARSING_ERROR, "PATCH", "v4",
        patch("/name", "x", "test"),
    ),
    Row(
        "The asset of an update names nothing.",
        Code.NOT_FOUND, "PATCH", "deployment",
        lambda shop: patch(
            "/deploy_info/artifactVersionHref", shop.one.href[:-36] + NOBODY
        )(shop),
        status=500,
    ),
    Row(
        "The asset of an update in watsonx's form names nothing.",
        Code.NOT_FOUND, "PATCH", "v4",
        patch("/asset", {"id": NOBODY}),
    ),
    Row(
        "A timeout above the documented range.",
        Code.TIMEOUT_NOT_SUPPORTED, "PATCH", "deployment",
        patch("/deploy_info/timeout", 60001),
    ),
    Row(
        "The engine type alone is not to be changed.",
        Code.INVALID_FIELD, "PATCH", "deployment",
        patch("/deploy_info/engineType", "onnx"),
    ),
    Row(
        "Another schema under a servingId.",
        Code.SCHEMA_MISMATCH, "PATCH", "deployment",
        lambda shop: shop.move("risk-wide"),
    ),
    Row(
        "The new asset is refused.",
        Code.UPDATE_FAILED, "PATCH", "deployment",
        lambda shop: shop.move("risk-broken"),
    ),
    Row(
        "It is not what If-Match says.",
        Code.PRECONDITION_FAILED, "DELETE", "deployment",
        options={"headers": {"If-Match": '"1"'}},
    ),
    # What is there already, and what is in use
    Row("Deployments use the model.", Code.MODEL_DEPLOYED, "DELETE", "model"),
    Row(
        "Deployments run in the scoring service.",
        Code.SCORING_SERVICE_IN_USE, "DELETE", "service", user="root",
    ),
    Row(
        "Another scoring service has the name.",
        Code.SCORING_SERVICE_EXISTS, "POST", "services",
        lambda _: {"name": "default"}, user="root",
    ),
    Row(
        "Another model has the name.",
        Code.DUPLICATE_MODEL_NAME, "POST", "models",
        options=form("m.pmml", b"<PMML/>", '{"name": "risk"}'),
    ),
    Row(
        "A file tells no engine type.",
        Code.INVALID_FIELD, "POST", "models",
        options=form("m.png", PNG, '{"name": "picture"}'),
    ),
    Row(
        "Nodes are Kubernetes'.",
        Code.NOT_SUPPORTED, "POST", "node", lambda _: {}, user="root",
    ),
    # Who asks
    Row(
        "A wrong password.",
        Code.INVALID_CREDENTIALS, "POST", "token",
        lambda _: {"username": "ada", "password": "a wrong word"},
    ),
    Row(
        "A user whom nobody knows.",
        Code.INVALID_CREDENTIALS, "POST", "token",
        lambda _: {"username": "nobody", "password": PASSWORD},
    ),
    Row(
        "A role that may not do it at all.",
        Code.INVALID_ROLE, "POST", "create",
        lambda shop: shop.body(), user="app",
    ),
    Row("A scoring node by another than sysadm.", Code.INVALID_ROLE, "POST", "node", lambda _: {}),
    Row("Another's deployment.", Code.NOT_OWNER, "GET", "deployment", user="stranger"),
    Row(
        "The scoring pods do not answer.",
        Code.UNAVAILABLE, "POST", "predictions",
        lambda _: {"input_data": [{"fields": ["age"], "values": [[1]]}]},
    ),
]  # fmt: skip
