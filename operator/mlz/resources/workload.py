"""
The apps/v1 Deployment that runs a deployment's pods, and the pinning of its pod template.

A new operator, chart or default must not restart a pod that serves. So the template is kept in an
annotation beside a digest of all that users can change about it, and while that digest stays the
same the old template is used again, to the letter.
"""

import base64
import json
import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from mlz.api import names
from mlz.api.parsing import Deployment, ModelVersion, ScoringService
from mlz.api.v1alpha1 import DeploymentSpec, EngineOverride
from mlz.model.asset import Provider
from mlz.resources import fetching
from mlz.resources.inspection import pull_secrets
from mlz.resources.manifest import (
    Manifest,
    environment,
    labels,
    owned,
    restricted_container,
    restricted_pod,
)
from mlz.resources.placement import affinity, spread
from mlz.resources.service import HTTP_PORT, selector
from mlz.settings import Defaults, EngineDefaults

# In-flight requests. Not longer than needed: the deletion of a namespace waits for half of a pod's
# grace, however soon the pod is gone. Source: kube-controller-manager, namespace controller.
_DRAIN_SECONDS = 30
# The drain delay of EngineSettings and a margin.
_LEAVING_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Workload:
    """What a workload is made of; ``digest`` is ``sha256:<hex>`` of the asset."""

    deployment: Deployment
    spec: DeploymentSpec
    version: ModelVersion
    digest: str
    service: ScoringService | None
    provider: Provider
    replicas: int
    defaults: Defaults


def build(workload: Workload, observed: Mapping[str, Any] | None) -> Manifest:
    """The apps/v1 Deployment; ``observed`` is the one there is, or None."""
    inputs = template_inputs(workload)
    packed = _pinned(observed, inputs) or _packed(_template(workload))
    template = unpacked(packed)
    manifest = owned("apps/v1", "Deployment", workload.deployment.meta.name, workload.deployment)
    manifest["metadata"]["labels"] = _labels(workload)
    manifest["metadata"]["annotations"] = {
        names.ANNOTATION_TEMPLATE_INPUTS: inputs,
        names.ANNOTATION_TEMPLATE: packed,
        names.ANNOTATION_PROVIDER: workload.provider.value,
    }
    manifest["spec"] = {
        "replicas": workload.replicas,
        "revisionHistoryLimit": 2,
        "selector": {"matchLabels": selector(workload.deployment)},
        "strategy": {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
        },
        "template": template,
    }
    return manifest


def engine_image(spec: DeploymentSpec, service: ScoringService | None, defaults: Defaults) -> str:
    """The image of the engine; empty where none is configured."""
    own = _override(spec, service).image
    return own or defaults.image(spec.engine_type, spec.provider)


def template_inputs(workload: Workload) -> str:
    """The digest of all that may change the template; what is not in it never restarts a pod."""
    spec, service = workload.spec, workload.service
    changeable = spec.model_dump(
        mode="json",
        exclude_none=True,
        include={
            "engine_type",
            "guid",
            "serving_id",
            "timeout_in_ms",
            "resources",
            "node_selector",
            "tolerations",
            "env",
        },
    )
    return names.full_hash(
        {
            "spec": changeable,
            "artifact": fetching.artifact_of(workload.version).model_dump(mode="json"),
            "digest": workload.digest,
            "provider": workload.provider.value,
            "override": _override(spec, service).model_dump(mode="json", exclude_none=True),
            "service_type": None if service is None or service.spec is None else service.spec.type,
        }
    )[:32]


def _template(workload: Workload) -> Manifest:
    spec, defaults = workload.spec, workload.defaults
    image = _override(spec, workload.service).image or defaults.image(
        spec.engine_type, workload.provider
    )
    fetch = fetching.Fetch(workload.version, image, _resources(workload), defaults)
    pod: Manifest = {
        "serviceAccountName": workload.deployment.meta.name,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": _drain_seconds(spec) + _LEAVING_SECONDS,
        "securityContext": restricted_pod(),
        "initContainers": [fetching.container(fetch, "fetch")],
        "containers": [_engine(workload, image)],
        "volumes": fetching.volumes(workload.version),
        **pull_secrets(defaults),
        **affinity(workload.provider),
        **spread(workload.deployment, workload.service),
    }
    if spec.node_selector:
        pod["nodeSelector"] = spec.node_selector
    if spec.tolerations:
        pod["tolerations"] = [
            one.model_dump(mode="json", by_alias=True, exclude_none=True)
            for one in spec.tolerations
        ]
    annotations = {names.ANNOTATION_PROVIDER: workload.provider.value}
    return {"metadata": {"labels": _labels(workload), "annotations": annotations}, "spec": pod}


def _engine(workload: Workload, image: str) -> Manifest:
    spec = workload.spec
    own: dict[str, str | None] = {one.name: one.value for one in spec.env or ()}
    return {
        "name": "engine",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": ["engine"],
        "env": environment(own | _settings(workload)),
        "ports": [{"name": "http", "containerPort": HTTP_PORT, "protocol": "TCP"}],
        "resources": _resources(workload),
        "securityContext": restricted_container(),
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "readinessProbe": _probe("/v2/health/ready", period=1, failures=1),
        "livenessProbe": _probe("/v2/health/live", period=10, failures=6),
        "volumeMounts": [
            {"name": "model", "mountPath": fetching.MODEL_FOLDER, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - an emptyDir of the pod's own
        ],
    }


def _settings(workload: Workload) -> dict[str, str | None]:
    spec, deployment = workload.spec, workload.deployment
    timeout = spec.timeout_in_ms
    return {
        "MLZ_ASSET_DIGEST": workload.digest,
        "MLZ_MODEL_NAME": deployment.meta.name,
        "MLZ_DEPLOYMENT_GUID": spec.guid or deployment.meta.uid,
        "MLZ_SERVING_ID": spec.serving_id,
        "MLZ_PROVIDER": workload.provider.value,
        "MLZ_THREADS": str(_threads(_resources(workload))),
        "MLZ_TIMEOUT_IN_MS": None if timeout is None else str(timeout),
        "MLZ_DRAIN_TIMEOUT_SECONDS": str(_drain_seconds(spec)),
    }


def _drain_seconds(spec: DeploymentSpec) -> int:
    """A score may take as long as it is allowed to."""
    return max(_DRAIN_SECONDS, math.ceil((spec.timeout_in_ms or 0) / 1000))


def _probe(path: str, *, period: int, failures: int) -> Manifest:
    return {
        "httpGet": {"path": path, "port": "http", "scheme": "HTTP"},
        "periodSeconds": period,
        "timeoutSeconds": 5,
        "failureThreshold": failures,
    }


def _threads(resources: Manifest) -> int:
    """Whole CPUs of the limit, at least one; one without a limit."""
    text = str(resources.get("limits", {}).get("cpu", "1"))
    try:
        cpus = Decimal(text[:-1]) / 1000 if text.endswith("m") else Decimal(text)
    except InvalidOperation:
        return 1
    return max(1, math.ceil(cpus))


def _resources(workload: Workload) -> Manifest:
    """The deployment's, else the scoring service's, else the chart's."""
    own = workload.spec.resources or _override(workload.spec, workload.service).resources
    if own is not None:
        return dict(own.model_dump(mode="json", exclude_none=True))
    chart = workload.defaults.engines.get(workload.spec.engine_type, EngineDefaults())
    return dict(chart.resources)


def _override(spec: DeploymentSpec, service: ScoringService | None) -> EngineOverride:
    engines = None if service is None or service.spec is None else service.spec.engines
    found = None if engines is None else getattr(engines, spec.engine_type.value)
    return found or EngineOverride()


def _labels(workload: Workload) -> dict[str, str]:
    name = workload.deployment.meta.name
    return labels("engine", name, deployment=name, asset=names.asset_label(workload.digest))


def _pinned(observed: Mapping[str, Any] | None, inputs: str) -> str | None:
    """The template that was applied last, while nothing that users can change has changed."""
    annotations = {} if observed is None else observed["metadata"].get("annotations") or {}
    packed: str = annotations.get(names.ANNOTATION_TEMPLATE, "")
    unchanged = annotations.get(names.ANNOTATION_TEMPLATE_INPUTS) == inputs
    return packed if unchanged and unpacked(packed) is not None else None


def _packed(template: Manifest) -> str:
    text = json.dumps(template, sort_keys=True, separators=(",", ":"))
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode()


def unpacked(text: str) -> Manifest | None:
    """A pod template from its annotation, or None where somebody has edited that."""
    try:
        template: Any = json.loads(zlib.decompress(base64.b64decode(text, validate=True)))
    except (ValueError, zlib.error):
        return None
    return template if isinstance(template, dict) else None
