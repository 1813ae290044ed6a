"""
What the REST API refuses, provoked by a real request: each row of IBM's table, each code of ours.

The requests are in ``refusals``. Every answer, refusals above all, is held to its shape by the
caller (``rest_stage``): an object with a code, a message and the request's id; never HTML, never a
trace.
"""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from controlplane.facades import Caller
from controlplane.operators import resource, until
from controlplane.refusals import IBMS_TABLE, OURS
from controlplane.rest_stage import ANOTHER_SCHEMA, RestStage
from controlplane.shop import PATHS, Row, Shop, form
from mlz.api.names import ANNOTATION_IMPORT_STARTED, ANNOTATION_PAUSED
from mlz.errors import Reason
from mlz.model.asset import Inspection
from mlz.rest.problems import ROWS, Code
from unit.store.servers import LocalServer, Reply

TESTS = Path(__file__).parents[1]

# Codes that no request alone provokes, and the tests that hold them.
HELD_ELSEWHERE = {
    Code.TIMED_OUT: "unit/rest/test_scoring.py::test_pods_that_take_too_long_are_a_504",
    Code.INTERNAL: "unit/rest/test_edge.py::test_a_fault_of_ours_says_its_id_and_nothing_more",
}
ROWS_BY_REQUEST = [*IBMS_TABLE, *OURS]


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
