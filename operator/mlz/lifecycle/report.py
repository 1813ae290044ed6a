"""A decision as the status that users see, and as the one event that tells of a change."""

from dataclasses import dataclass

from mlz.api.conditions import Condition, ConditionType, condition, dated, find
from mlz.api.names import LABEL_DEPLOYMENT
from mlz.api.parsing import Deployment, ModelVersion
from mlz.api.v1alpha1 import AssetStatus, DeployedAsset, DeploymentStatus
from mlz.errors import Reason
from mlz.lifecycle.deployments import Decision, State
from mlz.lifecycle.facts import DeploymentFacts
from mlz.lifecycle.versions import wanted_digest

SCORING_PORT = 8080
SCORING_PATH = "/iml/v2/scoring/online"


@dataclass(frozen=True, slots=True)
class Event:
    """One Kubernetes event about a resource."""

    warning: bool
    reason: str
    message: str


def status_of(facts: DeploymentFacts, decision: Decision) -> DeploymentStatus:
    """The whole status; equal facts and decision give an equal status."""
    deployment = facts.deployment
    guid = guid_of(deployment)
    serving_id = None if deployment.spec is None else deployment.spec.serving_id
    return DeploymentStatus(
        observed_generation=deployment.meta.generation,
        state=decision.state.value,
        conditions=dated(
            _conditions(facts, decision),
            deployment.status.conditions,
            deployment.meta.generation,
            facts.now,
        ),
        failure=decision.failure,
        asset=_assets(decision),
        provider=_running_provider(facts, decision),
        provider_note=decision.provider_note,
        guid=guid,
        scoring_url=_url(deployment, guid),
        serving_url=None if serving_id is None else _url(deployment, serving_id),
        replicas=decision.replicas,
        ready_replicas=0 if facts.workload is None else facts.workload.available,
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


def _conditions(facts: DeploymentFacts, decision: Decision) -> list[Condition]:
    conditions = [_ready(decision), _available(decision)]
    if decision.state is State.SUSPENDED:
        return [*conditions, condition(ConditionType.SUSPENDED, True, Reason.SUSPENDED)]
    if decision.finding is not None:
        stalled = decision.finding
        conditions.append(condition(ConditionType.STALLED, True, stalled.reason, stalled.message))
    if _is_working(facts, decision):
        reason = _progress_reason(decision)
        conditions.append(condition(ConditionType.RECONCILING, True, reason))
    return conditions


def _ready(decision: Decision) -> Condition:
    if decision.state is State.SUSPENDED:
        return condition(ConditionType.READY, False, Reason.SUSPENDED, "spec.suspend is true")
    if _serves_target(decision):
        text = decision.provider_note or "the wanted asset serves"
        return condition(ConditionType.READY, True, Reason.SERVING, text)
    if decision.finding is not None:
        found = decision.finding
        return condition(ConditionType.READY, False, found.reason, found.message)
    if decision.active is not None and _is_target(decision):
        text = "no pod of the asset is ready; Kubernetes is replacing them"
        return condition(ConditionType.READY, False, Reason.PODS_UNAVAILABLE, text)
    return condition(ConditionType.READY, None, _progress_reason(decision), "on its way")


def _available(decision: Decision) -> Condition:
    if decision.serving:
        return condition(ConditionType.AVAILABLE, True, Reason.SERVING, "an asset serves")
    reason = Reason.PODS_UNAVAILABLE if decision.active is not None else Reason.INITIALIZING
    if decision.state is State.SUSPENDED:
        reason = Reason.SUSPENDED
    return condition(ConditionType.AVAILABLE, False, reason, "nothing serves")


def _progress_reason(decision: Decision) -> Reason:
    if decision.run is None and decision.active is None:
        return Reason.INSPECTING if decision.finding is None else Reason.INITIALIZING
    return Reason.INITIALIZING if decision.active is None else Reason.ROLLING_OUT


def _is_working(facts: DeploymentFacts, decision: Decision) -> bool:
    if decision.finding is not None and decision.finding.permanent:
        return False
    settled = facts.workload is not None and facts.workload.complete
    return not (settled and _serves_target(decision))


def _serves_target(decision: Decision) -> bool:
    return decision.serving and _is_target(decision)


def _is_target(decision: Decision) -> bool:
    if decision.active is None or decision.target is None:
        return False
    return decision.active.version == decision.target.meta.name


def _assets(decision: Decision) -> AssetStatus | None:
    target = None if decision.target is None else _target(decision.target)
    if decision.active is None and target is None:
        return None
    return AssetStatus(active=decision.active, target=target)


def _target(version: ModelVersion) -> DeployedAsset:
    return DeployedAsset(
        version=version.meta.name, guid=version.meta.uid, digest=wanted_digest(version)
    )


def _url(deployment: Deployment, identity: str) -> str:
    meta = deployment.meta
    host = f"{meta.name}.{meta.namespace}.svc:{SCORING_PORT}"
    return f"http://{host}{SCORING_PATH}/{identity}"
