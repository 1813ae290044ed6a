"""
HTTP/1.1 on one connection: parse, bound, keep order, answer, close well.

No task and no future for a request: bytes go from the socket through the parser to the API in one
call. Requests of a connection are answered one after another. What has to be refused before its end
(too large, too slow, malformed) is answered at once; then we stop sending and throw away what still
comes, since a socket closed on unread input would take the answer away from the client.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from enum import Enum

import httptools

from mlz.scoring.connections import Connections
from mlz.scoring.http_api import Head, Response
from mlz.scoring.problems import Problem, RequestError
from mlz.scoring.scorer import Job
from mlz.scoring.wire import CONTINUE, Incoming, answer_bytes, finished_head


class Phase(Enum):
    """What a connection's deadline is for."""

    NONE = "none"
    IDLE = "idle"
    HEAD = "head"
    BODY = "body"
    WRITE = "write"
    LINGER = "linger"


@dataclass(slots=True, eq=False)
class Pending:
    """A request that was read, or the refusal that ends its connection."""

    head: Head | None
    body: bytes = b""
    keep_alive: bool = False
    is_http_10: bool = False
    refusal: RequestError | None = None


class Connection(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, group: Connections) -> None:
        self._group = group
        self._limits = group.limits
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._incoming: Incoming | None = None
        self._waiting: deque[Pending] = deque()
        self._current: Pending | None = None
        self._job: Job | None = None
        self._phase = Phase.NONE
        self._deadline = 0.0
        self._deaf = False
        self._half_closed = False
        self._write_paused = False
        self._read_paused = False
        self._starting = False

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Join the group, or be turned away where it is full."""
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")  # noqa: S101
        self._transport = transport  # type: ignore[assignment] # uvloop's is no subclass
        group = self._group
        full = len(group.members) >= self._limits.max_connections
        group.members.add(self)
        group.api.service.metrics.connections = len(group.members)
        if full:
            self._refuse(RequestError(Problem.OVERLOADED, "too many connections; try again later"))
            self._start_next()
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Parse, and start what is complete."""
        if self._deaf:
            return
        was_incoming = self._incoming
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._deaf = True  # another protocol would follow; we answer in this one and close
        except httptools.HttpParserCallbackError as error:
            self._refuse(error)
        except httptools.HttpParserError as error:
            self._refuse(RequestError(Problem.BAD_REQUEST, f"malformed HTTP: {error}"))
        if self._incoming is not None and self._incoming is was_incoming:
            self._check_progress(self._incoming, len(data))
        self._start_next()
        self._watch()

    def eof_received(self) -> bool:
        """The client sends no more; it still gets the answers it waits for."""
        self._half_closed = True
        if self._current is None and not self._waiting:
            self._close()
        return True

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Let go of everything; nobody waits for answers any more."""
        self._transport = None
        self._deaf = True
        self._group.members.discard(self)
        self._group.api.service.metrics.connections = len(self._group.members)
        if self._job is not None:
            self._job.dropped = True
        self._forget_incoming()
        for pending in self._waiting:
            self._group.body_bytes -= len(pending.body)
        self._waiting.clear()

    def pause_writing(self) -> None:
        """The client does not read: start nothing new, and do not wait for ever."""
        self._write_paused = True
        self._watch()

    def resume_writing(self) -> None:
        """The client reads again."""
        self._write_paused = False
        self._start_next()
        self._watch()

    # What httptools calls.

    def on_message_begin(self) -> None:
        """A request's first byte."""
        if not self._deaf:
            self._incoming = Incoming()

    def on_url(self, url: bytes) -> None:
        """A part of the target."""
        if self._incoming is not None:
            self._incoming.target += url
            self._incoming.head_bytes += len(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer (which means nothing to us)."""
        if self._incoming is not None and self._incoming.head is None:
            self._incoming.add_header(name, value)

    def on_headers_complete(self) -> None:
        """Refuse what can be refused without the body."""
        incoming = self._incoming
        if incoming is None:
            return
        try:
            self._check_head(incoming)
        except RequestError as error:
            self._refuse(error)

    def on_body(self, body: bytes) -> None:
        """Gather the body within its limit and the group's."""
        incoming = self._incoming
        if incoming is None:
            return
        incoming.silent_bytes = 0
        incoming.body_bytes += len(body)
        if incoming.body_bytes > self._limits.max_body_bytes:
            self._refuse(self._too_large())
        elif incoming.refusal is None:
            incoming.body.append(body)
            self._group.body_bytes += len(body)
            if self._group.body_bytes > self._group.max_body_bytes:
                self._refuse(_too_many_bodies())

    def on_message_complete(self) -> None:
        """The request is whole: it waits for its turn."""
        incoming = self._incoming
        if incoming is None:
            return
        self._incoming = None
        body = incoming.body[0] if len(incoming.body) == 1 else b"".join(incoming.body)
        self._waiting.append(
            Pending(
                incoming.head, body, incoming.keep_alive, incoming.is_http_10, incoming.refusal
            )
        )

    # What the group calls.

    @property
    def is_busy(self) -> bool:
        """Whether a request is under way."""
        return self._current is not None or bool(self._waiting) or self._incoming is not None

    def close_if_idle(self) -> None:
        """Close where no request is under way."""
        if not self.is_busy:
            self._close()

    def sweep(self, now: float) -> None:
        """Act on a deadline that has passed."""
        if self._phase is Phase.NONE or now < self._deadline:
            return
        if self._phase is Phase.HEAD or self._phase is Phase.BODY:
            part = self._phase.value
            self._refuse(RequestError(Problem.REQUEST_TIMEOUT, f"the {part} took too long"))
            self._start_next()
            self._watch()
        elif self._transport is not None:
            self._transport.abort()

    # Reading.

    def _check_head(self, incoming: Incoming) -> None:
        version = self._parser.get_http_version()
        if incoming.head_bytes > self._limits.max_head_bytes:
            raise self._head_too_large()
        incoming.is_http_10 = version == "1.0"
        incoming.keep_alive = self._parser.should_keep_alive()
        incoming.head = finished_head(incoming, self._parser.get_method(), version)
        if incoming.content_length() > self._limits.max_body_bytes:
            raise self._too_large()
        if self._group.body_bytes + incoming.content_length() > self._group.max_body_bytes:
            raise _too_many_bodies()
        incoming.refusal = self._group.api.refusal(incoming.head)
        if incoming.expects_continue():
            self._continue(incoming)

    def _continue(self, incoming: Incoming) -> None:
        """Ask for the body, unless it is in vain or would overtake an earlier answer."""
        if incoming.refusal is not None:
            raise incoming.refusal
        if self._transport is not None and self._current is None and not self._waiting:
            self._transport.write(CONTINUE)

    def _check_progress(self, incoming: Incoming, size: int) -> None:
        """Bound what the parser keeps for itself: an endless header, or an endless trailer."""
        if incoming.head is None:
            incoming.head_bytes = max(incoming.head_bytes, incoming.silent_bytes)
        incoming.silent_bytes += size
        if incoming.silent_bytes > self._limits.max_head_bytes + size:
            self._refuse(self._head_too_large())

    def _refuse(self, error: Exception) -> None:
        """Answer early and listen no more."""
        if self._deaf:
            return
        head = self._incoming.head if self._incoming is not None else None
        self._forget_incoming()
        self._deaf = True
        refusal = error if isinstance(error, RequestError) else None
        self._waiting.append(Pending(head, refusal=refusal))

    def _forget_incoming(self) -> None:
        if self._incoming is not None:
            self._group.body_bytes -= sum(map(len, self._incoming.body))
            self._incoming = None

    def _too_large(self) -> RequestError:
        return RequestError(
            Problem.BODY_TOO_LARGE, f"a body has at most {self._limits.max_body_bytes} bytes here"
        )

    def _head_too_large(self) -> RequestError:
        return RequestError(
            Problem.HEADERS_TOO_LARGE,
            f"target and headers have at most {self._limits.max_head_bytes} bytes here",
        )
