"""The chart as an administrator uses it: a narrow release, upgrades, what uninstalling keeps."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from cluster.binaries import Binaries
from cluster.controlplane import ControlPlane
from cluster.places import CHECKOUT, cache_folder
from e2e import manifests
from e2e.fleet import restarts
from e2e.kubectl import Kubectl
from e2e.models import SYSTEM, Models
from e2e.operatorpod import OperatorPod
from e2e.places import Place
from e2e.waiting import until
from mlz.cluster.kinds import DEPLOYMENT

pytestmark = pytest.mark.timeout(600)

CHART = str(CHECKOUT / "charts" / "mlz-operator")
RELEASE = "narrow"
VALUES = (
    ("--set", "watchNamespaces={a,b},crds.enabled=false"),
    (
        "--set",
        "registry.enabled=true,scoringService.enabled=true,serviceMonitor.enabled=true,"
        "operator.replicas=2,rest.enabled=true",
    ),
)
CRDS = ["mlzdeployments", "mlzmodels", "mlzmodelversions", "mlzscoringservices"]


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


@pytest.mark.parametrize("values", [(), *VALUES], ids=["defaults", "narrow", "everything"])
def test_kubeconform_finds_nothing(
    values: tuple[str, ...], kubectl: Kubectl, tmp_path: Path
) -> None:
    """Against Kubernetes' own schemas, as package kubernetes-validate ships them, and ours."""
    binaries = Binaries(cache_folder(os.environ), os.environ)
    binaries.ensure(["kubeconform"])
    rendered = kubectl.helm("template", "mlz", CHART, "-n", SYSTEM, *values).stdout
    _save_own_schemas(tmp_path)
    _save_schemas(tmp_path, {one["kind"].lower() for one in yaml.safe_load_all(rendered) if one})
    file = "{{.ResourceKind}}{{.KindSuffix}}.json"

    answer = subprocess.run(
        [str(binaries.path("kubeconform")), "-strict", "-summary", "-skip", "ServiceMonitor",
         "-schema-location", f"{tmp_path}/{file}"],
        input=rendered, capture_output=True, text=True,
    )  # fmt: skip

    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "Errors: 0" in answer.stdout


@pytest.mark.parametrize("keep", [True, False], ids=["kept", "not kept"])
def test_uninstalling_leaves_the_definitions_where_they_are_kept(
    keep: bool, plane: Kubectl
) -> None:
    """On a control plane of its own: definitions belong to the whole cluster."""
    namespace = "kept" if keep else "gone"
    words = ["-n", namespace, "--create-namespace", "--set", f"crds.keep={str(keep).lower()}"]
    plane.helm("install", "mlz", CHART, *words)
    plane("wait", "--for=condition=Established", *_crds(), "--timeout=30s")
    plane("-n", namespace, "apply", manifests.scoring_service("mine"))
    plane.helm("upgrade", "mlz", CHART, *words)

    plane.helm("uninstall", "mlz", "-n", namespace, "--wait")

    if keep:
        assert _crds_left(plane) == len(CRDS)
        assert "mine" in plane("-n", namespace, "get", "mlzs", "-o", "name").stdout
    else:
        until(lambda: _crds_left(plane) == 0, "the definitions are gone")


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[Kubectl]:
    """A control plane without a node, for one test: definitions outlive a release there."""
    with ControlPlane(os.environ).running(tmp_path / "plane") as running:
        yield Kubectl(str(running.kubeconfig))


def _helm_install(kubectl: Kubectl, home: str, values: Path, watched: str, *more: str) -> None:
    kubectl.helm(
        "upgrade", "--install", RELEASE, CHART, "-n", home, "-f", str(values),
        "--set", f"crds.enabled=false,registry.enabled=false,watchNamespaces={{{watched}}}",
        "--set", "operator.auditIntervalSeconds=1",
        *more, "--wait", "--timeout", "2m",
    )  # fmt: skip


def _save_schemas(folder: Path, kinds: set[str]) -> None:
    """Kubernetes' schemas, each with the definitions that it refers to, as kubeconform wants it."""
    shipped = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema"
    (strict,) = shipped.glob("v1.35.*-local-strict")
    definitions = json.loads((strict / "_definitions.json").read_text())["$defs"]
    for kind in kinds:
        for path in strict.glob(f"{kind}-*.json"):
            whole = json.dumps(json.loads(path.read_text()) | {"$defs": definitions})
            (folder / path.name).write_text(whole.replace("/api/_definitions.json#", "#"))


def _save_own_schemas(folder: Path) -> None:
    """The schemas of our definitions, by the names that kubeconform looks for."""
    for path in sorted((CHECKOUT / "crds").glob("*.yaml")):
        crd = yaml.safe_load(path.read_text())
        kind, version = crd["spec"]["names"]["kind"].lower(), crd["spec"]["versions"][0]
        schema = json.dumps(version["schema"]["openAPIV3Schema"])
        (folder / f"{kind}-mlz-{version['name']}.json").write_text(schema)


def _crds_left(plane: Kubectl) -> int:
    return len(plane("get", *_crds(), "-o", "name", check=False).stdout.split())


def _crds() -> list[str]:
    return [f"crd/{plural}.mlz.dev" for plural in CRDS]
