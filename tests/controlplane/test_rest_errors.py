"""
What the REST API refuses, provoked by a real request: each row of IBM's table, each code of ours.

Every answer, refusals above all, is held to its shape by the caller (``rest_stage``): an object
with a code, a message and the request's id; never HTML, never a trace.
"""

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from controlplane.facades import PASSWORD, Caller
from controlplane.operators import Manifest, resource, until
from controlplane.rest_stage import ANOTHER_SCHEMA, RestStage, Version
from mlz.api.names import ANNOTATION_IMPORT_STARTED, ANNOTATION_PAUSED
from mlz.errors import Reason
from mlz.model.asset import Inspection
from mlz.rest.problems import ROWS, Code
from unit.store.servers import LocalServer, Reply

NOBODY = "00000000-0000-4000-8000-000000000000"
TESTS = Path(__file__).parents[1]
PNG = b"\x89PNG\r\n\x1a\n"

# Codes that no request alone provokes, and the tests that hold them.
HELD_ELSEWHERE = {
    Code.TIMED_OUT: "unit/rest/test_scoring.py::test_pods_that_take_too_long_are_a_504",
    Code.INTERNAL: "unit/rest/test_edge.py::test_a_fault_of_ours_says_its_id_and_nothing_more",
}


@dataclass(slots=True)
class Shop:
    """What the requests below are about."""

    stage: RestStage
    versions: dict[str, Version]
    path: str = ""

    @property
    def one(self) -> Version:
        """A version that nothing has deployed."""
        return self.versions["spare"]

    @property
    def v4(self) -> str:
        return f"/ml/v4/deployments/{self.path.rpartition('/')[2]}"

    def body(self, **deploy_info: Any) -> Manifest:
        """A create that nothing is wrong with; it is never sent so."""
        return self.stage.create_body(self.one, "a new one", **deploy_info)

    def move(self, version: str) -> list[Manifest]:
        href = self.versions[version].href
        return [{"op": "replace", "path": "/deploy_info/artifactVersionHref", "value": href}]


@pytest.fixture(scope="module")
def shop(stage: RestStage) -> Shop:
    """A deployment, two versions beside it, and what else the rows name."""
    stage.model("risk")
    stage.model("bystander")
    broken = Inspection(reason=Reason.MODEL_INVALID, message="it is cut off")
    found = [
        stage.version("risk-1", "risk"),
        stage.version("risk-wide", "risk", ANOTHER_SCHEMA),
        stage.version("risk-broken", "risk", broken),
        stage.version("spare", "risk"),
        stage.version("bystander-1", "bystander"),
    ]
    made = Shop(stage, {one.name: one for one in found})
    made.path = stage.deploy(found[0], "risk-online", servingId="risk")
    return made


@dataclass(frozen=True, slots=True)
class Row:
    """
    One refusal.

    Attributes:
        says: why, in a sentence.
        path: of what the request is for; a word of ``PATHS``, or a path.
        body: makes the JSON of the request.
        options: whatever else httpx takes.
    """

    says: str
    code: Code
    method: str
    path: str
    body: Callable[[Shop], object] | None = None
    user: str = "ada"
    status: int | None = None
    options: dict[str, Any] = field(default_factory=dict)


PATHS: dict[str, Callable[[Shop], str]] = {
    "create": lambda shop: shop.one.deployments,
    "deployment": lambda shop: shop.path,
    "v4": lambda shop: shop.v4,
    "predictions": lambda shop: f"{shop.v4}/predictions",
    "validate": lambda shop: f"{shop.path}/validate",
    "model": lambda shop: f"/v3/ml_assets/models/{shop.one.model_guid}",
    "models": lambda _: "/v3/ml_assets/models",
    "versions": lambda shop: f"/v3/ml_assets/models/{shop.one.model_guid}/versions",
    "services": lambda _: "/v3/deployments/scoring",
    "service": lambda shop: f"/v3/deployments/scoring/{shop.stage.group}",
    "node": lambda _: "/v3/deployments/ha/scoring/node",
    "token": lambda _: "/auth/generateToken",
}


def without(document: Manifest, *keys: str) -> Manifest:
    return {key: value for key, value in document.items() if key not in keys}


def patch(path: str, value: object, op: str = "replace") -> Callable[[Shop], object]:
    return lambda _: [{"op": op, "path": path, "value": value}]


def raw(content: bytes, kind: str = "application/json") -> dict[str, Any]:
    return {"content": content, "headers": {"Content-Type": kind}}


def form(name: str, content: bytes, metadata: str) -> dict[str, Any]:
    return {"files": {"file": (name, content)}, "data": {"metadata": metadata}}


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

ROWS_BY_REQUEST = [*IBMS_TABLE, *OURS]


@pytest.mark.parametrize("row", ROWS_BY_REQUEST, ids=lambda row: row.says)
def test_a_request_is_refused(shop: Shop, row: Row) -> None:
    path = PATHS[row.path](shop) if row.path in PATHS else row.path
    options = dict(row.options)
    if row.body is not None:
        options["json"] = row.body(shop)

    response = shop.stage.as_(row.user)(row.method, path, **options)

    assert response.json()["code"] == row.code, response.text
    assert response.status_code == (row.status or ROWS[row.code].status), response.text
    needs_retry_after = response.status_code in (429, 503)
    assert ("retry-after" in response.headers) >= needs_retry_after


def test_the_table_of_ibm_is_the_documented_one() -> None:
    documented = [(row.status, row.code.value) for row in IBMS_TABLE]

    assert list(dict.fromkeys(documented)) == [
        (400, "empty_deploy_info"),
        (400, "parsing_error"),
        (400, "not_supported_deployment_type"),
        (400, "duplicate_deployment_name"),
        (400, "duplicate_deployment"),
        (400, "timeout_not_supported"),
        (500, "not_found"),
    ]


# Tokens


def _forged(shop: Shop) -> str:
    head, claims, signature = shop.stage.token("ada").split(".")
    return ".".join((head, claims, signature[::-1]))


TOKENS: list[tuple[str, Callable[[Shop], str | None], Code]] = [
    ("no token", lambda _: None, Code.INVALID_TOKEN),
    ("a malformed one", lambda _: "x.y", Code.INVALID_TOKEN),
    ("a forged one", _forged, Code.INVALID_TOKEN),
    (
        "one for others",
        lambda shop: shop.stage.token("ada", audience="others"),
        Code.INVALID_TOKEN,
    ),
    ("an early one", lambda shop: shop.stage.token("ada", age_seconds=-600), Code.INVALID_TOKEN),
    ("an expired one", lambda shop: shop.stage.token("ada", age_seconds=7200), Code.EXPIRED_TOKEN),
]


@pytest.mark.parametrize(("says", "token", "code"), TOKENS, ids=[row[0] for row in TOKENS])
def test_a_token_is_refused(
    shop: Shop, says: str, token: Callable[[Shop], str | None], code: Code
) -> None:
    with shop.stage.bearer(token(shop)) as caller:
        response = caller("GET", shop.path)

    assert (response.status_code, response.json()["code"]) == (401, code)
    assert response.headers["www-authenticate"].startswith("Bearer")


# What takes more than one request


def test_too_many_attempts_to_log_in_have_to_wait(shop: Shop) -> None:
    body = {"username": "somebody else", "password": "a wrong word"}
    with shop.stage.bearer(None) as caller:
        answers = [caller("POST", "/auth/generateToken", json=body) for _ in range(10)]

    codes = [one.json()["code"] for one in answers]
    assert set(codes) == {Code.INVALID_CREDENTIALS, Code.TOO_MANY_ATTEMPTS}
    last = answers[codes.index(Code.TOO_MANY_ATTEMPTS)]
    assert last.status_code == 429
    assert int(last.headers["retry-after"]) >= 1


def test_a_scoring_service_that_is_not_active_takes_nothing(shop: Shop) -> None:
    asleep = {"name": "asleep", "active": False}
    made = shop.stage.as_("root")("POST", "/v3/deployments/scoring", json=asleep)
    body = shop.body(scoringGroupId=made.json()["metadata"]["guid"])

    refused = shop.stage.as_("ada")("POST", shop.one.deployments, json=body)

    assert (refused.status_code, refused.json()["code"]) == (400, Code.INACTIVE_SCORING_SERVICE)


def test_an_imported_file_that_inspection_refuses_leaves_nothing(shop: Shop) -> None:
    content, stage = b"<PMML>cut off", shop.stage
    stage.refuse(content, Reason.MODEL_INVALID, "it is cut off")
    sent = form("m.pmml", content, '{"name": "cut off"}')

    refused = stage.as_("dev")("POST", "/v3/ml_assets/models", **sent)

    assert (refused.status_code, refused.json()["code"]) == (422, Code.MODEL_REFUSED)
    reason = {"reason": "ModelInvalid", "message": "it is cut off"}
    assert refused.json()["errors"] == [reason]
    assert stage.as_("dev")("GET", "/v3/ml_assets/models").json()["count"] == 0
    assert stage.store.manifests == {}


def test_a_model_that_is_being_imported_is_not_deleted(shop: Shop) -> None:
    stage = shop.stage
    guid = stage.model("arriving")
    artifact = {"uri": "https://store.example.com/arriving", "sha256": "0" * 64}
    spec = {"model": "arriving", "artifact": artifact, "engineType": "pmml"}
    body = resource("MLzModelVersion", "arriving-1", spec)
    notes = {ANNOTATION_PAUSED: "true", ANNOTATION_IMPORT_STARTED: "2100-01-01T00:00:00Z"}
    body["metadata"]["annotations"] = notes
    stage.admin.apply(body)
    path = f"/v3/ml_assets/models/{guid}"
    until(lambda: stage.as_("ada")("GET", path).is_success, "the model is known")

    refused = stage.as_("ada")("DELETE", path)

    assert (refused.status_code, refused.json()["code"]) == (409, Code.CONFLICT)
    assert int(refused.headers["retry-after"]) >= 1


def test_a_body_that_does_not_arrive_is_not_waited_for(shop: Shop) -> None:
    token = shop.stage.token("ada")
    head = (
        f"POST {shop.one.deployments} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
        "Content-Type: application/json\r\nContent-Length: 5\r\nConnection: close\r\n\r\n{"
    )
    with socket.create_connection(("127.0.0.1", shop.stage.facade.port), 20) as connection:
        connection.sendall(head.encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode()

    assert answer.startswith("HTTP/1.1 408")
    assert '"code": "request_timeout"' in answer


# What the scoring pods refuse is handed on

POD_ANSWERS: list[tuple[Code, int]] = [
    (Code.BAD_INPUT, 400),
    (Code.TOO_MANY_RECORDS, 413),
    (Code.ANSWER_NOT_FINITE, 422),
    (Code.SCORING_REFUSED, 422),
    (Code.NOT_READY, 503),
    (Code.OVERLOADED, 503),
    (Code.SCORING_TIMEOUT, 504),
]


@pytest.fixture(scope="module")
def pods(shop: Shop) -> Iterator[LocalServer]:
    """Stands in the place of the scoring pods of a deployment that the operator leaves alone."""
    admin = shop.stage.admin
    body = resource(
        "MLzDeployment",
        "with-pods",
        {
            "type": "online",
            "servingId": "with_pods",
            "scoringService": "default",
            "engineType": "pmml",
            "asset": {"modelVersion": "bystander-1"},
        },
    )
    body["metadata"]["annotations"] = {ANNOTATION_PAUSED: "true"}
    admin.apply(body)
    with LocalServer() as server:
        status = {"status": {"scoringUrl": f"{server.url}/iml/v2/scoring/online/x"}}
        admin.patch("MLzDeployment", "with-pods", status, "status")
        ask = {"input_data": [{"fields": ["age"], "values": [[1]]}]}
        server.script(Reply(200, b'[{"prediction": 1}]'))
        ada = shop.stage.as_("ada")
        until(
            lambda: ada("POST", "/ml/v4/deployments/with_pods/predictions", json=ask).is_success,
            "the facade has heard of the deployment and its pods",
        )
        yield server


def predicted(caller: Caller) -> httpx.Response:
    ask = {"input_data": [{"fields": ["age"], "values": [[1]]}]}
    return caller("POST", "/ml/v4/deployments/with_pods/predictions", json=ask)


@pytest.mark.parametrize(("code", "status"), POD_ANSWERS)
def test_what_scoring_pods_refuse_is_handed_on(
    shop: Shop, pods: LocalServer, code: Code, status: int
) -> None:
    body = f'{{"code": "{code.value}", "message": "of the pods", "requestId": "theirs"}}'
    pods.script(Reply(status, body.encode(), {"Retry-After": "7"} if status == 503 else {}))

    response = predicted(shop.stage.as_("ada"))

    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.json()["message"] == "of the pods"
    assert response.headers.get("retry-after") == ("7" if status == 503 else None)


@pytest.mark.parametrize("body", [b"<html>", b'"x"', b'{"code": 5}', b"[]"])
def test_pods_that_answer_something_else_are_unavailable(
    shop: Shop, pods: LocalServer, body: bytes
) -> None:
    pods.script(Reply(502, body))

    response = predicted(shop.stage.as_("ada"))

    assert (response.status_code, response.json()["code"]) == (503, Code.UNAVAILABLE)


@pytest.mark.parametrize("holder", HELD_ELSEWHERE.values())
def test_what_no_request_provokes_is_held_elsewhere(holder: str) -> None:
    file, _, name = holder.partition("::")

    assert f"def {name}(" in (TESTS / file).read_text(encoding="utf-8")


def test_no_code_is_without_a_test() -> None:
    by_request = {row.code for row in ROWS_BY_REQUEST} | {code for _, _, code in TOKENS}
    by_story = {
        Code.TOO_MANY_ATTEMPTS,
        Code.INACTIVE_SCORING_SERVICE,
        Code.MODEL_REFUSED,
        Code.CONFLICT,
        Code.REQUEST_TIMEOUT,
    }
    handed_on = {code for code, _ in POD_ANSWERS}

    assert by_request | by_story | handed_on | HELD_ELSEWHERE.keys() == set(Code)
