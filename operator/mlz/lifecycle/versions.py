"""
The life of a model version: inspect once, remember for ever.

An accepted or refused version is final, for its spec is immutable. A hiccup is tried again after as
long as it has lasted already, within bounds: a back-off that needs no counter and survives a
restart.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from mlz.api.conditions import Condition, ConditionType, condition, dated, find, moment
from mlz.api.parsing import ModelVersion
from mlz.api.status import ModelVersionStatus
from mlz.errors import Reason
from mlz.lifecycle.facts import Finding, InspectionPodFacts, VersionFacts, known_reason
from mlz.model.asset import Inspection

FIRST_RETRY_SECONDS = 10
LAST_RETRY_SECONDS = 300


@dataclass(frozen=True, slots=True)
class VersionDecision:
    """
    What shall be done about a version.

    Attributes:
        inspect: whether there is to be an inspection pod; an existing one stays as it is.
        requeue_seconds: when to look again without an event, or None.
    """

    status: ModelVersionStatus
    inspect: bool
    requeue_seconds: float | None = None


def decide(facts: VersionFacts) -> VersionDecision:
    """Inspect, wait, try again, or leave alone."""
    version = facts.version
    if version.fault is not None:
        return VersionDecision(_refused(facts, Reason.INVALID_SPEC, version.fault), inspect=False)
    if is_final(version):
        return VersionDecision(_carried_on(facts), inspect=False)
    if not facts.engine_image:
        return VersionDecision(pending(facts, _no_image(version)), inspect=False)
    if facts.pod is None:
        return VersionDecision(pending(facts, _last_hiccup(version)), inspect=True)
    return _after_pod(facts, facts.pod)


def is_final(version: ModelVersion) -> bool:
    """Whether inspection has spoken for good about this very spec."""
    ready = find(version.status.conditions, ConditionType.READY)
    if ready is None or version.status.observed_generation != version.meta.generation:
        return False
    if ready.status == "True":
        return True
    # A refusal in the words of a newer operator is none to us: we look for ourselves.
    return ready.status == "False" and known_reason(ready.reason) not in (None, Reason.INSPECTING)


def is_accepted(version: ModelVersion) -> bool:
    """Whether the asset was inspected and may serve."""
    ready = find(version.status.conditions, ConditionType.READY)
    return ready is not None and ready.status == "True"


def is_refused(version: ModelVersion) -> bool:
    """Whether inspection has refused the asset for good."""
    return is_final(version) and not is_accepted(version)


def refusal(version: ModelVersion) -> Finding | None:
    """What inspection has against the version: for good, or for the moment."""
    if version.fault is not None:
        text = f"model version '{version.meta.name}': {version.fault}"
        return Finding(Reason.INVALID_SPEC, text, permanent=True)
    told = _last_hiccup(version)
    return None if told is None else replace(told, permanent=is_final(version))


def wanted_digest(version: ModelVersion) -> str | None:
    """``sha256:<hex>`` of the asset, or None until inspection tells (oci:// without sha256)."""
    if version.status.digest is not None:
        return version.status.digest
    declared = None if version.spec is None else version.spec.artifact.sha256
    return None if declared is None else f"sha256:{declared}"


def pending(facts: VersionFacts, hiccup: Finding | None) -> ModelVersionStatus:
    """The status of a version that waits for its inspection, and what holds that up."""
    if hiccup is None and not facts.version.status.conditions:
        # Nothing is known yet, and soon it is: one write less for every new version.
        return facts.version.status
    waiting = condition(ConditionType.READY, None, Reason.INSPECTING, "the asset is being checked")
    working = condition(ConditionType.RECONCILING, True, Reason.INSPECTING)
    if hiccup is None:
        return _status(facts, waiting, working)
    stalled = condition(ConditionType.STALLED, True, hiccup.reason, hiccup.message)
    return _status(facts, waiting, working, stalled)


def _after_pod(facts: VersionFacts, pod: InspectionPodFacts) -> VersionDecision:
    if pod.outcome is not None and not pod.outcome.retryable:
        return VersionDecision(_outcome(facts, pod.outcome), inspect=False)
    hiccup = pod.finding
    if pod.outcome is not None and pod.outcome.reason is not None:
        hiccup = Finding(pod.outcome.reason, pod.outcome.message or "")
    status = pending(facts, hiccup or _last_hiccup(facts.version))
    if pod.finished is None:
        return VersionDecision(status, inspect=True)
    wait = _retry_at(status, pod.finished) - facts.now
    if wait <= timedelta(0):
        return VersionDecision(status, inspect=False, requeue_seconds=1)
    return VersionDecision(status, inspect=True, requeue_seconds=wait.total_seconds())


def _retry_at(status: ModelVersionStatus, finished: datetime) -> datetime:
    stalled = find(status.conditions, ConditionType.STALLED)
    since = finished if stalled is None else moment(stalled.last_transition_time)
    lasted = (finished - since).total_seconds()
    return finished + timedelta(seconds=min(max(lasted, FIRST_RETRY_SECONDS), LAST_RETRY_SECONDS))


def _outcome(facts: VersionFacts, outcome: Inspection) -> ModelVersionStatus:
    if outcome.reason is not None:
        return _refused(facts, outcome.reason, outcome.message or "")
    ready = condition(ConditionType.READY, True, Reason.INSPECTED, "the asset may serve")
    return _status(facts, ready).model_copy(
        update={
            "digest": outcome.digest,
            "size_bytes": outcome.size_bytes,
            "engine_type": outcome.engine_type,
            "framework": outcome.framework,
            "schema_digest": outcome.schema_digest,
            "model_schema": outcome.model_schema,
            "version_seq": max(facts.siblings, default=0) + 1,
        }
    )


def _refused(facts: VersionFacts, reason: Reason, message: str) -> ModelVersionStatus:
    return _status(
        facts,
        condition(ConditionType.READY, False, reason, message),
        condition(ConditionType.STALLED, True, reason, message),
    )


def _carried_on(facts: VersionFacts) -> ModelVersionStatus:
    return facts.version.status


def _status(facts: VersionFacts, *conditions: Condition) -> ModelVersionStatus:
    version = facts.version
    return ModelVersionStatus(
        observed_generation=version.meta.generation,
        guid=version.meta.uid,
        conditions=dated(conditions, version.status.conditions, version.meta.generation, facts.now),
    )


def _last_hiccup(version: ModelVersion) -> Finding | None:
    """A try that is still going on has not healed what stopped the last one."""
    stalled = find(version.status.conditions, ConditionType.STALLED)
    reason = None if stalled is None else known_reason(stalled.reason)
    return None if stalled is None or reason is None else Finding(reason, stalled.message)


def _no_image(version: ModelVersion) -> Finding:
    engine_type = "" if version.spec is None else version.spec.engine_type
    return Finding(
        Reason.ENGINE_NOT_AVAILABLE,
        f"no image is configured for engine type {engine_type}; set it in the chart's values",
    )
