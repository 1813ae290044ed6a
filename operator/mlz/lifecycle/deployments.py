"""
The life of a deployment: which asset its pods are to run, and what its status says of it.

The word in ``state`` is derived from what is decided here and is never read back, but for what no
fact holds: whether the asset that serves has served before, and whether it came by an update.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from mlz.api.conditions import timestamp
from mlz.api.names import asset_label
from mlz.api.parsing import ModelVersion
from mlz.api.status import DeployedAsset, Failure
from mlz.errors import Reason
from mlz.lifecycle.checks import (
    PREREQUISITES,
    PROGRESS,
    accelerator_is_missing,
    first_finding,
)
from mlz.lifecycle.facts import DeploymentFacts, Finding
from mlz.lifecycle.updates import (
    awaits_acknowledgement,
    comparison,
    deployed,
    failure_of,
    in_time,
    is_of,
    is_update,
    policy_allows_it,
    remembered,
    stall_ends,
    wanted_since,
)
from mlz.lifecycle.versions import is_accepted, wanted_digest
from mlz.model.asset import Provider
from mlz.model.verdict import Comparison


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
        keep: the workload stays as it was made for ``active``, whatever ``run`` says.
        replicas: how many pods.
        active: the asset that serves or served last, or None.
        target: the wanted version, or None while there is none.
        target_since: since when it is tried.
        comparison: whether the wanted asset matches the one before it, or None.
        awaits: what a user has to do before an update goes on, or None.
        finding: what is in the way of the wanted asset, or None.
        failure: the finding as it is remembered, or None.
        serving: whether a pod of an accepted asset is ready.
        mixed: whether pods of another asset than the wanted one may still answer.
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
    target_since: str | None = None
    comparison: Comparison | None = None
    awaits: str | None = None
    finding: Finding | None = None
    failure: Failure | None = None
    serving: bool = False
    mixed: bool = False
    requeue_seconds: float | None = None


def decide(facts: DeploymentFacts) -> Decision:
    """The whole decision about a deployment; total, raises nothing."""
    spec = facts.deployment.spec
    if spec is not None and spec.suspend:
        return _suspended(facts)
    found = comparison(facts)
    decision = _updated(facts, found) if is_update(facts) else _deployed(facts)
    failure = failure_of(facts, decision.finding)
    return replace(
        decision,
        failure=failure,
        target=facts.version,
        target_since=wanted_since(facts, failure),
        comparison=found,
        requeue_seconds=_requeue_seconds(facts, decision),
    )


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
    """No pods; what served is remembered, for another asset at the resume is an update of it."""
    running = facts.active_version or facts.version
    return Decision(
        State.SUSPENDED,
        # A workload that cannot be built anew goes: kept as it is it would keep its pods.
        run=running if facts.workload is not None and _is_buildable(facts, running) else None,
        active=deployed(facts),
        target=facts.version,
        target_since=wanted_since(facts, None),
        provider=_provider(facts)[0],
    )


# The asset that is deployed already, or the first one


def _deployed(facts: DeploymentFacts) -> Decision:
    finding, version = first_finding(PREREQUISITES, facts), facts.version
    if finding is not None or version is None or wanted_digest(version) is None:
        return _held_up(facts, finding)
    provider, note = _provider(facts)
    if _runs(facts, version, provider):
        return _with_provider(_promoted(facts, version, _settled(facts)), facts)
    finding = remembered(facts) or first_finding(PROGRESS, facts)
    if accelerator_is_missing(finding, provider) and finding is not None and _prefers_only(facts):
        note = f"{provider} was asked for and the CPU serves: {finding.message}"
        provider, finding = Provider.CPU, None
    return replace(_on_the_way(facts, version, finding), provider=provider, provider_note=note)


def _held_up(facts: DeploymentFacts, finding: Finding | None) -> Decision:
    """The wanted asset may not be rolled out (yet); if it serves already, it goes on."""
    if _has_served(facts):
        return _old_goes_on(facts, finding, _settled(facts))
    permanent = finding is not None and finding.permanent
    decision = Decision(
        State.FAILED if permanent else State.INITIALIZING,
        # What may pass needs no tearing down of pods that are on their way.
        keep=finding is not None and not permanent and facts.workload is not None,
        replicas=wanted_replicas(facts),
        active=deployed(facts),
        finding=finding,
    )
    return _with_provider(decision, facts)


def _on_the_way(facts: DeploymentFacts, version: ModelVersion, finding: Finding | None) -> Decision:
    """Pods of the one asset there is are started, added, replaced or made ready again."""
    given_up = finding is not None and finding.permanent
    decision = Decision(
        _settled(facts),
        run=version,
        replicas=wanted_replicas(facts),
        active=deployed(facts),
        finding=finding,
        serving=_serving(facts),
        mixed=_others_answer(facts, version),
    )
    if decision.mixed and _has_served(facts):
        return replace(decision, state=State.UPDATING)
    if _has_served(facts):
        return decision
    state = State.FAILED if given_up else State.INITIALIZING
    return replace(decision, state=state, run=_kept_on_failure(version, finding))


def _kept_on_failure(version: ModelVersion, finding: Finding | None) -> ModelVersion | None:
    """Late pods may still become ready; pods of a refused asset never will."""
    if finding is None or not finding.permanent:
        return version
    return version if finding.reason is Reason.PROGRESS_DEADLINE_EXCEEDED else None


def _settled(facts: DeploymentFacts) -> State:
    """The word for an asset that serves: ready, if it came by an update."""
    before = facts.deployment.status.state
    return State.READY if before in (State.READY, State.UPDATING) else State.ACTIVE


def _has_served(facts: DeploymentFacts) -> bool:
    """Whether the deployed asset has served since the deployment was last suspended."""
    before = facts.deployment.status.state
    return deployed(facts) is not None and before in (State.ACTIVE, State.UPDATING, State.READY)


# Another asset than the deployed one


def _updated(facts: DeploymentFacts, found: Comparison | None) -> Decision:
    """The old asset serves until the new one has passed every question and all of its pods run."""
    finding = (
        remembered(facts) or first_finding(PREREQUISITES, facts) or policy_allows_it(facts, found)
    )
    version = facts.version
    if finding is not None or version is None or not is_accepted(version):
        return _old_goes_on(facts, in_time(facts, finding), State.UPDATING)
    awaits = awaits_acknowledgement(facts, found)
    if awaits is not None:
        return replace(_old_goes_on(facts, None, State.UPDATING), awaits=awaits)
    provider, note = _provider(facts)
    if _runs(facts, version, provider):
        return _with_provider(_promoted(facts, version, State.READY), facts)
    finding = in_time(facts, first_finding(PROGRESS, facts))
    if finding is not None and finding.permanent:
        return _old_goes_on(facts, finding, State.UPDATING)
    return Decision(
        State.UPDATING,
        run=version,
        replicas=wanted_replicas(facts),
        active=deployed(facts),
        finding=finding,
        serving=_serving(facts),
        mixed=True,
        provider=provider,
        provider_note=note,
    )


def _old_goes_on(facts: DeploymentFacts, finding: Finding | None, state: State) -> Decision:
    """The deployed asset serves, heals and scales, whatever is in the way of the wanted one."""
    given_up = finding is not None and finding.permanent and is_update(facts)
    decision = Decision(
        State.READY if given_up else state,
        run=facts.active_version,
        keep=facts.workload is not None and not _is_buildable(facts, facts.active_version),
        replicas=wanted_replicas(facts),
        active=deployed(facts),
        finding=finding,
        serving=_serving(facts),
    )
    return _with_provider(decision, facts)


# What is true


def _promoted(facts: DeploymentFacts, version: ModelVersion, state: State) -> Decision:
    return Decision(
        state,
        run=version,
        replicas=wanted_replicas(facts),
        active=_asset(facts, version),
        serving=True,
    )


def _asset(facts: DeploymentFacts, version: ModelVersion) -> DeployedAsset:
    before = deployed(facts)
    same = before is not None and is_of(before, version)
    return DeployedAsset(
        version=version.meta.name,
        guid=version.meta.uid,
        version_seq=version.status.version_seq,
        digest=wanted_digest(version),
        schema_digest=version.status.schema_digest,
        since=before.since if before is not None and same else timestamp(facts.now),
    )


def _runs(facts: DeploymentFacts, version: ModelVersion, provider: Provider) -> bool:
    """
    The proof: every pod is new, ready and of this asset, and no other may answer any more.

    An engine is ready only when it has loaded the very digest that its pod was made for.
    """
    workload, digest = facts.workload, wanted_digest(version)
    if workload is None or digest is None or not workload.complete:
        return False
    return (
        workload.asset == asset_label(digest)
        and workload.provider is provider
        and workload.wanted == wanted_replicas(facts)
        and not _others_answer(facts, version)
    )


def _others_answer(facts: DeploymentFacts, version: ModelVersion) -> bool:
    digest = wanted_digest(version)
    label = None if digest is None else asset_label(digest)
    return any(pod.asset != label and pod.answers(facts.now) for pod in facts.pods)


def _serving(facts: DeploymentFacts) -> bool:
    """Whether a pod of the deployed asset, or of the one that replaces it, is ready."""
    before = deployed(facts)
    after = None if facts.version is None else wanted_digest(facts.version)
    if before is None or before.digest is None:
        return False
    if facts.workload is None or facts.workload.wanted == 0:
        return False
    labels = {asset_label(digest) for digest in (before.digest, after) if digest is not None}
    return any(pod.ready and pod.asset in labels for pod in facts.pods)


def _is_buildable(facts: DeploymentFacts, version: ModelVersion | None) -> bool:
    """Whether there is all that a workload of this version is built from; else it must stay."""
    spec, service = facts.deployment.spec, facts.scoring_service
    if spec is None or service is None or service.spec is None:
        return False
    return version is not None and version.spec is not None


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


# When to look again


def _requeue_seconds(facts: DeploymentFacts, decision: Decision) -> float | None:
    """Until the next moment that no event announces; None where there is none."""
    moments = [*_deadlines(facts, decision), *_departures(facts, decision)]
    left = [(one - facts.now).total_seconds() for one in moments]
    coming = [seconds for seconds in left if seconds > 0]
    return max(1.0, min(coming)) if coming else None


def _deadlines(facts: DeploymentFacts, decision: Decision) -> list[datetime]:
    if decision.state not in (State.INITIALIZING, State.ACTIVE, State.UPDATING, State.FAILED):
        return []
    limit = timedelta(seconds=facts.progress_deadline_seconds)
    late = [pod.able_since + limit for pod in facts.pods if pod.able_since and not pod.ready]
    stalled = decision.finding is not None and is_update(facts)
    return [*late, stall_ends(facts)] if stalled else late


def _departures(facts: DeploymentFacts, decision: Decision) -> list[datetime]:
    return [pod.leaves for pod in facts.pods if decision.mixed and pod.leaves is not None]
