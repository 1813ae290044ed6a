"""
The life of a deployment: which asset its pods are to run, and what its status says of it.

The word in ``state`` is derived from what is decided here and is never read back, but for one bit
that no fact holds: whether the serving asset came by an update.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from mlz.api.conditions import timestamp
from mlz.api.names import asset_label
from mlz.api.parsing import ModelVersion
from mlz.api.v1alpha1 import DeployedAsset, Failure
from mlz.errors import Reason
from mlz.lifecycle.checks import (
    FORGOTTEN,
    PREREQUISITES,
    PROGRESS,
    accelerator_is_missing,
    first_finding,
)
from mlz.lifecycle.facts import DeploymentFacts, Finding, known_reason
from mlz.lifecycle.versions import is_accepted, wanted_digest
from mlz.model.asset import Provider


class State(StrEnum):
    """The one-word truth. Source: MLz 3.2 and watsonx v4, "Updating a deployment"."""

    INITIALIZING = "INITIALIZING"
    ACTIVE = "ACTIVE"
    UPDATING = "updating"
    READY = "ready"
    FAILED = "FAILED"
    SUSPENDED = "SUSPENDED"


@dataclass(frozen=True, slots=True)
class Decision:
    """
    What shall be done about a deployment, and what is true of it.

    Attributes:
        run: the version that the pods are to run; None wants no workload.
        keep: the workload stays exactly as it is, whatever ``run`` says.
        replicas: how many pods.
        active: the asset that serves, or None.
        target: the wanted version, or None while there is none.
        finding: what is in the way of the wanted asset, or None.
        failure: the finding as it is remembered, or None.
        serving: whether a pod of an accepted asset is ready.
        provider_note: why ``provider`` is not the one asked for, or None.
        requeue_seconds: when to look again without an event, or None.
    """

    state: State
    run: ModelVersion | None = None
    keep: bool = False
    replicas: int = 0
    provider: Provider = Provider.CPU
    provider_note: str | None = None
    active: DeployedAsset | None = None
    target: ModelVersion | None = None
    finding: Finding | None = None
    failure: Failure | None = None
    serving: bool = False
    requeue_seconds: float | None = None


def decide(facts: DeploymentFacts) -> Decision:
    """The whole decision about a deployment; total, raises nothing."""
    spec = facts.deployment.spec
    if spec is not None and spec.suspend:
        return _suspended(facts)
    finding = first_finding(PREREQUISITES, facts)
    if finding is not None:
        return _held_up(facts, finding)
    version = facts.version
    if version is None or wanted_digest(version) is None or _inspection_comes_first(facts):
        return _held_up(facts, None)
    return _rolled_out(facts, version)


def wanted_replicas(facts: DeploymentFacts) -> int:
    """The deployment's number, else the scoring service's, else its type's: 1, a cluster's 2."""
    spec = facts.deployment.spec
    service = None if facts.scoring_service is None else facts.scoring_service.spec
    if spec is not None and spec.replicas is not None:
        return spec.replicas
    if service is None:
        return 1 if facts.workload is None else facts.workload.wanted
    return service.replicas or (2 if service.type == "cluster" else 1)


def _suspended(facts: DeploymentFacts) -> Decision:
    """No pods; what served is forgotten, since nothing serves and a resume proves it anew."""
    running = facts.active_version or facts.version
    return Decision(
        State.SUSPENDED,
        # A workload that cannot be built anew goes: kept as it is it would keep its pods.
        run=running if facts.workload is not None and _is_buildable(facts, running) else None,
        target=facts.version,
        provider=_provider(facts)[0],
    )


def _held_up(facts: DeploymentFacts, finding: Finding | None) -> Decision:
    """The wanted asset may not be rolled out (yet): what serves goes on serving."""
    active = _still_active(facts)
    decision = Decision(
        _held_up_state(facts, finding),
        run=facts.active_version if active is not None else None,
        keep=active is not None and not _is_buildable(facts, facts.active_version),
        replicas=wanted_replicas(facts),
        active=active,
        target=facts.version,
        finding=finding,
        failure=_failure(facts, finding),
        serving=_serving(facts),
    )
    if active is None and finding is not None and not finding.permanent:
        # What may pass needs no tearing down of pods that are on their way.
        decision = replace(decision, keep=facts.workload is not None)
    return _with_provider(decision, facts)


def _held_up_state(facts: DeploymentFacts, finding: Finding | None) -> State:
    permanent = finding is not None and finding.permanent
    active = _still_active(facts)
    if active is None:
        return State.FAILED if permanent else State.INITIALIZING
    if active.version == _wanted_name(facts):
        return _settled_state(facts)
    return State.READY if permanent else State.UPDATING


def _wanted_name(facts: DeploymentFacts) -> str | None:
    """The wanted version's name, also where somebody has deleted it; None if unreadable."""
    if facts.version is not None:
        return facts.version.meta.name
    return None if facts.deployment.spec is None else facts.deployment.spec.asset.model_version


def _is_buildable(facts: DeploymentFacts, version: ModelVersion | None) -> bool:
    """Whether a workload of this version would come out as it was made; else it must stay."""
    spec, service = facts.deployment.spec, facts.scoring_service
    if spec is None or service is None or service.spec is None:
        return False
    if version is None or version.spec is None:
        return False
    return version.spec.engine_type is spec.engine_type


def _rolled_out(facts: DeploymentFacts, version: ModelVersion) -> Decision:
    """The wanted asset is, or becomes, what the pods run."""
    provider, note = _provider(facts)
    if _runs(facts, version, provider):
        return _with_provider(_serving_target(facts, version), facts)
    finding = _remembered(facts) or first_finding(PROGRESS, facts)
    if accelerator_is_missing(finding, provider) and finding is not None and _prefers_only(facts):
        note = f"{provider} was asked for and the CPU serves: {finding.message}"
        return replace(_on_the_way(facts, version, None), provider=Provider.CPU, provider_note=note)
    return replace(_on_the_way(facts, version, finding), provider=provider, provider_note=note)


def _on_the_way(facts: DeploymentFacts, version: ModelVersion, finding: Finding | None) -> Decision:
    """A rollout that is not complete: it goes on, waits, or is given up."""
    given_up = finding is not None and finding.permanent
    active = _still_active(facts)
    fresh = not _is_active(facts, version)
    decision = Decision(
        State.INITIALIZING,
        run=version,
        replicas=wanted_replicas(facts),
        active=active,
        target=version,
        finding=finding,
        failure=_failure(facts, finding),
        serving=_serving(facts),
        requeue_seconds=_seconds_to_deadline(facts),
    )
    if active is None:
        state = State.FAILED if given_up else State.INITIALIZING
        return replace(decision, state=state, run=_kept_on_failure(version, finding))
    if not fresh:
        return replace(decision, state=_settled_state(facts))
    if given_up:
        return replace(
            decision,
            state=State.READY,
            run=facts.active_version,
            keep=not _is_buildable(facts, facts.active_version),
            requeue_seconds=None,
        )
    return replace(decision, state=State.UPDATING)


def _kept_on_failure(version: ModelVersion, finding: Finding | None) -> ModelVersion | None:
    """Late pods may still become ready; pods of a refused asset never will."""
    if finding is None or not finding.permanent:
        return version
    return version if finding.reason is Reason.PROGRESS_DEADLINE_EXCEEDED else None


def _serving_target(facts: DeploymentFacts, version: ModelVersion) -> Decision:
    updated = _still_active(facts) is not None and not _is_active(facts, version)
    state = State.READY if updated else _settled_state(facts)
    return Decision(
        state,
        run=version,
        replicas=wanted_replicas(facts),
        active=_active(facts, version),
        target=version,
        serving=True,
    )


def _settled_state(facts: DeploymentFacts) -> State:
    before = facts.deployment.status.state
    return State.READY if before in (State.READY, State.UPDATING) else State.ACTIVE


def _runs(facts: DeploymentFacts, version: ModelVersion, provider: Provider) -> bool:
    """The proof: every pod is of this asset, new, and ready, and readiness means its digest."""
    workload, digest = facts.workload, wanted_digest(version)
    if workload is None or digest is None or not workload.complete:
        return False
    return (
        workload.asset == asset_label(digest)
        and workload.provider is provider
        and workload.wanted == wanted_replicas(facts)
    )


def _inspection_comes_first(facts: DeploymentFacts) -> bool:
    """On an update the new asset is inspected before a pod runs it; on create, beside it."""
    if facts.version is None or _still_active(facts) is None:
        return False
    return not _is_active(facts, facts.version) and not is_accepted(facts.version)


def _still_active(facts: DeploymentFacts) -> DeployedAsset | None:
    """What served when we last looked; without a workload nothing does."""
    asset = facts.deployment.status.asset
    if asset is None or facts.workload is None or facts.workload.wanted == 0:
        return None
    return asset.active


def _is_active(facts: DeploymentFacts, version: ModelVersion) -> bool:
    active = _still_active(facts)
    return active is not None and active.version == version.meta.name


def _active(facts: DeploymentFacts, version: ModelVersion) -> DeployedAsset:
    active = _still_active(facts)
    since = active.since if active is not None and _is_active(facts, version) else None
    return DeployedAsset(
        version=version.meta.name,
        guid=version.meta.uid,
        version_seq=version.status.version_seq,
        digest=wanted_digest(version),
        schema_digest=version.status.schema_digest,
        since=since or timestamp(facts.now),
    )


def _serving(facts: DeploymentFacts) -> bool:
    active = _still_active(facts)
    if active is None or active.digest is None:
        return False
    label = asset_label(active.digest)
    return any(pod.ready and pod.asset == label for pod in facts.pods)


def _provider(facts: DeploymentFacts) -> tuple[Provider, str | None]:
    """The provider to run, and why it is not the wanted one; kept until the spec changes."""
    spec, status = facts.deployment.spec, facts.deployment.status
    if spec is None:
        return Provider.CPU, None
    settled = status.observed_generation == facts.deployment.meta.generation
    fallen_back = settled and status.provider_note and spec.provider is not Provider.CPU
    if fallen_back and _prefers_only(facts):
        return Provider.CPU, status.provider_note
    return spec.provider, None


def _with_provider(decision: Decision, facts: DeploymentFacts) -> Decision:
    provider, note = _provider(facts)
    return replace(decision, provider=provider, provider_note=note)


def _prefers_only(facts: DeploymentFacts) -> bool:
    service = None if facts.scoring_service is None else facts.scoring_service.spec
    return service is not None and service.accelerator_policy == "Prefer"


def _remembered(facts: DeploymentFacts) -> Finding | None:
    """A failure that only pods could tell of stands until the spec changes."""
    status, version = facts.deployment.status, facts.version
    failure = status.failure
    if failure is None or version is None:
        return None
    unchanged = status.observed_generation == facts.deployment.meta.generation
    reason = known_reason(failure.reason)
    if not unchanged or reason is None or reason in FORGOTTEN:
        return None
    if failure.asset_digest != wanted_digest(version):
        return None
    return Finding(reason, failure.message, permanent=True)


def _failure(facts: DeploymentFacts, finding: Finding | None) -> Failure | None:
    if finding is None or not finding.permanent:
        return None
    before = facts.deployment.status.failure
    digest = None if facts.version is None else wanted_digest(facts.version)
    same = before is not None and (before.reason, before.asset_digest) == (finding.reason, digest)
    if same:
        return before
    return Failure(
        reason=finding.reason,
        message=finding.message,
        asset_digest=digest,
        time=timestamp(facts.now),
    )


def _seconds_to_deadline(facts: DeploymentFacts) -> float | None:
    """Until the next pod is late; None where none can be any more."""
    waited = [facts.now - pod.able_since for pod in facts.pods if not pod.ready and pod.able_since]
    left = [facts.progress_deadline_seconds - one.total_seconds() for one in waited]
    coming = [seconds for seconds in left if seconds > 0]
    return max(1.0, min(coming)) if coming else None
