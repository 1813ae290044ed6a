"""What is decided about another asset and another provider; see ``rows``."""

import pytest

from builders import (
    NOW,
    OTHER_DIGEST,
    OTHER_HEX,
    a_condition,
    a_deployment,
    a_failure,
    a_late_pod,
    a_pod,
    a_refused_version,
    a_stalled_version,
    a_starting_workload,
    a_status,
    a_stuck_pod,
    a_version,
    a_workload,
    an_accepted_version,
    an_active_asset,
    seconds,
    serving_facts,
    some_facts,
    updating_facts,
)
from mlz.api.conditions import timestamp
from mlz.errors import Reason
from mlz.lifecycle.deployments import State
from mlz.lifecycle.facts import DeploymentFacts
from mlz.model.asset import Provider
from unit.lifecycle.rows import (
    KEPT,
    MISSING,
    ON_ZAIU,
    OTHER_ENV,
    PREFER,
    UPDATED,
    Row,
    outcome,
    params,
    reverted,
    starting,
)


def stalled_for(number: float) -> object:
    """An update that something has held up for so many seconds."""
    since = timestamp(NOW - seconds(number))
    status = a_status(
        "updating",
        asset={
            "active": an_active_asset(),
            "target": an_active_asset("churn-v2", OTHER_DIGEST),
        },
        observedGeneration=2,
        conditions=[a_condition("Stalled", "True", Reason.UNSCHEDULABLE, since=since)],
    )
    return a_deployment(status=status, asset=UPDATED, meta={"generation": 2})


REMADE = {"uri": "https://store.example.com/churn.onnx", "sha256": OTHER_HEX}
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
            workload=a_workload(OTHER_DIGEST, total=2, updated=1, ready=1),
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
            workload=a_workload(OTHER_DIGEST, total=2, updated=1, ready=1),
            pods=(a_pod(), a_stuck_pod(Reason.WARM_UP_FAILED, permanent=True, digest=OTHER_DIGEST)),
        ),
        State.READY,
        "churn-v1",
        Reason.WARM_UP_FAILED,
    ),
    (
        "a new pod past its deadline reverts the update",
        updating_facts(
            workload=a_workload(OTHER_DIGEST, total=2, updated=1, ready=1),
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
        updating_facts(deployment=reverted(Reason.WARM_UP_FAILED, generation=3, env=OTHER_ENV)),
        State.UPDATING,
        "churn-v2",
        None,
    ),
    *(
        (
            f"what may pass holds an update up: {reason}",
            updating_facts(
                deployment=stalled_for(299),
                workload=a_workload(OTHER_DIGEST, total=2, updated=1, ready=1),
                pods=(a_pod(), a_stuck_pod(reason, able_since=None, digest=OTHER_DIGEST)),
            ),
            State.UPDATING,
            "churn-v2",
            reason,
        )
        for reason in (Reason.UNSCHEDULABLE, Reason.IMAGE_PULL_FAILED)
    ),
    (
        "but no longer than the progress deadline",
        updating_facts(
            deployment=stalled_for(300),
            workload=a_workload(OTHER_DIGEST, total=2, updated=1, ready=1),
            pods=(a_pod(), a_stuck_pod(Reason.UNSCHEDULABLE, digest=OTHER_DIGEST)),
        ),
        State.READY,
        "churn-v1",
        Reason.PROGRESS_DEADLINE_EXCEEDED,
    ),
    (
        "a store that is away for that long ends it, too",
        updating_facts(
            deployment=stalled_for(300),
            version=a_stalled_version(Reason.STORE_UNREACHABLE, "churn-v2", OTHER_HEX),
        ),
        State.READY,
        "churn-v1",
        Reason.PROGRESS_DEADLINE_EXCEEDED,
    ),
    (
        "a scoring service that is gone for that long ends it, and the old pods stay as they are",
        updating_facts(deployment=stalled_for(300), scoring_service=None),
        State.READY,
        KEPT,
        Reason.PROGRESS_DEADLINE_EXCEEDED,
    ),
    *(
        (
            f"on update the engine ends for the first or second time, and that is enough: {reason}",
            updating_facts(
                workload=a_workload(OTHER_DIGEST, total=2, updated=1, ready=1),
                pods=(a_pod(), a_stuck_pod(reason, digest=OTHER_DIGEST)),
            ),
            State.READY,
            "churn-v1",
            reason,
        )
        for reason in (Reason.OUT_OF_MEMORY, Reason.ENGINE_CRASHED)
    ),
    (
        "an old pod on its way out may still answer over a connection kept alive",
        updating_facts(
            workload=a_workload(OTHER_DIGEST),
            pods=(a_pod(OTHER_DIGEST), a_pod(ready=False, leaves=NOW + seconds(1))),
        ),
        State.UPDATING,
        "churn-v2",
        None,
    ),
    (
        "past its grace Kubernetes has killed it, though a lost node may not say so",
        updating_facts(
            workload=a_workload(OTHER_DIGEST),
            pods=(a_pod(OTHER_DIGEST), a_pod(ready=False, leaves=NOW)),
        ),
        State.READY,
        "churn-v2",
        None,
    ),
    (
        "a pod that has ended answers nobody",
        updating_facts(
            workload=a_workload(OTHER_DIGEST),
            pods=(a_pod(OTHER_DIGEST), a_pod(ready=False, over=True)),
        ),
        State.READY,
        "churn-v2",
        None,
    ),
    (
        "another asset again during an update: the one that serves goes on, none in between",
        updating_facts(
            version=a_version("churn-v3"),
            workload=a_workload(OTHER_DIGEST),
            pods=(a_pod(OTHER_DIGEST),),
        ),
        State.UPDATING,
        "churn-v1",
        None,
    ),
    (
        "back to the asset that serves, while pods of another may still answer",
        serving_facts(
            deployment=a_deployment(status=a_status("updating", active=an_active_asset())),
            workload=a_workload(),
            pods=(a_pod(), a_pod(OTHER_DIGEST, ready=False, leaves=NOW + seconds(9))),
        ),
        State.UPDATING,
        "churn-v1",
        None,
    ),
    (
        "back to the asset that serves: healed at once",
        serving_facts(
            deployment=a_deployment(
                status=a_status(
                    "ready",
                    active=an_active_asset(),
                    failure=a_failure(Reason.WARM_UP_FAILED, OTHER_DIGEST),
                )
            ),
        ),
        State.READY,
        "churn-v1",
        None,
    ),
    (
        "an asset whose first pods answer when the spec changes is deployed: an update of it",
        some_facts(
            deployment=a_deployment(
                asset=UPDATED,
                status=a_status("INITIALIZING", asset={"target": an_active_asset()}),
            ),
            version=a_version("churn-v2"),
            active_version=an_accepted_version(),
            workload=a_starting_workload(),
            pods=(a_pod(),),
        ),
        State.UPDATING,
        "churn-v1",
        None,
    ),
    (
        "an asset whose first pods never answered is not",
        some_facts(
            deployment=a_deployment(
                asset=UPDATED,
                status=a_status("INITIALIZING", asset={"target": an_active_asset()}),
            ),
            version=a_version("churn-v2"),
            active_version=an_accepted_version(),
            workload=a_starting_workload(),
            pods=(a_pod(ready=False),),
        ),
        State.INITIALIZING,
        "churn-v2",
        None,
    ),
    (
        "a version that was made again under its name, with other bytes, is an update, too",
        serving_facts(version=a_version("churn-v1", artifact=REMADE), active_version=None),
        State.UPDATING,
        KEPT,
        None,
    ),
    (
        "a version that was made again with the same bytes is none",
        serving_facts(version=an_accepted_version(meta={"uid": "another"})),
        State.ACTIVE,
        "churn-v1",
        None,
    ),
    (
        "a deployment that is resumed with another asset has an update before it",
        updating_facts(
            deployment=a_deployment(
                status=a_status("SUSPENDED", active=an_active_asset()), asset=UPDATED
            ),
            version=a_version("churn-v2"),
            workload=None,
            pods=(),
        ),
        State.UPDATING,
        "churn-v1",
        None,
    ),
    (
        "an asset of another engine type is an update like any other",
        updating_facts(
            active_version=an_accepted_version(engineType="xgboost"),
            version=a_version("churn-v2"),
        ),
        State.UPDATING,
        "churn-v1",
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
