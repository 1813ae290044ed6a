"""What a decision says besides state, pods and reason."""

import pytest

from builders import (
    DIGEST,
    EARLIER_TEXT,
    NOW,
    NOW_TEXT,
    OTHER_DIGEST,
    a_deployment,
    a_finding,
    a_late_pod,
    a_pod,
    a_service,
    a_starting_workload,
    a_status,
    a_stuck_pod,
    a_workload,
    an_active_asset,
    seconds,
    serving_facts,
    some_facts,
    updating_facts,
)
from mlz.errors import Reason
from mlz.lifecycle.deployments import State, decide, wanted_replicas
from mlz.lifecycle.facts import DeploymentFacts
from mlz.lifecycle.updates import spec_digest
from mlz.model.asset import Provider
from unit.lifecycle.rows import MISSING, ON_ZAIU, PREFER, failed, starting

# What else a decision says


def test_what_may_pass_is_no_failure() -> None:
    decision = decide(starting(pods=(a_stuck_pod(Reason.UNSCHEDULABLE),)))

    assert decision.failure is None


def test_a_failure_names_its_asset_and_its_time() -> None:
    decision = decide(starting(pods=(a_stuck_pod(Reason.WARM_UP_FAILED, permanent=True),)))

    assert decision.failure is not None
    assert decision.failure.model_dump() == {
        "reason": "WarmUpFailed",
        "message": "as it was told",
        "asset_digest": DIGEST,
        "spec_digest": spec_digest(a_deployment().spec),
        "time": NOW_TEXT,
    }


def test_a_failure_that_stands_keeps_its_time() -> None:
    decision = decide(some_facts(deployment=failed(Reason.WARM_UP_FAILED)))

    assert decision.failure is not None
    assert decision.failure.time == EARLIER_TEXT


def test_an_asset_serves_since_it_was_first_seen_serving() -> None:
    first = decide(some_facts(workload=a_workload(), pods=(a_pod(),)))
    later = decide(serving_facts())

    assert first.active is not None
    assert first.active.since == NOW_TEXT
    assert later.active is not None
    assert later.active.since == EARLIER_TEXT


def test_an_asset_that_came_by_update_serves_since_then() -> None:
    decision = decide(
        updating_facts(workload=a_workload(OTHER_DIGEST), pods=(a_pod(OTHER_DIGEST),))
    )

    assert decision.active is not None
    assert (decision.active.version, decision.active.since) == ("churn-v2", NOW_TEXT)


def test_a_late_pod_is_told_of_with_the_words_it_left() -> None:
    pod = a_late_pod(finding=a_finding(Reason.OUT_OF_MEMORY, "needed more than 1Gi"))

    decision = decide(starting(pods=(pod,)))

    assert decision.finding is not None
    assert decision.finding.reason is Reason.PROGRESS_DEADLINE_EXCEEDED
    assert "needed more than 1Gi" in decision.finding.message


@pytest.mark.parametrize(
    ("pods", "requeue_seconds"),
    [
        pytest.param((), None, id="without pods there is no deadline"),
        pytest.param((a_pod(ready=False, able_since=None),), None, id="nor for who cannot start"),
        pytest.param((a_pod(ready=False, able_since=NOW - seconds(10)),), 290.0, id="its rest"),
        pytest.param(
            (
                a_pod(ready=False, able_since=NOW - seconds(10)),
                a_pod(ready=False, able_since=NOW - seconds(100)),
            ),
            200.0,
            id="of two pods the earlier one",
        ),
        pytest.param(
            (a_pod(ready=False, able_since=NOW - seconds(299.9)),), 1.0, id="never a busy loop"
        ),
        pytest.param((a_late_pod(),), None, id="past it there is nothing to come back for"),
        pytest.param(
            (a_late_pod(), a_pod(ready=False)), 290.0, id="but for a pod that is not late"
        ),
    ],
)
def test_the_pass_comes_back_at_the_deadline(
    pods: tuple[object, ...], requeue_seconds: float | None
) -> None:
    decision = decide(starting(pods=pods))

    assert decision.requeue_seconds == requeue_seconds


def test_going_on_without_the_accelerator_says_why() -> None:
    facts = starting(
        deployment=ON_ZAIU,
        scoring_service=PREFER,
        workload=a_starting_workload(provider=Provider.ZAIU),
        pods=(MISSING,),
    )

    decision = decide(facts)

    assert decision.provider is Provider.CPU
    assert decision.provider_note == "zaiu was asked for and the CPU serves: as it was told"


@pytest.mark.parametrize(
    ("generation", "service", "provider"),
    [
        pytest.param(1, PREFER, Provider.CPU, id="the choice stands while the spec does"),
        pytest.param(2, PREFER, Provider.ZAIU, id="a changed spec looks for the accelerator again"),
        pytest.param(1, a_service(), Provider.ZAIU, id="a service that requires it asks again"),
    ],
)
def test_a_fallback_is_remembered(generation: int, service: object, provider: Provider) -> None:
    status = a_status("INITIALIZING", providerNote="no node")
    deployment = a_deployment(zaiu=True, status=status, meta={"generation": generation})

    decision = decide(some_facts(deployment=deployment, scoring_service=service))

    assert decision.provider is provider
    assert decision.provider_note == ("no node" if provider is Provider.CPU else None)


def test_telum2_wins_over_zaiu() -> None:
    decision = decide(some_facts(deployment=a_deployment(zaiu=True, telum2=True)))

    assert decision.provider is Provider.TELUM2


# How many pods


@pytest.mark.parametrize(
    ("facts", "replicas"),
    [
        pytest.param(some_facts(), 1, id="one unless somebody says more"),
        pytest.param(some_facts(deployment=a_deployment(replicas=3)), 3, id="the deployment's own"),
        pytest.param(
            some_facts(scoring_service=a_service(replicas=4)), 4, id="else the scoring service's"
        ),
        pytest.param(
            some_facts(deployment=a_deployment(replicas=3), scoring_service=a_service(replicas=4)),
            3,
            id="the deployment's own beats the service's",
        ),
        pytest.param(
            some_facts(scoring_service=a_service(type="cluster")), 2, id="two in a scoring cluster"
        ),
        pytest.param(
            some_facts(scoring_service=a_service(type="cluster", replicas=5)), 5, id="or its number"
        ),
        pytest.param(
            some_facts(scoring_service=None, workload=a_workload(wanted=7)),
            7,
            id="as many as there are while the service is gone",
        ),
        pytest.param(some_facts(scoring_service=None), 1, id="one where nothing is known"),
    ],
)
def test_wanted_replicas(facts: DeploymentFacts, replicas: int) -> None:
    assert wanted_replicas(facts) == replicas


def test_one_to_three_to_one_stays_active_with_the_same_since() -> None:
    three = a_deployment(status=a_status("ACTIVE", active=an_active_asset()), replicas=3)
    walk = [
        serving_facts(deployment=three),
        serving_facts(deployment=three, workload=a_workload(wanted=3, total=2, ready=1)),
        serving_facts(deployment=three, workload=a_workload(wanted=3)),
        serving_facts(workload=a_workload(wanted=3)),
        serving_facts(workload=a_workload(total=3, updated=3, ready=3)),
        serving_facts(),
    ]

    decisions = [decide(facts) for facts in walk]

    assert {one.state for one in decisions} == {State.ACTIVE}
    assert {one.active.since for one in decisions if one.active} == {EARLIER_TEXT}
    assert [one.replicas for one in decisions] == [3, 3, 3, 1, 1, 1]
    assert all(one.serving for one in decisions)


@pytest.mark.parametrize(
    ("pods", "serving"),
    [
        pytest.param((), False, id="no pod"),
        pytest.param((a_pod(ready=False),), False, id="no ready pod"),
        pytest.param((a_pod(OTHER_DIGEST),), False, id="only a pod of another asset"),
        pytest.param((a_pod(ready=False), a_pod(name="churn-2")), True, id="one ready pod is left"),
    ],
)
def test_a_deployment_serves_while_one_ready_pod_of_the_active_asset_is_left(
    pods: tuple[object, ...], serving: bool
) -> None:
    facts = serving_facts(workload=a_workload(wanted=2, ready=1), pods=pods)

    assert decide(facts).serving is serving
