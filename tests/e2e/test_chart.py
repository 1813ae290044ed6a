"""The chart as an administrator uses it: a narrow release, upgrades, uninstalling."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.places import CHECKOUT
from e2e import manifests
from e2e.fleet import restarts
from e2e.kubectl import Kubectl
from e2e.models import SYSTEM, Models
from e2e.operatorpod import OperatorPod
from e2e.places import Place
from mlz.cluster.kinds import DEPLOYMENT

pytestmark = pytest.mark.timeout(600)

CHART = str(CHECKOUT / "charts" / "mlz-operator")
RELEASE = "narrow"


@pytest.fixture
def main_operator_away(operator: OperatorPod) -> Iterator[None]:
    """So that a second release has its namespaces for itself."""
    operator.scale(0)
    yield
    operator.scale(1)


def test_a_release_for_one_namespace_works_there_and_nowhere_else(
    place: Place, shared_place: Place, kubectl: Kubectl, models: Models, main_operator_away: None
) -> None:
    """Installed where restricted is enforced, upgraded twice, uninstalled; audits all the time."""
    home = f"{place.name}-home"
    kubectl("apply", manifests.namespace(home))
    model = models.pushed("xgboost")
    images = kubectl.helm("get", "values", "mlz", "-n", SYSTEM, "-o", "json").stdout
    values = models.folder / "values.json"
    values.write_text(images)

    # The facade of the cluster's own release has the one namespace of REST.
    _helm_install(kubectl, home, values, place.name, "--set", "rest.enabled=false")
    place.apply(manifests.deployment("inside", model))
    shared_place.apply(manifests.deployment("outside", model))
    place.until_state("inside", "ACTIVE")
    before = restarts(place)
    for level in ("DEBUG", "WARNING"):
        change = f"rest.enabled=false,operator.logLevel={level}"
        _helm_install(kubectl, home, values, place.name, "--set", change)
    place.run("scale", "mlzd/inside", "--replicas=2")
    place.until_ready_pods("inside", 2)
    crashes = kubectl(
        "-n", home, "get", "pods", "-o", "jsonpath={..containerStatuses[*].restartCount}"
    ).stdout
    kubectl.helm("uninstall", RELEASE, "-n", home, "--wait")

    assert crashes == "0"
    assert set(before) <= set(restarts(place))
    assert shared_place.status("outside") == {}
    assert "narrow" not in place.run("get", "role,rolebinding", "-o", "name")
    assert kubectl("get", "clusterrole", f"{RELEASE}-operator", check=False).returncode == 1
    assert place.get(DEPLOYMENT, "inside") is not None
    kubectl("delete", "namespace", home, "--wait=false")


def _helm_install(kubectl: Kubectl, home: str, values: Path, watched: str, *more: str) -> None:
    kubectl.helm(
        "upgrade", "--install", RELEASE, CHART, "-n", home, "-f", str(values),
        "--set", f"crds.enabled=false,registry.enabled=false,watchNamespaces={{{watched}}}",
        "--set", "operator.auditIntervalSeconds=1",
        *more, "--wait", "--timeout", "2m",
    )  # fmt: skip
