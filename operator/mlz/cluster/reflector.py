"""
One collection of objects as it is now: a list, then a watch that goes on where the list ended.

For processes that only mirror objects and answer from them; the operator's own source of events is
kopf. A thread a collection. Nothing is lost for good: what a watch missed, the next list finds.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from mlz.cluster import listing
from mlz.cluster.cache import Body, Cache
from mlz.cluster.client import ApiError, ApiRefusalError, KubeClient
from mlz.cluster.kinds import Kind

_log = logging.getLogger(__name__)

Listener = Callable[[Body], None]

_WATCH_SECONDS = 60.0
_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 10.0


class Mirror:
    """The cache with listeners; safe to use from many threads."""

    def __init__(self, cache: Cache) -> None:
        self.cache = cache
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> None:
        """Call it with each object that came, changed or went, in the thread that saw it."""
        self._listeners.append(listener)

    def put(self, body: Body) -> None:
        """An object as somebody has seen it."""
        if self.cache.put(body):
            self._tell(body)

    def bury(self, body: Body) -> None:
        """An object that does not exist any more."""
        if self.cache.drop(body):
            self._tell(body)

    def _tell(self, body: Body) -> None:
        for listener in self._listeners:
            listener(body)


@dataclass(frozen=True, slots=True)
class Collection:
    """
    What is listed or watched: the objects of a kind in a namespace, or some of them.

    Attributes:
        name: one object only; then the right to that one is enough.
        label: only objects that have it, ``key=value``; not for a mirror, which would bury others.
    """

    kind: Kind
    namespace: str
    name: str | None = None
    label: str | None = None

    @property
    def query(self) -> dict[str, str]:
        """The selectors."""
        field = {} if self.name is None else {"fieldSelector": f"metadata.name={self.name}"}
        return field if self.label is None else field | {"labelSelector": self.label}

    def holds(self, body: Body) -> bool:
        """Whether an object of the kind and namespace belongs to it."""
        return self.name is None or body["metadata"]["name"] == self.name


def pages(client: KubeClient, collection: Collection) -> Iterator[tuple[list[Body], str]]:
    """The pages of a collection; as ``listing.pages``."""
    return listing.pages(client, collection.kind, collection.namespace, collection.query)


def list_anew(client: KubeClient, mirror: Mirror, collection: Collection) -> str:
    """
    Read a collection as it is now, and bury what is not in it any more.

    Returns:
        The version that a watch goes on from.

    Raises:
        ApiError: it cannot be listed; what was known stays.
    """
    seen: set[str] = set()
    version = "0"
    for bodies, version in pages(client, collection):  # noqa: B007 - the last one counts
        for body in bodies:
            seen.add(body["metadata"]["uid"])
            mirror.put(body)
    for known in mirror.cache.in_namespace(collection.kind, collection.namespace):
        meta = known["metadata"]
        is_older = int(meta["resourceVersion"]) < int(version)
        if is_older and meta["uid"] not in seen and collection.holds(known):
            mirror.bury(known)
    return version


class Reflector:
    """
    Keeps a collection in a mirror.

    Args:
        jitter: numbers from 0 to 1, so that replicas do not come back in step.
    """

    def __init__(
        self,
        client: KubeClient,
        mirror: Mirror,
        collection: Collection,
        jitter: Callable[[], float],
    ) -> None:
        self._client = client
        self._mirror = mirror
        self._collection = collection
        self._jitter = jitter
        self._version: str | None = None
        self._failures = 0
        self._listed = threading.Event()
        self._stopping = threading.Event()
        name = f"reflector-{collection.kind.plural}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start watching, in a thread of its own."""
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """End it, waiting no longer than this; a watch that hears nothing ends with the process."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(seconds)

    @property
    def is_ready(self) -> bool:
        """Whether it has been listed once."""
        return self._listed.is_set()

    @property
    def is_current(self) -> bool:
        """Whether the last request to the API server went well."""
        return self.is_ready and self._failures == 0

    def wait_until_ready(self, seconds: float) -> bool:
        """Wait for the first list."""
        return self._listed.wait(seconds)

    def turn(self) -> float:
        """List where that is needed, then watch to the end; answers how long to pause then."""
        try:
            if self._version is None:
                self._version = list_anew(self._client, self._mirror, self._collection)
                self._listed.set()
            heard = self._watch(self._version)
        except ApiError as error:
            return self._failed(error)
        self._failures = 0
        # A server that ends a watch at once would be asked again at once.
        return 0.0 if heard else self._spread(_FIRST_PAUSE_SECONDS)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._stopping.wait(self.turn())

    def _watch(self, version: str) -> bool:
        where, heard = self._collection, False
        seconds = _WATCH_SECONDS * (1 + self._jitter())
        events = self._client.watch(where.kind, where.namespace, version, seconds, where.query)
        for event in events:
            self._hear(event["type"], event["object"])
            heard = True
            if self._stopping.is_set():
                break
        return heard

    def _hear(self, change: str, body: dict[str, Any]) -> None:
        if change == "DELETED":
            self._mirror.bury(body)
        elif change != "BOOKMARK":
            self._mirror.put(body)
        self._version = body["metadata"]["resourceVersion"]
        self._failures = 0

    def _failed(self, error: ApiError) -> float:
        """A version that is too old needs a list, anything else another try."""
        is_too_old = isinstance(error, ApiRefusalError) and error.status == listing.GONE
        if is_too_old:
            self._version = None
        if not is_too_old or self._failures:
            where = self._collection.kind.plural
            _log.warning("cannot watch", extra={"kind": where, "cause": str(error)})
        self._failures += 1
        longest = _FIRST_PAUSE_SECONDS * 2.0 ** min(self._failures - 1, 10)
        return self._spread(min(longest, _LONGEST_PAUSE_SECONDS))

    def _spread(self, seconds: float) -> float:
        return seconds * (0.5 + self._jitter())
