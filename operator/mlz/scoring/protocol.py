"""
HTTP/1.1 on one connection: keep order, answer, keep deadlines, close well.

No task and no future for a request: bytes go from the socket through the parser to the API in one
call. Requests of a connection are answered one after another. What has to be refused before its end
(too large, too slow, malformed) is answered at once; then we stop sending and throw away what still
comes, since a socket closed on unread input would take the answer away from the client.
"""

import asyncio
import select
from enum import Enum

from mlz.scoring.connections import Connections
from mlz.scoring.http_api import Head, Response
from mlz.scoring.parser import Pending, RequestParser
from mlz.scoring.problems import Problem, RequestError
from mlz.scoring.scorer import Job
from mlz.scoring.wire import CONTINUE, answer_bytes


class Phase(Enum):
    """What a connection's deadline is for."""

    NONE = "none"
    IDLE = "idle"
    HEAD = "head"
    BODY = "body"
    WRITE = "write"
    LINGER = "linger"


class Connection(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, group: Connections) -> None:
        self._group = group
        self._limits = group.limits
        self._parser = RequestParser(group)
        self._transport: asyncio.Transport | None = None
        self._current: Pending | None = None
        self._job: Job | None = None
        self._phase = Phase.NONE
        self._deadline = 0.0
        self._watched: object = None
        self._half_closed = False
        self._write_paused = False
        self._read_paused = False
        self._starting = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Join the group, or be turned away where it is full."""
        self._transport = transport  # type: ignore[assignment] # uvloop's is no asyncio.Transport
        if not self._group.join(self):
            text = "too many connections are open already; try again later"
            self._parser.break_off(RequestError(Problem.OVERLOADED, text))
        self._go_on()

    def data_received(self, data: bytes) -> None:
        """Parse, and start what is complete."""
        self._parser.feed(data)
        if self._parser.wants_continue:
            self._continue()
        self._go_on()

    def eof_received(self) -> bool:
        """The client sends no more; it still gets the answers it waits for."""
        self._half_closed = True
        if self._current is None and not self._parser.ready:
            self._close()
        return True

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Let go of everything: nobody waits for answers any more."""
        self._transport = None
        self._phase = Phase.NONE
        self._group.leave(self)
        if self._job is not None:
            self._job.dropped = True
        self._parser.close()

    def pause_writing(self) -> None:
        """The client does not read: start nothing new, and do not wait for ever."""
        self._write_paused = True
        self._watch()

    def resume_writing(self) -> None:
        """The client reads again; the next pause is a new one."""
        self._write_paused = False
        self._phase = Phase.NONE
        self._go_on()

    @property
    def is_busy(self) -> bool:
        """Whether a request is under way."""
        parser = self._parser
        return self._current is not None or bool(parser.ready) or parser.incoming is not None

    def close_if_idle(self) -> None:
        """Close where no request is under way, be it one that nobody has read yet."""
        if not self.is_busy and not self._has_unread():
            self._close()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def sweep(self, now: float) -> None:
        """Act on a deadline that has passed."""
        if self._phase is Phase.NONE or now < self._deadline:
            return
        if self._phase in (Phase.HEAD, Phase.BODY):
            text = f"the request's {self._phase.value} took too long to arrive"
            self._parser.break_off(RequestError(Problem.REQUEST_TIMEOUT, text))
            self._go_on()
        else:
            self.abort()

    def _continue(self) -> None:
        """Ask for a body, unless the word would overtake an earlier answer."""
        self._parser.wants_continue = False
        free = self._current is None and not self._parser.ready
        if free and self._parser.incoming is not None and self._transport is not None:
            self._transport.write(CONTINUE)

    def _go_on(self) -> None:
        """Start what is ready, one after another; not from within itself."""
        if self._starting:
            return
        self._starting = True
        while self._parser.ready and self._current is None and not self._write_paused:
            self._start(self._parser.ready.popleft())
        self._starting = False
        self._control_reading()
        self._watch()

    def _start(self, pending: Pending) -> None:
        self._current = pending
        api = self._group.api
        if pending.error is not None or pending.head is None:
            error = pending.error or RequestError(Problem.BAD_REQUEST, "not a request")
            self._answer(pending, api.refused(error, pending.head))
            return
        job = api.handle(
            pending.head, pending.body, lambda response: self._answer(pending, response)
        )
        if self._current is pending:
            self._job = job

    def _answer(self, pending: Pending, response: Response) -> None:
        self._group.body_bytes -= pending.held_bytes
        self._current = self._job = None
        if self._transport is None:
            return
        last = self._is_last(pending)
        connection = b"close" if last else b"keep-alive" if pending.is_http_10 else b""
        self._transport.write(
            answer_bytes(
                response,
                self._group.common_headers,
                bodiless=_is_head(pending.head),
                connection=connection,
            )
        )
        if last:
            self._finish()
        self._go_on()

    def _is_last(self, pending: Pending) -> bool:
        if self._half_closed or self._parser.broken:
            return not self._parser.ready
        return not pending.keep_alive or self._group.closing

    def _finish(self) -> None:
        """Close after the last answer; linger where the client may still be sending."""
        unread = self._parser.broken and not self._half_closed
        self._parser.close()
        if not unread or self._transport is None or not self._transport.can_write_eof():
            self._close()
            return
        self._transport.write_eof()
        self._phase = Phase.LINGER
        self._deadline = self._group.loop.time() + self._limits.linger_seconds

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _has_unread(self) -> bool:
        """Closing a socket that holds unread bytes resets it: the client would lose a request."""
        if self._transport is None:
            return False
        socket = self._transport.get_extra_info("socket")
        return bool(select.select([socket.fileno()], [], [], 0)[0])

    def _control_reading(self) -> None:
        """Read no further ahead than a few requests."""
        if self._transport is None or self._transport.is_closing():
            return
        ahead = len(self._parser.ready) >= self._limits.max_pipelined
        if ahead and not self._read_paused and not self._parser.broken:
            self._transport.pause_reading()
            self._read_paused = True
        elif self._read_paused and (not ahead or self._parser.broken):
            self._transport.resume_reading()
            self._read_paused = False

    def _watch(self) -> None:
        """Set the deadline of the phase this connection is in, at its beginning only."""
        if self._phase is Phase.LINGER:
            return
        phase = self._phase_now()
        same = phase is self._phase and self._watched is self._parser.incoming
        if same and phase is not Phase.IDLE:
            return
        self._phase = phase
        self._watched = self._parser.incoming
        if phase is not Phase.NONE:
            self._deadline = self._group.loop.time() + self._seconds(phase)

    def _seconds(self, phase: Phase) -> float:
        if phase is Phase.IDLE:
            return self._limits.idle_timeout_seconds
        if phase is Phase.HEAD:
            return self._limits.head_timeout_seconds
        return self._limits.body_timeout_seconds

    def _phase_now(self) -> Phase:
        if self._write_paused:
            return Phase.WRITE
        if self._current is not None or self._parser.ready:
            return Phase.NONE
        incoming = self._parser.incoming
        if incoming is None:
            return Phase.IDLE
        return Phase.HEAD if incoming.head is None else Phase.BODY


def _is_head(head: Head | None) -> bool:
    return head is not None and head.method == "HEAD"
