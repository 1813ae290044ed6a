"""
A storm: many create deployments at once while facades die and the API server fails at random.

The promise is that of one careful clerk: each name and each version once, each caller told the
truth, and nothing half made left behind.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from cluster.controlplane import ControlPlane
from controlplane.facades import FacadeProcess, Facades, installed_facades, logged_in
from controlplane.operators import HEX, Admin, Manifest, resource, until
from controlplane.weather import Fault, Weather

SEED = 5
CLIENTS = 20
DISTINCT = 160
DUPLICATES_OF_EACH = 20
CHANCE = 0.12
TRIES = 200
PAUSE_SECONDS = 0.2
# What died half-way is taken for dead after this, instead of a minute.
UNFINISHED_SECONDS = "2"


@dataclass(frozen=True, slots=True)
class Wish:
    """A deployment that somebody wants."""

    name: str
    version: str


@dataclass(slots=True)
class Fleet:
    """Two facades, restarted one at a time; clients know where they are."""

    facades: Facades
    running: list[FacadeProcess]

    def restart(self, number: int, end: Callable[[FacadeProcess], None]) -> None:
        end(self.running[number])
        self.running[number] = self.facades.start()


@dataclass(slots=True)
class Answers:
    """What callers were told in the end; how many more may ask, and who had to ask again."""

    told: dict[Wish, httpx.Response] = field(default_factory=dict)
    permits: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    again: set[Wish] = field(default_factory=set)

    def are_at_least(self, count: int) -> bool:
        return len(self.told) >= count

    def created(self) -> dict[Wish, str]:
        """The guids of those who were told that theirs is made."""
        made = {wish: one for wish, one in self.told.items() if one.status_code == 201}
        return {wish: one.json()["metadata"]["guid"] for wish, one in made.items()}

    def refused(self) -> dict[Wish, tuple[int, str]]:
        others = {wish: one for wish, one in self.told.items() if one.status_code != 201}
        return {wish: (one.status_code, one.json()["code"]) for wish, one in others.items()}


@dataclass(slots=True)
class Scene:
    """Versions to deploy, somebody who may, and the two facades in whatever weather."""

    admin: Admin
    fleet: Fleet
    weather: Weather
    token: str
    guids: dict[str, str]

    def storm(self, wishes: list[Wish], restarts: list[Callable[[], None]]) -> Answers:
        """All wishes by so many clients at once; restarts while there is still much to do."""
        answers = Answers()
        share = len(wishes) // len(restarts) + 1
        self.weather.chance = CHANCE
        with ThreadPoolExecutor(CLIENTS) as pool:
            clients = [
                pool.submit(self._ask_for, wishes[number::CLIENTS], number, answers)
                for number in range(CLIENTS)
            ]
            for number, restart in enumerate(restarts):
                answers.permits.release(share)
                count = number * share + share // 3
                until(partial(answers.are_at_least, count), f"{count} answers", 100)
                restart()
            for one in clients:
                one.result()
        return answers

    def _ask_for(self, wishes: list[Wish], number: int, answers: Answers) -> None:
        chance = random.Random(SEED + number)
        headers = {"Authorization": f"Bearer {self.token}"}
        with httpx.Client(headers=headers, timeout=30, trust_env=False) as http:
            for wish in wishes:
                assert answers.permits.acquire(timeout=100)
                answers.told[wish] = self._created(http, wish, chance, answers)

    def _created(
        self, http: httpx.Client, wish: Wish, chance: random.Random, answers: Answers
    ) -> httpx.Response:
        """As a careful client: the same request again until somebody answers it."""
        for _ in range(TRIES):
            facade = chance.choice(self.fleet.running)
            try:
                answer = self._post(http, facade.url, wish)
            except httpx.TransportError:
                answer = None
            if answer is not None and answer.status_code != 503:
                return answer
            answers.again.add(wish)
            time.sleep(PAUSE_SECONDS)
        raise AssertionError(f"nobody answers to {wish}")

    def _post(self, http: httpx.Client, url: str, wish: Wish) -> httpx.Response:
        model = self.guids["fraud"]
        info = {
            "scoringGroupId": self.guids["default"],
            "engineType": "onnx",
            "artifactVersionHref": f"/v3/ml_assets/models/{model}/versions/"
            f"{self.guids[wish.version]}",
        }
        return http.post(
            f"{url}/v3/published_models/{model}/deployments?sync=false",
            json={"type": "online", "name": wish.name, "deploy_info": info},
            headers={"Idempotency-Key": f"{wish.name} of {wish.version}"},
        )


def all_wishes() -> list[Wish]:
    """Distinct ones; right after some of them the same name, or the same version, once more."""
    wishes = []
    for number in range(DISTINCT):
        # Some names are names of resources as they are, most are not.
        name = f"fraud-{number}" if number % 4 == 0 else f"Fraud No. {number}"
        wishes.append(Wish(name, f"fraud-v{number}"))
        if number < DUPLICATES_OF_EACH:
            wishes.append(Wish(name, f"fraud-other-v{number}"))
        elif number < 2 * DUPLICATES_OF_EACH:
            wishes.append(Wish(f"{name} again", f"fraud-v{number}"))
    return wishes


@pytest.fixture
def scene(
    control_plane: ControlPlane, kubectl: Callable[..., Any], namespace: str, tmp_path: Path
) -> Iterator[Scene]:
    admin = Admin(control_plane.kubeconfig, namespace)
    service = resource("MLzScoringService", "default", {"type": "standard"})
    model = resource("MLzModel", "fraud", {"displayName": "Fraud"})
    versions = [a_version(name) for name in sorted({wish.version for wish in all_wishes()})]
    kubectl("apply", "--server-side", "-n", namespace, service, model, *versions)
    kinds = ("MLzScoringService", "MLzModel", "MLzModelVersion")
    made = [one["metadata"] for kind in kinds for one in admin.all(kind)]
    with ExitStack() as stack:
        weather = stack.enter_context(Weather(control_plane.kubeconfig, SEED).running())
        facades = stack.enter_context(
            installed_facades(
                control_plane, kubectl, namespace, tmp_path / "rest",
                MLZ_UNFINISHED_SECONDS=UNFINISHED_SECONDS,
            )
        )  # fmt: skip
        weather.stand_before(facades.folder / "kubeconfig")
        facades.add_user("ada", "mladm")
        fleet = Fleet(facades, [facades.start(), facades.start()])
        with logged_in(fleet.running[0], "ada") as ada:
            token = ada.http.headers["Authorization"].removeprefix("Bearer ")
        guids = {meta["name"]: meta["uid"] for meta in made}
        yield Scene(admin, fleet, weather, token, guids)


@pytest.mark.timeout(600)
def test_every_name_and_version_is_there_once_and_nobody_was_told_otherwise(scene: Scene) -> None:
    wishes, fleet = all_wishes(), scene.fleet
    assert len(wishes) == 200

    answers = scene.storm(
        wishes,
        [
            lambda: fleet.restart(0, FacadeProcess.end),
            lambda: fleet.restart(1, FacadeProcess.kill),
            lambda: fleet.restart(1, FacadeProcess.end),
        ],
    )

    assert set(scene.weather.seen) == set(Fault), "every kind of fault has come"
    assert len(answers.again) > 0, "some had to ask again"
    there = scene.admin.all("MLzDeployment")
    created, refused = answers.created(), answers.refused()
    assert {wish: guid for wish, guid in created.items() if guid not in uids(there)} == {}
    assert sorted(map(wish_of, there), key=str) == sorted(created, key=str)
    check_each_is_there_once(there)
    told = {wish: documented(wish) for wish in refused}
    assert refused == told
    assert len(refused) == 2 * DUPLICATES_OF_EACH

    until(lambda: leftovers(scene.admin) == [], "all leftovers are tidied up", 60)
    assert uids(scene.admin.all("MLzDeployment")) == uids(there), "and nothing else has gone"


def a_version(name: str) -> Manifest:
    artifact = {"uri": f"https://store.example.com/{name}.onnx", "sha256": HEX}
    spec = {"model": "fraud", "artifact": artifact, "engineType": "onnx"}
    return resource("MLzModelVersion", name, spec)


def documented(wish: Wish) -> tuple[int, str]:
    """What IBM's table says of the second of two: by its number, a name or a version is taken."""
    number = int(wish.version.rpartition("v")[2])
    what = "duplicate_deployment_name" if number < DUPLICATES_OF_EACH else "duplicate_deployment"
    return 400, what


def wish_of(deployment: Manifest) -> Wish:
    spec = deployment["spec"]
    name = spec.get("displayName") or deployment["metadata"]["name"]
    return Wish(name, spec["asset"]["modelVersion"])


def uids(deployments: list[Manifest]) -> set[str]:
    return {one["metadata"]["uid"] for one in deployments}


def check_each_is_there_once(there: list[Manifest]) -> None:
    made = [wish_of(one) for one in there]
    assert len(made) == DISTINCT
    assert len({one.name for one in made}) == DISTINCT
    assert len({one.version for one in made}) == DISTINCT


def leftovers(admin: Admin) -> list[str]:
    """Marks of creations, claims without a deployment, and fields that a facade still owns."""
    deployments = admin.all("MLzDeployment")
    holders = {one["metadata"]["name"]: wish_of(one).version for one in deployments}
    found = []
    for one in [*deployments, *admin.all("MLzModelVersion")]:
        meta = one["metadata"]
        notes = meta.get("annotations") or {}
        claim = notes.get("mlz.dev/claim.default", "").partition(" ")[0]
        if "mlz.dev/request" in notes:
            found.append(f"mark of {meta['name']}")
        if claim and holders.get(claim) != meta["name"]:
            found.append(f"claim of {claim} for {meta['name']}")
        if any(owns_fields(entry) for entry in meta["managedFields"]):
            found.append(f"fields of {meta['name']}")
    return found


def owns_fields(entry: Manifest) -> bool:
    return entry["manager"] == "mlz-rest" and "f:spec" in entry["fieldsV1"]
