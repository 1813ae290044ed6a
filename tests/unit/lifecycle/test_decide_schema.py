"""What the verdict on a new asset and the policy make of an update; see ``rows``."""

import pytest

from builders import (
    a_schema,
    a_version,
    updating_facts,
)
from mlz.errors import Reason
from mlz.lifecycle.deployments import State, decide
from mlz.lifecycle.facts import DeploymentFacts
from mlz.lifecycle.updates import comparison
from mlz.model.schema import Schema
from mlz.model.verdict import Verdict
from unit.lifecycle.rows import (
    Row,
    acknowledged,
    outcome,
    params,
    update_to,
)

SAME = a_schema()
# A feature is gone, so what callers send for it is ignored; or a new one is required.
FEWER = a_schema(features=1)
MORE = a_schema(features=3)
NOTHING_KNOWN = Schema()

GOES_ON = (State.UPDATING, "churn-v2", None)
WAITS = (State.UPDATING, "churn-v1", None)
BLOCKED = (State.READY, "churn-v1", Reason.SCHEMA_BLOCKED)


def diff_of(schema: Schema) -> str | None:
    found = comparison(update_to(schema))
    return None if found is None else found.diff_digest


POLICIES: list[Row] = [
    ("an identical schema goes on", update_to(SAME), *GOES_ON),
    ("a compatible schema goes on", update_to(FEWER), *GOES_ON),
    ("without a policy a mismatch is told and goes on", update_to(MORE), *GOES_ON),
    ("under Warn it does, too", update_to(MORE, schemaPolicy="Warn"), *GOES_ON),
    ("what is not known goes on with a warning, too", update_to(NOTHING_KNOWN), *GOES_ON),
    *(
        (
            f"under {policy} an identical schema goes on",
            update_to(SAME, schemaPolicy=policy),
            *GOES_ON,
        )
        for policy in ("RequireAck", "Block")
    ),
    *(
        (
            f"under {policy} a compatible schema goes on",
            update_to(FEWER, schemaPolicy=policy),
            *GOES_ON,
        )
        for policy in ("RequireAck", "Block")
    ),
    ("under Block a mismatch ends the update", update_to(MORE, schemaPolicy="Block"), *BLOCKED),
    (
        "under Block what is not known does, too",
        update_to(NOTHING_KNOWN, schemaPolicy="Block"),
        *BLOCKED,
    ),
    (
        "under RequireAck a mismatch waits",
        update_to(MORE, schemaPolicy="RequireAck"),
        *WAITS,
    ),
    (
        "under RequireAck the acknowledged mismatch goes on",
        update_to(MORE, schemaPolicy="RequireAck", meta=acknowledged(diff_of(MORE))),
        *GOES_ON,
    ),
    (
        "under RequireAck what was acknowledged of another asset counts for nothing",
        update_to(MORE, schemaPolicy="RequireAck", meta=acknowledged(diff_of(NOTHING_KNOWN))),
        *WAITS,
    ),
    (
        "under RequireAck what is not known can be acknowledged",
        update_to(
            NOTHING_KNOWN, schemaPolicy="RequireAck", meta=acknowledged(diff_of(NOTHING_KNOWN))
        ),
        *GOES_ON,
    ),
    (
        "an acknowledgement does not open what is blocked",
        update_to(MORE, schemaPolicy="Block", meta=acknowledged(diff_of(MORE))),
        *BLOCKED,
    ),
    *(
        (
            f"with a servingId a mismatch never passes: {policy}",
            update_to(
                MORE, servingId="churn", schemaPolicy=policy, meta=acknowledged(diff_of(MORE))
            ),
            *BLOCKED,
        )
        for policy in (None, "Warn", "RequireAck", "Block")
    ),
    (
        "with a servingId what is not known does not pass",
        update_to(NOTHING_KNOWN, servingId="churn"),
        *BLOCKED,
    ),
    ("with a servingId a match does", update_to(FEWER, servingId="churn"), *GOES_ON),
    (
        "a deployed version that somebody has deleted leaves nothing to compare with",
        update_to(SAME, {"active_version": None}, schemaPolicy="RequireAck"),
        State.UPDATING,
        "kept as it is",
        None,
    ),
]


@pytest.mark.parametrize(("facts", "state", "run", "reason"), params(POLICIES))
def test_decide(
    facts: DeploymentFacts, state: State, run: str | None, reason: Reason | None
) -> None:
    assert outcome(facts) == (state, run, reason)


def test_there_is_no_verdict_before_inspection_has_spoken() -> None:
    facts = updating_facts(version=a_version("churn-v2"))

    assert decide(facts).comparison is None


def test_who_has_to_acknowledge_is_told_what() -> None:
    decision = decide(update_to(MORE, schemaPolicy="RequireAck"))

    assert decision.comparison is not None
    assert decision.comparison.verdict is Verdict.INCOMPATIBLE
    assert decision.awaits == (
        "To go on, set the annotation mlz.dev/acknowledge-schema-change: "
        f"{decision.comparison.diff_digest}"
    )


def test_who_is_blocked_is_told_by_what_and_why() -> None:
    by_policy = decide(update_to(MORE, schemaPolicy="Block"))
    by_serving_id = decide(update_to(MORE, servingId="churn"))

    assert by_policy.finding is not None
    assert by_policy.finding.message.startswith(
        "schemaPolicy is Block; the new asset is incompatible with the deployed one: "
        "inputs.feature_2"
    )
    assert by_serving_id.finding is not None
    assert by_serving_id.finding.message.startswith(
        "the callers of servingId 'churn' share one schema; "
    )
