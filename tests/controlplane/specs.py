"""Resources as users write them, good but for the fields that a test gives, and their status."""

from typing import Any

from controlplane.operators import HEX, Manifest, resource
from controlplane.planes import Kubectl

OCI = f"oci://registry.example.com/models/churn@sha256:{HEX}"
HTTPS = "https://models.example.com/churn.onnx"


def mlzd(name: str = "one", **fields: Any) -> Manifest:
    """A good deployment with other fields; None leaves one out."""
    spec = {
        "type": "online",
        "scoringService": "default",
        "engineType": "onnx",
        "asset": {"uri": OCI},
    } | fields
    return resource(
        "MLzDeployment", name, {key: value for key, value in spec.items() if value is not None}
    )


def mlzv(name: str = "one", **fields: Any) -> Manifest:
    spec = {"artifact": {"uri": HTTPS, "sha256": HEX}, "engineType": "onnx"} | fields
    return resource("MLzModelVersion", name, spec)


def mlzs(**fields: Any) -> Manifest:
    return resource("MLzScoringService", "one", {"type": "standard"} | fields)


def schema_of(**field: Any) -> Manifest:
    return {"inputs": [{"name": "x"} | field]}


def apply_status(kubectl: Kubectl, namespace: str, manifest: Manifest, status: Manifest) -> None:
    """By server-side apply, as the operator does."""
    head = {key: manifest[key] for key in ("apiVersion", "kind", "metadata")}
    options = ("--server-side", "--subresource=status", "--field-manager=mlz-operator-status")
    kubectl("apply", "-n", namespace, *options, head | {"status": status})
