"""What uninstalling the chart keeps: definitions belong to the whole cluster."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.binaries import Binaries
from cluster.controlplane import ControlPlane
from cluster.places import CHECKOUT, cache_folder
from controlplane.operators import resource, until
from controlplane.planes import Kubectl, kubectl_of

CRDS = [
    f"crd/{plural}.mlz.dev"
    for plural in ("mlzdeployments", "mlzmodels", "mlzmodelversions", "mlzscoringservices")
]


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[ControlPlane]:
    """A control plane for one test: definitions outlive a release."""
    with ControlPlane(os.environ).running(tmp_path / "plane") as running:
        yield running


@pytest.mark.parametrize("keep", [True, False], ids=["kept", "not kept"])
def test_uninstalling_leaves_the_definitions_where_they_are_kept(
    keep: bool, plane: ControlPlane
) -> None:
    kubectl, namespace = kubectl_of(plane), "releases"
    chart = ["mlz", str(CHECKOUT / "charts" / "mlz-operator"), f"--namespace={namespace}",
             "--create-namespace", f"--set=crds.keep={str(keep).lower()}"]  # fmt: skip
    helm(plane, "install", *chart)
    kubectl("wait", "--for=condition=Established", *CRDS, "--timeout=30s")
    kubectl("-n", namespace, "apply", resource("MLzScoringService", "mine", {"type": "standard"}))
    helm(plane, "upgrade", *chart)

    helm(plane, "uninstall", "mlz", f"--namespace={namespace}", "--wait")

    if keep:
        assert definitions_in(kubectl) == len(CRDS)
        assert "mine" in kubectl("-n", namespace, "get", "mlzs", "-o", "name").stdout
    else:
        until(lambda: definitions_in(kubectl) == 0, "the definitions are gone")


def definitions_in(kubectl: Kubectl) -> int:
    return len(kubectl("get", *CRDS, "-o", "name", check=False).stdout.split())


def helm(plane: ControlPlane, *words: str) -> None:
    program = str(Binaries(cache_folder(os.environ), os.environ).path("helm"))
    subprocess.run(
        [program, *words, f"--kubeconfig={plane.kubeconfig}"],
        check=True, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
