"""
When a wait is over, asked of what the operator itself writes: facts are decided and told as ever.
"""

from typing import Any

import pytest

from builders import (
    DIGEST,
    OTHER_DIGEST,
    a_deployment,
    a_finding,
    a_late_pod,
    a_pod,
    a_refused_version,
    a_schema,
    a_stalled_version,
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
from mlz.errors import Reason
from mlz.lifecycle.deployments import decide
from mlz.lifecycle.facts import DeploymentFacts
from mlz.lifecycle.report import status_of
from mlz.rest.documents.progress import Outcome, created, observed, updated, verdict_known
from mlz.rest.problems import Code
from unit.lifecycle.rows import (
    UPDATED,
    acknowledged,
    failed,
    not_inspected,
    reverted,
    starting,
    update_to,
)

SAME, MORE = a_schema(), a_schema(features=3)
DONE = {"workload": a_workload(OTHER_DIGEST), "pods": (a_pod(OTHER_DIGEST),)}
WAITS, WELL = "waits", "well"


def body_of(facts: DeploymentFacts) -> dict[str, Any]:
    """The deployment as it is in the cluster once the operator has written its status."""
    status = status_of(facts, decide(facts))
    return {
        "metadata": {"name": facts.deployment.meta.name},
        "status": status.model_dump(mode="json", by_alias=True, exclude_none=True),
    }


def word(outcome: Outcome | None) -> str:
    if outcome is None:
        return WAITS
    if outcome.refusal is None:
        return WELL
    return f"lost: {outcome.refusal.code}" if outcome.lost else outcome.refusal.code


# A create


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        pytest.param(some_facts(), WAITS, id="no pods yet"),
        pytest.param(some_facts(version=not_inspected()), WAITS, id="inspection is to come"),
        pytest.param(starting(), WAITS, id="pods are on their way"),
        pytest.param(some_facts(scoring_service=None), WAITS, id="what may come waits"),
        pytest.param(
            starting(pods=(a_stuck_pod(Reason.UNSCHEDULABLE),)), WAITS, id="what may pass waits"
        ),
        pytest.param(serving_facts(), WELL, id="it serves"),
        pytest.param(
            some_facts(version=a_refused_version(Reason.MODEL_INVALID)), WELL, id="it is refused"
        ),
        pytest.param(starting(pods=(a_late_pod(),)), WELL, id="its pods are too late"),
        pytest.param(
            some_facts(deployment=a_deployment(suspend=True)), WELL, id="somebody suspended it"
        ),
        *(
            pytest.param(some_facts(rivals=(a_finding(reason),)), f"lost: {code}", id=reason)
            for reason, code in (
                (Reason.DUPLICATE_DISPLAY_NAME, "duplicate_deployment_name"),
                (Reason.DUPLICATE_DEPLOYMENT, "duplicate_deployment"),
                (Reason.DUPLICATE_SERVING_ID, "duplicate_serving_id"),
            )
        ),
    ],
)
def test_a_create_waits_until_it_serves_or_never_will(facts: DeploymentFacts, told: str) -> None:
    assert word(created(body_of(facts))) == told


def test_a_deployment_without_status_is_waited_for() -> None:
    assert created({"metadata": {}}) is None
    assert observed({"metadata": {}, "status": {}}, 1) is None
    assert verdict_known({"metadata": {}, "status": {"state": "ACTIVE"}}, 1) is None


# An update of the asset


def resumed() -> DeploymentFacts:
    status = a_status("SUSPENDED", active=an_active_asset(), observedGeneration=2)
    deployment = a_deployment(status=status, asset=UPDATED, meta={"generation": 2}, suspend=True)
    return updating_facts(deployment=deployment)


UPDATES = [
    pytest.param(
        updating_facts(version=a_version("churn-v2")), WAITS, WAITS, id="the asset is inspected"
    ),
    pytest.param(
        updating_facts(version=a_stalled_version(Reason.STORE_UNREACHABLE, "churn-v2", "b" * 64)),
        WAITS,
        WAITS,
        id="the asset cannot be fetched for now",
    ),
    pytest.param(update_to(SAME), WELL, WAITS, id="it matches and is rolled out"),
    pytest.param(update_to(MORE), WELL, WAITS, id="no match, and rolled out all the same"),
    pytest.param(
        update_to(MORE, schemaPolicy="RequireAck"), WELL, WELL, id="it is to be acknowledged"
    ),
    pytest.param(
        update_to(MORE, schemaPolicy="RequireAck", meta=acknowledged("sha256:0")),
        WELL,
        WELL,
        id="something else was acknowledged",
    ),
    pytest.param(
        update_to(MORE, schemaPolicy="Block"), "schema_mismatch", "schema_mismatch", id="Block"
    ),
    pytest.param(
        update_to(MORE, servingId="churn"), "schema_mismatch", "schema_mismatch", id="a servingId"
    ),
    pytest.param(
        updating_facts(version=a_refused_version(Reason.MODEL_UNSAFE, "churn-v2", "b" * 64)),
        "update_failed",
        "update_failed",
        id="the asset is refused",
    ),
    pytest.param(
        updating_facts(deployment=reverted(Reason.WARM_UP_FAILED)),
        "update_failed",
        "update_failed",
        id="the update was reverted",
    ),
    pytest.param(
        updating_facts(rivals=(a_finding(Reason.DUPLICATE_DEPLOYMENT),)),
        "lost: duplicate_deployment",
        "lost: duplicate_deployment",
        id="another deployment has the version",
    ),
    pytest.param(update_to(SAME, DONE), WELL, WELL, id="the new asset serves"),
    pytest.param(
        serving_facts(deployment=a_deployment(
            status=a_status("ready", active=an_active_asset()), meta={"generation": 2})),
        WELL,
        WELL,
        id="back to the asset that serves",
    ),
    pytest.param(resumed(), WELL, WELL, id="nothing is compared while it is suspended"),
    pytest.param(
        some_facts(
            deployment=failed(Reason.MODEL_INVALID, 2, OTHER_DIGEST), version=not_inspected()
        ),
        WELL,
        WAITS,
        id="nothing has served, and the next asset is inspected",
    ),
    pytest.param(
        starting(deployment=failed(Reason.MODEL_INVALID, 2, OTHER_DIGEST)),
        WELL,
        WAITS,
        id="nothing has served, so there is nothing to compare with",
    ),
    pytest.param(
        some_facts(
            deployment=failed(Reason.MODEL_INVALID, 2),
            version=a_refused_version(Reason.MODEL_INVALID),
        ),
        "update_failed",
        "update_failed",
        id="nothing has served, and the next asset is refused, too",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("facts", "verdict", "end"), UPDATES)
def test_an_update_waits_for_its_verdict_and_with_sync_for_its_end(
    facts: DeploymentFacts, verdict: str, end: str
) -> None:
    body = body_of(facts)
    generation = facts.deployment.meta.generation

    assert word(verdict_known(body, generation)) == verdict
    assert word(updated(body, generation)) == end


@pytest.mark.parametrize(("facts", "verdict", "end"), UPDATES)
def test_a_status_of_an_older_spec_says_nothing(
    facts: DeploymentFacts, verdict: str, end: str
) -> None:
    body, next_generation = body_of(facts), facts.deployment.meta.generation + 1

    assert verdict_known(body, next_generation) is None
    assert updated(body, next_generation) is None
    assert observed(body, next_generation) is None


def test_a_refused_update_says_why() -> None:
    facts = updating_facts(version=a_refused_version(Reason.MODEL_UNSAFE, "churn-v2", "b" * 64))

    outcome = verdict_known(body_of(facts), 2)

    assert outcome is not None
    assert outcome.refusal is not None
    assert outcome.refusal.status == 409
    assert outcome.refusal.errors == ({"reason": "ModelUnsafe", "message": "as inspection says"},)


# Any other change


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        pytest.param(serving_facts(), WELL, id="it serves"),
        pytest.param(
            serving_facts(workload=a_starting_workload(), pods=(a_pod(ready=False),)),
            WELL,
            id="its pods are replaced",
        ),
        pytest.param(
            serving_facts(rivals=(a_finding(Reason.DUPLICATE_DISPLAY_NAME),)),
            f"lost: {Code.DUPLICATE_DEPLOYMENT_NAME}",
            id="the new name is an older deployment's",
        ),
    ],
)
def test_any_other_change_waits_until_the_operator_has_seen_it(
    facts: DeploymentFacts, told: str
) -> None:
    assert word(observed(body_of(facts), 1)) == told


def test_the_accepted_asset_of_an_update_is_known_by_its_digest() -> None:
    facts = update_to(SAME)

    schema = body_of(facts)["status"]["schema"]

    assert schema["assetDigest"] == OTHER_DIGEST != DIGEST
