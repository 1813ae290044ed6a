"""
The workers: threads that take keys and run passes.

One bad resource never delays others: its failures back off by key. What a pass raises is logged
once, here; nothing of it ends a worker.
"""

import logging
import threading
import time

from mlz.cluster.client import ApiError
from mlz.controller.metrics import Metrics
from mlz.controller.queue import WorkQueue
from mlz.errors import MlzError
from mlz.reconcile import Key, World, reconcile

_log = logging.getLogger(__name__)


class Workers:
    """A pool of threads over one queue; passes run only while ``may_write`` is set."""

    def __init__(
        self, queue: WorkQueue[Key], world: World, metrics: Metrics, may_write: threading.Event
    ) -> None:
        self._queue = queue
        self._world = world
        self._metrics = metrics
        self._may_write = may_write
        self._threads: list[threading.Thread] = []

    def start(self, count: int) -> None:
        """Start the threads."""
        for number in range(count):
            thread = threading.Thread(target=self._run, name=f"worker-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def join(self, seconds: float) -> None:
        """Wait for passes in work, once the queue is closed."""
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _run(self) -> None:
        while (key := self._queue.take()) is not None:
            self._may_write.wait()
            try:
                self._pass(key)
            finally:
                self._queue.done(key)

    def _pass(self, key: Key) -> None:
        started = time.monotonic()
        outcome = "success"
        try:
            requeue_seconds = reconcile(key, self._world)
        except (MlzError, ApiError) as error:
            outcome = "retry"
            self._retry(key, error)
        except Exception:  # noqa: BLE001 - the outermost edge of a pass
            outcome = "bug"
            seconds = self._queue.retry(key)
            _log.exception("pass failed unexpectedly", extra=_fields(key, seconds))
        else:
            self._queue.forgive(key)
            if requeue_seconds is not None:
                self._queue.add_later(key, requeue_seconds)
        self._metrics.passed(key.kind, outcome, time.monotonic() - started)

    def _retry(self, key: Key, error: Exception) -> None:
        seconds = self._queue.retry(key)
        _log.warning(
            "pass will be tried again", extra=_fields(key, seconds) | {"cause": str(error)}
        )


def _fields(key: Key, seconds: float) -> dict[str, object]:
    return {
        "kind": key.kind,
        "namespace": key.namespace,
        "resource": key.name,
        "retry_seconds": round(seconds, 1),
    }
