"""
The real node with the shipped chart, as ``python3 hack/stack up`` leaves it.

The operator is the one of release ``mlz``, with its own ServiceAccount. A namespace of its own for
each test. The node is the machine itself: pods reach it as 10.244.0.1, it reaches Services as
127.0.0.1 (NodePort) and its audit log is a file here, so this tier needs the single node.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from cluster.node_config import NODE_ADDRESS
from e2e import manifests
from e2e.auditlog import AuditLog
from e2e.figures import Figures
from e2e.fleet import Fleet, start_fleet
from e2e.kubectl import Kubectl
from e2e.models import Models
from e2e.operatorpod import OperatorPod
from e2e.places import Place
from e2e.served import MODELS, Served, serving_id_of, until_served
from e2e.store import AssetStore
from mlz.cluster.client import KubeClient

_numbers = count(1)
_FLEET = int(os.environ.get("MLZ_E2E_FLEET", "12"))
_FIGURES = pytest.StashKey[Figures]()
_SERVING = ("test_answers", "test_bad_requests", "test_lifecycle")


def pytest_configure(config: pytest.Config) -> None:
    """A place for what tests measure."""
    config.stash[_FIGURES] = Figures()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The audit comes last: it looks at what all other tests have made the operator do."""
    items.sort(key=lambda item: item.path.stem == "test_audit")


class _Sharing(LoadScopeScheduling):
    """Several processes share files, not tests; those that use the same models go together."""

    def _split_scope(self, nodeid: str) -> str:
        file = Path(nodeid.split("::")[0]).stem
        return "serving" if file in _SERVING else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _Sharing:
    """How hack/test runs the files that leave the operator alone."""
    return _Sharing(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """What a process of several has measured."""
    lines = getattr(node, "workeroutput", {}).get("figures", [])
    node.config.stash[_FIGURES].lines.extend(lines)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand over what was measured to the process that tells it."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["figures"] = session.config.stash[_FIGURES].lines


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Tell what was measured."""
    for line in config.stash[_FIGURES].lines:
        terminalreporter.write_line(f"measured: {line}")


@pytest.fixture(scope="session")
def figures(pytestconfig: pytest.Config) -> Figures:
    """What a test measured, for the end of the run."""
    return pytestconfig.stash[_FIGURES]


@pytest.fixture(scope="session")
def kubectl() -> Kubectl:
    """As the cluster's administrator."""
    kubeconfig = os.environ.get("KUBECONFIG", "")
    assert kubeconfig, "KUBECONFIG is needed: hack/test e2e sets it, after python3 hack/stack up"
    return Kubectl(kubeconfig)


@pytest.fixture(scope="session")
def client(kubectl: Kubectl) -> KubeClient:
    """Raw JSON from the API server."""
    return KubeClient()


@pytest.fixture(scope="session")
def models(kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Models:
    """Real models, in the embedded registry."""
    return Models(kubectl, tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def audit() -> AuditLog:
    """The API server's audit log."""
    return AuditLog()


@pytest.fixture(scope="session")
def operator(kubectl: Kubectl, client: KubeClient) -> OperatorPod:
    """The operator's own pod."""
    return OperatorPod(kubectl, client)


@pytest.fixture(scope="session")
def store() -> Iterator[AssetStore]:
    """A web server that pods can reach, with what a test puts there."""
    with AssetStore(NODE_ADDRESS) as running:
        yield running


@pytest.fixture(scope="session", autouse=True)
def _fleet_from_the_beginning(request: pytest.FixtureRequest) -> None:
    """What shall rest for minutes does so while other tests run."""
    wanted = [item for item in request.session.items if isinstance(item, pytest.Function)]
    if any("fleet" in item.fixturenames for item in wanted):
        request.getfixturevalue("fleet")


@pytest.fixture(scope="session")
def fleet(kubectl: Kubectl, client: KubeClient, models: Models, audit: AuditLog) -> Iterator[Fleet]:
    """Deployments that nobody touches."""
    with _place(kubectl, client) as place:
        yield start_fleet(place, models.pushed("tabular"), _FLEET, audit)


@pytest.fixture
def place(kubectl: Kubectl, client: KubeClient) -> Iterator[Place]:
    """A namespace of the test's own, with a scoring service, under Pod Security restricted."""
    with _place(kubectl, client) as place:
        yield place


@pytest.fixture(scope="module")
def shared_place(kubectl: Kubectl, client: KubeClient) -> Iterator[Place]:
    """The same for a whole file of tests."""
    with _place(kubectl, client) as place:
        yield place


@pytest.fixture(scope="session")
def serving(kubectl: Kubectl, client: KubeClient, models: Models) -> Iterator[dict[str, Served]]:
    """Each engine's real model under the chart's own resources, by name."""
    with _place(kubectl, client) as place:
        for name in MODELS:
            identity = serving_id_of(name)
            place.apply(
                manifests.deployment(name, models.pushed(name), servingId=identity, resources=None)
            )
        found = {name: until_served(place, name, models.made(name)) for name in MODELS}
        yield found
        for one in found.values():
            one.endpoint.close()


@pytest.fixture
def served(serving: dict[str, Served], model: str) -> Served:
    """The model that the test is about."""
    return serving[model]


@contextmanager
def _place(kubectl: Kubectl, client: KubeClient) -> Iterator[Place]:
    name = f"e2e-{os.getpid()}-{next(_numbers)}"
    kubectl("apply", manifests.namespace(name))
    try:
        place = Place(kubectl, client, name)
        place.apply(manifests.scoring_service())
        yield place
    finally:
        kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")
