"""
Where pods may run: the accelerator's nodes, and apart from each other in a scoring cluster.

Source of the labels: node-feature-discovery, source/cpu (s390x): ``cpu-cpuid.NNPA`` from the HWCAP
bit, ``cpu-model.id`` from the machine type, which is 9175 or 9176 on z17.
"""

from mlz.api.parsing import Deployment, ScoringService
from mlz.model.asset import Provider
from mlz.resources.manifest import Manifest
from mlz.resources.service import selector

NNPA_LABEL = "feature.node.kubernetes.io/cpu-cpuid.NNPA"
MACHINE_LABEL = "feature.node.kubernetes.io/cpu-model.id"
Z17_MACHINES = ("9175", "9176")


def affinity(provider: Provider) -> Manifest:
    """The pod's affinity to nodes with the accelerator; nothing for the CPU."""
    if provider is Provider.CPU:
        return {}
    wanted = [_one_of("kubernetes.io/arch", "s390x"), _one_of(NNPA_LABEL, "true")]
    if provider is Provider.TELUM2:
        wanted.append(_one_of(MACHINE_LABEL, *Z17_MACHINES))
    terms = {"nodeSelectorTerms": [{"matchExpressions": wanted}]}
    return {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}}


def spread(deployment: Deployment, service: ScoringService | None) -> Manifest:
    """A scoring cluster's pods on different nodes, as far as there are different nodes."""
    if service is None or service.spec is None or service.spec.type != "cluster":
        return {}
    return {
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": selector(deployment)},
            }
        ]
    }


def _one_of(key: str, *values: str) -> Manifest:
    return {"key": key, "operator": "In", "values": list(values)}
