"""
Facts about one resource, gathered from the cache; only a log that holds a schema is read live.

Absence is None, a refusal is a value, only an outage raises.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from mlz.api import names, parsing
from mlz.api.parsing import Deployment, ModelVersion, ScoringService
from mlz.cluster import kinds
from mlz.cluster.apply import is_quota
from mlz.cluster.cache import Cache
from mlz.cluster.client import KubeClient
from mlz.errors import Reason
from mlz.lifecycle.facts import (
    DeploymentFacts,
    Finding,
    InspectionPodFacts,
    VersionFacts,
    WorkloadFacts,
)
from mlz.lifecycle.pods import inspection_facts, pod_facts
from mlz.lifecycle.updates import is_of
from mlz.model.asset import Provider
from mlz.model.report import from_log
from mlz.resources import inspection, trust, versions, workload
from mlz.settings import Defaults, OperatorSettings

Body = Mapping[str, Any]


class Observer:
    """What is known about resources at this moment."""

    def __init__(
        self, cache: Cache, client: KubeClient, defaults: Defaults, settings: OperatorSettings
    ) -> None:
        self._cache = cache
        self._client = client
        self._defaults = defaults
        self._settings = settings

    def deployment_facts(self, deployment: Deployment, now: datetime) -> DeploymentFacts:
        """Everything a decision about a deployment may look at."""
        namespace, spec = deployment.meta.namespace, deployment.spec
        service = None if spec is None else self._service(namespace, spec.scoring_service)
        observed = self.workload(deployment)
        running = None if observed is None else workload_facts(observed)
        provider = Provider.CPU if running is None else running.provider
        return DeploymentFacts(
            deployment=deployment,
            now=now,
            scoring_service=service,
            version=self._version(namespace, versions.name_of(deployment)),
            active_version=self._deployed_version(deployment),
            rivals=tuple(self._rivals(deployment)),
            engine_image=spec is None or bool(workload.engine_image(spec, service, self._defaults)),
            workload=running,
            pods=tuple(
                pod_facts(pod, provider)
                for pod in self._cache.of_deployment(kinds.POD, namespace, deployment.meta.name)
            ),
            progress_deadline_seconds=self._settings.progress_deadline_seconds,
        )

    def version_facts(self, version: ModelVersion, now: datetime) -> VersionFacts:
        """Everything a decision about a model version may look at."""
        name = names.inspection_name(version.meta.name)
        pod = self._cache.get(kinds.POD, version.meta.namespace, name)
        known = pod is not None and _is_owned(pod, version.meta.uid)
        return VersionFacts(
            version=version,
            now=now,
            pod=self._inspection(pod) if pod is not None and known else None,
            engine_image=version.spec is None
            or bool(self._defaults.image(version.spec.engine_type, Provider.CPU)),
            siblings=tuple(self._siblings(version)),
        )

    def workload(self, deployment: Deployment) -> Body | None:
        """The apps/v1 Deployment of a deployment, if it is ours and not on its way out."""
        meta = deployment.meta
        body = self._cache.get(kinds.WORKLOAD, meta.namespace, meta.name)
        if body is None or not _is_owned(body, meta.uid):
            return None
        return None if "deletionTimestamp" in body["metadata"] else body

    def trust_file(self, deployment: Deployment) -> Body | None:
        """The ConfigMap of a deployment's trust file, if it is ours."""
        meta = deployment.meta
        body = self._cache.get(kinds.CONFIG_MAP, meta.namespace, trust.name_of(deployment))
        return body if body is not None and _is_owned(body, meta.uid) else None

    def model_owner(self, version: ModelVersion | None) -> str | None:
        """The user who made the model of a version; None where it was nobody, or has no model."""
        if version is None or version.spec is None or version.spec.model is None:
            return None
        body = self._cache.get(kinds.MODEL, version.meta.namespace, version.spec.model)
        return None if body is None else parsing.model(body).meta.created_by

    def latest_version(self, namespace: str, model: str) -> str | None:
        """The newest inspected version of a model, or None."""
        found = [
            (one.status.version_seq, one.meta.name)
            for one in self._versions_of(namespace, model)
            if one.status.version_seq is not None
        ]
        return max(found)[1] if found else None

    def _service(self, namespace: str, name: str) -> ScoringService | None:
        body = self._cache.get(kinds.SCORING_SERVICE, namespace, name)
        return None if body is None else parsing.scoring_service(body)

    def _version(self, namespace: str, name: str | None) -> ModelVersion | None:
        body = None if name is None else self._cache.get(kinds.MODEL_VERSION, namespace, name)
        return None if body is None else parsing.model_version(body)

    def _deployed_version(self, deployment: Deployment) -> ModelVersion | None:
        """Of the asset that serves; before the first one does, of the one that is on its way."""
        asset = deployment.status.asset
        known = None if asset is None else asset.active or asset.target
        if known is None:
            return None
        version = self._version(deployment.meta.namespace, known.version)
        return version if version is not None and is_of(known, version) else None

    def _inspection(self, pod: Body) -> InspectionPodFacts:
        facts = inspection_facts(pod)
        outcome = facts.outcome
        if outcome is None or not outcome.accepted or outcome.model_schema is not None:
            return facts
        log = self._client.pod_log(pod["metadata"]["namespace"], facts.name, inspection.CONTAINER)
        schema = from_log(log, outcome.schema_digest or "")
        if schema is None:
            text = "the pod's log does not hold the schema that its termination message speaks of"
            return replace(facts, outcome=None, finding=Finding(Reason.ENGINE_CRASHED, text))
        return replace(facts, outcome=outcome.model_copy(update={"model_schema": schema}))

    def _versions_of(self, namespace: str, model: str) -> list[ModelVersion]:
        found = map(parsing.model_version, self._cache.in_namespace(kinds.MODEL_VERSION, namespace))
        return [one for one in found if one.spec is not None and one.spec.model == model]

    def _siblings(self, version: ModelVersion) -> list[int]:
        model = None if version.spec is None else version.spec.model
        if model is None:
            return []
        return [
            one.status.version_seq
            for one in self._versions_of(version.meta.namespace, model)
            if one.meta.uid != version.meta.uid and one.status.version_seq is not None
        ]

    def _rivals(self, deployment: Deployment) -> list[Finding]:
        """Source: PRODUCT section 7: the oldest (creationTimestamp, then uid) wins."""
        older = [
            other
            for other in map(
                parsing.deployment,
                self._cache.in_namespace(kinds.DEPLOYMENT, deployment.meta.namespace),
            )
            if _age(other) < _age(deployment) and not other.meta.deleting
        ]
        return [found for other in older if (found := claim_of(other, deployment)) is not None]


def claim_of(older: Deployment, deployment: Deployment) -> Finding | None:
    """What an older deployment holds that this one asks for, or None."""
    theirs, ours = older.spec, deployment.spec
    if theirs is None or ours is None:
        return None
    held = f"MLzDeployment '{older.meta.name}'"
    same_service = theirs.scoring_service == ours.scoring_service
    if same_service and ours.serving_id is not None and theirs.serving_id == ours.serving_id:
        return Finding(
            Reason.DUPLICATE_SERVING_ID,
            f"servingId '{ours.serving_id}' belongs to the older {held} in scoring service "
            f"'{ours.scoring_service}'; choose another",
        )
    name = ours.asset.model_version
    if same_service and name is not None and theirs.asset.model_version == name:
        return Finding(
            Reason.DUPLICATE_DEPLOYMENT,
            f"model version '{name}' is deployed in scoring service '{ours.scoring_service}' by "
            f"the older {held}; name another version or another scoring service",
        )
    display = ours.display_name or deployment.meta.name
    if display == (theirs.display_name or older.meta.name):
        return Finding(
            Reason.DUPLICATE_DISPLAY_NAME,
            f"display name '{display}' belongs to the older {held}; choose another",
        )
    return None


def workload_facts(body: Body) -> WorkloadFacts:
    """The apps/v1 Deployment as a decision sees it."""
    meta, spec, status = body["metadata"], body["spec"], body.get("status") or {}
    annotations = meta.get("annotations") or {}
    template = spec["template"]["metadata"].get("labels") or {}
    return WorkloadFacts(
        asset=template.get(names.LABEL_ASSET, ""),
        provider=_provider(annotations.get(names.ANNOTATION_PROVIDER)),
        wanted=spec.get("replicas", 1),
        observed=status.get("observedGeneration", 0) >= meta.get("generation", 1),
        total=status.get("replicas", 0),
        updated=status.get("updatedReplicas", 0),
        ready=status.get("readyReplicas", 0),
        finding=_replica_failure(status),
    )


def _provider(word: str | None) -> Provider:
    """Whoever has spoilt the annotation gets it back by the next apply."""
    return next((one for one in Provider if one == word), Provider.CPU)


def _replica_failure(status: Body) -> Finding | None:
    """Why the workload's controller cannot make pods, in the API server's words."""
    conditions = status.get("conditions") or ()
    failed = next(
        (one for one in conditions if one["type"] == "ReplicaFailure" and one["status"] == "True"),
        None,
    )
    if failed is None:
        return None
    words = failed.get("message", "")
    reason = Reason.QUOTA_EXCEEDED if is_quota(words) else Reason.POD_REFUSED
    return Finding(reason, words)


def _is_owned(body: Body, uid: str) -> bool:
    references = body["metadata"].get("ownerReferences") or ()
    return any(one["uid"] == uid for one in references)


def _age(deployment: Deployment) -> tuple[str, str]:
    return deployment.meta.created, deployment.meta.uid
