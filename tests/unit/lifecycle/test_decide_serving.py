"""What is decided about a deployment that serves, or is asked not to; see ``rows``."""

import pytest

from builders import (
    a_deployment,
    a_failure,
    a_finding,
    a_pod,
    a_refused_version,
    a_service,
    a_status,
    a_stuck_pod,
    a_version,
    a_workload,
    an_active_asset,
    serving_facts,
    some_facts,
    updating_facts,
)
from mlz.errors import Reason
from mlz.lifecycle.deployments import State
from mlz.lifecycle.facts import DeploymentFacts
from unit.lifecycle.rows import KEPT, NOTHING, Row, outcome, params, unreadable

SERVING: list[Row] = [
    ("what serves goes on", serving_facts(), State.ACTIVE, "churn-v1", None),
    (
        "a lost pod is no failure",
        serving_facts(workload=a_workload(ready=0), pods=(a_pod(ready=False),)),
        State.ACTIVE,
        "churn-v1",
        None,
    ),
    (
        "all pods lost: still the same asset, and Kubernetes replaces them",
        serving_facts(workload=a_workload(total=0, updated=0, ready=0), pods=()),
        State.ACTIVE,
        "churn-v1",
        None,
    ),
    (
        "a replacement that finds no node says so and tears nothing down",
        serving_facts(workload=a_workload(ready=0), pods=(a_stuck_pod(Reason.UNSCHEDULABLE),)),
        State.ACTIVE,
        "churn-v1",
        Reason.UNSCHEDULABLE,
    ),
    (
        "a replacement that gives up tears nothing down",
        serving_facts(
            workload=a_workload(wanted=1, ready=0),
            pods=(a_stuck_pod(Reason.DIGEST_MISMATCH, permanent=True),),
        ),
        State.ACTIVE,
        "churn-v1",
        Reason.DIGEST_MISMATCH,
    ),
    (
        "a scoring service that was deleted leaves what serves exactly as it is",
        serving_facts(scoring_service=None),
        State.ACTIVE,
        KEPT,
        Reason.SCORING_SERVICE_NOT_FOUND,
    ),
    (
        "a scoring service that became unreadable leaves what serves exactly as it is",
        serving_facts(scoring_service=a_service(type="cics")),
        State.ACTIVE,
        KEPT,
        Reason.INVALID_SPEC,
    ),
    (
        "an inactive scoring service takes nothing new and stops nothing",
        serving_facts(scoring_service=a_service(active=False)),
        State.ACTIVE,
        "churn-v1",
        Reason.SCORING_SERVICE_INACTIVE,
    ),
    (
        "a version that was deleted leaves what serves exactly as it is",
        serving_facts(version=None, active_version=None),
        State.ACTIVE,
        KEPT,
        Reason.MODEL_VERSION_NOT_FOUND,
    ),
    (
        "a spec that an older operator cannot read leaves what serves exactly as it is",
        serving_facts(
            deployment=unreadable(status=a_status("ACTIVE", active=an_active_asset())),
            version=None,
        ),
        State.READY,
        KEPT,
        Reason.INVALID_SPEC,
    ),
    (
        "a version that an older operator cannot read leaves what serves exactly as it is",
        serving_facts(
            version=a_version(engineType="spark"), active_version=a_version(engineType="spark")
        ),
        State.ACTIVE,
        KEPT,
        Reason.INVALID_SPEC,
    ),
    (
        "an image that is no longer configured stops nothing",
        serving_facts(engine_image=False),
        State.ACTIVE,
        "churn-v1",
        Reason.ENGINE_NOT_AVAILABLE,
    ),
    (
        "an older rival stops nothing that serves",
        serving_facts(rivals=(a_finding(Reason.DUPLICATE_DISPLAY_NAME),)),
        State.ACTIVE,
        "churn-v1",
        Reason.DUPLICATE_DISPLAY_NAME,
    ),
    (
        "a workload that somebody deleted is made again",
        serving_facts(workload=None, pods=()),
        State.ACTIVE,
        "churn-v1",
        None,
    ),
    (
        "one to three: more pods of the same asset are on their way",
        serving_facts(
            deployment=a_deployment(status=a_status("ACTIVE", active=an_active_asset()), replicas=3)
        ),
        State.ACTIVE,
        "churn-v1",
        None,
    ),
    (
        "three to one: fewer pods of the same asset",
        serving_facts(
            deployment=a_deployment(
                status=a_status("ACTIVE", active=an_active_asset()), replicas=1
            ),
            workload=a_workload(wanted=3),
        ),
        State.ACTIVE,
        "churn-v1",
        None,
    ),
    (
        "a failure that its pods have overcome is over",
        serving_facts(
            deployment=a_deployment(
                status=a_status(
                    "ACTIVE",
                    active=an_active_asset(),
                    failure=a_failure(Reason.PROGRESS_DEADLINE_EXCEEDED),
                )
            )
        ),
        State.ACTIVE,
        "churn-v1",
        None,
    ),
]

SUSPENDED = a_deployment(suspend=True)
SUSPEND: list[Row] = [
    (
        "a deployment created suspended starts nothing",
        some_facts(deployment=SUSPENDED),
        State.SUSPENDED,
        NOTHING,
        None,
    ),
    (
        "what serves is scaled to nothing",
        serving_facts(
            deployment=a_deployment(
                status=a_status("ACTIVE", active=an_active_asset()), suspend=True
            )
        ),
        State.SUSPENDED,
        "churn-v1",
        None,
    ),
    (
        "suspended in the middle of an update: what served is scaled to nothing",
        updating_facts(
            deployment=a_deployment(
                status=a_status("updating", active=an_active_asset()),
                asset={"modelVersion": "churn-v2"},
                suspend=True,
            )
        ),
        State.SUSPENDED,
        "churn-v1",
        None,
    ),
    (
        "a workload that cannot be built anew goes, for it would keep its pods",
        serving_facts(deployment=SUSPENDED, version=None, active_version=None),
        State.SUSPENDED,
        NOTHING,
        None,
    ),
    (
        "a suspended deployment whose service is gone has no pods either",
        serving_facts(deployment=SUSPENDED, scoring_service=None),
        State.SUSPENDED,
        NOTHING,
        None,
    ),
    (
        "what is suspended is not refused",
        some_facts(deployment=SUSPENDED, version=a_refused_version(Reason.MODEL_UNSAFE)),
        State.SUSPENDED,
        NOTHING,
        None,
    ),
    (
        "a resumed deployment proves itself anew",
        some_facts(
            deployment=a_deployment(status=a_status("SUSPENDED"), meta={"generation": 2}),
            workload=a_workload(wanted=0),
        ),
        State.INITIALIZING,
        "churn-v1",
        None,
    ),
    (
        "a resumed deployment that serves again is ACTIVE",
        some_facts(
            deployment=a_deployment(status=a_status("INITIALIZING"), meta={"generation": 2}),
            workload=a_workload(),
            pods=(a_pod(),),
        ),
        State.ACTIVE,
        "churn-v1",
        None,
    ),
]


@pytest.mark.parametrize(("facts", "state", "run", "reason"), params(SERVING, SUSPEND))
def test_decide(
    facts: DeploymentFacts, state: State, run: str | None, reason: Reason | None
) -> None:
    assert outcome(facts) == (state, run, reason)
