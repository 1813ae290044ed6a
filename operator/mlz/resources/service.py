"""The stable address of a deployment. Source: CONTRACT, port 8080 named http."""

from mlz.api import names
from mlz.api.parsing import Deployment
from mlz.resources.manifest import Manifest, labels, owned

HTTP_PORT = 8080


def build(deployment: Deployment) -> Manifest:
    """The Service; only ready pods are behind it."""
    service = owned("v1", "Service", deployment.meta.name, deployment)
    service["metadata"]["labels"] = labels(
        "engine", deployment.meta.name, deployment=deployment.meta.name
    )
    service["spec"] = {
        "type": "ClusterIP",
        "selector": selector(deployment),
        "ports": [{"name": "http", "port": HTTP_PORT, "protocol": "TCP", "targetPort": "http"}],
    }
    return service


def selector(deployment: Deployment) -> dict[str, str]:
    """What a deployment's pods are known by; immutable in a workload, so never changed."""
    return {names.LABEL_DEPLOYMENT: deployment.meta.name, names.LABEL_COMPONENT: "engine"}
