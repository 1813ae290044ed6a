"""What callers of the facade are told when scoring pods do not answer as they should."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest

from mlz.rest.problems import Code, Refusal
from mlz.rest.scoring import score

Handler = Callable[[httpx.Request], httpx.Response]


def scored(handler: Handler) -> list[Mapping[str, Any]]:
    async def ask() -> list[Mapping[str, Any]]:
        async with httpx.AsyncClient(transport=httpx.MockTransport(handler)) as client:
            return await score(client, "http://pods.test/x", "Bearer t", [{"age": 1}])

    return asyncio.run(ask())


def refusal(handler: Handler) -> Refusal:
    with pytest.raises(Refusal) as caught:
        scored(handler)
    return caught.value


def test_records_and_the_callers_token_are_handed_on() -> None:
    def pod(request: httpx.Request) -> httpx.Response:
        assert request.content == b'[{"age": 1}]'
        assert request.headers["authorization"] == "Bearer t"
        return httpx.Response(200, json=[{"prediction": 2}])

    assert scored(pod) == [{"prediction": 2}]


def test_pods_that_take_too_long_are_a_504() -> None:
    def pod(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("too long", request=request)

    found = refusal(pod)

    assert (found.code, found.status) == (Code.TIMED_OUT, 504)


def test_pods_that_cannot_be_reached_are_unavailable() -> None:
    def pod(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("nobody there", request=request)

    found = refusal(pod)

    assert (found.code, found.status) == (Code.UNAVAILABLE, 503)
    assert found.headers["Retry-After"] == "1"


def test_a_refusal_of_the_pods_keeps_its_status_its_words_and_its_parts() -> None:
    faults = [{"record": 0, "field": "age", "fault": "missing"}]
    document = {"code": "bad_input", "message": "no age", "errors": faults}

    found = refusal(lambda _: httpx.Response(400, json=document))

    assert (found.code, found.status, found.message) == (Code.BAD_INPUT, 400, "no age")
    assert found.errors == tuple(faults)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        pytest.param(200, b"{}", id="an object where answers belong"),
        pytest.param(200, b"<html>", id="a page"),
        pytest.param(502, b'"bad gateway"', id="a text"),
        pytest.param(404, b"[]", id="an array"),
        pytest.param(400, b'{"code": "of another API"}', id="a code that is none of ours"),
        pytest.param(400, b'{"code": []}', id="a code that is no text"),
    ],
)
def test_what_is_no_answer_of_scoring_pods_is_unavailable(status: int, body: bytes) -> None:
    assert refusal(lambda _: httpx.Response(status, content=body)).status == 503
