"""A decision as status and event: conditions, word, provider, addresses, one event a change."""

from dataclasses import replace
from typing import Any

import pytest

from builders import (
    DIGEST,
    EARLIER_TEXT,
    NOW_TEXT,
    OTHER_DIGEST,
    a_condition,
    a_deployment,
    a_failure,
    a_pod,
    a_refused_version,
    a_service,
    a_starting_workload,
    a_status,
    a_stuck_pod,
    a_version,
    a_workload,
    an_active_asset,
    serving_facts,
    some_facts,
    updating_facts,
)
from mlz.api.status import DeploymentStatus
from mlz.errors import Reason
from mlz.lifecycle.deployments import decide
from mlz.lifecycle.facts import DeploymentFacts
from mlz.lifecycle.report import status_of
from mlz.model.asset import Provider

Told = dict[str, tuple[str, str]]


def status(facts: DeploymentFacts) -> DeploymentStatus:
    return status_of(facts, decide(facts))


def told(facts: DeploymentFacts) -> Told:
    return {one.type: (one.status, one.reason) for one in status(facts).conditions}


def starting(**overrides: Any) -> DeploymentFacts:
    pods = (a_pod(ready=False),)
    return some_facts(**{"workload": a_starting_workload(), "pods": pods} | overrides)


@pytest.mark.parametrize(
    ("facts", "conditions"),
    [
        pytest.param(
            some_facts(),
            {
                "Available": ("False", "Initializing"),
                "Ready": ("Unknown", "Initializing"),
                "Reconciling": ("True", "Initializing"),
            },
            id="the first pods are on their way",
        ),
        pytest.param(
            some_facts(version=a_version(artifact={"uri": f"oci://h/m@{DIGEST}"})),
            {
                "Available": ("False", "Initializing"),
                "Ready": ("Unknown", "Inspecting"),
                "Reconciling": ("True", "Inspecting"),
            },
            id="the asset is being looked at",
        ),
        pytest.param(
            serving_facts(),
            {"Available": ("True", "Serving"), "Ready": ("True", "Serving")},
            id="all is well: nothing abnormal is there at all",
        ),
        pytest.param(
            serving_facts(
                workload=a_workload(wanted=2, ready=1),
                pods=(a_pod(), a_pod(ready=False)),
                deployment=a_deployment(
                    status=a_status("ACTIVE", active=an_active_asset()), replicas=2
                ),
            ),
            {
                "Available": ("True", "Serving"),
                "Ready": ("True", "Serving"),
                "Reconciling": ("True", "RollingOut"),
            },
            id="one of two pods is lost: it serves, and Kubernetes is working",
        ),
        pytest.param(
            serving_facts(workload=a_workload(ready=0), pods=(a_pod(ready=False),)),
            {
                "Available": ("False", "PodsUnavailable"),
                "Ready": ("False", "PodsUnavailable"),
                "Reconciling": ("True", "RollingOut"),
            },
            id="the only pod is lost: nothing answers",
        ),
        pytest.param(
            starting(pods=(a_stuck_pod(Reason.UNSCHEDULABLE),)),
            {
                "Available": ("False", "Initializing"),
                "Ready": ("False", "Unschedulable"),
                "Reconciling": ("True", "Initializing"),
                "Stalled": ("True", "Unschedulable"),
            },
            id="held up by what may pass: stalled, and still at it",
        ),
        pytest.param(
            some_facts(version=a_refused_version(Reason.MODEL_UNSAFE)),
            {
                "Available": ("False", "Initializing"),
                "Ready": ("False", "ModelUnsafe"),
                "Stalled": ("True", "ModelUnsafe"),
            },
            id="failed for good: nobody is working on it",
        ),
        pytest.param(
            updating_facts(),
            {
                "Available": ("True", "Serving"),
                "Ready": ("Unknown", "RollingOut"),
                "Reconciling": ("True", "RollingOut"),
            },
            id="during an update the old asset is available and the wanted one not ready yet",
        ),
        pytest.param(
            updating_facts(version=a_refused_version(Reason.MODEL_UNSAFE, "churn-v2")),
            {
                "Available": ("True", "Serving"),
                "Ready": ("False", "ModelUnsafe"),
                "Stalled": ("True", "ModelUnsafe"),
            },
            id="after a refused update the old asset is available and the wanted one is not ready",
        ),
        pytest.param(
            some_facts(deployment=a_deployment(suspend=True)),
            {
                "Available": ("False", "Suspended"),
                "Ready": ("False", "Suspended"),
                "Suspended": ("True", "Suspended"),
            },
            id="suspended as asked",
        ),
        pytest.param(
            serving_facts(scoring_service=None),
            {
                "Available": ("True", "Serving"),
                "Ready": ("True", "Serving"),
                "Stalled": ("True", "ScoringServiceNotFound"),
            },
            id="what serves goes on serving while something else is wrong",
        ),
    ],
)
def test_conditions(facts: DeploymentFacts, conditions: Told) -> None:
    assert told(facts) == conditions


def test_conditions_are_ordered_by_type_so_that_the_last_one_explains_the_most() -> None:
    types = [
        one.type for one in status(starting(pods=(a_stuck_pod(Reason.POD_REFUSED),))).conditions
    ]

    assert types == sorted(types)
    assert types[-1] == "Stalled"


def test_every_condition_and_the_status_speak_of_the_generation_that_was_looked_at() -> None:
    facts = some_facts(deployment=a_deployment(meta={"generation": 7}))

    found = status(facts)

    assert found.observed_generation == 7
    assert {one.observed_generation for one in found.conditions} == {7}


def test_a_condition_that_stays_keeps_its_transition_time() -> None:
    before = a_status(
        "ACTIVE",
        active=an_active_asset(),
        conditions=[
            a_condition("Available", "True", "Serving"),
            a_condition("Ready", "False", "PodsUnavailable"),
        ],
    )

    found = status(serving_facts(deployment=a_deployment(status=before)))

    times = {one.type: one.last_transition_time for one in found.conditions}
    assert times == {"Available": EARLIER_TEXT, "Ready": NOW_TEXT}


def test_equal_facts_give_an_equal_status() -> None:
    assert status(updating_facts()) == status(updating_facts())


def test_a_failure_is_told_until_it_is_over() -> None:
    failed = a_deployment(
        status=a_status("FAILED", failure=a_failure(Reason.PROGRESS_DEADLINE_EXCEEDED))
    )

    standing = status(some_facts(deployment=failed))
    over = status(some_facts(deployment=failed, workload=a_workload(), pods=(a_pod(),)))

    assert standing.failure is not None
    assert standing.failure.time == EARLIER_TEXT
    assert over.failure is None


def test_the_assets_are_told_by_name_and_digest() -> None:
    found = status(updating_facts()).asset

    assert found is not None
    assert found.active is not None
    assert found.target is not None
    assert (found.active.version, found.active.digest) == ("churn-v1", DIGEST)
    assert (found.target.version, found.target.digest) == ("churn-v2", OTHER_DIGEST)


# Provider: what runs, never what was wished


@pytest.mark.parametrize(
    ("facts", "provider"),
    [
        pytest.param(some_facts(), None, id="nothing runs yet"),
        pytest.param(
            starting(deployment=a_deployment(zaiu=True)), None, id="a wish is no provider"
        ),
        pytest.param(serving_facts(), "cpu", id="a CPU serves"),
        pytest.param(
            serving_facts(
                deployment=a_deployment(
                    zaiu=True, status=a_status("ACTIVE", active=an_active_asset())
                ),
                workload=a_workload(provider=Provider.ZAIU),
            ),
            "zaiu",
            id="an accelerator serves",
        ),
        pytest.param(
            serving_facts(
                deployment=a_deployment(
                    zaiu=True, status=a_status("ACTIVE", active=an_active_asset())
                )
            ),
            "cpu",
            id="a CPU still serves though an accelerator was asked for since",
        ),
        pytest.param(
            serving_facts(workload=a_workload(ready=0), pods=()), None, id="nothing is left"
        ),
    ],
)
def test_the_provider_is_the_one_that_runs(facts: DeploymentFacts, provider: str | None) -> None:
    assert status(facts).provider == provider


def test_a_fallback_is_told_with_its_reason() -> None:
    before = a_status("INITIALIZING", providerNote="zaiu was asked for and the CPU serves: no node")
    facts = some_facts(
        deployment=a_deployment(zaiu=True, status=before),
        scoring_service=a_service(acceleratorPolicy="Prefer"),
        workload=a_workload(),
        pods=(a_pod(),),
    )

    found = status(facts)

    ready = next(one for one in found.conditions if one.type == "Ready")
    assert found.provider == "cpu"
    assert found.provider_note == ready.message == before["providerNote"]


# Addresses and scale


@pytest.mark.parametrize(
    ("fields", "guid"),
    [
        pytest.param({}, "uid-of-churn", id="the uid unless one is given"),
        pytest.param(
            {"guid": "6f2a8f0e-3c39-4b5e-9a50-7d0f0f9f3b11"},
            "6f2a8f0e-3c39-4b5e-9a50-7d0f0f9f3b11",
            id="the one that is given",
        ),
    ],
)
def test_the_scoring_url_holds_the_guid(fields: dict[str, str], guid: str) -> None:
    found = status(some_facts(deployment=a_deployment(**fields)))

    assert found.guid == guid
    assert found.scoring_url == f"http://churn.models.svc:8080/iml/v2/scoring/online/{guid}"
    assert found.serving_url is None


def test_the_serving_url_holds_the_serving_id() -> None:
    found = status(some_facts(deployment=a_deployment(servingId="Churn_1")))

    assert found.serving_url == "http://churn.models.svc:8080/iml/v2/scoring/online/Churn_1"


def test_scale_sees_what_is_asked_for_and_what_is_ready() -> None:
    facts = serving_facts(
        deployment=a_deployment(replicas=3), workload=a_workload(wanted=3, ready=2)
    )

    found = status(facts)

    assert (found.replicas, found.ready_replicas) == (3, 2)
    assert found.selector == "mlz.dev/deployment=churn"


def test_a_suspended_deployment_asks_for_no_pods() -> None:
    found = status(serving_facts(deployment=a_deployment(suspend=True)))

    assert found.state == "SUSPENDED"
    assert found.replicas == 0


def test_a_status_is_quiet_between_two_passes() -> None:
    facts = serving_facts()
    first = status(facts)

    second = status(replace(facts, deployment=replace(facts.deployment, status=first)))

    assert second == first
