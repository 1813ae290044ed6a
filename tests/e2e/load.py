"""Open-loop load: requests leave at their time, whether or not earlier ones were answered."""

import http.client
import json
import queue
import select
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from time import monotonic
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from e2e.endpoints import Endpoint

_TIMEOUT_SECONDS = 20
_CLIENTS = 64


DIGEST = "mlz-asset-digest"


@dataclass(frozen=True)
class Sample:
    """One request that was answered well; times are those of ``monotonic``."""

    sent: float
    seconds: float
    digest: str


@dataclass
class Outcome:
    """What became of all requests."""

    samples: list[Sample] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def answered(self) -> int:
        """How many were answered well."""
        return len(self.samples)


def own_answer(endpoint: Endpoint, records: list[Any]) -> tuple[str, Any]:
    """The digest of the asset that serves, and its answer."""
    response = endpoint.post(records)
    assert response.status_code == 200, response.text
    return response.headers[DIGEST], response.json()


class Load:
    """
    So many requests a second while the block lasts, every second one on a connection of its own.

    A request fails where it is not answered 200 with the own answer of the asset that it names in
    its header; none is sent again. ``answers`` are by digest; without them only the asset that
    serves now is known.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        records: list[Any],
        rate: float = 40,
        answers: Mapping[str, Any] | None = None,
    ) -> None:
        self.outcome = Outcome()
        self._endpoint = endpoint
        self._body = json.dumps(records).encode()
        self._answers = dict(answers or [own_answer(endpoint, records)])
        self._pause_seconds = 1 / rate
        self._hosts = count()
        self._kept: queue.LifoQueue[http.client.HTTPConnection] = queue.LifoQueue()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._pool = ThreadPoolExecutor(_CLIENTS)
        self._thread = threading.Thread(target=self._send_all)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._thread.join()
        self._pool.shutdown()
        while not self._kept.empty():
            self._kept.get().close()

    def _send_all(self) -> None:
        due, number = monotonic(), 0
        while not self._stopping.wait(max(0.0, due - monotonic())):
            self._pool.submit(self._send, number % 2 == 0)
            due, number = due + self._pause_seconds, number + 1

    def _send(self, keep_alive: bool) -> None:
        began = monotonic()
        connection = self._kept_connection() if keep_alive else self._connection()
        fault: str | None = None
        try:
            digest = self._ask(connection)
        except AssertionError as error:
            fault = str(error)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            fault = f"{error!r} after {monotonic() - began:.3f} s, keep-alive {keep_alive}"
        if keep_alive and connection.sock is not None:
            self._kept.put(connection)
        else:
            connection.close()
        with self._lock:
            if fault is None:
                self.outcome.samples.append(Sample(began, monotonic() - began, digest))
            else:
                self.outcome.failures.append(fault)

    def _ask(self, connection: http.client.HTTPConnection) -> str:
        """The digest of the asset that has answered."""
        headers = {"Content-Type": "application/json"}
        connection.request("POST", self._endpoint.path, self._body, headers)
        answer = connection.getresponse()
        body, digest = answer.read(), answer.headers.get(DIGEST, "")
        assert answer.status == 200, f"{answer.status}: {body[:200]!r}"
        assert digest in self._answers, f"an asset of nobody's: {digest}"
        assert json.loads(body) == self._answers[digest], f"not {digest}'s: {body[:200]!r}"
        return digest

    def _kept_connection(self) -> http.client.HTTPConnection:
        """One that the server has not closed while it was idle, as every pool of a client does."""
        while True:
            try:
                connection = self._kept.get_nowait()
            except queue.Empty:
                return self._connection()
            if not _has_news(connection):
                return connection
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        host = urlsplit(self._endpoint.address)
        # Many hosts: of one, connection tracking would send a port that is used again within two
        # minutes to the pod that it knew, which may be gone.
        source = f"127.0.1.{next(self._hosts) % 250 + 1}"
        return http.client.HTTPConnection(
            host.hostname or "", host.port, timeout=_TIMEOUT_SECONDS, source_address=(source, 0)
        )


def _has_news(connection: http.client.HTTPConnection) -> bool:
    """Between two requests a server says nothing but that it closes."""
    return bool(select.select([connection.sock], [], [], 0)[0])
