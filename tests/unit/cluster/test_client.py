"""Requests and answers of the client, against a small HTTP server on this machine."""

import inspect
from pathlib import Path
from typing import Any

import pytest

from fakes.apiserver import FakeApiServer
from mlz.cluster import kinds
from mlz.cluster.client import (
    ApiConflictError,
    ApiError,
    ApiOutageError,
    ApiRefusalError,
    KubeClient,
)
from unit.cluster.servers import SERVICE, Server, client, kubeconfig, server

__all__ = ["client", "server"]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        pytest.param(400, ApiRefusalError, id="bad request: our bug"),
        pytest.param(401, ApiOutageError, id="unauthorized: a token rotates"),
        pytest.param(403, ApiRefusalError, id="forbidden"),
        pytest.param(404, ApiRefusalError, id="not there"),
        pytest.param(408, ApiOutageError, id="too slow"),
        pytest.param(409, ApiConflictError, id="somebody was first"),
        pytest.param(410, ApiRefusalError, id="a continue token that has expired"),
        pytest.param(413, ApiRefusalError, id="too large"),
        pytest.param(415, ApiRefusalError, id="an apply that is not understood"),
        pytest.param(422, ApiRefusalError, id="not valid"),
        pytest.param(429, ApiOutageError, id="come back later"),
        pytest.param(500, ApiOutageError, id="a fault of the server"),
        pytest.param(502, ApiOutageError, id="a fault of a proxy"),
        pytest.param(503, ApiOutageError, id="not ready"),
        pytest.param(504, ApiOutageError, id="a timeout of the server"),
    ],
)
def test_a_status_is_a_refusal_or_an_outage(
    server: Server, client: KubeClient, status: int, error: type[ApiError]
) -> None:
    server.answers(status, {"kind": "Status", "message": "in its words"})

    with pytest.raises(ApiError) as caught:
        client.create(kinds.SERVICE, SERVICE)

    assert type(caught.value) is error
    assert (caught.value.status, caught.value.message) == (status, "in its words")


def test_an_object_that_does_not_fit_its_schema_is_refused_though_it_is_a_500(
    server: Server, client: KubeClient
) -> None:
    server.answers(500, {"message": "failed to create typed patch object (n/a; v1): .spec.x"})

    with pytest.raises(ApiRefusalError):
        client.apply(kinds.SERVICE, SERVICE, manager="m", force=True)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(b"<html>no</html>", "<html>no</html>", id="a proxy's page"),
        pytest.param(b"", "", id="nothing"),
        pytest.param(b"[1]", "[1]", id="a list"),
        pytest.param(b"\xff\xfe", "��", id="no text at all"),
    ],
)
def test_an_error_without_a_message_of_kubernetes_keeps_its_words(
    server: Server, client: KubeClient, body: bytes, message: str
) -> None:
    server.answers(503, body)

    with pytest.raises(ApiOutageError) as caught:
        client.get(kinds.SERVICE, "n", "a")

    assert caught.value.message == message


@pytest.mark.parametrize(
    ("answer", "items"),
    [
        pytest.param({"items": None}, [], id="null, as an empty list of bare objects comes"),
        pytest.param({}, [], id="nothing"),
        pytest.param({"items": [SERVICE]}, [SERVICE], id="some"),
    ],
)
def test_a_page_is_a_list_whatever_an_empty_one_looks_like(
    server: Server, client: KubeClient, answer: dict[str, Any], items: list[Any]
) -> None:
    server.answers(200, answer)

    assert client.list_page(kinds.SERVICE, None, {}, bare=True)["items"] == items


def test_nobody_listening_is_an_outage(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION",
        str(kubeconfig(tmp_path, "http://127.0.0.1:1")),
    )

    with pytest.raises(ApiOutageError):
        KubeClient(timeout_seconds=0.5).get(kinds.SERVICE, "n", "a")


def test_no_answer_in_time_is_an_outage(server: Server, client: KubeClient) -> None:
    server.status = 0

    with pytest.raises(ApiOutageError):
        client.get(kinds.SERVICE, "n", "a")


def test_an_answer_that_is_no_json_is_an_outage(server: Server, client: KubeClient) -> None:
    server.answers(200, b"<html>log in, please</html>")

    with pytest.raises(ApiOutageError, match="no JSON"):
        client.get(kinds.SERVICE, "n", "a")


def test_absence_is_none(server: Server, client: KubeClient) -> None:
    server.answers(404, {"message": "not found"})

    assert client.get(kinds.SERVICE, "n", "a") is None


@pytest.mark.parametrize(
    "status", [pytest.param(404, id="gone already"), pytest.param(409, id="another one by now")]
)
def test_what_is_gone_needs_no_deletion(server: Server, client: KubeClient, status: int) -> None:
    server.answers(status, {"message": "no"})

    client.delete(kinds.SERVICE, "n", "a", "uid")


def test_a_deletion_that_is_refused_raises(server: Server, client: KubeClient) -> None:
    server.answers(403, {"message": "no"})

    with pytest.raises(ApiRefusalError):
        client.delete(kinds.SERVICE, "n", "a", "uid")


def test_requests_are_as_kubernetes_takes_them(server: Server, client: KubeClient) -> None:
    server.answers(200, {"kind": "Service"})

    client.get(kinds.SERVICE, "n", "a")
    client.list_page(kinds.DEPLOYMENT, None, {"limit": "5"})
    client.list_page(kinds.WORKLOAD, "n", {}, bare=True)
    client.apply(kinds.SERVICE, SERVICE, manager="m", force=False)
    client.apply(
        kinds.DEPLOYMENT, SERVICE | {"status": {}}, manager="s", force=True, subresource="status"
    )
    client.create(kinds.EVENT, SERVICE)
    client.create(kinds.SECRET, SERVICE, manager="m")
    client.merge_patch(kinds.MODEL, "n", "a", {"spec": {"x": None}}, manager="m")
    client.replace(kinds.LEASE, SERVICE)
    client.delete(kinds.POD, "n", "a", "uid-1")

    asked = [f"{one['method']} {one['path']}" for one in server.asked]
    assert asked == [
        "GET /api/v1/namespaces/n/services/a",
        "GET /apis/mlz.dev/v1alpha1/mlzdeployments",
        "GET /apis/apps/v1/namespaces/n/deployments",
        "PATCH /api/v1/namespaces/n/services/a",
        "PATCH /apis/mlz.dev/v1alpha1/namespaces/n/mlzdeployments/a/status",
        "POST /api/v1/namespaces/n/events",
        "POST /api/v1/namespaces/n/secrets",
        "PATCH /apis/mlz.dev/v1alpha1/namespaces/n/mlzmodels/a",
        "PUT /apis/coordination.k8s.io/v1/namespaces/n/leases/a",
        "DELETE /api/v1/namespaces/n/pods/a",
    ]
    queries = [one["query"] for one in server.asked]
    assert queries[1] == {"limit": "5"}
    assert queries[3] == {"fieldManager": "m", "force": "false"}
    assert queries[4] == {"fieldManager": "s", "force": "true"}
    assert queries[5] == {}
    assert queries[6] == queries[7] == {"fieldManager": "m"}
    headers = [one["headers"] for one in server.asked]
    assert {one["authorization"] for one in headers} == {"Bearer secret-token"}
    assert headers[2]["accept"].startswith("application/json;as=PartialObjectMetadataList;")
    assert headers[3]["content-type"] == "application/apply-patch+yaml"
    assert headers[7]["content-type"] == "application/merge-patch+json"
    assert server.asked[7]["body"] == {"spec": {"x": None}}, "null removes a field"
    assert server.asked[9]["body"]["preconditions"] == {"uid": "uid-1"}
    assert server.asked[9]["body"]["propagationPolicy"] == "Background"


def test_a_field_that_a_newer_kubernetes_adds_is_not_lost(
    server: Server, client: KubeClient
) -> None:
    server.answers(200, SERVICE | {"spec": {"invented": {"later": [1]}}})

    found = client.get(kinds.SERVICE, "n", "a")

    assert found is not None
    assert found["spec"] == {"invented": {"later": [1]}}


def test_the_fake_server_has_the_clients_protocol() -> None:
    theirs = {
        name: inspect.signature(method)
        for name, method in inspect.getmembers(KubeClient, inspect.isfunction)
        if not name.startswith("_")
    }

    ours = {name: inspect.signature(getattr(FakeApiServer, name)) for name in theirs}

    assert ours == theirs
