"""Manifests as users write them, with overrides."""

from typing import Any

from e2e.models import Pushed
from mlz.api.names import API_VERSION

Manifest = dict[str, Any]

# Many pods on two cores: requests that always find room. Limits are the chart's.
LIGHT: Manifest = {"requests": {"cpu": "1m", "memory": "64Mi"}, "limits": {"memory": "1Gi"}}


def custom(kind: str, name: str, spec: Manifest) -> Manifest:
    """A resource of ours."""
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}


def scoring_service(name: str = "default", **spec: Any) -> Manifest:
    """An MLzScoringService whose deployments answer everybody, unless a test wants tokens."""
    open_to_all = {"type": "standard", "authentication": {"mode": "None"}}
    return custom("MLzScoringService", name, open_to_all | spec)


def deployment(name: str, model: Pushed, /, **spec: Any) -> Manifest:
    """An MLzDeployment of a model at its URI; ``None`` takes a field away."""
    wanted = {
        "type": "online",
        "scoringService": "default",
        "engineType": model.engine_type,
        "asset": {"uri": model.uri, "sha256": model.sha256},
        "resources": LIGHT,
    } | spec
    kept = {field: value for field, value in wanted.items() if value is not None}
    return custom("MLzDeployment", name, kept)


def model_version(name: str, model: Pushed, /, **spec: Any) -> Manifest:
    """An MLzModelVersion."""
    artifact = {"uri": model.uri, "sha256": model.sha256}
    return custom(
        "MLzModelVersion", name, {"artifact": artifact, "engineType": model.engine_type} | spec
    )


def namespace(name: str, **labels: str) -> Manifest:
    """A namespace that enforces Pod Security restricted."""
    enforce = {"pod-security.kubernetes.io/enforce": "restricted"}
    meta = {"name": name, "labels": enforce | labels}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": meta}


def node_port(name: str, deployment_name: str) -> Manifest:
    """A Service of the test's own, beside the operator's: it answers on 127.0.0.1."""
    selector = {"mlz.dev/deployment": deployment_name, "app.kubernetes.io/component": "engine"}
    ports = [{"name": "http", "port": 8080, "targetPort": "http"}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"type": "NodePort", "selector": selector, "ports": ports},
    }


def secret(name: str, kind: str = "Opaque", **values: str) -> Manifest:
    """A Secret."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "type": kind,
        "stringData": values,
    }
