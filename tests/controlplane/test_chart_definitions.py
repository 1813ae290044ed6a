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

    answer = helm("uninstall", "mlz", *there, "--wait", "--timeout=110s")

    assert answer.returncode == 0, f"{answer.stderr}\nLeft: {definitions(kubectl)}"

    if keep:
        assert len(definitions(kubectl)) == len(CRDS)
        assert "mine" in kubectl("-n", namespace, "get", "mlzs", "-o", "name").stdout
    else:
        until(lambda: not definitions(kubectl), "the definitions are gone")


def definitions(kubectl: Kubectl) -> list[str]:
    """Name and conditions of each that is there."""
    shown = "-o=jsonpath={range .items[*]}{.metadata.name} {.status.conditions}{'\\n'}{end}"
    return kubectl("get", "crd", shown).stdout.splitlines()


def succeeds(answer: subprocess.CompletedProcess[str]) -> None:
    assert answer.returncode == 0, answer.stderr
