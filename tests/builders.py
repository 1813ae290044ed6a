"""
Good values for tests, with overrides for what a test is about.

Resources are made as raw JSON and parsed as the operator does it, so a builder can make nothing
that an API server would not hold.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from mlz.api import names, parsing
from mlz.api.conditions import Condition, ConditionType, condition
from mlz.api.parsing import Deployment, Model, ModelVersion, ScoringService
from mlz.errors import Reason
from mlz.lifecycle.facts import (
    DeploymentFacts,
    Finding,
    InspectionPodFacts,
    PodFacts,
    VersionFacts,
    WorkloadFacts,
)
from mlz.lifecycle.updates import spec_digest
from mlz.model.asset import EngineType, Inspection, Provider
from mlz.model.schema import FieldType, InputField, OutputField, Schema
from mlz.settings import Defaults

Manifest = dict[str, Any]

NOW = datetime(2030, 1, 1, 12, 0, 0, tzinfo=UTC)
NOW_TEXT = "2030-01-01T12:00:00Z"
EARLIER_TEXT = "2030-01-01T11:00:00Z"
NAMESPACE = "models"
HEX = "a" * 64
OTHER_HEX = "b" * 64
DIGEST = f"sha256:{HEX}"
OTHER_DIGEST = f"sha256:{OTHER_HEX}"


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


# Resources


def a_body(kind: str, name: str, spec: Any, status: Any = None, **meta: Any) -> Manifest:
    """A resource as the API server has it; an absent status is left out."""
    body: Manifest = {
        "apiVersion": names.API_VERSION,
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "uid": f"uid-of-{name}",
            "generation": 1,
            "resourceVersion": "1",
            "creationTimestamp": EARLIER_TEXT,
            **meta,
        },
        "spec": spec,
    }
    return body if status is None else body | {"status": status}


def a_deployment_body(name: str = "churn", status: Any = None, **spec: Any) -> Manifest:
    """
    An onnx deployment of model version ``churn-v1``.

    ``spec`` overrides fields by their JSON names, None leaves one out; ``meta`` is metadata.
    """
    meta = spec.pop("meta", {})
    fields = {
        "type": "online",
        "scoringService": "default",
        "asset": {"modelVersion": "churn-v1"},
        "engineType": "onnx",
    } | spec
    present = {key: value for key, value in fields.items() if value is not None}
    return a_body(names.DEPLOYMENT, name, present, status, **meta)


def a_deployment(name: str = "churn", status: Any = None, **spec: Any) -> Deployment:
    return parsing.deployment(a_deployment_body(name, status, **spec))


def a_version_body(name: str = "churn-v1", status: Any = None, **spec: Any) -> Manifest:
    """A version of model ``churn`` of which nothing is known yet."""
    meta = spec.pop("meta", {})
    fields = {
        "model": "churn",
        "artifact": {"uri": "https://store.example.com/churn.onnx", "sha256": HEX},
        "engineType": "onnx",
    } | spec
    present = {key: value for key, value in fields.items() if value is not None}
    return a_body(names.MODEL_VERSION, name, present, status, **meta)


def a_version(name: str = "churn-v1", status: Any = None, **spec: Any) -> ModelVersion:
    return parsing.model_version(a_version_body(name, status, **spec))


def an_accepted_version(name: str = "churn-v1", sha256: str = HEX, **spec: Any) -> ModelVersion:
    """``schema`` is the one that inspection found."""
    schema = spec.pop("schema", a_schema())
    return a_version(
        name,
        {
            "observedGeneration": 1,
            "digest": f"sha256:{sha256}",
            "schemaDigest": schema.digest(),
            "schema": schema.to_document(),
            "versionSeq": 1,
            "conditions": [a_condition("Ready", "True", "Inspected")],
        },
        artifact={"uri": f"https://store.example.com/{name}", "sha256": sha256},
        **spec,
    )


def a_refused_version(reason: Reason, name: str = "churn-v1", sha256: str = HEX) -> ModelVersion:
    """Inspection has spoken for good."""
    return a_version(
        name,
        {
            "observedGeneration": 1,
            "conditions": [
                a_condition("Ready", "False", reason, "as inspection says"),
                a_condition("Stalled", "True", reason, "as inspection says"),
            ],
        },
        artifact={"uri": f"https://store.example.com/{name}", "sha256": sha256},
    )


def a_stalled_version(reason: Reason, name: str = "churn-v1", sha256: str = HEX) -> ModelVersion:
    """Inspection has had a hiccup and will try again."""
    return a_version(
        name,
        {
            "observedGeneration": 1,
            "conditions": [
                a_condition("Ready", "Unknown", "Inspecting"),
                a_condition("Stalled", "True", reason, "as inspection says"),
            ],
        },
        artifact={"uri": f"https://store.example.com/{name}", "sha256": sha256},
    )


def a_service_body(name: str = "default", status: Any = None, **spec: Any) -> Manifest:
    meta = spec.pop("meta", {})
    return a_body(names.SCORING_SERVICE, name, {"type": "standard"} | spec, status, **meta)


def a_service(name: str = "default", **spec: Any) -> ScoringService:
    return parsing.scoring_service(a_service_body(name, **spec))


def a_model_body(name: str = "churn", status: Any = None, **spec: Any) -> Manifest:
    meta = spec.pop("meta", {})
    return a_body(names.MODEL, name, spec, status, **meta)


def a_model(name: str = "churn", **spec: Any) -> Model:
    return parsing.model(a_model_body(name, **spec))


def a_condition(
    kind: str, status: str, reason: str, message: str = "", since: str = EARLIER_TEXT
) -> Manifest:
    return {
        "type": kind,
        "status": status,
        "reason": str(reason),
        "message": message,
        "lastTransitionTime": since,
        "observedGeneration": 1,
    }


def a_ready_condition(status: bool | None = True, reason: Reason = Reason.SERVING) -> Condition:
    return condition(ConditionType.READY, status, reason)


def an_active_asset(version: str = "churn-v1", digest: str = DIGEST) -> Manifest:
    return {"version": version, "digest": digest, "since": EARLIER_TEXT}


def a_status(state: str = "INITIALIZING", **fields: Any) -> Manifest:
    """A deployment's status that speaks of generation 1; ``active`` is ``asset.active``."""
    active = fields.pop("active", None)
    if active is not None:
        fields["asset"] = {"active": active}
    return {"observedGeneration": 1, "state": state, "conditions": []} | fields


def a_failure(
    reason: str, digest: str = DIGEST, message: str = "as the pod said", **spec: Any
) -> Manifest:
    """The failure of ``a_deployment`` with that spec."""
    return {
        "reason": reason,
        "message": message,
        "assetDigest": digest,
        "specDigest": spec_digest(a_deployment(**spec).spec),
        "time": EARLIER_TEXT,
    }


# Facts


def a_finding(
    reason: Reason = Reason.UNSCHEDULABLE, message: str = "as it was told", permanent: bool = False
) -> Finding:
    return Finding(reason, message, permanent=permanent)


def a_workload(digest: str = DIGEST, wanted: int = 1, **overrides: Any) -> WorkloadFacts:
    """A complete rollout of ``wanted`` pods, unless told otherwise."""
    fields = {
        "asset": names.asset_label(digest),
        "provider": Provider.CPU,
        "wanted": wanted,
        "observed": True,
        "total": wanted,
        "updated": wanted,
        "ready": wanted,
    } | overrides
    return WorkloadFacts(**fields)


def a_starting_workload(digest: str = DIGEST, wanted: int = 1, **overrides: Any) -> WorkloadFacts:
    """Pods are there and none is ready."""
    return a_workload(digest, wanted, **{"ready": 0} | overrides)


def a_pod(digest: str = DIGEST, ready: bool = True, **overrides: Any) -> PodFacts:
    fields: Manifest = {
        "name": "churn-1",
        "asset": names.asset_label(digest),
        "ready": ready,
        "able_since": NOW - seconds(10),
    } | overrides
    return PodFacts(**fields)


def a_stuck_pod(reason: Reason, permanent: bool = False, **overrides: Any) -> PodFacts:
    """A pod with something in its way."""
    return a_pod(ready=False, finding=a_finding(reason, permanent=permanent), **overrides)


def a_late_pod(digest: str = DIGEST, **overrides: Any) -> PodFacts:
    """A pod that could have been ready for longer than the deadline of 300 s, and is not."""
    return a_pod(digest, ready=False, **{"able_since": NOW - seconds(301)} | overrides)


def some_facts(**overrides: Any) -> DeploymentFacts:
    """A new deployment whose version is accepted and whose service exists; no pods yet."""
    fields: Manifest = {
        "deployment": a_deployment(),
        "now": NOW,
        "scoring_service": a_service(),
        "version": an_accepted_version(),
    } | overrides
    return DeploymentFacts(**fields)


def serving_facts(**overrides: Any) -> DeploymentFacts:
    """A deployment that has been ACTIVE for an hour, with one ready pod."""
    fields: Manifest = {
        "deployment": a_deployment(status=a_status("ACTIVE", active=an_active_asset())),
        "active_version": an_accepted_version(),
        "workload": a_workload(),
        "pods": (a_pod(),),
    } | overrides
    return some_facts(**fields)


def updating_facts(**overrides: Any) -> DeploymentFacts:
    """The spec names ``churn-v2`` (accepted), the pods are still of ``churn-v1``."""
    status = a_status("updating", active=an_active_asset(), observedGeneration=2)
    fields: Manifest = {
        "deployment": a_deployment(
            status=status, asset={"modelVersion": "churn-v2"}, meta={"generation": 2}
        ),
        "version": an_accepted_version("churn-v2", OTHER_HEX),
        "active_version": an_accepted_version(),
    } | overrides
    return serving_facts(**fields)


def some_version_facts(**overrides: Any) -> VersionFacts:
    fields: Manifest = {"version": a_version(), "now": NOW} | overrides
    return VersionFacts(**fields)


def an_inspection_pod(outcome: Inspection | None = None, **overrides: Any) -> InspectionPodFacts:
    """A pod that runs, or has ended just now with an outcome."""
    fields: Manifest = {
        "name": "churn-v1-inspect",
        "outcome": outcome,
        "finished": None if outcome is None else NOW,
    } | overrides
    return InspectionPodFacts(**fields)


def an_inspection(**overrides: Any) -> Inspection:
    """An accepted asset."""
    schema = overrides.pop("model_schema", a_schema())
    fields: Manifest = {
        "digest": DIGEST,
        "size_bytes": 1234,
        "engine_type": EngineType.ONNX,
        "schema_digest": None if schema is None else schema.digest(),
        "model_schema": schema,
    } | overrides
    return Inspection(**fields)


def a_refusal(
    reason: Reason = Reason.DIGEST_MISMATCH, retryable: bool = False, message: str = "as it said"
) -> Inspection:
    return Inspection(reason=reason, message=message, retryable=retryable)


def a_schema(features: int = 2) -> Schema:
    return Schema(
        inputs=tuple(
            InputField(name=f"feature_{number}", type=FieldType.FLOAT, shape=(None, 1))
            for number in range(features)
        ),
        outputs=(OutputField(name="label", type=FieldType.INT64, shape=(None,)),),
        classes=("no", "yes"),
    )


# Settings


def some_defaults(images: Mapping[str, str] | None = None, **overrides: Any) -> Defaults:
    """The chart's defaults; ``images`` by engine type, "" for one that is not offered."""
    chosen = {one.value: f"localhost/engine-{one.value}:1" for one in EngineType} | dict(
        images or {}
    )
    document = {
        "engines": {
            engine: {
                "image": image,
                "resources": {
                    "requests": {"cpu": "50m", "memory": "256Mi"},
                    "limits": {"memory": "1Gi"},
                },
            }
            for engine, image in chosen.items()
        },
        "imagePullSecrets": [],
        "fetch": {"maxAssetBytes": 1024, "allowedRedirectHosts": []},
    } | overrides
    return Defaults.model_validate(document)
