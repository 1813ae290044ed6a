"""What Prometheus is told of the facade: each route's requests and their times."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Metrics:
    """
    The facade's own metrics, in a registry of their own.

    ``route`` is the template of a path, never a path: ids would make endless series.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = ("route", "method")
        self.requests = Counter(
            "mlz_rest_requests", "Requests answered.", (*labels, "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "mlz_rest_request_duration_seconds",
            "From the head of a request to the end of its answer.",
            labels,
            buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30, 120),
            registry=self.registry,
        )
        self.refusals = Counter(
            "mlz_rest_refusals", "Requests refused, by code.", ("code",), registry=self.registry
        )
        self.under_way = Gauge(
            "mlz_rest_requests_under_way", "Requests being answered.", registry=self.registry
        )

    def observe(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one answer."""
        self.requests.labels(route, method, str(status)).inc()
        self.seconds.labels(route, method).observe(seconds)
