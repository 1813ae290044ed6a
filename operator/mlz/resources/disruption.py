"""The PodDisruptionBudget: with two pods or more, a drain takes one at a time."""

from mlz.api.parsing import Deployment
from mlz.resources.manifest import Manifest, labels, owned
from mlz.resources.service import selector


def build(deployment: Deployment, replicas: int) -> Manifest | None:
    """The budget, or None for a single pod: it would forbid every drain."""
    if replicas < 2:
        return None
    budget = owned("policy/v1", "PodDisruptionBudget", deployment.meta.name, deployment)
    budget["metadata"]["labels"] = labels(
        "engine", deployment.meta.name, deployment=deployment.meta.name
    )
    budget["spec"] = {"maxUnavailable": 1, "selector": {"matchLabels": selector(deployment)}}
    return budget
