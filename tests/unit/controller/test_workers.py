"""The workers: one bad resource delays no other, and nothing ends a worker."""

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from builders import NAMESPACE, a_model_body, some_defaults
from fakes.apiserver import FakeApiServer, Request
from mlz.api import names
from mlz.cluster.apply import Writer
from mlz.cluster.cache import Cache
from mlz.cluster.client import ApiOutageError, ApiRefusalError
from mlz.cluster.events import Recorder
from mlz.cluster.observe import Observer
from mlz.cluster.safety import Brakes
from mlz.controller.metrics import Metrics
from mlz.controller.queue import WorkQueue
from mlz.controller.workers import Workers
from mlz.reconcile import Key, World
from mlz.settings import OperatorSettings

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)


class Shop:
    """Workers over a server in memory."""

    def __init__(self) -> None:
        self.server = FakeApiServer()
        self.cache = Cache()
        self.queue: WorkQueue[Key] = WorkQueue(lambda: 0.0, lambda: 1.0)
        self.metrics = Metrics()
        self.leading = threading.Event()
        settings = OperatorSettings()
        world = World(
            cache=self.cache,
            observer=Observer(self.cache, self.server, some_defaults(), settings),
            writer=Writer(self.server, self.cache, Brakes(lambda: 0.0)),
            recorder=Recorder(self.server, lambda: NOW),
            defaults=some_defaults(),
            settings=settings,
            clock=lambda: NOW,
            count_update=self.metrics.updated,
        )
        self.workers = Workers(self.queue, world, self.metrics, self.leading)

    def add(self, name: str) -> None:
        self.cache.put(self.server.put(a_model_body(name)))
        self.queue.add(Key(names.MODEL, NAMESPACE, name))

    def outcomes(self, outcome: str) -> float:
        labels = {"kind": names.MODEL, "outcome": outcome}
        return self.metrics.registry.get_sample_value("mlz_reconcile_total", labels) or 0.0

    def wait_for(self, fact: Callable[[], bool]) -> None:
        """Until it is so; passes take milliseconds."""
        turn = threading.Event()
        for _ in range(1000):
            if fact():
                return
            turn.wait(0.01)
        pytest.fail("it did not become so within ten seconds")

    def close(self) -> None:
        self.leading.set()
        self.queue.close()
        self.workers.join(10)


@pytest.fixture
def shop() -> Any:
    made = Shop()
    yield made
    made.close()


def fail_for(name: str, error: Exception) -> Callable[[Request], None]:
    def fail(request: Request) -> None:
        if request.name == name:
            raise error

    return fail


def test_nothing_is_written_without_the_lease(shop: Shop) -> None:
    shop.add("churn")
    shop.workers.start(2)
    shop.wait_for(lambda: shop.queue.depth() == 0)

    written = shop.server.writes()
    shop.leading.set()
    shop.wait_for(lambda: shop.outcomes("success") == 1)

    assert written == []
    assert shop.server.writes() != []


@pytest.mark.parametrize(
    ("error", "outcome", "level"),
    [
        pytest.param(ApiOutageError(503, "later"), "retry", logging.WARNING, id="an outage"),
        pytest.param(ApiRefusalError(403, "no"), "retry", logging.WARNING, id="a refusal"),
        pytest.param(KeyError("surprise"), "bug", logging.ERROR, id="a bug of ours"),
    ],
)
def test_a_bad_resource_is_tried_again_and_delays_no_other(
    shop: Shop, caplog: pytest.LogCaptureFixture, error: Exception, outcome: str, level: int
) -> None:
    shop.server.before = fail_for("bad", error)
    shop.leading.set()
    shop.workers.start(1)

    shop.add("bad")
    shop.add("good")

    shop.wait_for(lambda: shop.outcomes("success") == 1 and shop.outcomes(outcome) == 1)
    told = [one for one in caplog.records if getattr(one, "resource", "") == "bad"]
    assert [one.levelno for one in told] == [level]
    assert told[0].retry_seconds == 0.2


def test_a_success_forgives_earlier_failures(shop: Shop) -> None:
    shop.server.before = fail_for("churn", ApiOutageError(503, "later"))
    shop.leading.set()
    shop.workers.start(1)
    shop.add("churn")
    shop.wait_for(lambda: shop.outcomes("retry") == 1)

    shop.server.before = lambda _: None
    shop.queue.add(Key(names.MODEL, NAMESPACE, "churn"))

    shop.wait_for(lambda: shop.outcomes("success") == 1)
    assert shop.queue.retry(Key(names.MODEL, NAMESPACE, "churn")) == 0.2


def test_a_resource_that_is_gone_is_a_success(shop: Shop) -> None:
    shop.leading.set()
    shop.workers.start(1)

    shop.queue.add(Key(names.MODEL, NAMESPACE, "gone"))

    shop.wait_for(lambda: shop.outcomes("success") == 1)
    assert shop.server.requests == []
