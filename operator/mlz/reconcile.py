"""
The pass: parse → observe → decide → build → apply → report, for one resource of any kind.

Level-triggered: it looks at what is, never at what happened. Running it again changes nothing.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from mlz.api import names, parsing
from mlz.api.conditions import Condition
from mlz.api.parsing import Deployment, Resource
from mlz.cluster import kinds
from mlz.cluster.apply import Writer
from mlz.cluster.cache import Cache, controller_of
from mlz.cluster.client import NamespaceTerminatingError
from mlz.cluster.events import Recorder
from mlz.cluster.kinds import Kind
from mlz.cluster.observe import Observer, workload_facts
from mlz.errors import MlzError
from mlz.lifecycle import deployments, models, services, versions
from mlz.lifecycle.deployments import Decision
from mlz.lifecycle.facts import DeploymentFacts, Finding
from mlz.lifecycle.report import AssetUpdate, Event, event_of, events_of, status_of, update_of
from mlz.model.document import Document
from mlz.resources import desired, inspection, trust
from mlz.resources import versions as own_version
from mlz.settings import Defaults, OperatorSettings

Body = Mapping[str, Any]
Conditions = tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Key:
    """Which resource a pass is about."""

    kind: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class World:
    """
    What a pass works with.

    Attributes:
        issuers: whose tokens scoring pods take, as far as it is known at this moment.
    """

    cache: Cache
    observer: Observer
    writer: Writer
    recorder: Recorder
    defaults: Defaults
    settings: OperatorSettings
    clock: Callable[[], datetime]
    count_update: Callable[[AssetUpdate], None]
    issuers: Callable[[], trust.Issuers] = dict


def reconcile(key: Key, world: World) -> float | None:
    """
    One pass over one resource.

    Returns:
        Seconds until the next pass that no event would cause, or None.

    Raises:
        MlzError, ApiError: it did not get through; try again later.
    """
    kind = kinds.BY_NAME[key.kind]
    body = world.cache.get(kind, key.namespace, key.name)
    if body is None or "deletionTimestamp" in body["metadata"]:
        return None
    if _is_paused(body):
        return None
    try:
        return _PASSES[key.kind](body, world)
    except NamespaceTerminatingError:
        return None


def _deployment(body: Body, world: World) -> float | None:
    deployment = parsing.deployment(body)
    refusal = _refusal_of(lambda: _own_version(deployment, world))
    facts = world.observer.deployment_facts(deployment, world.clock())
    decision = deployments.decide(facts)
    plan = _plan(facts, decision, world)
    if refusal is None:
        refusal = _refusal_of(lambda: _make(plan, world))
    written = world.observer.workload(deployment)
    if written is not None and written is not plan.observed:
        # What we have just written is not rolled out yet, and must not be called so.
        facts = replace(facts, workload=workload_facts(written))
        decision = deployments.decide(facts)
    if refusal is not None:
        decision = replace(decision, finding=Finding(refusal.reason, refusal.message))
    status = status_of(facts, decision)
    if _report(deployment, body, status, world, events_of(deployment.status, status)):
        ended = update_of(deployment.status, status)
        if ended is not None:
            world.count_update(ended)
    if refusal is not None:
        raise refusal
    return decision.requeue_seconds


def _refusal_of(action: Callable[[], None]) -> MlzError | None:
    """What refused an action, to be told in status before it is tried again; None if nothing."""
    try:
        action()
    except MlzError as error:
        return error
    return None


def _make(plan: desired.Plan, world: World) -> None:
    objects = desired.objects(plan)
    owned = world.cache.owned_by(plan.deployment.meta.uid)
    world.writer.apply_all(objects)
    world.writer.prune(owned, desired.kept(plan, objects))


def _own_version(deployment: Deployment, world: World) -> None:
    """
    Make the version of an asset given by URI, so that the facts already hold it.

    A refused one is made anew when the spec has changed: perhaps the store or its Secret has, too.
    """
    manifest = own_version.build(deployment)
    if manifest is None:
        return
    namespace, name = deployment.meta.namespace, manifest["metadata"]["name"]
    known = world.cache.get(kinds.MODEL_VERSION, namespace, name)
    changed = deployment.status.observed_generation != deployment.meta.generation
    if known is not None and changed and versions.is_refused(parsing.model_version(known)):
        world.writer.prune([known], wanted=())
    world.writer.apply_all([manifest])


def _plan(facts: DeploymentFacts, decision: Decision, world: World) -> desired.Plan:
    return desired.Plan(
        deployment=facts.deployment,
        scoring_service=facts.scoring_service,
        run=decision.run,
        digest=None if decision.run is None else versions.wanted_digest(decision.run),
        keep=decision.keep,
        active=decision.active,
        told=_told_active(facts),
        provider=decision.provider,
        replicas=decision.replicas,
        observed=world.observer.workload(facts.deployment),
        defaults=world.defaults,
        tokens=trust.Sources(
            issuers=world.issuers(),
            model_owner=world.observer.model_owner(decision.run or facts.active_version),
            observed=world.observer.trust_file(facts.deployment),
        ),
    )


def _told_active(facts: DeploymentFacts) -> str | None:
    asset = facts.deployment.status.asset
    return None if asset is None or asset.active is None else asset.active.version


def _version(body: Body, world: World) -> float | None:
    version = parsing.model_version(body)
    facts = world.observer.version_facts(version, world.clock())
    decision = versions.decide(facts)
    refusal: MlzError | None = None
    status = decision.status
    if decision.inspect and facts.pod is None:
        deadline = world.settings.inspection_deadline_seconds
        try:
            world.writer.apply_all([inspection.build(version, world.defaults, deadline)])
        except MlzError as error:
            refusal = error
            status = versions.pending(facts, Finding(error.reason, error.message))
    news = _one_event(version.status.conditions, status.conditions)
    # Of a deployment's own version only bad news is told: the deployment tells the rest.
    news = [event for event in news if event.warning or controller_of(body) is None]
    _report(version, body, status, world, news)
    if not decision.inspect:
        world.writer.prune(world.cache.owned_by(version.meta.uid), wanted=())
    if refusal is not None:
        raise refusal
    return decision.requeue_seconds


def _model(body: Body, world: World) -> float | None:
    model = parsing.model(body)
    latest = world.observer.latest_version(model.meta.namespace, model.meta.name)
    status = models.status_of(model, latest, world.clock())
    _report(model, body, status, world, _one_event(model.status.conditions, status.conditions))
    return None


def _service(body: Body, world: World) -> float | None:
    service = parsing.scoring_service(body)
    status = services.status_of(service, world.clock())
    _report(service, body, status, world, _one_event(service.status.conditions, status.conditions))
    return None


def _report(
    resource: Resource[Any, Any],
    body: Body,
    status: Document,
    world: World,
    events: Iterable[Event],
) -> bool:
    """One status write, only if different, and the events that tell of it; whether it was made."""
    if status == resource.status:
        return False
    kind: Kind = kinds.BY_NAME[resource.kind]
    document = status.model_dump(mode="json", by_alias=True, exclude_none=True)
    if not world.writer.write_status(kind, body, document):
        return False
    for event in events:
        world.recorder.record(kind, body, event)
    return True


def _one_event(before: Conditions, after: Conditions) -> list[Event]:
    found = event_of(before, after)
    return [] if found is None else [found]


def _is_paused(body: Body) -> bool:
    annotations = body["metadata"].get("annotations") or {}
    return bool(annotations.get(names.ANNOTATION_PAUSED) == "true")


_PASSES: dict[str, Callable[[Body, World], float | None]] = {
    kinds.DEPLOYMENT.kind: _deployment,
    kinds.MODEL_VERSION.kind: _version,
    kinds.MODEL.kind: _model,
    kinds.SCORING_SERVICE.kind: _service,
}
