"""The one list of all objects that a deployment owns, for what was decided about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlz.api.parsing import Deployment, ModelVersion, ScoringService
from mlz.api.status import DeployedAsset
from mlz.model.asset import Provider
from mlz.resources import account, disruption, network, service, trust, versions, workload
from mlz.resources.manifest import Manifest
from mlz.settings import Defaults


@dataclass(frozen=True, slots=True)
class Plan:
    """
    What was decided, as far as objects go.

    Attributes:
        run: the version that the pods are to run; None wants no workload.
        digest: ``sha256:<hex>`` of its asset.
        keep: the workload stays as it was made for ``active``, whatever ``run`` says.
        active: the asset that serves, whose version must not go while it does; or None.
        told: name of the version that status still calls active; until another one is written
            there, an operator that starts anew needs it for its verdict.
        observed: the workload there is, or None.
        tokens: what the pods are told of them, where they want some.
    """

    deployment: Deployment
    scoring_service: ScoringService | None
    run: ModelVersion | None
    digest: str | None
    keep: bool
    active: DeployedAsset | None
    provider: Provider
    replicas: int
    observed: Mapping[str, Any] | None
    told: str | None
    defaults: Defaults
    tokens: trust.Sources = field(default_factory=trust.Sources)


def objects(plan: Plan) -> list[Manifest]:
    """The objects to apply, in order: what pods need comes before the pods."""
    deployment, pods = plan.deployment, _workload(plan)
    found = [
        versions.build(deployment),
        account.build(deployment),
        service.build(deployment),
        network.build(deployment),
        disruption.build(deployment, plan.replicas),
        _trust(plan, pods),
        pods,
    ]
    return [one for one in found if one is not None]


def kept(plan: Plan, wanted: list[Manifest]) -> list[Mapping[str, Any]]:
    """What must not be pruned: all that is wanted, the version that serves, a kept workload."""
    names: list[Mapping[str, Any]] = list(wanted)
    active = None if plan.active is None else plan.active.version
    for version in (active, plan.told):
        if version is not None:
            names.append({"kind": "MLzModelVersion", "metadata": {"name": version}})
    if plan.keep and plan.observed is not None:
        names.append(plan.observed)
    return names


def _trust(plan: Plan, pods: Manifest | None) -> Manifest | None:
    """Once there it stays: pods that mount it may be on their way out, or come back by an undo."""
    mounted = trust.is_mounted(pods) or trust.is_mounted(plan.observed)
    if not mounted and plan.tokens.observed is None:
        return None
    return trust.build(plan.deployment, plan.scoring_service, plan.tokens)


def _workload(plan: Plan) -> Manifest | None:
    serving = None if plan.active is None else plan.active.digest
    if plan.keep:
        return workload.restored(plan.deployment, plan.observed, serving)
    if plan.run is None or plan.digest is None or plan.deployment.spec is None:
        return None
    wanted = workload.Workload(
        deployment=plan.deployment,
        spec=plan.deployment.spec,
        version=plan.run,
        digest=plan.digest,
        service=plan.scoring_service,
        provider=plan.provider,
        replicas=plan.replicas,
        serving=serving,
        defaults=plan.defaults,
    )
    return workload.build(wanted, plan.observed)
