"""HTTP/1.1 over real sockets: order, limits, bad manners, and how connections end."""

import json
import socket
import threading
from collections.abc import Iterator

import pytest

from mlz.scoring.connections import HttpLimits
from unit.scoring.kit import JSON_TYPE, Adder, Client, Live, ask, request, serving_adder

SCORE = "/iml/v2/scoring/online/g"
HOST = b"Host: test\r\n"


def limits(**overrides: float) -> HttpLimits:
    return HttpLimits(**{"max_body_bytes": 1000, "body_timeout_seconds": 30} | overrides)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    with serving_adder(limits=limits()) as live:
        yield live


def test_a_connection_is_kept_for_many_requests(live: Live) -> None:
    with Client(live.port) as client:
        answers = [client.ask(SCORE, [{"x": x}]).json for x in range(5)]

    assert answers == [[{"sum": x}] for x in range(5)]


def test_pipelined_requests_are_answered_in_their_order(live: Live) -> None:
    many = [request(SCORE, [{"x": x}]) for x in range(40)]
    mixed = [*many[:20], request("/v2/health/live"), *many[20:]]

    with Client(live.port) as client:
        client.send(b"".join(mixed))
        answers = [client.read().json for _ in mixed]

    assert answers[20] == {"live": True}
    assert [answer[0]["sum"] for answer in answers[:20] + answers[21:]] == list(range(40))


def test_a_request_may_come_byte_by_byte(live: Live) -> None:
    with Client(live.port) as client:
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request(SCORE, [{"x": 3}]):
            client.send(bytes([byte]))

        answer = client.read()

    assert answer.json == [{"sum": 3.0}]


def test_a_chunked_body_is_put_together(live: Live) -> None:
    head = f"POST {SCORE} HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n".encode()

    with Client(live.port) as client:
        client.send(head + b'3\r\n[{"\r\n9\r\nx": 12}]\n\r\n0\r\nTrailer: t\r\n\r\n')
        answer = client.read()
        again = client.ask(SCORE, [{"x": 1}])

    assert answer.json == [{"sum": 12.0}]
    assert again.status == 200


def test_a_client_may_close_its_side_and_still_get_its_answer(live: Live) -> None:
    with Client(live.port) as client:
        client.send(request(SCORE, [{"x": 1}]))
        client.socket.shutdown(socket.SHUT_WR)

        assert client.read().json == [{"sum": 1.0}]
        assert client.is_closed()


def test_http_1_0_is_closed_unless_it_asks_to_be_kept(live: Live) -> None:
    with Client(live.port) as client:
        client.send(b"GET /v2 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        kept = client.read()
        client.send(b"GET /v2 HTTP/1.0\r\n\r\n")
        closed = client.read()

        assert kept.headers["connection"] == "keep-alive"
        assert closed.headers["connection"] == "close"
        assert client.is_closed()


def test_connection_close_is_honoured(live: Live) -> None:
    with Client(live.port) as client:
        answer = client.ask("/v2", headers=[("Connection", "close")])

        assert answer.headers["connection"] == "close"
        assert client.is_closed()


def test_head_answers_as_get_does_without_the_body(live: Live) -> None:
    with Client(live.port) as client:
        client.send(request("/v2/health/ready", method="HEAD"))
        head = client.read(bodiless=True)
        get = client.ask("/v2/health/ready")

    assert (head.status, head.headers["content-length"]) == (200, str(len(get.body)))


def test_expect_100_continue_is_answered_before_the_body(live: Live) -> None:
    body = b'[{"x": 5}]'
    head = request(SCORE, body, headers=[JSON_TYPE, ("Expect", "100-continue")])[: -len(body)]

    with Client(live.port) as client:
        client.send(head)
        word = client.read()
        client.send(body)

        assert word.status == 100
        assert client.read().json == [{"sum": 5.0}]


@pytest.mark.parametrize(
    ("path", "size", "status"),
    [
        pytest.param("/nowhere", 10, 404, id="nothing there: the body need not come"),
        pytest.param(SCORE, 5000, 413, id="too large: the body need not come"),
    ],
)
def test_expect_100_continue_is_refused_without_the_body(
    live: Live, path: str, size: int, status: int
) -> None:
    headers = f"Content-Type: application/json\r\nContent-Length: {size}\r\nExpect: 100-continue"

    with Client(live.port) as client:
        client.send(f"POST {path} HTTP/1.1\r\nHost: t\r\n{headers}\r\n\r\n".encode())

        assert client.read().status == status


@pytest.mark.parametrize(
    ("raw", "status", "code"),
    [
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01", 400, "bad_request", id="TLS on plain"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", 400, "bad_request", id="no Host"),
        pytest.param(
            b"GET / HTTP/1.1\r\n" + HOST + HOST + b"\r\n", 400, "bad_request", id="two Hosts"
        ),
        pytest.param(b"GET / HTTP/3.7\r\n" + HOST + b"\r\n", 400, "bad_request", id="HTTP 3.7"),
        pytest.param(b"GET /\r\n\r\n", 400, "bad_request", id="HTTP 0.9"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "bad_request", id="HTTP 2 preface"),
        pytest.param(
            b"GET / HTTP/1.1\r\n" + HOST + b"no colon\r\n\r\n", 400, "bad_request", id="bad header"
        ),
        pytest.param(
            b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
            400,
            "bad_request",
            id="two lengths",
        ),
        pytest.param(
            b"POST / HTTP/1.1\r\n"
            + HOST
            + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
            400,
            "bad_request",
            id="length and chunks: request smuggling",
        ),
        pytest.param(
            b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
            400,
            "bad_request",
            id="a transfer-encoding we do not have",
        ),
        pytest.param(
            b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 99999999999999999999\r\n\r\n",
            400,
            "bad_request",
            id="a length beyond 64 bits",
        ),
        pytest.param(
            f"POST {SCORE} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n".encode()
            + HOST
            + b"\r\nxyz\r\n",
            400,
            "bad_request",
            id="a chunk size that is no number",
        ),
        pytest.param(
            b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"y" * 40_000,
            431,
            "headers_too_large",
            id="a header without end",
        ),
        pytest.param(
            b"GET / HTTP/1.1\r\n" + HOST + b"X: yyyyyyyyyyyyyyyyyyyyyy\r\n" * 2_000,
            431,
            "headers_too_large",
            id="headers without end",
        ),
        pytest.param(
            b"GET /" + b"y" * 40_000 + b" HTTP/1.1\r\n\r\n",
            431,
            "headers_too_large",
            id="a target without end",
        ),
    ],
)
def test_what_is_no_request_is_answered_and_closed(
    live: Live, raw: bytes, status: int, code: str
) -> None:
    with Client(live.port) as client:
        client.send(raw)
        answer = client.read()

        assert (answer.status, answer.json["code"]) == (status, code)
        assert answer.headers["connection"] == "close"
        assert client.is_closed()


def test_a_trailer_without_end_is_refused(live: Live) -> None:
    head = f"POST {SCORE} HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n".encode()

    with Client(live.port) as client:
        client.send(head + b"2\r\n[]\r\n0\r\nT: ")
        client.send(b"t" * 200_000)

        assert client.read().status == 431


def test_a_large_announced_body_is_refused_and_the_client_can_read_it(live: Live) -> None:
    with Client(live.port) as client:
        client.send(request(SCORE, b" " * 5_000_000))  # sends all of it before it reads

        answer = client.read()

        assert (answer.status, answer.json["code"]) == (413, "body_too_large")
        assert client.is_closed()


def test_a_large_chunked_body_is_refused_while_it_comes(live: Live) -> None:
    head = f"POST {SCORE} HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    chunk = b"400\r\n" + b" " * 1024 + b"\r\n"

    with Client(live.port) as client:
        client.send(head + chunk * 2000)

        assert client.read().status == 413
        assert client.is_closed()


def test_answers_of_earlier_requests_come_before_a_refusal(live: Live) -> None:
    with Client(live.port) as client:
        client.send(request(SCORE, [{"x": 1}]) + request(SCORE, b" " * 2000))

        assert client.read().status == 200
        assert client.read().status == 413


def test_an_upgrade_is_declined_by_answering_in_http_1_1(live: Live) -> None:
    with Client(live.port) as client:
        answer = client.ask("/v2", headers=[("Connection", "Upgrade"), ("Upgrade", "h2c")])

        assert answer.status == 200
        assert answer.headers["connection"] == "close"


@pytest.mark.parametrize(
    ("start", "part"),
    [
        pytest.param(b"GET /v2 HT", "head", id="a head that stops"),
        pytest.param(
            f"POST {SCORE} HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\n[".encode(),
            "body",
            id="a body that stops",
        ),
    ],
)
def test_what_does_not_arrive_in_time_is_answered_408(start: bytes, part: str) -> None:
    short = limits(head_timeout_seconds=0.05, body_timeout_seconds=0.05)

    with serving_adder(limits=short) as live, Client(live.port) as client:
        client.send(start)
        answer = client.read()

        assert (answer.status, answer.json["code"]) == (408, "request_timeout")
        assert part in answer.json["message"]
        assert client.is_closed()


def test_an_idle_connection_is_closed_without_a_word() -> None:
    with (
        serving_adder(limits=limits(idle_timeout_seconds=0.05)) as live,
        Client(live.port) as client,
    ):
        assert client.is_closed()


def test_connections_beyond_the_limit_are_turned_away_with_503() -> None:
    with serving_adder(limits=limits(max_connections=1)) as live, Client(live.port) as first:
        assert first.ask("/v2").status == 200

        answer = ask(live.port, "/v2")

        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        assert first.ask("/v2").status == 200


def test_bodies_that_wait_are_bounded_over_all_connections() -> None:
    gate = threading.Event()
    engine = Adder(gate=gate)
    body = json.dumps([{"x": 1}]).encode().ljust(900)

    with (
        serving_adder(engine, limits=limits(max_bodies=1), seconds=1) as live,
        Client(live.port) as first,
    ):
        first.send(request(SCORE, body))
        assert engine.entered.wait(10)
        refused = ask(live.port, SCORE, body)
        gate.set()

        assert first.read().status == 200
        assert (refused.status, refused.json["code"]) == (503, "overloaded")
        assert first.ask(SCORE, body).status == 200  # what was held is given back


def test_a_client_that_leaves_does_not_disturb_others() -> None:
    gate = threading.Event()
    engine = Adder(gate=gate)

    with serving_adder(engine, seconds=1) as live:
        with Client(live.port) as gone:
            gone.send(request(SCORE, [{"x": 1}]))
            assert engine.entered.wait(10)
        with Client(live.port) as client:
            client.send(request(SCORE, [{"x": 2}]))
            gate.set()

            assert client.read().json == [{"sum": 2.0}]


def test_a_client_that_does_not_read_is_not_worked_for(live: Live) -> None:
    """Answers stop being made once the client's window is full, and go on when it reads."""
    count = 20_000  # 8 MB of answers: more than both sides buffer

    with Client(live.port) as client:
        sender = threading.Thread(
            target=client.send, args=(request("/v2/models/m") * count,), daemon=True
        )
        sender.start()
        answers = sum(client.read().status == 200 for _ in range(count))
        sender.join(20)

    assert answers == count
