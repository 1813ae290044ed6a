"""What all connections of a server share: limits, the clock's rounds, the way to close them all."""

import asyncio
from dataclasses import dataclass, field
from typing import Protocol

from mlz.scoring.http_api import Api


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """
    What one connection, and all of them together, may take.

    Args:
        linger_seconds: how long input is thrown away after an early answer.
        max_bodies: bodies received or scored at the same time, counted in largest bodies.
        max_pipelined: requests read ahead of the one that is being answered.
    """

    max_body_bytes: int
    body_timeout_seconds: float
    max_head_bytes: int = 32 * 1024
    head_timeout_seconds: float = 30
    idle_timeout_seconds: float = 120
    linger_seconds: float = 30
    max_connections: int = 1024
    max_bodies: int = 8
    max_pipelined: int = 16


class Member(Protocol):
    """A connection, as seen from the group."""

    @property
    def is_busy(self) -> bool:
        """Whether a request is under way."""

    def sweep(self, now: float) -> None:
        """Act on a deadline that has passed."""

    def close_if_idle(self) -> None:
        """Close where no request is under way."""

    def abort(self) -> None:
        """Close at once."""


@dataclass(slots=True, eq=False)
class Connections:
    """
    The connections of one server.

    ``common_headers`` are lines of every answer; ``body_bytes`` are held by requests under way;
    ``closing`` makes every answer the last one of its connection.
    """

    api: Api
    limits: HttpLimits
    loop: asyncio.AbstractEventLoop
    members: set[Member] = field(default_factory=set)
    body_bytes: int = 0
    closing: bool = False
    common_headers: bytes = b""
    empty: asyncio.Event = field(default_factory=asyncio.Event)

    def join(self, member: Member) -> bool:
        """Count a connection in; False where there are too many already."""
        full = len(self.members) >= self.limits.max_connections
        self.members.add(member)
        self.empty.clear()
        self.api.service.metrics.connections = len(self.members)
        return not full

    def leave(self, member: Member) -> None:
        """Count a connection out."""
        self.members.discard(member)
        self.api.service.metrics.connections = len(self.members)
        if not self.members:
            self.empty.set()

    @property
    def max_body_bytes(self) -> int:
        """Body bytes that all connections together may hold."""
        return self.limits.max_bodies * self.limits.max_body_bytes

    @property
    def busy(self) -> int:
        """Connections with a request under way."""
        return sum(member.is_busy for member in self.members)

    def sweep(self) -> None:
        """Close or answer what was waited for too long; to be called a few times a second."""
        now = self.loop.time()
        for member in tuple(self.members):
            member.sweep(now)

    def abort(self) -> None:
        """Close all connections at once."""
        for member in tuple(self.members):
            member.abort()

    def say_goodbye(self) -> None:
        """From now on every answer is the last one of its connection, and says so."""
        self.closing = True

    def close_idle(self) -> None:
        """Close who waits for nothing; the others close after their answer."""
        for member in tuple(self.members):
            member.close_if_idle()
