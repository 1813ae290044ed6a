"""What the client reads while it goes on: watches, and the log of a pod."""

import json
from typing import Any

import pytest

from mlz.cluster import kinds
from mlz.cluster.client import (
    ApiError,
    ApiOutageError,
    ApiRefusalError,
    KubeClient,
)
from unit.cluster.servers import SERVICE, Server, client, server

__all__ = ["client", "server"]


def lines(*events: Any) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in events)


def test_a_watch_tells_of_each_change(server: Server, client: KubeClient) -> None:
    added = {"type": "ADDED", "object": SERVICE}
    bookmark = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "9"}}}
    server.answers(200, lines(added, bookmark) + b"\n")

    found = list(client.watch(kinds.SERVICE, "n", "5", 60.0, {"fieldSelector": "metadata.name=a"}))

    assert found == [added, bookmark]
    assert server.asked[0]["path"] == "/api/v1/namespaces/n/services"
    assert server.asked[0]["headers"]["authorization"] == "Bearer secret-token"
    assert server.asked[0]["query"] == {
        "watch": "true",
        "allowWatchBookmarks": "true",
        "resourceVersion": "5",
        "timeoutSeconds": "60",
        "fieldSelector": "metadata.name=a",
    }


def test_a_change_is_told_before_the_watch_ends(server: Server, client: KubeClient) -> None:
    server.answers(200, lines({"type": "ADDED", "object": SERVICE}))
    server.streams = True

    events = client.watch(kinds.SERVICE, "n", "5", 60.0)

    assert next(events)["type"] == "ADDED"
    events.close()


@pytest.mark.parametrize(
    ("status", "body", "wanted"),
    [
        pytest.param(410, b"{}", (ApiRefusalError, 410), id="too old, said at once"),
        pytest.param(
            200,
            lines({"type": "ERROR", "object": {"code": 410, "message": "too old"}}),
            (ApiRefusalError, 410),
            id="too old, said in the stream",
        ),
        pytest.param(
            200,
            lines({"type": "ERROR", "object": {"code": 500, "message": "oops"}}),
            (ApiOutageError, 500),
            id="a fault of the server in the stream",
        ),
        pytest.param(403, b"{}", (ApiRefusalError, 403), id="not allowed"),
        pytest.param(503, b"{}", (ApiOutageError, 503), id="not ready"),
        pytest.param(200, b"<html>\n", (ApiOutageError, 0), id="a proxy's page"),
        pytest.param(200, b"[]\n", (ApiOutageError, 0), id="a list"),
        pytest.param(200, b'{"type": "ADD', (ApiOutageError, 0), id="half of an event"),
    ],
)
def test_a_watch_that_fails_says_how(
    server: Server, client: KubeClient, status: int, body: bytes, wanted: tuple[type, int]
) -> None:
    server.answers(status, body)

    with pytest.raises(ApiError) as caught:
        list(client.watch(kinds.SERVICE, "n", "5", 60.0))

    assert (type(caught.value), caught.value.status) == wanted


def test_a_watch_whose_connection_breaks_is_an_outage(server: Server, client: KubeClient) -> None:
    server.answers(200, lines({"type": "ADDED", "object": SERVICE}))
    server.streams = True
    events = client.watch(kinds.SERVICE, "n", "5", 60.0)
    next(events)
    server.silent.set()

    with pytest.raises(ApiOutageError):
        next(events)


def test_a_log_is_read_whole_whatever_is_in_it(server: Server, client: KubeClient) -> None:
    server.answers(200, b"line\n\xff\xfe\n")

    found = client.pod_log("n", "p", "inspect")

    assert found == "line\n��\n"
    assert server.asked[0]["path"] == "/api/v1/namespaces/n/pods/p/log"
    assert server.asked[0]["query"] == {"container": "inspect"}
