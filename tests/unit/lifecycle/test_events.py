"""One event for each change of the reason that matters most."""

from typing import Any

import pytest

from builders import (
    a_deployment,
    a_pod,
    a_starting_workload,
    a_stuck_pod,
    serving_facts,
    some_facts,
)
from mlz.api.conditions import Condition
from mlz.api.status import DeploymentStatus
from mlz.errors import Reason
from mlz.lifecycle.deployments import decide
from mlz.lifecycle.facts import DeploymentFacts
from mlz.lifecycle.report import Event, event_of, status_of

Told = dict[str, tuple[str, str]]


def status(facts: DeploymentFacts) -> DeploymentStatus:
    return status_of(facts, decide(facts))


def told(facts: DeploymentFacts) -> Told:
    return {one.type: (one.status, one.reason) for one in status(facts).conditions}


def starting(**overrides: Any) -> DeploymentFacts:
    pods = (a_pod(ready=False),)
    return some_facts(**{"workload": a_starting_workload(), "pods": pods} | overrides)


def conditions_of(facts: DeploymentFacts) -> tuple[Condition, ...]:
    return status(facts).conditions


NEW = ()
WAITING = conditions_of(some_facts())
SERVING = conditions_of(serving_facts())
NO_NODE = conditions_of(starting(pods=(a_stuck_pod(Reason.UNSCHEDULABLE),)))
REFUSED = conditions_of(starting(pods=(a_stuck_pod(Reason.WARM_UP_FAILED, permanent=True),)))
SUSPENDED = conditions_of(some_facts(deployment=a_deployment(suspend=True)))


@pytest.mark.parametrize(
    ("before", "after", "event"),
    [
        pytest.param(NEW, WAITING, None, id="a new deployment on its way says nothing"),
        pytest.param(NEW, NO_NODE, ("Warning", "Unschedulable"), id="a bad start is told"),
        pytest.param(NEW, SERVING, ("Normal", "Serving"), id="a start in one pass is told"),
        pytest.param(WAITING, SERVING, ("Normal", "Serving"), id="serving is told"),
        pytest.param(WAITING, NO_NODE, ("Warning", "Unschedulable"), id="a stall is told"),
        pytest.param(NO_NODE, NO_NODE, None, id="the same reason is told once"),
        pytest.param(NO_NODE, REFUSED, ("Warning", "WarmUpFailed"), id="another one is told"),
        pytest.param(NO_NODE, SERVING, ("Normal", "Serving"), id="healing is told"),
        pytest.param(SERVING, SUSPENDED, ("Normal", "Suspended"), id="suspension is told"),
        pytest.param(SUSPENDED, WAITING, ("Normal", "Initializing"), id="so is the way back"),
        pytest.param(SERVING, (), None, id="nothing to tell of"),
    ],
)
def test_one_event_tells_of_a_change_of_reason(
    before: tuple[Condition, ...], after: tuple[Condition, ...], event: tuple[str, str] | None
) -> None:
    found = event_of(before, after)

    assert (found and ("Warning" if found.warning else "Normal", found.reason)) == event


def test_new_words_for_the_same_reason_are_no_event() -> None:
    reworded = tuple(replace_message(one, "0/2 nodes") for one in NO_NODE)

    assert event_of(NO_NODE, reworded) is None


def replace_message(one: Condition, message: str) -> Condition:
    return one.model_copy(update={"message": message})


def test_an_event_says_the_same_as_the_condition() -> None:
    found = event_of(WAITING, NO_NODE)

    assert found == Event(warning=True, reason="Unschedulable", message="as it was told")
