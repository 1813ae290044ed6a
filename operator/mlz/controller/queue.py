"""
The work queue: each key at most once waiting and at most once in work.

The contract is client-go's: a key added while it is in work is handed out again afterwards, so no
change is missed and no two passes meet. Urgent keys go first, but every tenth hand-out takes the
longest-waiting one, so nothing starves. Failures wait longer each time, by key.
"""

import heapq
import itertools
import threading
from collections import OrderedDict
from collections.abc import Callable
from enum import IntEnum
from typing import Generic, TypeVar

KeyT = TypeVar("KeyT")

_FAIR_SHARE = 10
_FIRST_BACKOFF_SECONDS = 0.2
_LAST_BACKOFF_SECONDS = 300.0


class Priority(IntEnum):
    """How urgent a key is; the lower the sooner."""

    URGENT = 0
    NORMAL = 1


class WorkQueue(Generic[KeyT]):
    """
    A deduplicating queue for many workers.

    Args:
        clock: monotonic seconds.
        jitter: a factor around 1 for each back-off, so that failures do not march in step.
    """

    def __init__(self, clock: Callable[[], float], jitter: Callable[[], float]) -> None:
        self._clock = clock
        self._jitter = jitter
        self._changed = threading.Condition()
        self._waiting: tuple[OrderedDict[KeyT, float], ...] = tuple(OrderedDict() for _ in Priority)
        self._working: set[KeyT] = set()
        self._again: dict[KeyT, Priority] = {}
        self._later: list[tuple[float, int, KeyT]] = []
        self._due: dict[KeyT, float] = {}
        self._failures: dict[KeyT, int] = {}
        self._order = itertools.count()
        self._handed_out = 0
        self._closed = False

    def add(self, key: KeyT, priority: Priority = Priority.NORMAL) -> None:
        """Ask for a pass."""
        with self._changed:
            self._add(key, priority)

    def add_later(self, key: KeyT, seconds: float) -> None:
        """Ask for a pass after a while; of several, the earliest counts."""
        with self._changed:
            self._schedule(key, seconds)

    def retry(self, key: KeyT) -> float:
        """Ask for a pass after this key's back-off; answers its seconds."""
        with self._changed:
            failures = self._failures.get(key, 0)
            self._failures[key] = failures + 1
            seconds: float = min(
                _FIRST_BACKOFF_SECONDS * 2 ** min(failures, 20), _LAST_BACKOFF_SECONDS
            )
            seconds *= self._jitter()
            self._schedule(key, seconds)
            return seconds

    def forgive(self, key: KeyT) -> None:
        """A pass succeeded: the next failure starts from the shortest back-off."""
        with self._changed:
            self._failures.pop(key, None)

    def take(self) -> KeyT | None:
        """Wait for a key and take it into work; None when the queue is closed."""
        with self._changed:
            while not self._closed:
                self._ripen()
                key = self._next()
                if key is not None:
                    self._working.add(key)
                    return key
                self._changed.wait(self._seconds_to_next())
            return None

    def done(self, key: KeyT) -> None:
        """The pass is over; a key that was added meanwhile waits again."""
        with self._changed:
            self._working.discard(key)
            priority = self._again.pop(key, None)
            if priority is not None:
                self._add(key, priority)

    def close(self) -> None:
        """Let every worker go."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def depth(self) -> int:
        """Keys that wait for a worker now."""
        with self._changed:
            return sum(len(waiting) for waiting in self._waiting)

    def oldest_seconds(self) -> float:
        """How long the longest-waiting key has waited; 0 where none waits."""
        with self._changed:
            # A key that became urgent stands behind younger ones and keeps its age.
            since = [since for waiting in self._waiting for since in waiting.values()]
            return self._clock() - min(since) if since else 0.0

    def _add(self, key: KeyT, priority: Priority) -> None:
        self._due.pop(key, None)
        if key in self._working:
            self._again[key] = min(priority, self._again.get(key, priority))
            return
        since = self._clock()
        for other in Priority:
            if key in self._waiting[other]:
                if other <= priority:
                    return
                since = self._waiting[other].pop(key)
        self._waiting[priority][key] = since
        self._changed.notify()

    def _schedule(self, key: KeyT, seconds: float) -> None:
        due = self._clock() + seconds
        if due >= self._due.get(key, due + 1):
            return
        self._due[key] = due
        heapq.heappush(self._later, (due, next(self._order), key))
        self._changed.notify()

    def _ripen(self) -> None:
        now = self._clock()
        while self._later and self._later[0][0] <= now:
            due, _, key = heapq.heappop(self._later)
            if self._due.get(key) == due:
                self._add(key, Priority.NORMAL)

    def _next(self) -> KeyT | None:
        filled = [waiting for waiting in self._waiting if waiting]
        if not filled:
            return None
        self._handed_out += 1
        chosen = filled[0]
        if self._handed_out % _FAIR_SHARE == 0:
            chosen = min(filled, key=lambda waiting: next(iter(waiting.values())))
        return chosen.popitem(last=False)[0]

    def _seconds_to_next(self) -> float | None:
        return None if not self._later else max(0.0, self._later[0][0] - self._clock())
