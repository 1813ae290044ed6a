"""The kinds we watch or write, and their paths in the API."""

from dataclasses import dataclass

from mlz.api import names


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind; ``group`` is empty for the core API."""

    group: str
    version: str
    kind: str
    plural: str

    @property
    def api_version(self) -> str:
        """``apiVersion`` of its objects."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None, name: str | None = None, subresource: str = "") -> str:
        """The path of a collection, an object or a subresource; all namespaces without one."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        parts = [root]
        if namespace is not None:
            parts.append(f"namespaces/{namespace}")
        parts.append(self.plural)
        parts.extend(part for part in (name, subresource) if part)
        return "/".join(parts)


def _own(kind: str, plural: str) -> Kind:
    return Kind(names.GROUP, names.VERSION, kind, plural)


DEPLOYMENT = _own(names.DEPLOYMENT, "mlzdeployments")
MODEL = _own(names.MODEL, "mlzmodels")
MODEL_VERSION = _own(names.MODEL_VERSION, "mlzmodelversions")
SCORING_SERVICE = _own(names.SCORING_SERVICE, "mlzscoringservices")

WORKLOAD = Kind("apps", "v1", "Deployment", "deployments")
POD = Kind("", "v1", "Pod", "pods")
SERVICE = Kind("", "v1", "Service", "services")
ACCOUNT = Kind("", "v1", "ServiceAccount", "serviceaccounts")
BUDGET = Kind("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets")
POLICY = Kind("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies")

EVENT = Kind("", "v1", "Event", "events")
LEASE = Kind("coordination.k8s.io", "v1", "Lease", "leases")
SECRET = Kind("", "v1", "Secret", "secrets")
CONFIG_MAP = Kind("", "v1", "ConfigMap", "configmaps")

CUSTOM = (DEPLOYMENT, MODEL, MODEL_VERSION, SCORING_SERVICE)
CHILDREN = (WORKLOAD, POD, SERVICE, ACCOUNT, BUDGET, POLICY, CONFIG_MAP)
WATCHED = (*CUSTOM, *CHILDREN)

BY_NAME = {kind.kind: kind for kind in WATCHED}
