"""
Waiting for the cluster, in the event loop: many waiters cost little, and none waits for ever.

A waiter is woken when the mirror hears of its resource, and looks each second besides, in case that
no event comes any more. A look for a guid that the mirror does not know is one list for all who ask
meanwhile, and a rest after each: nine times as long as the list took, and a second at most. So ids
that nobody has are soon told, and do not become a load for the API server.
"""

import asyncio
import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from mlz.cluster.cache import Body
from mlz.cluster.kinds import Kind
from mlz.rest.world import World

OutcomeT = TypeVar("OutcomeT")

# Whatever an id in a path may look like; nothing else is looked for.
GUID = re.compile(r"[A-Za-z0-9_-]{1,64}")

_POLL_SECONDS = 1.0
_RESTS = 9  # so lists are a tenth of the time
_LEAST_REST_SECONDS, _LONGEST_REST_SECONDS = 0.02, 1.0


@dataclass(frozen=True, slots=True)
class Waited(Generic[OutcomeT]):
    """
    What became of a wait.

    Attributes:
        outcome: what the predicate said at last; None where time was up, or the resource has gone.
        body: the resource as it was seen last; None where it has gone.
    """

    outcome: OutcomeT | None
    body: Body | None


class Waiters:
    """Those who wait for resources of one world, in the running event loop."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._loop = asyncio.get_running_loop()
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        world.mirror.listen(self._heard)

    async def until(
        self, kind: Kind, body: Body, predicate: Callable[[Body], OutcomeT | None], deadline: float
    ) -> Waited[OutcomeT]:
        """
        Wait for what a predicate says of a resource.

        Args:
            body: the very resource, as its write answered: one of another uid is not it.
            predicate: None means not yet.
            deadline: of the event loop's clock; a past one looks once.
        """
        name, uid = body["metadata"]["name"], body["metadata"]["uid"]
        woken = asyncio.Event()
        self._waiting[uid].add(woken)
        try:
            while True:
                woken.clear()
                known = self._world.named(kind, name)
                if known is None or known["metadata"]["uid"] != uid:
                    return Waited(None, None)
                outcome = predicate(known)
                left = deadline - self._loop.time()
                if outcome is not None or left <= 0:
                    return Waited(outcome, known)
                await _one_of(woken, min(left, _POLL_SECONDS))
        finally:
            self._waiting[uid].discard(woken)
            if not self._waiting[uid]:
                del self._waiting[uid]

    @property
    def count(self) -> int:
        """For how many resources somebody waits."""
        return len(self._waiting)

    def _heard(self, body: Body) -> None:
        """In whatever thread: most events concern nobody, and must not wake the loop."""
        uid = body["metadata"]["uid"]
        if uid in self._waiting and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake, uid)

    def _wake(self, uid: str) -> None:
        for woken in self._waiting.get(uid, ()):
            woken.set()


class Lookups:
    """Resources by their guid: the mirror's at once, others after one list for all who ask."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._loop = asyncio.get_running_loop()
        self._next: dict[str, asyncio.Task[None]] = {}
        self._rested: dict[str, float] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def by_guid(self, kind: Kind, guid: str) -> Body | None:
        """
        The resource of that guid, however new it is; None where there is none.

        Raises:
            Refusal: the API server does not answer.
        """
        known = self._world.by_guid(kind, guid)
        if known is not None or GUID.fullmatch(guid) is None:
            return known
        await self.refreshed(kind)
        return self._world.by_guid(kind, guid)

    async def refreshed(self, kind: Kind) -> None:
        """Wait for a list of the kind that begins after this call."""
        task = self._next.get(kind.kind)
        if task is None:
            task = self._next[kind.kind] = self._loop.create_task(self._refresh(kind))
            # Its failure is known, even if all who asked have gone away.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.shield(task)

    async def _refresh(self, kind: Kind) -> None:
        async with self._locks[kind.kind]:
            await asyncio.sleep(self._rested.get(kind.kind, 0) - self._loop.time())
            # Who comes from now on may ask for what this list does not see yet.
            del self._next[kind.kind]
            began = self._loop.time()
            try:
                await asyncio.to_thread(self._world.refresh, kind)
            finally:
                ended = self._loop.time()
                rest = max(_LEAST_REST_SECONDS, _RESTS * (ended - began))
                self._rested[kind.kind] = ended + min(rest, _LONGEST_REST_SECONDS)


async def _one_of(woken: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await woken.wait()
    except TimeoutError:
        return
