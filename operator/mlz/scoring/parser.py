"""
One connection's bytes into whole requests, within limits; what breaks them ends the reading.

Wraps httptools (llhttp) and knows no sockets. Memory is bounded at every moment: heads and bodies
by their limits, and what the parser keeps for itself (a header or trailer without end) by counting
the bytes that bring nothing forward.
"""

from collections import deque
from dataclasses import dataclass

import httptools

from mlz.scoring.connections import Connections
from mlz.scoring.http_api import Head
from mlz.scoring.problems import Problem, RequestError
from mlz.scoring.wire import Incoming, finished_head


@dataclass(slots=True, eq=False)
class Pending:
    """
    A request that was read, or the error that ends the reading of its connection.

    ``held_bytes`` count in the group until the request is answered.
    """

    head: Head | None = None
    body: bytes = b""
    keep_alive: bool = False
    is_http_10: bool = False
    error: Exception | None = None
    held_bytes: int = 0


class RequestParser:
    """
    Feeds ``ready`` with requests in their order.

    ``broken``: nothing more may be fed; the last of ``ready`` says why. ``wants_continue``: the
    client waits for a word before it sends the body.
    """

    def __init__(self, group: Connections) -> None:
        self._group = group
        self._limits = group.limits
        self._parser = httptools.HttpRequestParser(self)
        self.ready: deque[Pending] = deque()
        self.incoming: Incoming | None = None
        self.broken = False
        self.wants_continue = False

    def feed(self, data: bytes) -> None:
        """Parse the next bytes of the connection."""
        if self.broken:
            return
        before, whole = self.incoming, len(self.ready)
        progress = before.progress if before is not None else 0
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.broken = True  # another protocol would follow; we answer in this one and close
        except httptools.HttpParserCallbackError as error:
            self.break_off(error)
        except httptools.HttpParserError as error:
            self.break_off(RequestError(Problem.BAD_REQUEST, f"malformed HTTP: {error}"))
        incoming = self.incoming
        if incoming is not None and len(self.ready) == whole:
            same = before is incoming and incoming.progress == progress
            self._note_silence(incoming, len(data), silent=same)

    def break_off(self, error: Exception) -> None:
        """Answer with an error after what is ready, and read no more."""
        if self.broken:
            return
        head = self.incoming.head if self.incoming is not None else None
        self.forget()
        self.broken = True
        self.ready.append(Pending(head, error=error))

    def close(self) -> None:
        """Read no more, and let go of everything."""
        self.broken = True
        self.forget()
        while self.ready:
            self._group.body_bytes -= self.ready.popleft().held_bytes

    def forget(self) -> None:
        """Let go of a request that is not whole."""
        if self.incoming is not None:
            self._group.body_bytes -= self.incoming.held_bytes
            self.incoming = None

    # What httptools calls; after a break it may still call for the rest of the bytes it has.

    def on_message_begin(self) -> None:
        """A request's first byte."""
        if not self.broken:
            self.incoming = Incoming()

    def on_url(self, url: bytes) -> None:
        """A part of the target."""
        if self.incoming is not None:
            self.incoming.target += url
            self._count_head(self.incoming, len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer (which means nothing to us)."""
        if self.incoming is not None:
            self.incoming.add_header(name, value)
            self._count_head(self.incoming, len(name) + len(value) + 4)

    def on_headers_complete(self) -> None:
        """Refuse what can be refused without the body."""
        if self.incoming is None:
            return
        try:
            self._check_head(self.incoming)
        except RequestError as error:
            self.break_off(error)

    def on_body(self, body: bytes) -> None:
        """Gather the body within its limit and the group's."""
        incoming = self.incoming
        if incoming is None:
            return
        incoming.progress += 1
        incoming.body_bytes += len(body)
        if incoming.body_bytes > self._limits.max_body_bytes:
            self.break_off(self._too_large())
        elif incoming.refusal is None:
            incoming.body.append(body)
            incoming.held_bytes += len(body)
            self._group.body_bytes += len(body)
            if self._group.body_bytes > self._group.max_body_bytes:
                self.break_off(_too_many_bodies())

    def on_message_complete(self) -> None:
        """The request is whole."""
        incoming = self.incoming
        if incoming is None:
            return
        self.incoming = None
        pending = Pending(
            incoming.head,
            incoming.body[0] if len(incoming.body) == 1 else b"".join(incoming.body),
            incoming.keep_alive,
            incoming.is_http_10,
            held_bytes=incoming.held_bytes,
        )
        self.ready.append(pending)

    def _check_head(self, incoming: Incoming) -> None:
        version = self._parser.get_http_version()
        incoming.is_http_10 = version == "1.0"
        incoming.keep_alive = self._parser.should_keep_alive()
        incoming.silent_bytes = 0
        incoming.head = finished_head(incoming, self._parser.get_method(), version)
        length = incoming.content_length()
        if length > self._limits.max_body_bytes:
            raise self._too_large()
        if self._group.body_bytes + length > self._group.max_body_bytes:
            raise _too_many_bodies()
        incoming.refusal = self._group.api.admit(incoming.head)
        if incoming.expects_continue():
            # In vain is the body of a refused request: the client need not send it.
            if incoming.refusal is not None:
                raise incoming.refusal
            self.wants_continue = True

    def _count_head(self, incoming: Incoming, size: int) -> None:
        incoming.progress += 1
        incoming.head_bytes += size
        if incoming.head_bytes > self._limits.max_head_bytes:
            self.break_off(self._head_too_large())

    def _note_silence(self, incoming: Incoming, size: int, *, silent: bool) -> None:
        """Bound what the parser holds back: all bytes of heads, idle bytes of bodies."""
        incoming.silent_bytes += size if silent or incoming.head is None else 0
        if incoming.silent_bytes > self._limits.max_head_bytes:
            self.break_off(self._head_too_large())

    def _too_large(self) -> RequestError:
        limit = self._limits.max_body_bytes
        return RequestError(Problem.BODY_TOO_LARGE, f"a body has at most {limit} bytes here")

    def _head_too_large(self) -> RequestError:
        limit = self._limits.max_head_bytes
        return RequestError(
            Problem.HEADERS_TOO_LARGE, f"target and headers have at most {limit} bytes here"
        )


def _too_many_bodies() -> RequestError:
    return RequestError(Problem.OVERLOADED, "too many large bodies at once; try again later")
