"""
The ordered questions about a deployment; each answers what is in the way, or None.

A check's name is the statement that holds when all is well. ``PREREQUISITES`` come before a rollout
and keep it from starting; ``PROGRESS`` is asked of a rollout that is not complete.
"""

from collections.abc import Callable, Iterable
from datetime import timedelta

from mlz.api.names import asset_label
from mlz.errors import Reason
from mlz.lifecycle.facts import DeploymentFacts, Finding, PodFacts
from mlz.lifecycle.versions import refusal, wanted_digest
from mlz.model.asset import Provider

Check = Callable[[DeploymentFacts], Finding | None]

# Findings of the spec are found again while they hold. All others may have come from pods, and once
# those are gone the status alone remembers what they said.
FORGOTTEN = frozenset({Reason.INVALID_SPEC, Reason.ENGINE_TYPE_MISMATCH})


def first_finding(checks: Iterable[Check], facts: DeploymentFacts) -> Finding | None:
    """The answer of the first check that has one."""
    return next((found for check in checks if (found := check(facts)) is not None), None)


def spec_is_readable(facts: DeploymentFacts) -> Finding | None:
    """An older CRD may have let in what this operator cannot honour."""
    fault = facts.deployment.fault
    return None if fault is None else Finding(Reason.INVALID_SPEC, fault, permanent=True)


def scoring_service_exists(facts: DeploymentFacts) -> Finding | None:
    """It may be applied after the deployment: that heals by itself."""
    spec = facts.deployment.spec
    if facts.scoring_service is not None or spec is None:
        return None
    return Finding(
        Reason.SCORING_SERVICE_NOT_FOUND,
        f"spec.scoringService names '{spec.scoring_service}', but namespace "
        f"'{facts.deployment.meta.namespace}' has no MLzScoringService of that name; create it or "
        "name another",
    )


def scoring_service_is_active(facts: DeploymentFacts) -> Finding | None:
    """Source: MLz 3.2, "Create online deployment API": "must be an active one"."""
    service = facts.scoring_service
    if service is None:
        return None
    if service.spec is None:
        return Finding(
            Reason.INVALID_SPEC, f"scoring service '{service.meta.name}': {service.fault}"
        )
    if service.spec.active is not False:
        return None
    return Finding(
        Reason.SCORING_SERVICE_INACTIVE,
        f"MLzScoringService '{service.meta.name}' has spec.active: false; set it to true or name "
        "another",
    )


def nobody_older_holds_it(facts: DeploymentFacts) -> Finding | None:
    """Serving id, display name and model version belong to the oldest that asks for them."""
    return facts.rivals[0] if facts.rivals else None


def version_exists(facts: DeploymentFacts) -> Finding | None:
    """A version given by URI is made in the same pass, so only named ones can be missing."""
    spec = facts.deployment.spec
    if facts.version is not None or spec is None or spec.asset.model_version is None:
        return None
    return Finding(
        Reason.MODEL_VERSION_NOT_FOUND,
        f"spec.asset.modelVersion names '{spec.asset.model_version}', but namespace "
        f"'{facts.deployment.meta.namespace}' has no MLzModelVersion of that name; create it or "
        "name another",
    )


def engine_type_agrees(facts: DeploymentFacts) -> Finding | None:
    """The version says what its bytes are; the deployment must ask for the same."""
    spec, version = facts.deployment.spec, facts.version
    if spec is None or version is None or version.spec is None:
        return None
    if version.spec.engine_type == spec.engine_type:
        return None
    return Finding(
        Reason.ENGINE_TYPE_MISMATCH,
        f"spec.engineType is {spec.engine_type}, but model version '{version.meta.name}' is "
        f"{version.spec.engine_type}; make them equal",
        permanent=True,
    )


def version_is_accepted(facts: DeploymentFacts) -> Finding | None:
    """Inspection refused the asset, or cannot get at it."""
    return None if facts.version is None else refusal(facts.version)


def engine_image_is_known(facts: DeploymentFacts) -> Finding | None:
    """The chart, or the scoring service, says which image an engine type has."""
    spec = facts.deployment.spec
    if facts.engine_image or spec is None:
        return None
    return Finding(
        Reason.ENGINE_NOT_AVAILABLE,
        f"no image is configured for engine type {spec.engine_type}; set it in the chart's values "
        f"or in spec.engines.{spec.engine_type}.image of the scoring service",
    )


def pods_can_be_made(facts: DeploymentFacts) -> Finding | None:
    """Quota and admission answer the workload's controller, which says so in its conditions."""
    return None if facts.workload is None else facts.workload.finding


def no_pod_gives_up(facts: DeploymentFacts) -> Finding | None:
    """An engine that says why it never will be ready; nobody has to wait for the deadline."""
    return next((found for found in _pod_findings(facts) if found.permanent), None)


def pods_start(facts: DeploymentFacts) -> Finding | None:
    """What keeps a pod of the wanted asset from being ready for now."""
    return next(iter(_pod_findings(facts)), None)


def pods_become_ready_in_time(facts: DeploymentFacts) -> Finding | None:
    """The deadline runs only while pods can start: a missing node is not the asset's fault."""
    limit = timedelta(seconds=facts.progress_deadline_seconds)
    late = [
        pod
        for pod in target_pods(facts)
        if not pod.ready and pod.able_since is not None and facts.now - pod.able_since >= limit
    ]
    if not late:
        return None
    words = late[0].finding.message if late[0].finding is not None else "see its log"
    return Finding(
        Reason.PROGRESS_DEADLINE_EXCEEDED,
        f"pod '{late[0].name}' was to be ready within {facts.progress_deadline_seconds} s and is "
        f"not; {words}",
        permanent=True,
    )


PREREQUISITES: tuple[Check, ...] = (
    spec_is_readable,
    scoring_service_exists,
    scoring_service_is_active,
    nobody_older_holds_it,
    version_exists,
    engine_type_agrees,
    version_is_accepted,
    engine_image_is_known,
)
PROGRESS: tuple[Check, ...] = (
    pods_can_be_made,
    no_pod_gives_up,
    pods_become_ready_in_time,
    pods_start,
)


def _pod_findings(facts: DeploymentFacts) -> list[Finding]:
    return [pod.finding for pod in target_pods(facts) if pod.finding is not None]


def target_pods(facts: DeploymentFacts) -> tuple[PodFacts, ...]:
    """The pods that carry the wanted asset."""
    digest = None if facts.version is None else wanted_digest(facts.version)
    if digest is None:
        return ()
    return tuple(pod for pod in facts.pods if pod.asset == asset_label(digest))


def accelerator_is_missing(finding: Finding | None, provider: Provider) -> bool:
    """Whether what is in the way is the accelerator, so that ``Prefer`` may go on without."""
    return (
        provider is not Provider.CPU
        and finding is not None
        and (finding.reason is Reason.ACCELERATOR_UNAVAILABLE)
    )
