"""The operator put together: from settings to a running process that ends on SIGTERM."""

import logging
import os
import random
import signal
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prometheus_client import start_http_server
from pydantic import ValidationError

from mlz.cluster.apply import Writer
from mlz.cluster.cache import Cache
from mlz.cluster.client import ApiError, KubeClient
from mlz.cluster.events import Recorder
from mlz.cluster.observe import Observer
from mlz.cluster.safety import Brakes
from mlz.controller.auditor import Auditor
from mlz.controller.health import HealthServer
from mlz.controller.intake import Intake
from mlz.controller.leader import REQUEST_SECONDS, Clocks, Leadership, identity_of
from mlz.controller.metrics import Metrics, StateCollector
from mlz.controller.queue import WorkQueue
from mlz.controller.source import Source
from mlz.controller.trust import trust_source
from mlz.controller.workers import Workers
from mlz.errors import Reason, RejectedError
from mlz.reconcile import Key, World
from mlz.settings import Defaults, OperatorSettings

_log = logging.getLogger(__name__)

_STUCK_SECONDS = 120.0
_MISSES_UNTIL_RESTART = 2


class Operator:
    """One process of the operator, leading or standing by."""

    def __init__(self, settings: OperatorSettings) -> None:
        self._settings = settings
        self._stopping = threading.Event()
        self._filled = threading.Event()
        self._failed = False
        namespaces = tuple(filter(None, settings.watch_namespaces.split(",")))
        defaults = _defaults(settings.defaults_file)
        client = KubeClient(connections=settings.workers + 4)
        self._cache = Cache()
        self._metrics = Metrics()
        self._queue: WorkQueue[Key] = WorkQueue(time.monotonic, lambda: random.uniform(0.8, 1.2))  # noqa: S311
        self._intake = Intake(self._cache, self._queue)
        self._source = Source(self._intake.event, namespaces, self._metrics.source_restarted)
        self._trust = trust_source(defaults.authentication, self._intake.wake_all)
        self._auditor = Auditor(client, self._cache, namespaces, self._metrics, self._intake.wake)
        self._leadership = Leadership(
            KubeClient(timeout_seconds=REQUEST_SECONDS, connections=1),
            (settings.namespace, settings.lease_name),
            identity_of(settings.pod_name, settings.pod_uid, os.getpid(), os.urandom(4).hex()),
            Clocks(_now, time.monotonic),
            self._fail,
        )
        self._workers = Workers(
            self._queue, self._world(client, defaults), self._metrics, self._leadership.held
        )

    def run(self) -> int:
        """Work until SIGTERM; exit status 1 where leadership was lost."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stopping.set())
        health = HealthServer(self._settings.health_port, self._checks())
        health.start()
        self._metrics.registry.register(StateCollector(self._cache, self._numbers()))
        start_http_server(self._settings.metrics_port, registry=self._metrics.registry)
        self._source.start()
        self._trust.start()
        self._leadership.start()
        if self._auditor.fill(self._stopping):
            self._start_work()
        while not self._stopping.wait(self._pause()):
            self._audit()
        if self._failed:
            # Passes in work end with the process: without the lease nothing may be finished.
            return 1
        self._end()
        health.stop()
        return 0

    def _start_work(self) -> None:
        self._filled.set()
        self._intake.wake_all()
        self._workers.start(self._settings.workers)
        _log.info("watching", extra={"objects": self._cache.counted(lambda body: body["kind"])})

    def _end(self) -> None:
        self._queue.close()
        if self._leadership.held.is_set():
            # Who stands by has workers that wait for the lease, and nothing to finish.
            self._workers.join(20)
        self._leadership.stop()
        self._trust.stop()
        self._source.stop(10)

    def _world(self, client: KubeClient, defaults: Defaults) -> World:
        return World(
            cache=self._cache,
            observer=Observer(self._cache, client, defaults, self._settings),
            writer=Writer(client, self._cache, Brakes(time.monotonic)),
            recorder=Recorder(client, _now),
            defaults=defaults,
            settings=self._settings,
            clock=_now,
            count_update=self._metrics.updated,
            issuers=self._trust.issuers,
        )

    def _audit(self) -> None:
        try:
            missed = self._auditor.audit()
        except ApiError as error:
            _log.warning("audit failed", extra={"cause": str(error)})
            return
        except Exception:  # noqa: BLE001 - an audit is an extra net: its bugs end nothing
            _log.exception("audit failed unexpectedly")
            return
        # The cache knows what we wrote, even where the event that wakes others was lost.
        self._intake.wake_all()
        if missed >= _MISSES_UNTIL_RESTART:
            _log.warning("audit found what no event told of", extra={"missed": missed})
            self._source.restart()

    def _pause(self) -> float:
        return self._settings.audit_interval_seconds * random.uniform(0.8, 1.2)  # noqa: S311

    def _fail(self) -> None:
        """Crash-only: without the lease nothing may be written, so the process ends."""
        self._failed = True
        self._stopping.set()

    def _checks(self) -> dict[str, dict[str, Any]]:
        return {
            "/healthz": {
                "source": lambda: not self._filled.is_set() or self._source.is_alive(),
                "queue": lambda: (
                    not self._leadership.held.is_set()
                    or self._queue.oldest_seconds() < _STUCK_SECONDS
                ),
            },
            "/readyz": {"filled": self._filled.is_set},
        }

    def _numbers(self) -> dict[str, Any]:
        return {
            "mlz_reconcile_queue_depth": ("Keys that wait for a worker.", self._queue.depth),
            "mlz_reconcile_queue_oldest_seconds": (
                "How long the longest-waiting key has waited.",
                self._queue.oldest_seconds,
            ),
            "mlz_leader": (
                "Whether this process holds the lease.",
                lambda: float(self._leadership.held.is_set()),
            ),
        }


def _defaults(path: str) -> Defaults:
    try:
        return Defaults.model_validate_json(Path(path).read_bytes())
    except (OSError, ValidationError) as error:
        raise RejectedError(
            Reason.INVALID_SPEC, f"{path} was to hold the chart's defaults as JSON: {error}"
        ) from error


def _now() -> datetime:
    return datetime.now(UTC)
