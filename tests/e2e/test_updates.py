"""
Asset updates that callers do not notice.

``MLZ_E2E_UPDATES`` says how many updates follow each other under load; more than the default are
for a person who has the time.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from random import Random
from time import monotonic
from typing import Any

import pytest

from e2e import manifests
from e2e.endpoints import Endpoint
from e2e.figures import Figures
from e2e.load import Load
from e2e.models import Models, Pushed
from e2e.operatorpod import OperatorPod
from e2e.places import Place
from e2e.variants import pair
from e2e.waiting import let_pass

NAMES = ("tabular", "xgboost", "pmml")
RECORDS = 2
UPDATES = int(os.environ.get("MLZ_E2E_UPDATES", "1"))
RATE = float(os.environ.get("MLZ_E2E_RATE", "100"))
CASES = [("tabular", 1), ("pmml", 1), ("xgboost", 3)]
LONG_CASES = [*CASES, ("xgboost", 1), ("tabular", 3), ("pmml", 3)]
REST_SECONDS = 4
QUIET_SECONDS = 1


@dataclass(frozen=True)
class Window:
    """From the moment when an asset was seen to be ready until another one is asked for."""

    digest: str
    since: float
    until: float


@dataclass(frozen=True)
class Live:
    """A deployment that answers, and the two assets that it may have."""

    place: Place
    name: str
    pair: tuple[Pushed, Pushed]
    load: Load

    def update(self, model: Pushed) -> Window:
        """Change the asset, wait until it is ready, and let it be for a moment."""
        self.place.patch(self.name, {"asset": {"uri": model.uri, "sha256": model.sha256}})
        status = self.place.until_state(self.name, "ready")
        since = monotonic()
        assert "failure" not in status, status["failure"]
        let_pass(QUIET_SECONDS)
        return Window(f"sha256:{model.sha256}", since, monotonic())


Deployed = Callable[[str, int], AbstractContextManager[Live]]


@pytest.fixture(scope="module")
def answers(models: Models) -> dict[str, dict[str, Any]]:
    """What each asset answers, by model and digest: learned from it alone, before."""
    found = {
        name: pair(models, name).answers(models.made(name).records[:RECORDS]) for name in NAMES
    }
    for name, both in found.items():
        assert len({str(answer) for answer in both.values()}) == 2, f"{name}: they must differ"
    return found


@pytest.fixture
def live(place: Place, models: Models, answers: dict[str, dict[str, Any]]) -> Deployed:
    """A deployment with the chart's own resources, under load from beginning to end."""

    @contextmanager
    def deployed(name: str, replicas: int) -> Iterator[Live]:
        both, records = pair(models, name).pushed(models), models.made(name).records[:RECORDS]
        place.apply(manifests.deployment("live", both[0], replicas=replicas, resources=None))
        guid = place.until_state("live", "ACTIVE")["guid"]
        with (
            closing(Endpoint(place.address("live"), guid)) as endpoint,
            Load(endpoint, records, RATE, answers[name]) as load,
        ):
            yield Live(place, "live", both, load)

    return deployed


def assert_nobody_noticed(load: Load, windows: list[Window]) -> None:
    """No request failed, every answer was an asset's own, and none came from one that was over."""
    assert load.outcome.failures == []
    for window in windows:
        late = [
            one
            for one in load.outcome.samples
            if window.since < one.sent < window.until and one.digest != window.digest
        ]
        assert late == [], f"{len(late)} answers of another asset while {window.digest} was ready"
    assert {window.digest for window in windows} <= {one.digest for one in load.outcome.samples}


def p99(load: Load, since: float, until: float) -> float:
    """Milliseconds."""
    found = sorted(one.seconds for one in load.outcome.samples if since <= one.sent < until)
    return found[int(len(found) * 0.99)] * 1000


@pytest.mark.parametrize(("name", "replicas"), CASES if UPDATES == 1 else LONG_CASES)
def test_nobody_notices_an_update(
    live: Deployed, name: str, replicas: int, figures: Figures
) -> None:
    with live(name, replicas) as one:
        began = monotonic()
        let_pass(REST_SECONDS)
        rest_over = monotonic()
        windows = [one.update(model) for model in islice(cycle(reversed(one.pair)), UPDATES)]
        ended = monotonic()

    at_rest, updating = p99(one.load, began, rest_over), p99(one.load, rest_over, ended)
    figures.tell(
        f"{UPDATES} updates of {name} with {replicas} pods at {RATE:g}/s: "
        f"{one.load.outcome.answered} answers, p99 {at_rest:.0f} ms at rest, {updating:.0f} ms"
    )
    assert_nobody_noticed(one.load, windows)


def test_nobody_notices_while_the_operator_and_pods_die(
    live: Deployed, operator: OperatorPod
) -> None:
    """Three pods, one of them deleted at random, and the operator killed during each update."""
    chance = Random(1)
    with live("xgboost", 3) as one:
        windows = []
        for model in islice(cycle(reversed(one.pair)), UPDATES):
            one.place.patch("live", {"asset": {"uri": model.uri, "sha256": model.sha256}})
            let_pass(chance.uniform(0, 4))
            operator.kill()
            pod = chance.choice(one.place.pods("live"))["metadata"]["name"]
            one.place.run("delete", "pod", pod, "--wait=false")
            windows.append(one.update(model))
    operator.until_leading()

    assert_nobody_noticed(one.load, windows)


def test_nobody_notices_while_it_is_scaled(live: Deployed) -> None:
    """One pod to three and back, each during an update."""
    with live("tabular", 1) as one:
        windows = []
        steps = zip(cycle((3, 1)), cycle(reversed(one.pair)))
        for replicas, model in islice(steps, max(2, UPDATES)):
            one.place.patch("live", {"asset": {"uri": model.uri, "sha256": model.sha256}})
            let_pass(2)
            one.place.run("scale", "mlzd/live", f"--replicas={replicas}")
            windows.append(one.update(model))

    assert_nobody_noticed(one.load, windows)
