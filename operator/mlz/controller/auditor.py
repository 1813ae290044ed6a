"""
The auditor: compares what we believe with what is, because no watch is perfect.

At the start it fills the cache, and no pass runs before that. Later it finds what events missed:
deletions during a re-list, streams that went silent. Every finding is counted and repaired.
"""

import logging
import threading
from collections.abc import Callable, Iterator

from mlz.cluster import kinds
from mlz.cluster.cache import Body, Cache, version_of
from mlz.cluster.client import ApiError, KubeClient
from mlz.cluster.kinds import Kind
from mlz.cluster.listing import pages, typed
from mlz.controller.metrics import Metrics
from mlz.controller.source import CHILD_SELECTOR

_log = logging.getLogger(__name__)


class Auditor:
    """
    Lists every watched kind and repairs the cache.

    Args:
        namespaces: the namespaces we work in; none means all.
        changed: called with an object that the cache had missed or lost.
    """

    def __init__(
        self,
        client: KubeClient,
        cache: Cache,
        namespaces: tuple[str, ...],
        metrics: Metrics,
        changed: Callable[[Body], None],
    ) -> None:
        self._client = client
        self._cache = cache
        self._namespaces: tuple[str | None, ...] = namespaces or (None,)
        self._metrics = metrics
        self._changed = changed

    def fill(self, stopping: threading.Event) -> bool:
        """Fill the empty cache, as often as it takes; False when stopped before that."""
        while not stopping.is_set():
            try:
                for kind in kinds.WATCHED:
                    self._fill(kind)
            except ApiError as error:
                _log.warning("cannot list yet", extra={"cause": str(error)})
                stopping.wait(1.0)
            else:
                return True
        return False

    def audit(self) -> int:
        """Compare everything once; answers how many changes no event had told of."""
        return sum(
            self._audit(kind, namespace) for kind in kinds.WATCHED for namespace in self._namespaces
        )

    def _fill(self, kind: Kind) -> None:
        for namespace in self._namespaces:
            for bodies, _ in self._pages(kind, namespace, bare=False):
                for body in bodies:
                    self._cache.put(body)

    def _audit(self, kind: Kind, namespace: str | None) -> int:
        seen: set[str] = set()
        listed_at, missed = "0", 0
        for bodies, listed_at in self._pages(kind, namespace, bare=True):  # noqa: B007 - the last
            for body in bodies:
                seen.add(body["metadata"]["uid"])
                missed += self._repair_stale(kind, body["metadata"])
        for known in self._cache.of_kind(kind):
            meta = known["metadata"]
            is_listed = namespace in (None, meta["namespace"]) and version_of(known) < int(
                listed_at
            )
            if is_listed and meta["uid"] not in seen:
                missed += self._repair_deleted(known)
        return missed

    def _repair_stale(self, kind: Kind, meta: Body) -> int:
        known = self._cache.get(kind, meta["namespace"], meta["name"])
        if known is not None and version_of(known) >= int(meta["resourceVersion"]):
            return 0
        current = self._current(kind, meta)
        if current is None or not self._cache.put(typed(current, kind)):
            return 0
        self._metrics.missed("stale")
        self._changed(typed(current, kind))
        return 1

    def _current(self, kind: Kind, meta: Body) -> Body | None:
        """A list of one: that needs no further right than the one to list."""
        query = {"fieldSelector": f"metadata.name={meta['name']}"}
        page = self._client.list_page(kind, meta["namespace"], query)
        return next(iter(page["items"]), None)

    def _repair_deleted(self, known: Body) -> int:
        if not self._cache.drop(known):
            return 0
        self._metrics.missed("deleted")
        self._changed(known)
        return 1

    def _pages(
        self, kind: Kind, namespace: str | None, *, bare: bool
    ) -> Iterator[tuple[list[Body], str]]:
        selectors = {"labelSelector": CHILD_SELECTOR} if kind in kinds.CHILDREN else {}
        return pages(self._client, kind, namespace, selectors, bare=bare)
