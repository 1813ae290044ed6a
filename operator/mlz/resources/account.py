"""The ServiceAccount of a deployment's pods: a name without any right or token."""

from mlz.api.parsing import Deployment
from mlz.resources.manifest import Manifest, labels, owned


def build(deployment: Deployment) -> Manifest:
    """The ServiceAccount."""
    account = owned("v1", "ServiceAccount", deployment.meta.name, deployment)
    account["metadata"]["labels"] = labels(
        "engine", deployment.meta.name, deployment=deployment.meta.name
    )
    account["automountServiceAccountToken"] = False
    return account
