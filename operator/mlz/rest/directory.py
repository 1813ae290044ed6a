"""
Where to find what: from public ids and names to resources, without looking through all of them.

It holds names alone and reads every resource from the cache, so that it cannot tell of another
state than the cache does.
"""

import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping

from mlz.api import names
from mlz.cluster.cache import Body, Cache
from mlz.cluster.kinds import Kind
from mlz.rest.documents.bodies import deployment_guid, display_name, uid_of

Entry = tuple[str, str, str]

GUID = "guid"
TITLE = "title"
SERVING_ID = "servingId"
VERSION = "version"
SERVICE = "service"
MODEL = "model"


class Directory:
    """Indexes over one namespace of a cache; safe to use from many threads."""

    def __init__(self, cache: Cache, kinds: Mapping[str, Kind], namespace: str) -> None:
        self._cache = cache
        self._kinds = kinds
        self._namespace = namespace
        self._lock = threading.Lock()
        self._names: dict[Entry, set[str]] = defaultdict(set)
        self._entries: dict[tuple[str, str], frozenset[Entry]] = {}

    def renew(self, body: Body) -> None:
        """A resource came, changed or went: look at what the cache has of it now."""
        kind, name = body["kind"], body["metadata"]["name"]
        if kind not in self._kinds or body["metadata"].get("namespace") != self._namespace:
            return
        with self._lock:
            # Read under the lock: of two threads the later one sees the newer state.
            known = self._cache.get(self._kinds[kind], self._namespace, name)
            fresh = frozenset() if known is None else frozenset(_entries(known))
            stale = self._entries.pop((kind, name), frozenset())
            for entry in stale - fresh:
                self._forget(entry, name)
            for entry in fresh - stale:
                self._names[entry].add(name)
            if fresh:
                self._entries[kind, name] = fresh

    def find(self, kind: Kind, key: str, value: str) -> list[Body]:
        """Every resource of a kind that has this value there, by name; leaving ones are absent."""
        entry = (kind.kind, key, value)
        with self._lock:
            found = sorted(self._names.get(entry, ()))
        bodies = (self._cache.get(kind, self._namespace, name) for name in found)
        return [body for body in bodies if body is not None and entry in set(_entries(body))]

    def _forget(self, entry: Entry, name: str) -> None:
        self._names[entry].discard(name)
        if not self._names[entry]:
            del self._names[entry]


def is_leaving(body: Body) -> bool:
    """Whether somebody has deleted it, and it only waits for others to finish."""
    return "deletionTimestamp" in body["metadata"]


def guid_of(body: Body) -> str:
    """The public id of a resource."""
    return deployment_guid(body) if body["kind"] == names.DEPLOYMENT else uid_of(body)


def _entries(body: Body) -> Iterator[Entry]:
    if is_leaving(body):
        return
    kind, spec = body["kind"], body.get("spec") or {}
    yield kind, GUID, guid_of(body)
    yield kind, TITLE, display_name(body)
    held = {
        SERVING_ID: spec.get("servingId"),
        VERSION: (spec.get("asset") or {}).get("modelVersion"),
        SERVICE: spec.get("scoringService"),
        MODEL: spec.get("model"),
    }
    yield from ((kind, key, value) for key, value in held.items() if isinstance(value, str))
