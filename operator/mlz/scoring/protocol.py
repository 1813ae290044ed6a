"""
HTTP/1.1 on one connection: parse, bound, keep order, answer, close well.

One object a connection, no task and no future for a request. Requests of a connection are answered
one after another in their order. Whatever has to be refused before its end (too large, too slow,
malformed) is answered, then the connection is closed in a way that lets the client read the answer:
we stop sending, and throw away what still comes in.
"""

import asyncio
import functools
from collections import deque
from dataclasses import dataclass, field
from http import HTTPStatus

import httptools

from mlz.scoring.http_api import Api, Head, Response
from mlz.scoring.problems import Problem, RequestError
from mlz.scoring.scorer import Job

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}
_MOST_PIPELINED = 16
_KEPT_HEADERS = frozenset(
    (b"content-type", b"content-encoding", b"content-length", b"expect", b"host", b"transfer-encoding")
)


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """What one connection, and all of them together, may take."""

    max_body_bytes: int
    body_timeout_seconds: float
    max_head_bytes: int = 32 * 1024
    head_timeout_seconds: float = 30
    idle_timeout_seconds: float = 120
    linger_seconds: float = 30
    max_connections: int = 1024
    # Bodies being received or scored, all connections together, in bodies of the largest size.
    max_bodies: int = 8


@dataclass(slots=True)
class Connections:
    """What all connections of a server share."""

    api: Api
    limits: HttpLimits
    loop: asyncio.AbstractEventLoop
    open: "set[Connection]" = field(default_factory=set)
    body_bytes: int = 0
    closing: bool = False

    def sweep(self) -> None:
        """Close or answer what has been waited for too long; called a few times a second."""
        now = self.loop.time()
        for connection in tuple(self.open):
            connection.sweep(now)

    def close_when_idle(self) -> None:
        """Take no more requests: idle connections close now, busy ones after their answer."""
        self.closing = True
        for connection in tuple(self.open):
            connection.close_if_idle()

    @property
    def busy(self) -> bool:
        """Whether a request is being answered."""
        return any(connection.is_busy for connection in self.open)
