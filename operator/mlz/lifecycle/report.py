"""A decision as the status that users see, and as the one event that tells of a change."""

from dataclasses import dataclass

from mlz.api.conditions import Condition, ConditionType, condition, dated, find, moment, timestamp
from mlz.api.names import LABEL_DEPLOYMENT
from mlz.api.parsing import Deployment
from mlz.api.status import (
    AssetStatus,
    DeployedAsset,
    DeploymentStatus,
    HistoryEntry,
    ModelVersionStatus,
    SchemaStatus,
    StatusMessage,
)
from mlz.errors import Reason
from mlz.lifecycle.deployments import Decision, State
from mlz.lifecycle.facts import DeploymentFacts
from mlz.lifecycle.updates import MISMATCH, is_of, summary
from mlz.lifecycle.versions import is_accepted, wanted_digest
from mlz.model.verdict import Verdict

SCORING_PORT = 8080
SCORING_PATH = "/iml/v2/scoring/online"
CHANGES_SHOWN = 50
HISTORY_LENGTH = 10


@dataclass(frozen=True, slots=True)
class Event:
    """One Kubernetes event about a resource."""

    warning: bool
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class AssetUpdate:
    """
    An asset update that has ended.

    Attributes:
        verdict: None where the new asset was refused before there was one.
        seconds: since the new asset was first wanted.
    """

    verdict: str | None
    outcome: str
    seconds: float


def status_of(facts: DeploymentFacts, decision: Decision) -> DeploymentStatus:
    """The whole status; equal facts and decision give an equal status."""
    deployment = facts.deployment
    guid = guid_of(deployment)
    serving_id = None if deployment.spec is None else deployment.spec.serving_id
    schema = _schema(facts, decision)
    return DeploymentStatus(
        observed_generation=deployment.meta.generation,
        state=decision.state.value,
        conditions=dated(
            _conditions(facts, decision, schema),
            deployment.status.conditions,
            deployment.meta.generation,
            facts.now,
        ),
        message=_message(decision, schema),
        failure=decision.failure,
        asset=_assets(decision),
        model_schema=schema,
        history=_history(facts, decision),
        provider=_running_provider(facts, decision),
        provider_note=decision.provider_note,
        guid=guid,
        scoring_url=_url(deployment, guid),
        serving_url=None if serving_id is None else _url(deployment, serving_id),
        replicas=decision.replicas,
        ready_replicas=0 if facts.workload is None else facts.workload.ready,
        selector=f"{LABEL_DEPLOYMENT}={deployment.meta.name}",
    )


def _running_provider(facts: DeploymentFacts, decision: Decision) -> str | None:
    """What runs, never what was wished."""
    if facts.workload is None or not decision.serving:
        return None
    return facts.workload.provider.value


def guid_of(deployment: Deployment) -> str:
    """The public id: the one asked for, else the object's uid."""
    asked = None if deployment.spec is None else deployment.spec.guid
    return asked or deployment.meta.uid


def events_of(before: DeploymentStatus, after: DeploymentStatus) -> list[Event]:
    """What happened to a deployment, in order: the verdict on a new asset, then the rest."""
    found = [_mismatch_event(before, after), event_of(before.conditions, after.conditions)]
    return [event for event in found if event is not None]


def event_of(before: tuple[Condition, ...], after: tuple[Condition, ...]) -> Event | None:
    """One event for a change of the reason that matters most, none otherwise."""
    old, new = _headline(before), _headline(after)
    if new is None or (old is None and new.status == "Unknown"):
        return None
    if old is not None and (old.type, old.reason) == (new.type, new.reason):
        return None
    return Event(new.type == ConditionType.STALLED, new.reason, new.message or new.reason)


def _headline(conditions: tuple[Condition, ...]) -> Condition | None:
    for kind in (ConditionType.STALLED, ConditionType.SUSPENDED, ConditionType.READY):
        found = find(conditions, kind)
        if found is not None:
            return found
    return None


def _mismatch_event(before: DeploymentStatus, after: DeploymentStatus) -> Event | None:
    """Once for each asset that does not match."""
    new = find(after.conditions, ConditionType.SCHEMA_MISMATCH)
    if new is None or before.model_schema == after.model_schema:
        return None
    return Event(warning=True, reason=new.reason, message=new.message)


def update_of(before: DeploymentStatus, after: DeploymentStatus) -> AssetUpdate | None:
    """The asset update that ended between two statuses, or None."""
    news = after.history[:1]
    if not news or news == before.history[:1] or before.asset is None:
        return None
    if before.asset.active is None or before.asset.target is None:
        return None
    began = before.asset.target.since or news[0].time
    seconds = (moment(news[0].time) - moment(began)).total_seconds()
    return AssetUpdate(news[0].verdict, news[0].outcome, seconds)


# Conditions


def _conditions(
    facts: DeploymentFacts, decision: Decision, schema: SchemaStatus | None
) -> list[Condition]:
    conditions = [_ready(facts, decision), _available(decision)]
    if decision.state is State.SUSPENDED:
        return [*conditions, condition(ConditionType.SUSPENDED, True, Reason.SUSPENDED)]
    if schema is not None and not schema.is_match:
        conditions.append(_mismatch(decision, schema))
    if decision.finding is not None:
        stalled = decision.finding
        conditions.append(condition(ConditionType.STALLED, True, stalled.reason, stalled.message))
    if _is_working(facts, decision):
        reason = _progress_reason(facts, decision)
        conditions.append(condition(ConditionType.RECONCILING, True, reason))
    return conditions


def _ready(facts: DeploymentFacts, decision: Decision) -> Condition:
    if decision.state is State.SUSPENDED:
        return condition(ConditionType.READY, False, Reason.SUSPENDED, "spec.suspend is true")
    if _serves_target(decision):
        text = decision.provider_note or "the wanted asset serves"
        return condition(ConditionType.READY, True, Reason.SERVING, text)
    if decision.finding is not None:
        found = decision.finding
        return condition(ConditionType.READY, False, found.reason, found.message)
    if decision.awaits is not None:
        reason = Reason.AWAITING_ACKNOWLEDGEMENT
        return condition(ConditionType.READY, False, reason, decision.awaits)
    if decision.active is not None and _is_target(decision) and not decision.mixed:
        text = "no pod of the asset is ready; Kubernetes is replacing them"
        return condition(ConditionType.READY, False, Reason.PODS_UNAVAILABLE, text)
    reason = _progress_reason(facts, decision)
    return condition(ConditionType.READY, None, reason, _progress_text(decision, reason))


def _available(decision: Decision) -> Condition:
    if decision.serving:
        return condition(ConditionType.AVAILABLE, True, Reason.SERVING, "an asset serves")
    reason = Reason.PODS_UNAVAILABLE if decision.active is not None else Reason.INITIALIZING
    if decision.state is State.SUSPENDED:
        reason = Reason.SUSPENDED
    return condition(ConditionType.AVAILABLE, False, reason, "nothing serves")


def _mismatch(decision: Decision, schema: SchemaStatus) -> Condition:
    breaks = schema.verdict == Verdict.INCOMPATIBLE
    verdict = Verdict.INCOMPATIBLE if breaks else Verdict.UNKNOWN
    reason = Reason.SCHEMA_INCOMPATIBLE if breaks else Reason.SCHEMA_UNKNOWN
    if decision.awaits is not None:
        reason = Reason.AWAITING_ACKNOWLEDGEMENT
    text = summary(verdict, schema.changes)
    return condition(ConditionType.SCHEMA_MISMATCH, True, reason, text)


def _progress_reason(facts: DeploymentFacts, decision: Decision) -> Reason:
    if decision.active is None:
        inspecting = decision.run is None and decision.finding is None
        return Reason.INSPECTING if inspecting else Reason.INITIALIZING
    checked = facts.version is not None and is_accepted(facts.version)
    return Reason.ROLLING_OUT if checked or _is_target(decision) else Reason.INSPECTING


def _progress_text(decision: Decision, reason: Reason) -> str:
    if decision.active is None or _is_target(decision) or decision.target is None:
        return "on its way"
    old, new = decision.active.version, decision.target.meta.name
    if reason is Reason.INSPECTING:
        return f"'{new}' is being checked; '{old}' goes on serving"
    return f"pods of '{new}' replace those of '{old}' one by one"


def _is_working(facts: DeploymentFacts, decision: Decision) -> bool:
    if decision.awaits is not None:
        return False
    if decision.finding is not None and decision.finding.permanent:
        return False
    settled = facts.workload is not None and facts.workload.complete
    return not (settled and _serves_target(decision))


def _serves_target(decision: Decision) -> bool:
    return decision.serving and _is_target(decision) and not decision.mixed


def _is_target(decision: Decision) -> bool:
    if decision.active is None or decision.target is None:
        return False
    return is_of(decision.active, decision.target)


# What an update leaves


def _schema(facts: DeploymentFacts, decision: Decision) -> SchemaStatus | None:
    """The verdict of this update, or of the one that brought the asset that serves."""
    found, known = decision.comparison, facts.deployment.status.model_schema
    if found is not None and facts.version is not None:
        more = len(found.changes) - CHANGES_SHOWN
        return SchemaStatus(
            verdict=found.verdict,
            changes=found.changes[:CHANGES_SHOWN],
            omitted=more if more > 0 else None,
            diff_digest=found.diff_digest,
            asset_digest=wanted_digest(facts.version),
        )
    if known is None or decision.active is None or not _is_target(decision):
        return None
    return known if known.asset_digest == decision.active.digest else None


def _message(decision: Decision, schema: SchemaStatus | None) -> StatusMessage | None:
    """Source: watsonx v4, ``entity.status.message``; PRODUCT section 2 has the words."""
    if schema is None or schema.is_match:
        return None
    text = MISMATCH if decision.awaits is None else f"{MISMATCH} {decision.awaits}"
    return StatusMessage(level="warning", text=text)


def _history(facts: DeploymentFacts, decision: Decision) -> tuple[HistoryEntry, ...]:
    """With what this very decision has brought to an end."""
    known = facts.deployment.status.history
    entry = _promotion(facts, decision) or _defeat(facts, decision)
    return known if entry is None else (entry, *known)[:HISTORY_LENGTH]


def _promotion(facts: DeploymentFacts, decision: Decision) -> HistoryEntry | None:
    before, after = facts.deployment.status.asset, decision.active
    known = None if before is None else before.active
    if after is None:
        return None
    if known is not None and (known.version, known.digest) == (after.version, after.digest):
        return None
    return HistoryEntry(
        version=after.version,
        digest=after.digest,
        verdict=_verdict(decision) if _is_target(decision) else None,
        outcome="Promoted",
        time=after.since or timestamp(facts.now),
    )


def _defeat(facts: DeploymentFacts, decision: Decision) -> HistoryEntry | None:
    failure, version = decision.failure, decision.target
    if failure is None or failure == facts.deployment.status.failure:
        return None
    if version is None or _is_target(decision):
        return None
    return HistoryEntry(
        version=version.meta.name,
        digest=failure.asset_digest,
        verdict=_verdict(decision),
        outcome="Failed",
        reason=failure.reason,
        time=failure.time,
    )


def _verdict(decision: Decision) -> Verdict | None:
    return None if decision.comparison is None else decision.comparison.verdict


def _assets(decision: Decision) -> AssetStatus | None:
    target = _target(decision)
    if decision.active is None and target is None:
        return None
    return AssetStatus(active=decision.active, target=target)


def _target(decision: Decision) -> DeployedAsset | None:
    """On create what inspection finds is told by its version: that saves every one a write."""
    version = decision.target
    if version is None:
        return None
    inspected = version.status if decision.active is not None else ModelVersionStatus()
    return DeployedAsset(
        version=version.meta.name,
        guid=version.meta.uid,
        version_seq=inspected.version_seq,
        digest=wanted_digest(version),
        schema_digest=inspected.schema_digest,
        since=decision.target_since,
    )


def _url(deployment: Deployment, identity: str) -> str:
    meta = deployment.meta
    host = f"{meta.name}.{meta.namespace}.svc:{SCORING_PORT}"
    return f"http://{host}{SCORING_PATH}/{identity}"
