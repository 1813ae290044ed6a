"""
What one process serves, and how far it has come: loading, ready, draining.

The HTTP side asks here; ``server`` moves it along. Everything belongs to the loop's thread.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mlz.scoring.dataplane import Dataplane
from mlz.scoring.metrics import Metrics
from mlz.scoring.problems import Problem, RequestError
from mlz.scoring.runtime import Runtime
from mlz.scoring.scorer import Door, Job, Outcome

if TYPE_CHECKING:
    from mlz.scoring.authentication import Guard

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Service:
    """
    One model under its names.

    Args:
        name: in ``/v2/models/{name}``.
        ids: public ids in the scoring URL.
        ready: whether new requests should be sent here; false while loading and while draining.
        stuck: why this process has to be restarted; empty while it has not.
        guard: who may score; None lets everybody.
    """

    name: str
    ids: tuple[str, ...]
    metrics: Metrics = field(default_factory=Metrics)
    ready: bool = False
    draining: bool = False
    stuck: str = ""
    runtime: Runtime | None = None
    dataplane: Dataplane | None = None
    guard: "Guard | None" = None

    def start(self, runtime: Runtime, dataplane: Dataplane) -> None:
        """From now on the model answers."""
        self.runtime = runtime
        self.dataplane = dataplane
        self.metrics.queue_depth = lambda: dataplane.waiting
        self.metrics.asset = {
            "digest": runtime.asset.digest,
            "engine_type": runtime.asset.engine_type.value,
            "name": self.name,
        }
        self.ready = True

    def look_after(self) -> None:
        """Notice a call that does not return, and where it has after all; and who may score now."""
        if self.guard is not None:
            self.guard.look_after()
        stuck = self.dataplane.stuck if self.dataplane is not None else None
        if stuck is None:
            self.stuck = ""
            return
        if not self.stuck:
            log.error(
                "a call of the library does not return",
                extra={"seconds": round(stuck.seconds), "requestIds": list(stuck.request_ids)},
            )
        self.stuck = (
            f"a call of the library has not returned for {stuck.seconds:.0f} s; "
            "only a restart of this process ends it"
        )

    @property
    def digest(self) -> str:
        """Of the asset that answers; empty while there is none."""
        return self.runtime.asset.digest if self.runtime is not None else ""

    def loaded(self) -> Runtime:
        """
        The model, whether or not new requests are wanted.

        Raises:
            RequestError: it is not loaded yet.
        """
        if self.runtime is None:
            raise RequestError(Problem.NOT_READY, f"model {self.name!r} is being loaded")
        return self.runtime

    def submit(self, door: Door, body: bytes, reply: Callable[[Outcome], None]) -> Job:
        """
        Queue a request.

        Raises:
            RequestError: the model is not loaded yet, or too many are waiting.
        """
        if self.dataplane is None:
            raise RequestError(Problem.NOT_READY, f"model {self.name!r} is being loaded")
        return self.dataplane.submit(door, body, reply)
