"""
The operator's Prometheus metrics. A registry of its own, no globals.

What is true of deployments is read from the cache when somebody asks, so it cannot drift from the
status; what happened is counted as it happens.
"""

from collections.abc import Iterable
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from mlz.cluster import kinds
from mlz.cluster.cache import Body, Cache
from mlz.lifecycle.report import AssetUpdate


class Metrics:
    """Counters of what happens, by the names in the documentation."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._passes = Counter(
            "mlz_reconcile_total", "Passes.", ["kind", "outcome"], registry=self.registry
        )
        self._seconds = Histogram(
            "mlz_reconcile_duration_seconds",
            "Duration of passes.",
            ["kind"],
            buckets=(0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 30),
            registry=self.registry,
        )
        self._missed = Counter(
            "mlz_audit_missed_total",
            "Changes that no event told of.",
            ["type"],
            registry=self.registry,
        )
        self._restarts = Counter(
            "mlz_source_restarts_total", "Restarts of the event source.", registry=self.registry
        )

        self._updates = Counter(
            "mlz_asset_updates_total",
            "Asset updates that have ended.",
            ["verdict", "outcome"],
            registry=self.registry,
        )
        self._update_seconds = Histogram(
            "mlz_asset_update_duration_seconds",
            "From the change of the asset until it serves, or is given up.",
            ["outcome"],
            buckets=(2, 5, 10, 20, 30, 60, 120, 300, 600, 1800),
            registry=self.registry,
        )

    def updated(self, update: AssetUpdate) -> None:
        """An asset update is over; one that was refused before its verdict has verdict none."""
        self._updates.labels(update.verdict or "none", update.outcome).inc()
        self._update_seconds.labels(update.outcome).observe(update.seconds)

    def passed(self, kind: str, outcome: str, seconds: float) -> None:
        """A pass is over: ``outcome`` is success, retry or bug."""
        self._passes.labels(kind, outcome).inc()
        self._seconds.labels(kind).observe(seconds)

    def missed(self, change: str) -> None:
        """The audit found a change that no event told of: deleted or stale."""
        self._missed.labels(change).inc()

    def source_restarted(self) -> None:
        """The event source ended and is started again."""
        self._restarts.inc()


class StateCollector(Collector):
    """What is true now: deployments from the cache, the queue, the lease."""

    def __init__(self, cache: Cache, numbers: dict[str, Any]) -> None:
        self._cache = cache
        self._numbers = numbers

    def collect(self) -> Iterable[Metric]:
        """The metrics of this moment."""
        info = GaugeMetricFamily(
            "mlz_deployment_info",
            "One for each deployment.",
            labels=["namespace", "name", "state", "engine_type", "provider"],
        )
        stalled = GaugeMetricFamily(
            "mlz_deployment_stalled",
            "One for each deployment that makes no progress, by reason.",
            labels=["namespace", "name", "reason"],
        )
        for body in self._cache.of_kind(kinds.DEPLOYMENT):
            info.add_metric(_labels(body), 1)
            reason = _stalled_reason(body)
            if reason is not None:
                stalled.add_metric([*_labels(body)[:2], reason], 1)
        yield info
        yield stalled
        for name, (text, number) in self._numbers.items():
            yield GaugeMetricFamily(name, text, value=number())


def _labels(body: Body) -> list[str]:
    meta, spec, status = body["metadata"], body.get("spec") or {}, body.get("status") or {}
    return [
        meta["namespace"],
        meta["name"],
        status.get("state", ""),
        spec.get("engineType", ""),
        status.get("provider", ""),
    ]


def _stalled_reason(body: Body) -> str | None:
    conditions = (body.get("status") or {}).get("conditions") or ()
    return next((one["reason"] for one in conditions if one["type"] == "Stalled"), None)
