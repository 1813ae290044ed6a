"""Events about our resources: what `kubectl describe` makes of them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from builders import a_deployment_body
from fakes.apiserver import FakeApiServer
from mlz.cluster import kinds
from mlz.cluster.events import Recorder
from mlz.lifecycle.report import Event

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def moments() -> Iterator[datetime]:
    """Many within one second."""
    now = NOON
    while True:
        yield now
        now += timedelta(milliseconds=7)


@pytest.mark.parametrize("name", ["fraud", "f" * 253], ids=["a short name", "the longest name"])
def test_events_of_one_second_are_told_in_their_order(name: str) -> None:
    """It sorts by ``lastTimestamp``, in seconds, what comes to it in the order of names."""
    server, ticks = FakeApiServer(), moments()
    recorder = Recorder(server, lambda: next(ticks))
    body = a_deployment_body(name)

    for number in range(40):
        recorder.record(
            kinds.DEPLOYMENT, body, Event(warning=False, reason="Serving", message=str(number))
        )

    events = sorted(server.all("Event"), key=lambda one: one["metadata"]["name"])
    assert {one["lastTimestamp"] for one in events} == {"2030-01-01T12:00:00Z"}
    assert [one["message"] for one in events] == [str(number) for number in range(40)]
