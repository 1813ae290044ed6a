"""Events about our resources: what `kubectl describe` makes of them."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from builders import a_deployment_body
from fakes.apiserver import FakeApiServer
from mlz.cluster import kinds
from mlz.cluster.events import Recorder
from mlz.lifecycle.report import Event

# Source: Kubernetes, Object Names and IDs, DNS Subdomain Names.
SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def moments() -> Iterator[datetime]:
    """Many within one second."""
    now = NOON
    while True:
        yield now
        now += timedelta(milliseconds=7)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("fraud", id="a short name"),
        pytest.param("f" * 253, id="the longest name"),
        pytest.param("f" * 39 + "-eu", id="a dash where it is cut"),
        pytest.param("f" * 38 + ".-eu", id="a dot and a dash where it is cut"),
    ],
)
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
    assert all(SUBDOMAIN.fullmatch(one["metadata"]["name"]) for one in events)
    assert {one["lastTimestamp"] for one in events} == {"2030-01-01T12:00:00Z"}
    assert [one["message"] for one in events] == [str(number) for number in range(40)]
