"""The operator may die, be replaced or be gone: nothing that serves notices, and all converges."""

import os
import random
from collections.abc import Iterator
from time import monotonic

import pytest

from charts import CHART
from e2e import manifests
from e2e.figures import Figures
from e2e.fleet import restarts
from e2e.images import tagged_again
from e2e.kubectl import Kubectl
from e2e.models import SYSTEM, Models, Pushed
from e2e.operatorpod import OperatorPod
from e2e.places import CHILDREN, Place
from e2e.waiting import let_pass, until
from mlz.cluster import kinds

pytestmark = pytest.mark.timeout(1800)

SEED = 2026
KILLS = int(os.environ.get("MLZ_E2E_KILLS", "2"))  # Show 6 has 30, which take 12 minutes
POPULATION = int(os.environ.get("MLZ_E2E_POPULATION", "12"))
DELETED_WITHIN_SECONDS = 60


class Harbour:
    """Deployments that come, grow, shrink and go by chance, and what there should be of them."""

    def __init__(self, place: Place, model: Pushed, chance: random.Random) -> None:
        self._place = place
        self._model = model
        self._chance = chance
        self._number = 0
        self.wanted: dict[str, int] = {}
        self.untouched: set[str] = set()

    def open(self) -> None:
        """The version that all of them serve."""
        self._place.apply(manifests.model_version("shared", self._model))

    def fill(self) -> None:
        """Create until there are as many as there may be, and all of them serve."""
        while len(self.wanted) < POPULATION:
            self.create()
        self.serve()

    def serve(self) -> None:
        """Wait until there are the pods that were asked for."""
        for name, replicas in self.wanted.items():
            self._place.until_state(name, "ACTIVE", within=240)
            self._place.until_ready_pods(name, replicas)

    def step(self) -> None:
        """One thing that a user does."""
        if len(self.wanted) < POPULATION // 2 or self._chance.random() < 0.4:
            self.create()
        elif self._chance.random() < 0.5:
            self.scale()
        else:
            self.delete()

    def create(self) -> None:
        """One more, under a scoring service of its own: each takes a version once."""
        if len(self.wanted) >= POPULATION:
            return self.delete()
        self._number += 1
        name = f"ship-{self._number}"
        self._place.apply(
            manifests.scoring_service(name),
            manifests.deployment(
                name, self._model, asset={"modelVersion": "shared"}, scoringService=name, replicas=1
            ),
        )
        self.wanted[name] = 1
        self.untouched.add(name)
        return None

    def scale(self) -> None:
        """Between one and two pods."""
        name = self._chance.choice(sorted(self.wanted))
        self.wanted[name] = 3 - self.wanted[name]
        self._place.run("scale", f"mlzd/{name}", f"--replicas={self.wanted[name]}")
        self.untouched.discard(name)

    def delete(self) -> None:
        """One of them, in the background."""
        name = self._chance.choice(sorted(self.wanted))
        self._place.run("delete", "mlzd", name, "--wait=false")
        del self.wanted[name]
        self.untouched.discard(name)


@pytest.fixture(scope="module")
def harbour(shared_place: Place, models: Models) -> Harbour:
    """An empty one."""
    found = Harbour(shared_place, models.pushed("tabular"), random.Random(SEED))
    found.open()
    return found


def test_everything_converges_while_the_operator_is_killed(
    shared_place: Place, harbour: Harbour, operator: OperatorPod, figures: Figures
) -> None:
    chance = random.Random(SEED)
    seen: dict[str, set[str]] = {}

    killed = 0
    for number in range(KILLS):
        operator.until_leading()
        for _ in range(POPULATION if number == 0 else 6):
            harbour.create() if number == 0 else harbour.step()
        let_pass(chance.uniform(0, 6))
        for name, uid in _ready_pods(shared_place):
            seen.setdefault(name, set()).add(uid)
        killed += operator.kill()
    began = monotonic()
    harbour.serve()
    until(lambda: not _orphans(shared_place, harbour), "no orphans")

    now = restarts(shared_place)
    lost = {name for name in harbour.untouched & set(seen) if not seen[name] <= set(now)}
    figures.tell(
        f"Show 6: {killed} SIGKILLs, {len(harbour.wanted)} deployments left, all as wanted "
        f"{monotonic() - began:.0f} s after the last; {sum(map(len, seen.values()))} pods watched"
    )
    assert killed == KILLS
    assert lost == set()
    assert set(now.values()) == {0}


def test_an_upgrade_with_other_images_restarts_no_scoring_pod(
    shared_place: Place, harbour: Harbour, kubectl: Kubectl, operator: OperatorPod
) -> None:
    harbour.fill()
    place, ship = shared_place, next(name for name in harbour.wanted if name in harbour.untouched)
    before, workload = restarts(place), place.get(kinds.WORKLOAD, ship)
    images = {
        "operator": tagged_again(operator.image()),
        "onnx": tagged_again(_engine_image(place, ship)),
    }
    values = [word for name in images for word in ("--set", f"images.{name}={images[name]}")]

    kubectl.helm(
        "upgrade", "mlz", str(CHART), "--namespace", SYSTEM,
        "--reuse-values", *values, "--wait", "--timeout", "2m",
    )  # fmt: skip
    try:
        operator.until_leading()
        until(lambda: "mlz_reconcile_total" in operator.metrics(), "it has made its passes")
        let_pass(5)

        assert operator.image() == images["operator"]
        assert restarts(place) == before
        assert place.get(kinds.WORKLOAD, ship) == workload
    finally:
        kubectl.helm("rollback", "mlz", "--namespace", SYSTEM, "--wait", "--timeout", "2m")
        operator.until_leading()


def test_a_namespace_goes_while_the_operator_is_gone(
    shared_place: Place, harbour: Harbour, operator: OperatorPod, figures: Figures
) -> None:
    harbour.fill()
    operator.scale(0)
    try:
        began = monotonic()
        shared_place.kubectl("delete", "namespace", shared_place.name)
        seconds = monotonic() - began
    finally:
        operator.scale(1)

    figures.tell(
        f"Show 9: namespace with {POPULATION} deployments gone in {seconds:.0f} s, no operator"
    )
    assert seconds < DELETED_WITHIN_SECONDS


def _ready_pods(place: Place) -> Iterator[tuple[str, str]]:
    """Deployment and uid of every pod that serves."""
    for pod in place.all(kinds.POD, "app.kubernetes.io/component=engine"):
        ready = [
            one["status"] for one in pod["status"].get("conditions", ()) if one["type"] == "Ready"
        ]
        if ready == ["True"]:
            yield pod["metadata"]["labels"]["mlz.dev/deployment"], pod["metadata"]["uid"]


def _orphans(place: Place, harbour: Harbour) -> list[str]:
    """Children of deployments that are no more."""
    return [
        f"{kind.kind}/{body['metadata']['name']}"
        for kind in CHILDREN
        for body in place.all(kind, "mlz.dev/deployment")
        if body["metadata"]["labels"]["mlz.dev/deployment"] not in harbour.wanted
    ]


def _engine_image(place: Place, name: str) -> str:
    image: str = place.pods(name)[0]["spec"]["containers"][0]["image"]
    return image
