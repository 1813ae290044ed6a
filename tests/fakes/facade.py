"""One replica of the REST facade over a server in memory: its mirror hears when a test says so."""

from collections.abc import Callable
from typing import Any

from builders import NAMESPACE
from fakes.apiserver import FakeApiServer
from mlz.cluster import kinds
from mlz.cluster.cache import Cache
from mlz.cluster.reflector import Collection, Mirror, list_anew
from mlz.rest.tries import Tries
from mlz.rest.world import World

Manifest = dict[str, Any]


class Replica:
    """
    A world that has listed everything once.

    Attributes:
        pauses: how long it wanted to wait, each time.
    """

    def __init__(
        self,
        server: FakeApiServer,
        name: str = "a",
        pause: Callable[[float], None] = lambda _: None,
    ) -> None:
        self._server = server
        self.name = name
        self._pause = pause
        self._ids = 0
        self._heard = 0
        self.pauses: list[float] = []
        self.mirror = Mirror(Cache())
        tries = Tries(pause=self._wait, jitter=lambda: 0.5)
        self.world = World(server, self.mirror, NAMESPACE, tries, self._new_id)
        self.list_all()

    def list_all(self) -> None:
        for kind in kinds.CUSTOM:
            list_anew(self._server, self.mirror, Collection(kind, NAMESPACE))
        self._heard = self._server.told

    def hear(self, most: int = 1_000_000) -> None:
        """The next events of the watch."""
        missed = self._server.told - self._heard
        events = list(self._server.history)[-missed:][:most] if missed else []
        self._heard += len(events)
        for change, body in events:
            if change == "DELETED":
                self.mirror.bury(body)
            else:
                self.mirror.put(body)

    def _wait(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self._pause(seconds)

    def _new_id(self) -> str:
        self._ids += 1
        return f"{self.name}-{self._ids}"
