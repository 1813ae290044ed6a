"""What is decided about another asset and another provider; see ``rows``."""

import pytest

from builders import (
    OTHER_DIGEST,
    OTHER_HEX,
    a_late_pod,
    a_pod,
    a_refused_version,
    a_stalled_version,
    a_starting_workload,
    a_stuck_pod,
    a_version,
    a_workload,
    an_accepted_version,
    some_facts,
    updating_facts,
)
from mlz.errors import Reason
from mlz.lifecycle.deployments import State
from mlz.lifecycle.facts import DeploymentFacts
from mlz.model.asset import Provider
from unit.lifecycle.rows import (
    KEPT,
    MISSING,
    ON_ZAIU,
    PREFER,
    Row,
    outcome,
    params,
    reverted,
    starting,
)

UPDATE: list[Row] = [
    (
        "on update the new asset is inspected before a pod runs it",
        updating_facts(version=a_version("churn-v2")),
        State.UPDATING,
        "churn-v1",
        None,
    ),
    ("an accepted asset is rolled out", updating_facts(), State.UPDATING, "churn-v2", None),
    (
        "while old pods answer, the update is not over",
        updating_facts(
            workload=a_workload(OTHER_DIGEST, total=2, updated=1, available=1),
            pods=(a_pod(), a_pod(OTHER_DIGEST, ready=False, name="churn-2")),
        ),
        State.UPDATING,
        "churn-v2",
        None,
    ),
    (
        "when all pods are new the asset that came by update is ready",
        updating_facts(workload=a_workload(OTHER_DIGEST), pods=(a_pod(OTHER_DIGEST),)),
        State.READY,
        "churn-v2",
        None,
    ),
    *(
        (
            f"inspection refuses the new asset: {reason}; the old one goes on",
            updating_facts(version=a_refused_version(reason, "churn-v2", OTHER_HEX)),
            State.READY,
            "churn-v1",
            reason,
        )
        for reason in (Reason.MODEL_INVALID, Reason.ASSET_NOT_FOUND)
    ),
    (
        "the new asset's store is away: the update waits and the old asset goes on",
        updating_facts(version=a_stalled_version(Reason.STORE_UNREACHABLE, "churn-v2", OTHER_HEX)),
        State.UPDATING,
        "churn-v1",
        Reason.STORE_UNREACHABLE,
    ),
    (
        "a new pod that gives up reverts the update",
        updating_facts(
            workload=a_workload(OTHER_DIGEST, total=2, updated=1, available=1),
            pods=(a_pod(), a_stuck_pod(Reason.WARM_UP_FAILED, permanent=True, digest=OTHER_DIGEST)),
        ),
        State.READY,
        "churn-v1",
        Reason.WARM_UP_FAILED,
    ),
    (
        "a new pod past its deadline reverts the update",
        updating_facts(
            workload=a_workload(OTHER_DIGEST, total=2, updated=1, available=1),
            pods=(a_pod(), a_late_pod(OTHER_DIGEST)),
        ),
        State.READY,
        "churn-v1",
        Reason.PROGRESS_DEADLINE_EXCEEDED,
    ),
    (
        "a reverted update whose old version is gone leaves the pods as they are",
        updating_facts(deployment=reverted(Reason.WARM_UP_FAILED), active_version=None),
        State.READY,
        KEPT,
        Reason.WARM_UP_FAILED,
    ),
    (
        "a reverted update is not tried again by itself",
        updating_facts(deployment=reverted(Reason.WARM_UP_FAILED)),
        State.READY,
        "churn-v1",
        Reason.WARM_UP_FAILED,
    ),
    (
        "a reverted update is tried again when the spec changes",
        updating_facts(deployment=reverted(Reason.WARM_UP_FAILED, generation=3)),
        State.UPDATING,
        "churn-v2",
        None,
    ),
    (
        "a version of another engine type than before leaves the old pods as they are",
        updating_facts(
            active_version=an_accepted_version(engineType="xgboost"),
            version=a_version("churn-v2"),
        ),
        State.UPDATING,
        KEPT,
        None,
    ),
]

PROVIDERS: list[Row] = [
    (
        "without the accelerator a deployment that requires it stalls",
        starting(
            deployment=ON_ZAIU,
            workload=a_starting_workload(provider=Provider.ZAIU),
            pods=(MISSING,),
        ),
        State.INITIALIZING,
        "churn-v1",
        Reason.ACCELERATOR_UNAVAILABLE,
    ),
    (
        "without the accelerator a deployment that prefers it goes on without",
        starting(
            deployment=ON_ZAIU,
            scoring_service=PREFER,
            workload=a_starting_workload(provider=Provider.ZAIU),
            pods=(MISSING,),
        ),
        State.INITIALIZING,
        "churn-v1",
        None,
    ),
    (
        "pods of another provider are not what was asked for",
        some_facts(deployment=ON_ZAIU, workload=a_workload(), pods=(a_pod(),)),
        State.INITIALIZING,
        "churn-v1",
        None,
    ),
    (
        "what is not the accelerator's fault is not solved without it",
        starting(
            deployment=ON_ZAIU,
            scoring_service=PREFER,
            workload=a_starting_workload(provider=Provider.ZAIU),
            pods=(a_stuck_pod(Reason.IMAGE_PULL_FAILED, able_since=None),),
        ),
        State.INITIALIZING,
        "churn-v1",
        Reason.IMAGE_PULL_FAILED,
    ),
]


@pytest.mark.parametrize(("facts", "state", "run", "reason"), params(UPDATE, PROVIDERS))
def test_decide(
    facts: DeploymentFacts, state: State, run: str | None, reason: Reason | None
) -> None:
    assert outcome(facts) == (state, run, reason)
