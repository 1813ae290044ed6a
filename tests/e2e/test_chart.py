"""The chart as an administrator uses it: a narrow release, upgrades, uninstalling."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from charts import CHART
from e2e import badmodels, manifests
from e2e.endpoints import Endpoint
from e2e.figures import Figures
from e2e.fleet import restarts
from e2e.kubectl import Kubectl
from e2e.load import Load, own_answer
from e2e.models import SYSTEM, Models
from e2e.operatorpod import OperatorPod
from e2e.places import Place
from e2e.store import AssetStore, Reply
from e2e.undone import assert_undone
from e2e.waiting import until
from mlz.api.conditions import moment
from mlz.cluster.kinds import DEPLOYMENT

pytestmark = pytest.mark.timeout(600)

RELEASE = "narrow"
RECORDS = [{"x": [1.0, 2.0]}]
DEADLINE_SECONDS = 30  # longer than any start takes here


@dataclass(frozen=True)
class Release:
    """A release of its own for one namespace, while the cluster's operator is away."""

    kubectl: Kubectl
    home: str
    values: Path
    watched: Place

    def install(self, **operator: object) -> None:
        """Install or upgrade, with these values of ``operator``."""
        # The facade of the cluster's own release has the one namespace of REST.
        off = "crds.enabled=false,registry.enabled=false,rest.enabled=false"
        given = {"auditIntervalSeconds": 1, "progressDeadlineSeconds": DEADLINE_SECONDS} | operator
        settings = ",".join(f"operator.{name}={value}" for name, value in given.items())
        self.kubectl.helm(
            "upgrade", "--install", RELEASE, str(CHART), "-n", self.home, "-f", str(self.values),
            "--set", f"{off},watchNamespaces={{{self.watched.name}}}", "--set", settings,
            "--wait", "--timeout", "2m",
        )  # fmt: skip


@pytest.fixture(scope="module")
def release(
    shared_place: Place, kubectl: Kubectl, models: Models, operator: OperatorPod
) -> Iterator[Release]:
    """Installed where restricted is enforced."""
    home = f"{shared_place.name}-home"
    values = models.folder / "values.json"
    values.write_text(kubectl.helm("get", "values", "mlz", "-n", SYSTEM, "-o", "json").stdout)
    operator.scale(0)
    try:
        kubectl("apply", manifests.namespace(home))
        found = Release(kubectl, home, values, shared_place)
        found.install()
        yield found
    finally:
        kubectl.helm("uninstall", RELEASE, "-n", home, "--ignore-not-found", "--wait", check=False)
        kubectl("delete", "namespace", home, "--wait=false", "--ignore-not-found")
        operator.scale(1)


def test_a_release_for_one_namespace_works_there_and_nowhere_else(
    release: Release, place: Place, models: Models
) -> None:
    """Upgraded twice; it audits all the time."""
    watched, model = release.watched, models.pushed("xgboost")
    watched.apply(manifests.deployment("inside", model))
    place.apply(manifests.deployment("outside", model))
    watched.until_state("inside", "ACTIVE")
    before = restarts(watched)

    for level in ("DEBUG", "WARNING"):
        release.install(logLevel=level)
    watched.run("scale", "mlzd/inside", "--replicas=2")
    watched.until_ready_pods("inside", 2)

    crashes = release.kubectl(
        "-n", release.home, "get", "pods", "-o", "jsonpath={..containerStatuses[*].restartCount}"
    ).stdout
    assert crashes == "0"
    assert set(before) <= set(restarts(watched))
    assert place.status("outside") == {}


def test_an_update_whose_pods_never_get_ready_is_undone_in_the_time_that_is_set(
    release: Release, store: AssetStore, figures: Figures
) -> None:
    """A store that has fallen silent since the asset was inspected."""
    place = release.watched
    first = store.put("chart/first.onnx", Reply(badmodels.good()))
    mute = store.put("chart/mute.onnx", Reply(badmodels.good(3.0), once=True))
    second = store.put("chart/second.onnx", Reply(badmodels.good(4.0)))
    place.apply(manifests.deployment("live", first))
    guid = place.until_state("live", "ACTIVE")["guid"]

    with closing(Endpoint(place.address("live"), guid)) as endpoint:
        answers = dict([own_answer(endpoint, RECORDS)])
        answers[f"sha256:{second.sha256}"] = [{"y": {"dims": [1], "data": [12.0]}}]
        with Load(endpoint, RECORDS, answers=answers) as load:
            asked = datetime.now(UTC)
            place.patch("live", {"asset": {"uri": mute.uri, "sha256": mute.sha256}})
            until(lambda: place.status("live").get("failure"), "the failure is told")
            assert_undone(place, "live", mute, "ProgressDeadlineExceeded", f"sha256:{first.sha256}")
            failure = place.status("live")["failure"]
            place.patch("live", {"asset": {"uri": second.uri, "sha256": second.sha256}})
            until(lambda: "failure" not in place.status("live"), "the failure is over")
            place.until_state("live", "ready")

    told = (moment(failure["time"]) - asked).total_seconds()
    figures.tell(f"never ready: told {told:.0f} s after the patch; limit {DEADLINE_SECONDS}")
    assert load.outcome.failures == []
    assert {one.digest for one in load.outcome.samples} == set(answers)


def test_uninstalling_takes_the_operator_and_leaves_what_it_made(
    release: Release, kubectl: Kubectl
) -> None:
    kubectl.helm("uninstall", RELEASE, "-n", release.home, "--wait")

    assert RELEASE not in release.watched.run("get", "role,rolebinding", "-o", "name")
    assert kubectl("get", "clusterrole", f"{RELEASE}-operator", check=False).returncode == 1
    assert release.watched.get(DEPLOYMENT, "live") is not None
