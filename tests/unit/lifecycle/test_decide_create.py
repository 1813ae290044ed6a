"""What is decided about a deployment that has not served yet; see ``rows``."""

import pytest

from builders import (
    NOW,
    OTHER_DIGEST,
    a_deployment,
    a_finding,
    a_late_pod,
    a_pod,
    a_refused_version,
    a_service,
    a_stalled_version,
    a_starting_workload,
    a_stuck_pod,
    a_version,
    a_workload,
    an_accepted_version,
    seconds,
    some_facts,
)
from mlz.errors import Reason
from mlz.lifecycle.deployments import State
from mlz.lifecycle.facts import DeploymentFacts
from unit.lifecycle.rows import (
    GIVES_UP,
    HICCUPS,
    INSPECTION_REFUSALS,
    KEPT,
    MAY_PASS,
    NOTHING,
    OTHER_ENV,
    RIVALRIES,
    Row,
    digest_unknown,
    failed,
    not_inspected,
    outcome,
    params,
    starting,
    unreadable,
)

CREATE: list[Row] = [
    ("a new deployment starts its pods", some_facts(), State.INITIALIZING, "churn-v1", None),
    (
        "on create the inspection runs beside the rollout",
        some_facts(version=not_inspected()),
        State.INITIALIZING,
        "churn-v1",
        None,
    ),
    (
        "an asset whose digest only inspection can tell waits for it",
        some_facts(version=digest_unknown()),
        State.INITIALIZING,
        NOTHING,
        None,
    ),
    (
        "a version that does not exist yet may be applied later",
        some_facts(version=None),
        State.INITIALIZING,
        NOTHING,
        Reason.MODEL_VERSION_NOT_FOUND,
    ),
    (
        "a scoring service that does not exist yet may be applied later",
        some_facts(scoring_service=None),
        State.INITIALIZING,
        NOTHING,
        Reason.SCORING_SERVICE_NOT_FOUND,
    ),
    (
        "an inactive scoring service takes no new deployment",
        some_facts(scoring_service=a_service(active=False)),
        State.INITIALIZING,
        NOTHING,
        Reason.SCORING_SERVICE_INACTIVE,
    ),
    (
        "a scoring service that says active in so many words takes it",
        some_facts(scoring_service=a_service(active=True)),
        State.INITIALIZING,
        "churn-v1",
        None,
    ),
    (
        "an unreadable scoring service is somebody else's to mend",
        some_facts(scoring_service=a_service(type="cics")),
        State.INITIALIZING,
        NOTHING,
        Reason.INVALID_SPEC,
    ),
    (
        "an unreadable spec needs a change",
        some_facts(deployment=unreadable(), version=None),
        State.FAILED,
        NOTHING,
        Reason.INVALID_SPEC,
    ),
    (
        "an unreadable version needs another version",
        some_facts(version=a_version(engineType="spark")),
        State.FAILED,
        NOTHING,
        Reason.INVALID_SPEC,
    ),
    (
        "a version of another engine type needs a change",
        some_facts(version=an_accepted_version(engineType="pmml")),
        State.FAILED,
        NOTHING,
        Reason.ENGINE_TYPE_MISMATCH,
    ),
    (
        "an engine type without an image waits for the chart",
        some_facts(engine_image=False),
        State.INITIALIZING,
        NOTHING,
        Reason.ENGINE_NOT_AVAILABLE,
    ),
    *(
        (
            f"an older deployment holds it: {reason}",
            some_facts(rivals=(a_finding(reason),)),
            State.INITIALIZING,
            NOTHING,
            reason,
        )
        for reason in RIVALRIES
    ),
    *(
        (
            f"inspection refuses the asset: {reason}",
            some_facts(version=a_refused_version(reason)),
            State.FAILED,
            NOTHING,
            reason,
        )
        for reason in INSPECTION_REFUSALS
    ),
    *(
        (
            f"inspection cannot be done now: {reason}; pods on their way are left alone",
            starting(version=a_stalled_version(reason)),
            State.INITIALIZING,
            KEPT,
            reason,
        )
        for reason in HICCUPS
    ),
    (
        "inspection refuses while pods are on their way: they go",
        starting(version=a_refused_version(Reason.MODEL_UNSAFE)),
        State.FAILED,
        NOTHING,
        Reason.MODEL_UNSAFE,
    ),
    (
        "the first pods are on their way",
        starting(),
        State.INITIALIZING,
        "churn-v1",
        None,
    ),
    *(
        (
            f"a pod is held up by what may pass: {reason}",
            starting(pods=(a_stuck_pod(reason),)),
            State.INITIALIZING,
            "churn-v1",
            reason,
        )
        for reason in MAY_PASS
    ),
    *(
        (
            f"a pod gives up for good: {reason}; pods of a refused asset go",
            starting(pods=(a_stuck_pod(reason, permanent=True),)),
            State.FAILED,
            NOTHING,
            reason,
        )
        for reason in GIVES_UP
    ),
    (
        "of two pods the one that gave up counts",
        starting(
            pods=(
                a_stuck_pod(Reason.ENGINE_CRASHED),
                a_stuck_pod(Reason.WARM_UP_FAILED, permanent=True, name="churn-2"),
            )
        ),
        State.FAILED,
        NOTHING,
        Reason.WARM_UP_FAILED,
    ),
    (
        "a quota forbids the pods",
        starting(
            workload=a_starting_workload(total=0, finding=a_finding(Reason.QUOTA_EXCEEDED)), pods=()
        ),
        State.INITIALIZING,
        "churn-v1",
        Reason.QUOTA_EXCEEDED,
    ),
    (
        "admission refuses the pods",
        starting(
            workload=a_starting_workload(total=0, finding=a_finding(Reason.POD_REFUSED)), pods=()
        ),
        State.INITIALIZING,
        "churn-v1",
        Reason.POD_REFUSED,
    ),
    (
        "pods past their deadline fail the deployment and stay: they may come round",
        starting(pods=(a_late_pod(),)),
        State.FAILED,
        "churn-v1",
        Reason.PROGRESS_DEADLINE_EXCEEDED,
    ),
    (
        "one second before the deadline it is not over",
        starting(pods=(a_late_pod(able_since=NOW - seconds(299)),)),
        State.INITIALIZING,
        "churn-v1",
        None,
    ),
    (
        "the deadline does not run for a pod that cannot start",
        starting(pods=(a_stuck_pod(Reason.UNSCHEDULABLE, able_since=None),)),
        State.INITIALIZING,
        "churn-v1",
        Reason.UNSCHEDULABLE,
    ),
    (
        "a late pod of another asset is not this one's failure",
        starting(pods=(a_late_pod(OTHER_DIGEST),)),
        State.INITIALIZING,
        "churn-v1",
        None,
    ),
    (
        "late pods that become ready after all are ACTIVE",
        some_facts(
            deployment=failed(Reason.PROGRESS_DEADLINE_EXCEEDED),
            workload=a_workload(),
            pods=(a_pod(),),
        ),
        State.ACTIVE,
        "churn-v1",
        None,
    ),
    (
        "every pod is new, ready and of this asset: ACTIVE",
        some_facts(workload=a_workload(), pods=(a_pod(),)),
        State.ACTIVE,
        "churn-v1",
        None,
    ),
    (
        "counts from before our last write prove nothing",
        some_facts(workload=a_workload(observed=False), pods=(a_pod(),)),
        State.INITIALIZING,
        "churn-v1",
        None,
    ),
    (
        "ready pods may be old ones while a surge is on",
        some_facts(workload=a_workload(total=2, updated=1, ready=2), pods=(a_pod(),)),
        State.INITIALIZING,
        "churn-v1",
        None,
    ),
    (
        "a workload of another asset proves nothing about this one",
        some_facts(workload=a_workload(OTHER_DIGEST), pods=(a_pod(OTHER_DIGEST),)),
        State.INITIALIZING,
        "churn-v1",
        None,
    ),
    (
        "two of three pods are not all of them",
        some_facts(
            deployment=a_deployment(replicas=3),
            workload=a_workload(wanted=3, ready=2),
            pods=(a_pod(), a_pod(name="churn-2")),
        ),
        State.INITIALIZING,
        "churn-v1",
        None,
    ),
]

FAILED_ROWS: list[Row] = [
    (
        "a failure stands, though its pods are gone",
        some_facts(deployment=failed(Reason.WARM_UP_FAILED)),
        State.FAILED,
        NOTHING,
        Reason.WARM_UP_FAILED,
    ),
    (
        "a changed spec is tried anew",
        some_facts(deployment=failed(Reason.WARM_UP_FAILED, generation=2, env=OTHER_ENV)),
        State.INITIALIZING,
        "churn-v1",
        None,
    ),
    (
        "another number of replicas makes no bad asset good",
        some_facts(deployment=failed(Reason.WARM_UP_FAILED, generation=2, replicas=3)),
        State.FAILED,
        NOTHING,
        Reason.WARM_UP_FAILED,
    ),
    (
        "another number of replicas may make room for pods that were late",
        some_facts(deployment=failed(Reason.PROGRESS_DEADLINE_EXCEEDED, generation=2, replicas=3)),
        State.INITIALIZING,
        "churn-v1",
        None,
    ),
    (
        "the failure of another asset is not this one's",
        some_facts(deployment=failed(Reason.WARM_UP_FAILED, digest=OTHER_DIGEST)),
        State.INITIALIZING,
        "churn-v1",
        None,
    ),
    (
        "a fault of the spec that holds no more is forgotten",
        some_facts(deployment=failed(Reason.ENGINE_TYPE_MISMATCH)),
        State.INITIALIZING,
        "churn-v1",
        None,
    ),
    (
        "a reason that only a newer operator knows is found out anew",
        some_facts(deployment=failed("UnheardOf")),  # type: ignore[arg-type]
        State.INITIALIZING,
        "churn-v1",
        None,
    ),
    (
        "a version's reason that only a newer operator knows does not stop us",
        some_facts(version=a_refused_version("UnheardOf")),  # type: ignore[arg-type]
        State.INITIALIZING,
        "churn-v1",
        None,
    ),
]


@pytest.mark.parametrize(("facts", "state", "run", "reason"), params(CREATE, FAILED_ROWS))
def test_decide(
    facts: DeploymentFacts, state: State, run: str | None, reason: Reason | None
) -> None:
    assert outcome(facts) == (state, run, reason)
