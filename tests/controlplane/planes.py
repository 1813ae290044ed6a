"""What tests and benchmarks do alike with a control plane: kubectl, our kinds, the chart."""

import json
import os
import subprocess
from collections.abc import Callable
from typing import Any

import yaml

from cluster.binaries import Binaries
from cluster.controlplane import ControlPlane
from cluster.places import CHECKOUT, cache_folder

Manifest = dict[str, Any]
Answer = subprocess.CompletedProcess[str]
Kubectl = Callable[..., Answer]


def kubectl_of(plane: ControlPlane) -> Kubectl:
    """kubectl as administrator: ``kubectl("apply", manifest)`` hands it over as ``-f -``."""
    binaries = Binaries(cache_folder(os.environ), os.environ)
    binaries.ensure(["kubectl"])
    command = [str(binaries.path("kubectl")), f"--kubeconfig={plane.kubeconfig}"]

    def run(*arguments: str | Manifest, check: bool = True) -> Answer:
        words = [one for one in arguments if isinstance(one, str)]
        manifests = [one for one in arguments if not isinstance(one, str)]
        answer = subprocess.run(
            [*command, *words, *(["-f", "-"] if manifests else [])],
            input="\n---\n".join(json.dumps(one) for one in manifests),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert not check or answer.returncode == 0, answer.stderr
        return answer

    return run


def establish_kinds(kubectl: Kubectl) -> list[str]:
    """Apply the shipped CRDs and wait until they are known; their names."""
    applied = kubectl("apply", "-o", "name", "-f", str(CHECKOUT / "crds")).stdout.split()
    kubectl("wait", "--for=condition=Established", "--timeout=30s", *applied)
    return applied


def rendered(namespace: str, values: str, *templates: str) -> list[Manifest]:
    """The objects of some of the chart's templates, for a release in a namespace."""
    binaries = Binaries(cache_folder(os.environ), os.environ)
    binaries.ensure(["helm"])
    chart = str(CHECKOUT / "charts" / "mlz-operator")
    answer = subprocess.run(
        [str(binaries.path("helm")), "template", "mlz", chart, f"--namespace={namespace}",
         f"--set={values}", *(f"--show-only=templates/{name}.yaml" for name in templates)],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return [one for one in yaml.safe_load_all(answer.stdout) if one]
