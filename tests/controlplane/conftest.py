"""
A real API server with its controllers and no node, for every test of this folder.

One control plane a session, a namespace a test. Nothing runs pods.
"""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from cluster.binaries import Binaries
from cluster.controlplane import ControlPlane
from cluster.places import CHECKOUT, cache_folder
from controlplane.rest_stage import RestStage, rest_stage

Manifest = dict[str, Any]
Answer = subprocess.CompletedProcess[str]
Kubectl = Callable[..., Answer]

_numbers = count(1)


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A running control plane; its ``kubeconfig`` is the administrator's."""
    with ControlPlane(os.environ).running(tmp_path_factory.mktemp("controlplane")) as plane:
        yield plane


@pytest.fixture(scope="session")
def kubectl(control_plane: ControlPlane) -> Kubectl:
    """Run kubectl as administrator: ``kubectl("apply", manifest)`` hands it over as ``-f -``."""
    binaries = Binaries(cache_folder(os.environ), os.environ)
    binaries.ensure(["kubectl"])
    command = [str(binaries.path("kubectl")), f"--kubeconfig={control_plane.kubeconfig}"]

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


@pytest.fixture(scope="session")
def crds(kubectl: Kubectl) -> list[str]:
    """The shipped CRDs, applied and established; their names."""
    applied = kubectl("apply", "-o", "name", "-f", str(CHECKOUT / "crds")).stdout.split()
    kubectl("wait", "--for=condition=Established", "--timeout=30s", *applied)
    return applied


@pytest.fixture
def namespace(kubectl: Kubectl, crds: list[str]) -> str:
    """A namespace of the test's own, in a cluster that knows our kinds."""
    name = f"test-{os.getpid()}-{next(_numbers)}"
    kubectl("create", "namespace", name)
    return name


@pytest.fixture(scope="session")
def examples() -> list[Path]:
    """The examples of the resources, in the order in which they are applied."""
    return sorted((CHECKOUT / "crds" / "examples").glob("*.yaml"))


@pytest.fixture(scope="module")
def stage(
    control_plane: ControlPlane,
    kubectl: Kubectl,
    crds: list[str],
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[RestStage]:
    """Operator, facade and users in a namespace that a file of tests has for itself."""
    name = request.path.stem.removeprefix("test_").replace("_", "-")
    with rest_stage(control_plane, kubectl, name, tmp_path_factory.mktemp(name)) as made:
        yield made
