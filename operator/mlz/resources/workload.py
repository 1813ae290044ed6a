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
from mlz.model.asset import EngineType, Provider
from mlz.resources import fetching, trust
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
# Every node has time to learn of a new pod, and the work of its start ends, before an old one
# leaves: both at once on a full node make callers wait.
_MIN_READY_SECONDS = 1


@dataclass(frozen=True, slots=True)
class Workload:
    """
    What a workload is made of.

    Attributes:
        digest: ``sha256:<hex>`` of the asset.
        serving: the same of the asset that serves, whose template must not be forgotten; or None.
    """

    deployment: Deployment
    spec: DeploymentSpec
    version: ModelVersion
    digest: str
    service: ScoringService | None
    provider: Provider
    replicas: int
    defaults: Defaults
    serving: str | None = None

    @property
    def engine_type(self) -> EngineType:
        """The version's: while a new asset of another type is proved, the old one's still runs."""
        version = self.version.spec
        return self.spec.engine_type if version is None else version.engine_type

    @property
    def wants_tokens(self) -> bool:
        """Whether a score needs a token; what else there is to say of it is in the trust file."""
        return trust.is_required(self.service, self.defaults)


@dataclass(frozen=True, slots=True)
class Pin:
    """
    A pod template to the letter, and the digest of what users can change about it.

    Attributes:
        packed: the template as the annotation has it.
        template: the same unpacked; empty where somebody has edited the annotation.
    """

    inputs: str
    packed: str
    template: Manifest

    @property
    def asset(self) -> str:
        """The asset label of its pods."""
        label: str = self.template["metadata"]["labels"][names.LABEL_ASSET]
        return label

    @property
    def provider(self) -> str:
        """The provider of its pods."""
        provider: str = self.template["metadata"]["annotations"][names.ANNOTATION_PROVIDER]
        return provider

    @property
    def is_whole(self) -> bool:
        """Whether it is one of ours, and nobody has edited the annotation."""
        try:
            return bool(self.asset and self.provider)
        except (KeyError, TypeError):
            return False


def build(workload: Workload, observed: Mapping[str, Any] | None) -> Manifest:
    """The apps/v1 Deployment; ``observed`` is the one there is, or None."""
    inputs, pins = template_inputs(workload), _pins(observed)
    known = next((pin for pin in pins if pin.inputs == inputs), None)
    pin = known or _pin(inputs, _packed(_template(workload)))
    return _manifest(
        workload.deployment, workload.replicas, pin, _serving_pin(pins, workload.serving)
    )


def restored(
    deployment: Deployment, observed: Mapping[str, Any] | None, serving: str | None
) -> Manifest | None:
    """
    The workload as it was before an update, where that cannot be built anew.

    None where it is so already, or nobody knows how it was: then it stays as it is.
    """
    pins = _pins(observed)
    before = _serving_pin(pins, serving)
    if observed is None or before is None or before == pins[0]:
        return None
    return _manifest(deployment, observed["spec"].get("replicas", 1), before, before)


def _manifest(deployment: Deployment, replicas: int, pin: Pin, serving: Pin | None) -> Manifest:
    template = pin.template
    manifest = owned("apps/v1", "Deployment", deployment.meta.name, deployment)
    manifest["metadata"]["labels"] = template["metadata"]["labels"]
    manifest["metadata"]["annotations"] = {
        names.ANNOTATION_TEMPLATE_INPUTS: pin.inputs,
        names.ANNOTATION_TEMPLATE: pin.packed,
        names.ANNOTATION_PROVIDER: pin.provider,
    }
    if serving is not None and serving.asset != pin.asset:
        manifest["metadata"]["annotations"] |= {
            names.ANNOTATION_SERVING_TEMPLATE_INPUTS: serving.inputs,
            names.ANNOTATION_SERVING_TEMPLATE: serving.packed,
        }
    manifest["spec"] = {
        "replicas": replicas,
        "minReadySeconds": _MIN_READY_SECONDS,
        "revisionHistoryLimit": 2,
        "selector": {"matchLabels": selector(deployment)},
        "strategy": {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
        },
        "template": template,
    }
    return manifest


def engine_image(spec: DeploymentSpec, service: ScoringService | None, defaults: Defaults) -> str:
    """The image of the engine; empty where none is configured."""
    own = _override(spec.engine_type, service).image
    return own or defaults.image(spec.engine_type, spec.provider)


def template_inputs(workload: Workload) -> str:
    """The digest of all that may change the template; what is not in it never restarts a pod."""
    spec, service = workload.spec, workload.service
    changeable = spec.model_dump(
        mode="json",
        exclude_none=True,
        include={
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
            "spec": changeable | {"engine_type": workload.engine_type.value},
            "artifact": fetching.artifact_of(workload.version).model_dump(mode="json"),
            "digest": workload.digest,
            "provider": workload.provider.value,
            "override": _override(workload.engine_type, service).model_dump(
                mode="json", exclude_none=True
            ),
            "service_type": None if service is None or service.spec is None else service.spec.type,
            # Left out where nobody needs one, as it was before there were tokens.
            **({"authentication": trust.REQUIRED} if workload.wants_tokens else {}),
        }
    )[:32]


def _template(workload: Workload) -> Manifest:
    spec, defaults = workload.spec, workload.defaults
    image = _override(workload.engine_type, workload.service).image or defaults.image(
        workload.engine_type, workload.provider
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
        "volumes": [
            *fetching.volumes(workload.version),
            *([trust.volume(workload.deployment)] if workload.wants_tokens else ()),
        ],
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
            *([trust.mount()] if workload.wants_tokens else ()),
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
        "MLZ_AUTHENTICATION": trust.REQUIRED if workload.wants_tokens else None,
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
    own = workload.spec.resources or _override(workload.engine_type, workload.service).resources
    if own is not None:
        return dict(own.model_dump(mode="json", exclude_none=True))
    chart = workload.defaults.engines.get(workload.engine_type, EngineDefaults())
    return dict(chart.resources)


def _override(engine_type: EngineType, service: ScoringService | None) -> EngineOverride:
    engines = None if service is None or service.spec is None else service.spec.engines
    found = None if engines is None else getattr(engines, engine_type.value)
    return found or EngineOverride()


def _labels(workload: Workload) -> dict[str, str]:
    name = workload.deployment.meta.name
    return labels("engine", name, deployment=name, asset=names.asset_label(workload.digest))


def _pins(observed: Mapping[str, Any] | None) -> list[Pin]:
    """The template that was applied last, then that of the asset that serves."""
    annotations = {} if observed is None else observed["metadata"].get("annotations") or {}
    found = [
        _pin(annotations.get(inputs, ""), annotations.get(packed, ""))
        for inputs, packed in (
            (names.ANNOTATION_TEMPLATE_INPUTS, names.ANNOTATION_TEMPLATE),
            (names.ANNOTATION_SERVING_TEMPLATE_INPUTS, names.ANNOTATION_SERVING_TEMPLATE),
        )
    ]
    return [pin for pin in found if pin.is_whole]


def _pin(inputs: str, packed: str) -> Pin:
    return Pin(inputs, packed, unpacked(packed) or {})


def _serving_pin(pins: list[Pin], serving: str | None) -> Pin | None:
    label = None if serving is None else names.asset_label(serving)
    return next((pin for pin in pins if pin.asset == label), None) if label else None


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
