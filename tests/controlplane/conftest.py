"""
A real API server with its controllers and no node, for every test of this folder.

One control plane a session, a namespace a test. Nothing runs pods.
"""

import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from cluster.controlplane import ControlPlane
from cluster.places import CHECKOUT
from controlplane.planes import Kubectl, establish_kinds, kubectl_of
from controlplane.rest_stage import RestStage, rest_stage

_numbers = count(1)


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A running control plane; its ``kubeconfig`` is the administrator's."""
    with ControlPlane(os.environ).running(tmp_path_factory.mktemp("controlplane")) as plane:
        yield plane


@pytest.fixture(scope="session")
def kubectl(control_plane: ControlPlane) -> Kubectl:
    """Run kubectl as administrator."""
    return kubectl_of(control_plane)


@pytest.fixture(scope="session")
def crds(kubectl: Kubectl) -> list[str]:
    """The shipped CRDs, applied and established; their names."""
    return establish_kinds(kubectl)


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
