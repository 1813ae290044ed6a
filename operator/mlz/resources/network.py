"""The NetworkPolicy: scoring pods are reached on their scoring port and nowhere else."""

from mlz.api.parsing import Deployment
from mlz.resources.manifest import Manifest, labels, owned
from mlz.resources.service import HTTP_PORT, selector


def build(deployment: Deployment) -> Manifest:
    """
    The policy.

    Egress is open: a policy cannot tell the init container, which needs the store, from the engine.
    """
    policy = owned("networking.k8s.io/v1", "NetworkPolicy", deployment.meta.name, deployment)
    policy["metadata"]["labels"] = labels(
        "engine", deployment.meta.name, deployment=deployment.meta.name
    )
    policy["spec"] = {
        "podSelector": {"matchLabels": selector(deployment)},
        "policyTypes": ["Ingress"],
        "ingress": [{"ports": [{"port": HTTP_PORT, "protocol": "TCP"}]}],
    }
    return policy
