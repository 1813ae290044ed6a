"""Brakes: what a minute may hold, and that it is forgotten after that."""

import pytest

from mlz.cluster.safety import LEAST_DELETIONS, SAME_APPLIES, WINDOW_SECONDS, Brakes
from mlz.errors import Reason, RetryableError


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def applied(brakes: Brakes, times: int, name: str = "churn", stamp: str = "a") -> None:
    for _ in range(times):
        brakes.before_apply("Service", "models", name, stamp)


def test_the_same_manifest_is_applied_so_often_and_no_more(clock: Clock) -> None:
    brakes = Brakes(clock)
    applied(brakes, SAME_APPLIES)

    with pytest.raises(RetryableError, match="Service 'churn' was changed back") as caught:
        applied(brakes, 1)

    assert caught.value.reason is Reason.WRITE_CONFLICT


@pytest.mark.parametrize(
    ("name", "stamp"),
    [
        pytest.param("fraud", "a", id="another object has its own count"),
        pytest.param("churn", "b", id="another manifest is no fight"),
    ],
)
def test_only_the_same_counts(clock: Clock, name: str, stamp: str) -> None:
    brakes = Brakes(clock)
    applied(brakes, SAME_APPLIES)

    applied(brakes, 1, name, stamp)


def test_after_a_minute_it_is_forgotten(clock: Clock) -> None:
    brakes = Brakes(clock)
    applied(brakes, SAME_APPLIES)

    clock.seconds += WINDOW_SECONDS + 1

    applied(brakes, SAME_APPLIES)


def test_a_braked_try_does_not_prolong_the_brake(clock: Clock) -> None:
    brakes = Brakes(clock)
    applied(brakes, SAME_APPLIES)
    clock.seconds += WINDOW_SECONDS / 2
    with pytest.raises(RetryableError):
        applied(brakes, 1)

    clock.seconds += WINDOW_SECONDS / 2 + 1

    applied(brakes, 1)


@pytest.mark.parametrize(
    ("existing", "allowed"),
    [
        pytest.param(1, LEAST_DELETIONS, id="a few in a small cluster"),
        pytest.param(200, 10, id="five per cent of two hundred"),
        pytest.param(1000, 50, id="five per cent of a thousand"),
    ],
)
def test_workloads_go_a_few_at_a_time(clock: Clock, existing: int, allowed: int) -> None:
    brakes = Brakes(clock)
    for _ in range(allowed):
        brakes.before_deletion(existing)

    with pytest.raises(RetryableError) as caught:
        brakes.before_deletion(existing)
    clock.seconds += WINDOW_SECONDS + 1
    brakes.before_deletion(existing)

    assert caught.value.reason is Reason.DELETION_BRAKED


def test_what_was_counted_long_ago_takes_no_memory(clock: Clock) -> None:
    brakes = Brakes(clock)

    for number in range(5000):
        clock.seconds += 1
        applied(brakes, 1, stamp=str(number))

    assert len(brakes._applies) < 200
