"""
The operator without threads: events, cache, keys that wait, passes; a test does each by itself.
"""

from collections.abc import Mapping
from typing import Any

from fakes.apiserver import FakeApiServer
from fakes.clock import FakeClock
from mlz.cluster import kinds
from mlz.cluster.apply import Writer
from mlz.cluster.cache import Cache
from mlz.cluster.client import ApiError
from mlz.cluster.events import Recorder
from mlz.cluster.observe import Observer
from mlz.cluster.safety import Brakes
from mlz.controller.auditor import Auditor
from mlz.controller.metrics import Metrics
from mlz.controller.source import CHILD_SELECTOR
from mlz.controller.wakeups import keys_of
from mlz.errors import MlzError
from mlz.lifecycle.report import AssetUpdate
from mlz.reconcile import Key, World, reconcile
from mlz.resources.trust import Issuers
from mlz.settings import Defaults, OperatorSettings

Manifest = dict[str, Any]
_CHILDREN = frozenset(kind.kind for kind in kinds.CHILDREN)
_WATCHED = frozenset(kind.kind for kind in kinds.WATCHED)


class FakeOperator:
    """
    One process of the operator over a server in memory; ``restart`` forgets all but the server.

    Attributes:
        waiting: keys that wait for a pass.
        due: keys that wait for their time, in seconds of the clock.
        issuers: whose tokens pods are to take.
    """

    def __init__(self, server: FakeApiServer, clock: FakeClock, defaults: Defaults) -> None:
        self._server = server
        self._clock = clock
        self.issuers: Issuers = {}
        self.restart(defaults)

    def restart(self, defaults: Defaults) -> None:
        """Start anew: list everything, and let every resource wait for a pass."""
        settings = OperatorSettings()
        self.cache = Cache()
        self.waiting: dict[Key, None] = {}
        self.due: dict[Key, float] = {}
        self.updates: list[AssetUpdate] = []
        self._world = World(
            cache=self.cache,
            observer=Observer(self.cache, self._server, defaults, settings),
            # Tests make more changes than a minute of real life holds.
            writer=Writer(self._server, self.cache, Brakes(self._many_minutes)),
            recorder=Recorder(self._server, self._clock.wall),
            defaults=defaults,
            settings=settings,
            clock=self._clock.wall,
            count_update=self.updates.append,
            issuers=lambda: self.issuers,
        )
        self._minutes = 0.0
        self._auditor = Auditor(self._server, self.cache, (), Metrics(), self._wake)
        self._server.events.clear()
        for kind in kinds.WATCHED:
            for body in self._server.all(kind.kind):
                if _is_watched(body):
                    self.cache.put(body)
        self.wake_all()

    def _many_minutes(self) -> float:
        self._minutes += 100
        return self._minutes

    def wake_all(self) -> None:
        """Every resource waits for a pass."""
        for kind in kinds.CUSTOM:
            for body in self.cache.of_kind(kind):
                self._add(Key(kind.kind, body["metadata"]["namespace"], body["metadata"]["name"]))

    def hear(self, *, lost: bool = False) -> None:
        """The next watch event, or its loss."""
        if not self._server.events:
            return
        change, body = self._server.events.pop(0)
        if lost or body["kind"] not in _WATCHED:
            return
        if change == "DELETED" or not _is_watched(body):
            self.cache.drop(body)
        else:
            self.cache.put(body)
        self._wake(body)

    def hear_all(self) -> None:
        while self._server.events:
            self.hear()

    def audit(self) -> None:
        """Compare everything, and let every resource wait for a pass."""
        self._auditor.audit()
        self.wake_all()

    def run_one(self, number: int = 0) -> None:
        """One pass over a key that waits; whatever failed waits again."""
        if not self.waiting:
            return
        key = list(self.waiting)[number % len(self.waiting)]
        del self.waiting[key]
        try:
            seconds = reconcile(key, self._world)
        except (MlzError, ApiError):
            self.due[key] = self._clock.seconds + 1
        else:
            if seconds is not None:
                self.due[key] = self._clock.seconds + seconds

    def run_all(self) -> None:
        while self.waiting:
            self.run_one()

    def ripen(self) -> None:
        """Keys whose time has come wait for a pass."""
        for key in [key for key, due in self.due.items() if due <= self._clock.seconds]:
            self._add(key)

    def _wake(self, body: Mapping[str, Any]) -> None:
        for key in keys_of(body, self.cache):
            self._add(key)

    def _add(self, key: Key) -> None:
        self.due.pop(key, None)
        self.waiting[key] = None


def _is_watched(body: Manifest) -> bool:
    """Children are watched by their label."""
    if body["kind"] not in _CHILDREN:
        return True
    label, _, wanted = CHILD_SELECTOR.partition("=")
    return bool((body["metadata"].get("labels") or {}).get(label) == wanted)
