"""The outermost layer of a request: whatever is raised, callers get an object with an id."""

import asyncio
import json
import logging

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from mlz.rest.edge import Edge
from mlz.rest.metrics import Metrics
from mlz.rest.problems import Code, Refusal


def asked(error: Exception, **headers: str) -> httpx.Response:
    """The answer where the application raises that."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise error

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=Edge(app, Metrics()))
        async with httpx.AsyncClient(transport=transport, base_url="http://edge.test") as client:
            return await client.get("/x", headers=headers)

    return asyncio.run(ask())


def test_a_fault_of_ours_says_its_id_and_nothing_more(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "mlz.rest.edge"):
        response = asked(ZeroDivisionError("the secret of line 5"))

    document = response.json()
    assert response.status_code == 500
    assert document.keys() == {"code", "message", "requestId"}
    assert document["code"] == Code.INTERNAL
    assert document["requestId"] in document["message"]
    assert "secret" not in response.text
    (record,) = caplog.records
    assert vars(record)["requestId"] == document["requestId"]
    assert record.exc_info is not None


def test_a_refusal_that_nobody_has_answered_is_answered() -> None:
    response = asked(Refusal(Code.NOT_FOUND, "there is none", headers={"Retry-After": "3"}))

    assert (response.status_code, response.json()["message"]) == (404, "there is none")
    assert response.headers["retry-after"] == "3"


@pytest.mark.parametrize(
    ("given", "taken"), [("mine-1", True), ("a b", False), ("x" * 65, False), ("", False)]
)
def test_an_id_of_the_caller_is_kept_where_a_log_line_bears_it(given: str, taken: bool) -> None:
    response = asked(Refusal(Code.NOT_FOUND, "no"), **{"X-Request-Id": given})

    found = json.loads(response.content)["requestId"]
    assert response.headers["x-request-id"] == found
    assert (found == given) is taken
