"""
The numbers of a scoring process, counted cheaply and written in Prometheus' form when asked.

Counting is plain integers in one thread (a labelled prometheus_client counter costs 1.3 us a call,
performance.md "Costs of a real server"); prometheus_client is imported at the first scrape.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client.core import Metric
    from prometheus_client.registry import CollectorRegistry

# Seconds. From a lone tree score to the longest timeout an asset may set.
BUCKETS = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0, 30.0, 60.0,
)  # fmt: skip


class Histogram:
    """Counts of seconds by bucket."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS) + 1)
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        """Count one duration."""
        self.counts[bisect_left(BUCKETS, seconds)] += 1
        self.total += seconds

    def cumulative(self) -> list[tuple[str, float]]:
        """Prometheus' form: each bucket holds the smaller ones too."""
        running = 0
        rows: list[tuple[str, float]] = []
        for bound, count in zip((*map(str, BUCKETS), "+Inf"), self.counts, strict=True):
            running += count
            rows.append((bound, running))
        return rows


@dataclass(slots=True)
class Metrics:
    """Counters of one server; ``queue_depth`` is asked at each scrape."""

    queue_depth: Callable[[], int] = lambda: 0
    requests: Counter[tuple[str, int]] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    records: int = 0
    connections: int = 0
    seconds: dict[str, Histogram] = field(default_factory=dict)
    asset: dict[str, str] = field(default_factory=dict)

    def observe(self, route: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        self.requests[route, status] += 1
        histogram = self.seconds.get(route)
        if histogram is None:
            histogram = self.seconds[route] = Histogram()
        histogram.observe(seconds)


class Exposition:
    """``GET /metrics``: our counters and the process's, in a registry of their own."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._registry: CollectorRegistry | None = None

    def text(self) -> bytes:
        """The text form, version 0.0.4."""
        from prometheus_client.exposition import generate_latest

        if self._registry is None:
            self._registry = self._made()
        return generate_latest(self._registry)

    def _made(self) -> "CollectorRegistry":
        from prometheus_client.process_collector import ProcessCollector
        from prometheus_client.registry import CollectorRegistry

        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        registry.register(self)
        return registry

    def collect(self) -> "Iterator[Metric]":
        """What prometheus_client asks of a collector."""
        from prometheus_client import core

        metrics = self._metrics
        requests = core.CounterMetricFamily(
            "mlz_scoring_requests", "Requests answered.", labels=["route", "code"]
        )
        for (route, status), count in sorted(metrics.requests.items()):
            requests.add_metric([route, str(status)], count)
        yield requests
        seconds = core.HistogramMetricFamily(
            "mlz_scoring_request_seconds", "From request to answer.", labels=["route"]
        )
        for route, histogram in sorted(metrics.seconds.items()):
            seconds.add_metric([route], histogram.cumulative(), histogram.total)
        yield seconds
        rejected = core.CounterMetricFamily(
            "mlz_scoring_rejected", "Requests refused, by error code.", labels=["code"]
        )
        for problem, count in sorted(metrics.rejected.items()):
            rejected.add_metric([problem], count)
        yield rejected
        records = core.CounterMetricFamily(
            "mlz_scoring_records", "Records scored.", labels=["digest"]
        )
        records.add_metric([metrics.asset.get("digest", "")], metrics.records)
        yield records
        yield core.GaugeMetricFamily(
            "mlz_scoring_queue_depth", "Requests waiting.", value=metrics.queue_depth()
        )
        yield core.GaugeMetricFamily(
            "mlz_scoring_connections", "Connections open.", value=metrics.connections
        )
        yield core.InfoMetricFamily("mlz_scoring_asset", "What is served.", value=metrics.asset)
