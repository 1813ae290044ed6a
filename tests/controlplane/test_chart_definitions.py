"""What uninstalling the chart keeps: definitions belong to the whole cluster."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from charts import CHART, helm
from cluster.controlplane import ControlPlane
from controlplane.operators import resource, until
from controlplane.planes import Kubectl, await_kinds, kubectl_of
from mlz.cluster import kinds

CRDS = [f"crd/{kind.plural}.{kind.group}" for kind in kinds.CUSTOM]


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
    there = (f"--kubeconfig={plane.kubeconfig}", f"--namespace={namespace}")
    release = (
        "mlz",
        str(CHART),
        *there,
        "--create-namespace",
        f"--set=crds.keep={str(keep).lower()}",
    )
    succeeds(helm("install", *release))
    await_kinds(kubectl, CRDS)
    kubectl("-n", namespace, "apply", resource("MLzScoringService", "mine", {"type": "standard"}))
    succeeds(helm("upgrade", *release))

    succeeds(helm("uninstall", "mlz", *there, "--wait"))

    if keep:
        assert definitions_in(kubectl) == len(CRDS)
        assert "mine" in kubectl("-n", namespace, "get", "mlzs", "-o", "name").stdout
    else:
        until(lambda: definitions_in(kubectl) == 0, "the definitions are gone")


def definitions_in(kubectl: Kubectl) -> int:
    return len(kubectl("get", *CRDS, "-o", "name", check=False).stdout.split())


def succeeds(answer: subprocess.CompletedProcess[str]) -> None:
    assert answer.returncode == 0, answer.stderr
