"""Who may score, over HTTP: the status of refusals, what stays open, and what is not read."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from unit.scoring import tokens
from unit.scoring.guarded import ACCOUNTS, SHOP, USERS
from unit.scoring.kit import JSON_TYPE, Answer, Client, Live, ask, request, serving_adder
from unit.scoring.tokens import MountedFile, Signer, a_trust

SCORE = "/iml/v2/scoring/online/g"
INFER = "/v2/models/m/infer"
BODY = {
    SCORE: [{"x": 1}],
    INFER: {"inputs": [{"name": "x", "datatype": "FP64", "shape": [1], "data": [1]}]},
}


def fresh(signer: Signer, subject: str = "u", **claims: Any) -> str:
    """A token of this moment: a server has the clock of the machine."""
    now = int(time.time())
    return signer.token(subject, **{"iat": now, "nbf": now, "exp": now + 3600, **claims})


def required(folder: Path, **settings: Any) -> Any:
    file = MountedFile(folder)
    file.write(a_trust(USERS, ACCOUNTS))
    return serving_adder(authentication="Required", trust_file=str(file.path), **settings)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with required(tmp_path_factory.mktemp("trust")) as live:
        yield live


def scored(live: Live, path: str, token: str | None, **options: Any) -> Answer:
    headers = [JSON_TYPE] + ([] if token is None else [("Authorization", f"Bearer {token}")])
    return ask(live.port, path, BODY[path], headers=headers, **options)


@pytest.mark.parametrize("path", [SCORE, INFER])
@pytest.mark.parametrize(
    ("token", "status", "code"),
    [
        pytest.param(None, 401, "ALNB102E", id="none"),
        pytest.param("nonsense", 401, "ALNB102E", id="malformed"),
        pytest.param(fresh(USERS, exp=1, nbf=1, iat=1), 401, "ALNB103E", id="expired"),
        pytest.param(fresh(USERS, role="x"), 403, "ALNB101E", id="without a role"),
        pytest.param(fresh(USERS, role="apiuser"), 403, "not_owner", id="not the owner"),
    ],
)
def test_refusals_have_their_status(
    live: Live, path: str, token: str | None, status: int, code: str
) -> None:
    answer = scored(live, path, token)

    assert (answer.status, answer.json["code"]) == (status, code)
    assert answer.json["message"]
    assert len(answer.json["requestId"]) == 16
    assert answer.headers.get("www-authenticate") == ("Bearer" if status == 401 else None)


@pytest.mark.parametrize("path", [SCORE, INFER])
@pytest.mark.parametrize(
    "token",
    [
        pytest.param(fresh(USERS), id="of a user"),
        pytest.param(fresh(ACCOUNTS, SHOP), id="of a ServiceAccount"),
    ],
)
def test_who_may_score_does(live: Live, path: str, token: str) -> None:
    assert [scored(live, path, token).status for _ in range(3)] == [200, 200, 200]


def test_both_ids_are_guarded(live: Live) -> None:
    paths = [SCORE, "/iml/v2/scoring/online/adder", "/iml/v2/scoring/online/%67"]

    assert [ask(live.port, path, []).status for path in paths] == [401, 401, 401]


@pytest.mark.parametrize(
    "path", ["/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/m", "/metrics"]
)
def test_health_metadata_and_metrics_stay_open(live: Live, path: str) -> None:
    assert ask(live.port, path).status == 200


def test_a_refused_client_need_not_send_its_body(live: Live) -> None:
    body = b'[{"x": 5}]'
    head = request(SCORE, body, headers=[JSON_TYPE, ("Expect", "100-continue")])[: -len(body)]

    with Client(live.port) as client:
        client.send(head)

        assert client.read().status == 401


def test_the_body_of_a_refused_request_is_not_kept(live: Live) -> None:
    """It is read and thrown away; the connection goes on, with the next request judged anew."""
    with Client(live.port) as client:
        refused = client.ask(SCORE, b"x" * 1_000_000)
        good = [JSON_TYPE, ("Authorization", f"Bearer {fresh(USERS)}")]
        answer = client.ask(SCORE, [{"x": 2}], headers=good)
        again = client.ask(SCORE, [{"x": 2}])

    assert (refused.status, answer.status, again.status) == (401, 200, 401)


def test_a_trailer_is_no_token(live: Live) -> None:
    head = f"POST {SCORE} HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    trailer = f"0\r\nAuthorization: Bearer {fresh(USERS)}\r\n\r\n".encode()

    with Client(live.port) as client:
        client.send(head + b"2\r\n[]\r\n" + trailer)

        assert client.read().status == 401


def test_who_may_not_score_is_told_before_what_is_wrong_with_the_request(live: Live) -> None:
    answer = ask(live.port, SCORE, [], headers=[("Content-Type", "text/xml")])

    assert answer.status == 401


def test_refusals_are_counted_by_their_code(tmp_path: Path) -> None:
    with required(tmp_path) as live:
        scored(live, SCORE, None)
        lines = set(ask(live.port, "/metrics").body.decode().splitlines())

    assert {
        'mlz_scoring_requests_total{code="401",route="score"} 1.0',
        'mlz_scoring_rejected_total{code="ALNB102E"} 1.0',
    } <= lines


def test_a_server_takes_a_new_key_while_it_runs(tmp_path: Path) -> None:
    new, file = tokens.facade("b"), MountedFile(tmp_path)
    file.write(a_trust(USERS))
    with serving_adder(authentication="Required", trust_file=str(file.path)) as live:
        before = scored(live, SCORE, fresh(new)).status
        file.write(a_trust(new))
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and scored(live, SCORE, fresh(new)).status != 200:
            time.sleep(0.2)
        after = scored(live, SCORE, fresh(new)).status

    assert (before, after) == (401, 200)


def test_without_authentication_a_token_is_not_even_looked_at() -> None:
    with serving_adder() as live:
        assert scored(live, SCORE, "nonsense").status == 200


def test_two_headers_are_no_token(tmp_path: Path) -> None:
    """A proxy in front may have looked at the other one."""
    with required(tmp_path) as live:
        good = ("Authorization", f"Bearer {fresh(USERS)}")
        answer = ask(live.port, SCORE, BODY[SCORE], headers=[JSON_TYPE, good, good])

    assert (answer.status, answer.json["code"]) == (401, "ALNB102E")
