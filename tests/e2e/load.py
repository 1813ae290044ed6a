"""Open-loop load: requests leave at their time, whether or not earlier ones were answered."""

import http.client
import json
import queue
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from time import monotonic
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from e2e.endpoints import Endpoint

_TIMEOUT_SECONDS = 20
_CLIENTS = 64


@dataclass
class Outcome:
    """What became of all requests."""

    answered: int = 0
    failures: list[str] = field(default_factory=list)


class Load:
    """
    So many requests a second while the block lasts, every second one on a connection of its own.

    A request fails where it is not answered 200 with the expected answer; none is sent again.
    """

    def __init__(self, endpoint: Endpoint, records: list[Any], rate: float = 40) -> None:
        self.outcome = Outcome()
        self._endpoint = endpoint
        self._body = json.dumps(records).encode()
        self._expected = endpoint.score(records)
        self._pause_seconds = 1 / rate
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
        try:
            fault = self._fault(connection)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            fault = f"{error!r} after {monotonic() - began:.3f} s, keep-alive {keep_alive}"
        if keep_alive and connection.sock is not None:
            self._kept.put(connection)
        else:
            connection.close()
        with self._lock:
            self.outcome.answered += fault is None
            self.outcome.failures += [fault] if fault else []

    def _fault(self, connection: http.client.HTTPConnection) -> str | None:
        headers = {"Content-Type": "application/json"}
        connection.request("POST", self._endpoint.path, self._body, headers)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            return f"{answer.status}: {body[:200]!r}"
        return None if json.loads(body) == self._expected else f"another answer: {body[:200]!r}"

    def _kept_connection(self) -> http.client.HTTPConnection:
        try:
            return self._kept.get_nowait()
        except queue.Empty:
            return self._connection()

    def _connection(self) -> http.client.HTTPConnection:
        host = urlsplit(self._endpoint.address)
        return http.client.HTTPConnection(host.hostname or "", host.port, timeout=_TIMEOUT_SECONDS)
