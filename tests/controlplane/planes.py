"""What tests and benchmarks do alike with a control plane: kubectl, our kinds, the chart."""

import json
import os
import subprocess
from collections.abc import Callable, Iterable
from typing import Any

from charts import render
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
    await_kinds(kubectl, applied)
    return applied


def await_kinds(kubectl: Kubectl, definitions: Iterable[str]) -> None:
    """Wait until the API server knows the kinds of these definitions."""
    kubectl("wait", "--for=condition=Established", "--timeout=30s", *definitions)


def rendered(namespace: str, values: str, *templates: str) -> list[Manifest]:
    """The objects of some of the chart's templates, for a release in a namespace."""
    shown = (f"--show-only=templates/{name}.yaml" for name in templates)
    return render(None, f"--set={values}", *shown, namespace=namespace)
