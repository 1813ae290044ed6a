"""Whatever callers send: a clear refusal, and a pod that neither falls nor grows."""

import re
import socket
from concurrent.futures import Future, ThreadPoolExecutor
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from e2e.badrequests import Bad, bad_requests
from e2e.figures import Figures
from e2e.models import ENGINE_TYPES
from e2e.served import Served

COUNT = 1000
WARM = 200  # after so many the process has what it keeps
GROWTH_BYTES = 8 * 1024 * 1024
HUNDRED_MEGABYTES = 100 * 1024 * 1024
BODY_SECONDS = 30  # EngineSettings.body_timeout_seconds


@pytest.fixture(scope="module")
def slow_bodies(serving: dict[str, Served]) -> dict[str, Future[tuple[int, float]]]:
    """A body that never ends, to each engine, beside all other tests of this file."""
    pool = ThreadPoolExecutor(len(serving))
    return {name: pool.submit(_send_slowly, one) for name, one in serving.items()}


@pytest.mark.parametrize("model", ENGINE_TYPES)
def test_a_thousand_bad_requests_are_refused_and_harm_nothing(
    served: Served, slow_bodies: dict[str, Future[tuple[int, float]]], figures: Figures
) -> None:
    good = served.endpoint.score(served.model.records)
    (before,) = served.place.pods(served.name)
    requests = bad_requests(served.model.records, served.name, COUNT)

    faults = [fault for bad in requests[:WARM] for fault in _refusal_faults(served, bad)]
    warm = _memory_bytes(served)
    faults += [fault for bad in requests[WARM:] for fault in _refusal_faults(served, bad)]
    grown = _memory_bytes(served) - warm

    (after,) = served.place.pods(served.name)
    figures.tell(
        f"Show 5: {served.name}: {COUNT} bad requests, memory {warm >> 20} MiB {grown >> 10:+} KiB"
    )
    assert faults == []
    assert grown < GROWTH_BYTES
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["status"]["containerStatuses"][0]["restartCount"] == 0
    assert served.endpoint.score(served.model.records) == good


@pytest.mark.parametrize("model", ENGINE_TYPES)
@pytest.mark.parametrize("chunked", [False, True], ids=["announced", "chunked"])
def test_a_body_of_100_megabytes_is_refused_before_it_is_read(
    served: Served, chunked: bool
) -> None:
    began = monotonic()

    status = _send_too_much(served, chunked=chunked)

    assert status == 413
    assert monotonic() - began < 10


@pytest.mark.parametrize("model", ENGINE_TYPES)
def test_the_wrong_door_is_shown(served: Served) -> None:
    client, path = served.endpoint.client, served.endpoint.path
    text = {"Content-Type": "text/csv"}

    answers = [
        client.get(path),
        client.post(f"{path}0", json=[]),
        client.post(path, content=b"a,b", headers=text),
        client.post(path, content=b"[]", headers={"Content-Encoding": "gzip"}),
    ]

    assert [one.status_code for one in answers] == [405, 404, 415, 415]
    assert all(isinstance(one.json()["code"], str) for one in answers)


@pytest.mark.parametrize("model", ENGINE_TYPES)
def test_a_body_that_never_ends_is_given_up(
    served: Served, slow_bodies: dict[str, Future[tuple[int, float]]]
) -> None:
    status, seconds = slow_bodies[served.name].result(BODY_SECONDS + 30)

    assert status == 408
    assert BODY_SECONDS - 1 <= seconds < BODY_SECONDS + 10


def _refusal_faults(served: Served, bad: Bad) -> list[str]:
    """What is wrong with the refusal of a bad request; nothing where it is as it should be."""
    answer = served.endpoint.client.post(
        served.endpoint.path, content=bad.body, headers={"Content-Type": "application/json"}
    )
    said = f"{bad.kind} ({bad.field}): {answer.status_code} {answer.text[:300]}"
    if answer.status_code not in bad.statuses or not isinstance(answer.json().get("code"), str):
        return [said]
    if bad.faults and not _tells(answer.json(), bad):
        return [said]
    return []


def _tells(document: dict[str, Any], bad: Bad) -> bool:
    if "offset" in document or "offset" in (document.get("errors") or [{}])[0]:
        return True  # what the parser cannot name, it places
    return any(
        one["fault"] in bad.faults and (bad.field is None or one.get("field") == bad.field)
        for one in document.get("errors") or ()
    )


def _memory_bytes(served: Served) -> int:
    text = served.endpoint.get("/metrics").text
    found = re.search(r"^process_resident_memory_bytes (\S+)$", text, re.MULTILINE)
    assert found is not None
    return int(float(found[1]))


def _send_too_much(served: Served, *, chunked: bool) -> int:
    """The answer comes while we still send, so the two are done by hand."""
    announced = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d"
    announced = announced if chunked else announced % HUNDRED_MEGABYTES
    piece = b" " * 65536
    piece = b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece
    with _connection(served, announced) as connection:
        try:
            for _ in range(HUNDRED_MEGABYTES // 65536):
                connection.sendall(piece)
        except OSError:
            pass  # it has seen enough
        return _status(connection)


def _send_slowly(served: Served) -> tuple[int, float]:
    began = monotonic()
    with _connection(served, b"Content-Length: 1000") as connection:
        connection.settimeout(1)
        while monotonic() - began < BODY_SECONDS + 20:
            connection.sendall(b" ")
            try:
                return _status(connection), monotonic() - began
            except TimeoutError:
                continue
    return 0, monotonic() - began


def _connection(served: Served, announced: bytes) -> socket.socket:
    host = urlsplit(served.endpoint.address)
    connection = socket.create_connection((host.hostname, host.port), timeout=30)
    connection.sendall(
        b"POST %s HTTP/1.1\r\nHost: e2e\r\nContent-Type: application/json\r\n%s\r\n\r\n"
        % (served.endpoint.path.encode(), announced)
    )
    return connection


def _status(connection: socket.socket) -> int:
    try:
        return int(connection.recv(4096).split(b" ", 2)[1])
    except (ConnectionResetError, IndexError) as error:
        raise httpx.ReadError(f"no answer: {error!r}") from error
