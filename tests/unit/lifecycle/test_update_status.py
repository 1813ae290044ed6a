"""What status, events and metrics tell of an asset update."""

from dataclasses import replace
from typing import Any

import pytest

from builders import (
    EARLIER_TEXT,
    NOW_TEXT,
    OTHER_DIGEST,
    OTHER_HEX,
    a_deployment,
    a_failure,
    a_pod,
    a_refused_version,
    a_schema,
    a_status,
    a_stuck_pod,
    a_version,
    a_workload,
    an_accepted_version,
    an_active_asset,
    serving_facts,
    some_facts,
    updating_facts,
)
from mlz.api.status import DeploymentStatus, HistoryEntry
from mlz.errors import Reason
from mlz.lifecycle.deployments import decide
from mlz.lifecycle.facts import DeploymentFacts
from mlz.lifecycle.report import (
    CHANGES_SHOWN,
    HISTORY_LENGTH,
    AssetUpdate,
    events_of,
    status_of,
    update_of,
)
from mlz.lifecycle.updates import MISMATCH
from unit.lifecycle.rows import UPDATED, update_to

SAME, FEWER, MORE = a_schema(), a_schema(features=1), a_schema(features=3)
DONE = {"workload": a_workload(OTHER_DIGEST), "pods": (a_pod(OTHER_DIGEST),)}


def status(facts: DeploymentFacts) -> DeploymentStatus:
    return status_of(facts, decide(facts))


def told(facts: DeploymentFacts) -> dict[str, tuple[str, str]]:
    return {one.type: (one.status, one.reason) for one in status(facts).conditions}


def after(facts: DeploymentFacts, **changes: Any) -> DeploymentFacts:
    """The facts with their own status written, and what has happened since."""
    written = replace(facts.deployment, status=status(facts))
    return replace(facts, deployment=written, **changes)


# The verdict


@pytest.mark.parametrize(
    ("facts", "verdict", "conditions"),
    [
        pytest.param(
            update_to(SAME),
            "Identical",
            {"Ready": ("Unknown", "RollingOut"), "Reconciling": ("True", "RollingOut")},
            id="an identical schema is rolled out",
        ),
        pytest.param(
            update_to(FEWER),
            "Compatible",
            {"Ready": ("Unknown", "RollingOut"), "Reconciling": ("True", "RollingOut")},
            id="so is a compatible one",
        ),
        pytest.param(
            update_to(MORE),
            "Incompatible",
            {
                "Ready": ("Unknown", "RollingOut"),
                "Reconciling": ("True", "RollingOut"),
                "SchemaMismatch": ("True", "SchemaIncompatible"),
            },
            id="a mismatch is told while it is rolled out",
        ),
        pytest.param(
            update_to(MORE, schemaPolicy="RequireAck"),
            "Incompatible",
            {
                "Ready": ("False", "AwaitingAcknowledgement"),
                "SchemaMismatch": ("True", "AwaitingAcknowledgement"),
            },
            id="what waits for an acknowledgement makes no progress and is not stalled",
        ),
        pytest.param(
            update_to(MORE, schemaPolicy="Block"),
            "Incompatible",
            {
                "Ready": ("False", "SchemaBlocked"),
                "SchemaMismatch": ("True", "SchemaIncompatible"),
                "Stalled": ("True", "SchemaBlocked"),
            },
            id="what is blocked is stalled",
        ),
        pytest.param(
            updating_facts(version=a_version("churn-v2")),
            None,
            {"Ready": ("Unknown", "Inspecting"), "Reconciling": ("True", "Inspecting")},
            id="before inspection there is no verdict",
        ),
    ],
)
def test_the_verdict_is_told(
    facts: DeploymentFacts, verdict: str | None, conditions: dict[str, tuple[str, str]]
) -> None:
    found = status(facts)

    assert told(facts) == {"Available": ("True", "Serving")} | conditions
    assert (found.model_schema and found.model_schema.verdict) == verdict


def test_a_mismatch_has_the_documented_words() -> None:
    message = status(update_to(MORE)).message

    assert message is not None
    assert (message.level, message.text) == ("warning", MISMATCH)


def test_who_must_acknowledge_reads_how_behind_the_documented_words() -> None:
    found = status(update_to(MORE, schemaPolicy="RequireAck"))

    assert found.message is not None
    assert found.model_schema is not None
    assert found.message.text == (
        f"{MISMATCH} To go on, set the annotation mlz.dev/acknowledge-schema-change: "
        f"{found.model_schema.diff_digest}"
    )


@pytest.mark.parametrize("schema", [SAME, FEWER])
def test_a_match_needs_no_words(schema: Any) -> None:
    assert status(update_to(schema)).message is None


def test_the_verdict_stays_with_the_asset_that_came_by_it() -> None:
    ready = after(update_to(MORE, DONE))
    later = status(after(ready, active_version=ready.version))

    assert later.state == "ready"
    assert later.model_schema == status(update_to(MORE)).model_schema
    assert later.message is not None


def test_the_verdict_on_an_asset_that_is_not_wanted_any_more_is_forgotten() -> None:
    blocked = status(update_to(MORE, schemaPolicy="Block"))
    back = serving_facts(deployment=replace(a_deployment(), status=blocked))

    found = status(back)

    assert (found.state, found.model_schema, found.message) == ("ready", None, None)


def test_of_many_changes_some_are_shown_and_the_rest_is_counted() -> None:
    found = status(update_to(a_schema(features=CHANGES_SHOWN + 9))).model_schema

    assert found is not None
    assert (len(found.changes), found.omitted) == (CHANGES_SHOWN, 7)


# Active and target


def test_the_target_is_wanted_since_the_asset_changed() -> None:
    first = status(update_to(SAME))
    later = status(after(update_to(SAME), now=update_to(SAME).now))

    assert first.asset is not None
    assert first.asset.target is not None
    assert (first.asset.target.version, first.asset.target.since) == ("churn-v2", NOW_TEXT)
    assert later.asset == first.asset


def test_while_new_pods_answer_an_accepted_asset_is_available() -> None:
    """Though the old one's are gone, and another may still answer."""
    facts = updating_facts(
        workload=a_workload(OTHER_DIGEST, wanted=2, total=2, updated=2, ready=1),
        pods=(a_pod(OTHER_DIGEST), a_pod(OTHER_DIGEST, ready=False, name="churn-2")),
    )

    assert told(facts)["Available"] == ("True", "Serving")
    assert told(facts)["Ready"] == ("Unknown", "RollingOut")


# History


def entries(facts: DeploymentFacts) -> list[tuple[str, str | None, str, str | None]]:
    return [(one.version, one.verdict, one.outcome, one.reason) for one in status(facts).history]


def test_the_history_has_every_asset_that_was_tried_once() -> None:
    created = some_facts(workload=a_workload(), pods=(a_pod(),))
    serving = after(created)
    unfit = replace(
        updating_facts(
            pods=(a_pod(), a_stuck_pod(Reason.WARM_UP_FAILED, True, digest=OTHER_DIGEST))
        ),
        deployment=replace(a_deployment(asset=UPDATED), status=serving.deployment.status),
    )
    failed = after(unfit)

    assert entries(created) == [("churn-v1", None, "Promoted", None)]
    assert entries(serving) == entries(created)
    assert entries(unfit) == [
        ("churn-v2", "Identical", "Failed", "WarmUpFailed"),
        ("churn-v1", None, "Promoted", None),
    ]
    assert entries(failed) == entries(unfit)


def test_the_history_forgets_what_is_long_ago() -> None:
    entry = {"version": "churn-v0", "outcome": "Promoted", "time": EARLIER_TEXT}
    before = a_status("updating", active=an_active_asset(), history=[entry] * HISTORY_LENGTH)
    facts = updating_facts(deployment=a_deployment(status=before, asset=UPDATED), **DONE)

    found = status(facts).history

    assert len(found) == HISTORY_LENGTH
    assert found[0].version == "churn-v2"


# The end of an update, for metrics


def wanted_since(text: str, **facts: Any) -> DeploymentFacts:
    target = {"version": "churn-v2", "digest": OTHER_DIGEST, "since": text}
    known = a_status("updating", asset={"active": an_active_asset(), "target": target})
    return updating_facts(deployment=a_deployment(status=known, asset=UPDATED), **facts)


@pytest.mark.parametrize(
    ("facts", "update"),
    [
        pytest.param(wanted_since(EARLIER_TEXT), None, id="it goes on"),
        pytest.param(
            wanted_since(EARLIER_TEXT, **DONE),
            AssetUpdate("Identical", "Promoted", 3600),
            id="it is ready",
        ),
        pytest.param(
            wanted_since(
                EARLIER_TEXT, version=a_refused_version(Reason.MODEL_INVALID, "churn-v2", OTHER_HEX)
            ),
            AssetUpdate(None, "Failed", 3600),
            id="inspection refuses it",
        ),
        pytest.param(some_facts(workload=a_workload(), pods=(a_pod(),)), None, id="a first asset"),
    ],
)
def test_the_end_of_an_update_is_counted_once(
    facts: DeploymentFacts, update: AssetUpdate | None
) -> None:
    before, now = facts.deployment.status, status(facts)

    assert update_of(before, now) == update
    assert update_of(now, status(after(facts))) is None


# Events


def story(*walk: DeploymentFacts) -> list[tuple[bool, str]]:
    """The events of a walk of a deployment that serves, from one status to the next."""
    told: list[tuple[bool, str]] = []
    before = status(serving_facts())
    for facts in walk:
        now = status(replace(facts, deployment=replace(facts.deployment, status=before)))
        told += [(event.warning, event.reason) for event in events_of(before, now)]
        before = now
    return told


def test_events_tell_an_update_in_order() -> None:
    inspecting = replace(update_to(MORE), version=a_version("churn-v2"))

    assert story(inspecting, update_to(MORE), update_to(MORE, DONE)) == [
        (False, "Inspecting"),
        (True, "SchemaIncompatible"),
        (False, "RollingOut"),
        (False, "Serving"),
    ]


def test_events_tell_of_a_failure_once() -> None:
    refused = updating_facts(version=a_refused_version(Reason.MODEL_INVALID, "churn-v2", OTHER_HEX))

    assert story(updating_facts(version=a_version("churn-v2")), refused, refused) == [
        (False, "Inspecting"),
        (True, "ModelInvalid"),
    ]


def test_events_tell_of_each_asset_that_does_not_match() -> None:
    other = replace(update_to(MORE), version=an_accepted_version("churn-v3", "c" * 64, schema=MORE))

    assert story(update_to(MORE), other).count((True, "SchemaIncompatible")) == 2


def test_a_failure_that_a_newer_operator_remembers_is_kept_readable() -> None:
    entry = {"version": "churn-v0", "outcome": "Shadowed", "verdict": "Splendid", "time": NOW_TEXT}
    known = a_status(
        "ready", active=an_active_asset(), failure=a_failure("UnheardOf"), history=[entry]
    )

    found = a_deployment(status=known).status

    assert found.history == (HistoryEntry.model_validate(entry),)
    assert found.asset is not None
