"""From what was seen of a resource to the keys that wait for a pass: cache first, then queue."""

from collections.abc import Mapping
from typing import Any

from mlz.cluster import kinds
from mlz.cluster.cache import Cache
from mlz.controller.queue import Priority, WorkQueue
from mlz.controller.wakeups import keys_of
from mlz.reconcile import Key

Body = Mapping[str, Any]

_CUSTOM = frozenset(kind.kind for kind in kinds.CUSTOM)


class Intake:
    """Safe to use from many threads, as the cache and the queue are."""

    def __init__(self, cache: Cache, queue: WorkQueue[Key]) -> None:
        self._cache = cache
        self._queue = queue

    def event(self, change: str | None, body: Body) -> None:
        """
        Take in one watch event; ``change`` as the API server calls it.

        It wakes also where the cache had it: what one pass wrote is news to those who depend on it.
        """
        if change == "DELETED":
            self._cache.drop(body)
        else:
            self._cache.put(body)
        self.wake(body)

    def wake(self, body: Body) -> None:
        """What is under way goes before first passes of new objects."""
        is_new = body["kind"] in _CUSTOM and not body.get("status")
        priority = Priority.NORMAL if is_new else Priority.URGENT
        for key in keys_of(body, self._cache):
            self._queue.add(key, priority)

    def wake_all(self) -> None:
        """Every resource of ours that the cache knows."""
        for kind in kinds.CUSTOM:
            for body in self._cache.of_kind(kind):
                meta = body["metadata"]
                self._queue.add(Key(kind.kind, meta["namespace"], meta["name"]))
