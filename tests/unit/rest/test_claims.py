"""One model version once in a scoring service, one display name once: step by step, and at once."""

import os
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from builders import NAMESPACE, NOW, NOW_TEXT, a_deployment_body, a_version_body
from fakes.apiserver import FakeApiServer, Request, outage
from fakes.facade import Replica
from fakes.stage import Faults, Stage
from mlz.api import names
from mlz.api.conditions import timestamp
from mlz.cluster import kinds
from mlz.rest.claims import Claim, Claims, claim_on
from mlz.rest.documents.bodies import annotation, display_name
from mlz.rest.problems import Code, Refusal
from mlz.rest.stale import drop_stale_claims
from mlz.rest.titles import Titles

Manifest = dict[str, Any]
SEEDS = int(os.environ.get("MLZ_FUZZ", "20"))


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def a_manifest(name: str = "churn", key: str | None = None, **spec: Any) -> Manifest:
    annotations = {} if key is None else {names.ANNOTATION_IDEMPOTENCY_KEY: key}
    meta = {"name": name, "namespace": NAMESPACE, "annotations": annotations}
    return a_deployment_body(name, **spec) | {"metadata": meta}


def asset(version: str) -> Manifest:
    return {"spec": {"asset": {"modelVersion": version}}}


@dataclass
class Scene:
    """A server with two versions, and the claims of one replica."""

    server: FakeApiServer = field(default_factory=lambda: FakeApiServer(now=lambda: NOW_TEXT))
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.server.put(a_version_body("churn-v1"))
        self.server.put(a_version_body("churn-v2"))
        self.replica = Replica(self.server)
        self.claims = self.another()

    def another(self, name: str = "a") -> Claims:
        replica = self.replica if name == "a" else Replica(self.server, name)
        return Claims(replica.world, Titles(replica.world), self.clock)

    def put_claim(self, text: str) -> None:
        self.server.edit(
            "MLzModelVersion",
            "churn-v1",
            lambda body: body["metadata"].update(
                annotations={names.claim_annotation("default"): text}
            ),
        )

    def claim(self, version: str = "churn-v1") -> Claim | None:
        body = self.server.find("MLzModelVersion", version)
        assert body is not None
        return claim_on(body, "default")

    def deployments(self) -> list[str]:
        return [one["metadata"]["name"] for one in self.server.all("MLzDeployment")]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def refusal(caught: pytest.ExceptionInfo[Refusal]) -> tuple[Code, int]:
    return caught.value.code, caught.value.status


# Step by step


def test_a_deployment_has_the_claim_and_carries_no_mark(scene: Scene) -> None:
    made = scene.claims.create(a_manifest())

    claim = scene.claim()
    assert claim is not None
    assert claim.deployment == "churn"
    assert annotation(made, names.ANNOTATION_REQUEST) is None


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [
        pytest.param(
            a_manifest("one"), a_manifest("two"), Code.DUPLICATE_DEPLOYMENT, id="the same version"
        ),
        pytest.param(
            a_manifest("one"),
            a_manifest("one", asset={"modelVersion": "churn-v2"}),
            Code.DUPLICATE_DEPLOYMENT_NAME,
            id="the same name",
        ),
        pytest.param(
            a_manifest("one"), a_manifest("one"), Code.DUPLICATE_DEPLOYMENT_NAME, id="all the same"
        ),
        pytest.param(
            a_manifest("one", key="k"),
            a_manifest("one", key="other"),
            Code.DUPLICATE_DEPLOYMENT_NAME,
            id="the same name with another key",
        ),
        pytest.param(
            a_manifest("one", servingId="CHURN"),
            a_manifest("two", servingId="CHURN", asset={"modelVersion": "churn-v2"}),
            Code.DUPLICATE_SERVING_ID,
            id="the same servingId",
        ),
    ],
)
def test_a_second_one_is_refused(
    scene: Scene, first: Manifest, second: Manifest, code: Code
) -> None:
    scene.claims.create(first)

    with pytest.raises(Refusal) as caught:
        scene.claims.create(second)

    assert refusal(caught) == (code, 400)
    assert scene.deployments() == ["one"]


@pytest.mark.parametrize(
    "second",
    [
        pytest.param(a_manifest("two", scoringService="other"), id="another scoring service"),
        pytest.param(a_manifest("two", asset={"modelVersion": "churn-v2"}), id="another version"),
    ],
)
def test_what_differs_is_no_duplicate(scene: Scene, second: Manifest) -> None:
    scene.claims.create(a_manifest("one"))

    scene.claims.create(second)

    assert scene.deployments() == ["one", "two"]


def test_an_asset_by_uri_needs_no_claim(scene: Scene) -> None:
    by_uri = {"uri": "https://store.example.com/x", "sha256": "a" * 64}

    scene.claims.create(a_manifest("one", asset=by_uri))
    scene.claims.create(a_manifest("two", asset=by_uri))

    assert scene.deployments() == ["one", "two"]


def test_a_deployment_of_kubectl_has_its_version_without_a_claim(scene: Scene) -> None:
    scene.server.put(a_deployment_body("theirs"))
    scene.replica.hear()

    with pytest.raises(Refusal, match="by deployment 'theirs'"):
        scene.claims.create(a_manifest("ours"))


def test_the_same_request_again_gets_the_same_deployment(scene: Scene) -> None:
    first = scene.claims.create(a_manifest(key="k"))

    again = scene.another("b").create(a_manifest(key="k"))

    assert again["metadata"]["uid"] == first["metadata"]["uid"]
    assert scene.deployments() == ["churn"]


def test_a_version_that_has_gone_is_not_found_as_documented(scene: Scene) -> None:
    scene.server.remove("MLzModelVersion", "churn-v1")

    with pytest.raises(Refusal) as caught:
        scene.claims.create(a_manifest())

    assert refusal(caught) == (Code.NOT_FOUND, 500)
    assert scene.deployments() == []


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("gone t 2029-01-01T00:00:00Z", id="of a deployment that never came"),
        pytest.param("gone t 2031-01-01T00:00:00Z", id="of a clock that is wrong"),
        pytest.param("gone", id="without a time"),
        pytest.param("gone t yesterday", id="of no time at all"),
        pytest.param("gone t 2030-01-01T12:00:00", id="of a time without a zone"),
    ],
)
def test_a_stale_claim_is_taken_over(scene: Scene, text: str) -> None:
    scene.put_claim(text)

    scene.claims.create(a_manifest())

    assert scene.deployments() == ["churn"]


def test_a_claim_is_stale_once_its_deployment_has_another_version(scene: Scene) -> None:
    scene.claims.create(a_manifest("one"))
    scene.server.edit("MLzDeployment", "one", lambda body: body.update(body | asset_of("churn-v2")))
    scene.replica.hear()
    scene.clock.now += timedelta(minutes=1)

    scene.claims.create(a_manifest("two"))

    assert scene.deployments() == ["one", "two"]


def test_a_fresh_claim_is_waited_for_until_it_is_stale(scene: Scene) -> None:
    scene.put_claim(f"gone t {NOW_TEXT}")
    replica = Replica(scene.server, "b", pause=lambda seconds: pass_time(scene, seconds))
    claims = Claims(replica.world, Titles(replica.world), scene.clock)

    claims.create(a_manifest())

    assert scene.deployments() == ["churn"]
    assert timedelta(seconds=15) < scene.clock.now - NOW < timedelta(seconds=30)


def test_a_fresh_claim_that_never_ages_ends_in_a_conflict(scene: Scene) -> None:
    scene.put_claim(f"gone t {NOW_TEXT}")

    with pytest.raises(Refusal) as caught:
        scene.claims.create(a_manifest())

    assert refusal(caught) == (Code.CONFLICT, 409)
    assert scene.deployments() == []


def test_a_claim_that_a_person_took_off_is_put_back(scene: Scene) -> None:
    def take_off(request: Request) -> None:
        if request.verb == "create":
            scene.server.after = lambda _: None
            scene.server.edit(
                "MLzModelVersion", "churn-v1", lambda body: body["metadata"].pop("annotations")
            )

    scene.server.after = take_off

    scene.claims.create(a_manifest())

    claim = scene.claim()
    assert claim is not None
    assert claim.deployment == "churn"


def test_who_is_overtaken_gives_way(scene: Scene) -> None:
    """We stood still so long that another took our claim over and has the version now."""

    def overtake(request: Request) -> None:
        if request.verb == "create":
            scene.server.before = lambda _: None
            scene.clock.now += timedelta(minutes=1)
            scene.another("b").create(a_manifest("rival"))

    scene.server.before = overtake

    with pytest.raises(Refusal) as caught:
        scene.claims.create(a_manifest("slow"))

    assert refusal(caught) == (Code.DUPLICATE_DEPLOYMENT, 400)
    assert scene.deployments() == ["rival"]


def test_who_takes_over_while_the_other_comes_gives_it_back(scene: Scene) -> None:
    scene.put_claim("slow t 2029-01-01T00:00:00Z")

    def come(request: Request) -> None:
        if request == Request("patch", "MLzModelVersion", "churn-v1"):
            scene.server.before = lambda _: None
            scene.server.put(a_deployment_body("slow"))

    scene.server.before = come

    with pytest.raises(Refusal) as caught:
        scene.claims.create(a_manifest("quick"))

    assert refusal(caught) == (Code.DUPLICATE_DEPLOYMENT, 400)
    assert scene.deployments() == ["slow"]
    assert scene.claim() == Claim("slow", "t", "2029-01-01T00:00:00Z")


def test_a_creation_that_is_refused_leaves_no_claim(scene: Scene) -> None:
    scene.replica.hear()
    scene.server.before = lambda request: (
        scene.server.put(a_deployment_body("churn", asset={"modelVersion": "churn-v2"}))
        if request.verb == "create"
        else None
    )

    with pytest.raises(Refusal) as caught:
        scene.claims.create(a_manifest())

    assert refusal(caught) == (Code.DUPLICATE_DEPLOYMENT_NAME, 400)
    assert scene.claim() is None


def test_a_deleted_deployment_leaves_no_claim(scene: Scene) -> None:
    made = scene.claims.create(a_manifest("one"))

    scene.claims.delete(made)
    scene.claims.create(a_manifest("two"))

    assert scene.deployments() == ["two"]


# Asset updates


def test_an_update_moves_the_claim(scene: Scene) -> None:
    scene.claims.create(a_manifest("one"))

    changed = scene.claims.repoint("one", "churn-v2", lambda _: asset("churn-v2"))

    claim = scene.claim("churn-v2")
    assert changed is not None
    assert changed["spec"]["asset"] == {"modelVersion": "churn-v2"}
    assert claim is not None
    assert claim.deployment == "one"
    assert scene.claim("churn-v1") is None


def test_an_update_to_what_another_has_is_refused(scene: Scene) -> None:
    scene.claims.create(a_manifest("one"))
    scene.claims.create(a_manifest("two", asset={"modelVersion": "churn-v2"}))

    with pytest.raises(Refusal) as caught:
        scene.claims.repoint("one", "churn-v2", lambda _: asset("churn-v2"))

    assert refusal(caught) == (Code.DUPLICATE_DEPLOYMENT, 400)


def test_a_refused_update_leaves_no_claim(scene: Scene) -> None:
    scene.claims.create(a_manifest("one"))

    def refuse(_: Any) -> Manifest:
        raise Refusal(Code.PRECONDITION_FAILED, "another one by now")

    with pytest.raises(Refusal, match="another one"):
        scene.claims.repoint("one", "churn-v2", refuse)

    assert scene.claim("churn-v2") is None
    assert scene.claim("churn-v1") is not None


def test_an_update_to_what_it_has_keeps_the_claim(scene: Scene) -> None:
    scene.claims.create(a_manifest("one"))
    before = scene.claim()

    scene.claims.repoint("one", "churn-v1", lambda _: asset("churn-v1"))

    assert scene.claim() == before


def test_an_update_that_took_too_long_goes_back(scene: Scene) -> None:
    scene.claims.create(a_manifest("one", engineType="pmml"))

    def overtake(request: Request) -> None:
        if request == Request("patch", "MLzDeployment", "one"):
            scene.server.before = lambda _: None
            scene.clock.now += timedelta(minutes=1)
            other = {"modelVersion": "churn-v2"}
            scene.another("b").create(a_manifest("rival", asset=other))

    scene.server.before = overtake

    with pytest.raises(Refusal) as caught:
        scene.claims.repoint(
            "one",
            "churn-v2",
            lambda _: {"spec": asset("churn-v2")["spec"] | {"engineType": "onnx"}},
        )

    assert refusal(caught) == (Code.DUPLICATE_DEPLOYMENT, 400)
    body = scene.server.find("MLzDeployment", "one")
    assert body is not None
    assert body["spec"]["asset"] == {"modelVersion": "churn-v1"}
    assert body["spec"]["engineType"] == "pmml"


def test_what_is_not_there_cannot_be_updated(scene: Scene) -> None:
    assert scene.claims.repoint("nobody", "churn-v2", lambda _: asset("churn-v2")) is None
    assert scene.claim("churn-v2") is None


# What a process that died has left


@pytest.mark.parametrize(
    ("rival", "left"),
    [
        pytest.param(False, ["churn"], id="it is kept where nobody else has the version"),
        pytest.param(True, ["rival"], id="it goes where another has it by now"),
    ],
)
def test_a_leftover_is_brought_to_an_end(scene: Scene, rival: bool, left: list[str]) -> None:
    scene.replica.world.place(kinds.DEPLOYMENT, a_manifest())
    if rival:
        scene.server.put(a_deployment_body("rival"))
        scene.put_claim(f"rival t {NOW_TEXT}")
        scene.replica.hear()
    scene.clock.now += timedelta(minutes=2)

    found = scene.claims.finish_leftovers()

    assert found == 1
    assert scene.deployments() == left
    assert scene.claims.finish_leftovers() == 0


def test_what_is_under_way_is_no_leftover(scene: Scene) -> None:
    scene.replica.world.place(kinds.DEPLOYMENT, a_manifest())
    scene.clock.now += timedelta(seconds=30)

    assert scene.claims.finish_leftovers() == 0


def test_a_retry_ends_what_its_first_try_began(scene: Scene) -> None:
    scene.replica.world.place(kinds.DEPLOYMENT, a_manifest(key="k"))

    body = scene.claims.create(a_manifest(key="k"))

    assert scene.deployments() == ["churn"]
    assert annotation(body, names.ANNOTATION_REQUEST) is None


def test_nobody_is_told_of_success_when_the_cluster_falls_silent(scene: Scene) -> None:
    def fall_silent(request: Request) -> None:
        if request.verb == "create":
            scene.server.before = outage
            outage(request)

    scene.server.after = fall_silent

    with pytest.raises(Refusal) as caught:
        scene.claims.create(a_manifest())

    assert refusal(caught) == (Code.UNAVAILABLE, 503)


# All at once


@dataclass
class Play:
    """So many callers of three replicas at once, in an order and with faults of a seed."""

    seed: int
    faults: Faults
    movers: bool = True

    def __post_init__(self) -> None:
        self.server = FakeApiServer()
        self.stage = Stage(self.seed, self.faults, NOW)
        self.server.now = lambda: timestamp(self.stage.now)
        for name in ("churn-v1", "churn-v2", "churn-v3", "churn-v4"):
            self.server.put(a_version_body(name))
        self.replicas = [Replica(self.server, name, self.stage.pause) for name in "abc"]
        self.told: dict[str, Manifest | Code | None] = {}
        self.wanted: dict[str, tuple[str, str]] = {}

    def run(self) -> None:
        chance = self.stage.random
        if self.movers:
            for name, version in (("one", "churn-v3"), ("two", "churn-v4")):
                manifest = a_manifest(name, asset={"modelVersion": version})
                self.claims(self.replicas[0]).create(manifest)
                self.cast(f"{name} moves", lambda claims, one=name: self.move(claims, one))
                self.cast(f"{name} is renamed", lambda claims, one=name: self.rename(claims, one))
        for number in range(chance.randint(2, 5)):
            title, version = chance.choice("abc"), chance.choice(("churn-v1", "churn-v2"))
            manifest = a_manifest(title, asset={"modelVersion": version})
            self.wanted[f"creates {number}"] = version, title
            self.cast(f"creates {number}", lambda claims, one=manifest: claims.create(one))
        for replica in self.replicas:
            self.stage.actor(f"hears {replica.name}", lambda one=replica: self.hear(one))
            self.stage.actor(f"tidies {replica.name}", lambda one=replica: self.tidy(one))
        self.server.before, self.server.after = self.stage.before, self.stage.after
        self.stage.run()
        self.server.before = self.server.after = lambda _: None

    def cast(self, name: str, play: Any) -> None:
        claims = self.claims(self.stage.random.choice(self.replicas))

        def tell() -> None:
            try:
                self.told[name] = play(claims)
            except Refusal as error:
                self.told[name] = error.code

        self.stage.actor(name, tell)

    def claims(self, replica: Replica) -> Claims:
        return Claims(replica.world, Titles(replica.world), lambda: self.stage.now)

    def move(self, claims: Claims, name: str) -> Any:
        return claims.repoint(name, "churn-v1", lambda _: asset("churn-v1"))

    def rename(self, claims: Claims, name: str) -> Any:
        return claims.titles.rename(name, "b", lambda _: {"spec": {"displayName": "b"}})

    def hear(self, replica: Replica) -> None:
        """Some events come late; all come in the end."""
        for _ in range(20):
            self.stage.pause(0)
            replica.hear(self.stage.random.randint(0, 2))

    def tidy(self, replica: Replica) -> None:
        """In the middle of it all, as replicas do."""
        for _ in range(3):
            self.stage.pause(10)
            with suppress(Refusal):
                self.claims(replica).finish_leftovers()
                drop_stale_claims(replica.world, self.stage.now)

    def sweep(self) -> None:
        self.stage.now += timedelta(minutes=5)
        replica = Replica(self.server, "sweeper")
        self.claims(replica).finish_leftovers()
        drop_stale_claims(replica.world, self.stage.now)

    # What must hold

    def duplicates(self) -> list[Any]:
        found = self.server.all("MLzDeployment")
        held = [(one["spec"]["asset"]["modelVersion"], "version") for one in found]
        titles: list[Any] = [(display_name(one), "title") for one in found]
        return [one for one in held + titles if (held + titles).count(one) > 1]

    def broken_promises(self) -> list[str]:
        """Who was told of success, and has nothing."""
        uids = {one["metadata"]["uid"] for one in self.server.all("MLzDeployment")}
        return [
            name
            for name, told in self.told.items()
            if told is None or (isinstance(told, dict) and told["metadata"]["uid"] not in uids)
        ]

    def marks(self) -> list[str]:
        return [
            one["metadata"]["name"]
            for one in self.server.all("MLzDeployment")
            if annotation(one, names.ANNOTATION_REQUEST)
        ]

    def idle_claims(self) -> list[Claim]:
        """Claims of deployments that are not there."""
        there = {one["metadata"]["name"] for one in self.server.all("MLzDeployment")}
        claims = [claim_on(one, "default") for one in self.server.all("MLzModelVersion")]
        return [one for one in claims if one is not None and one.deployment not in there]

    def blocked(self) -> list[str]:
        """Versions that nobody has and nobody can have."""
        claims = self.claims(Replica(self.server, "late"))
        found = []
        for version in ("churn-v1", "churn-v2", "churn-v3", "churn-v4"):
            held = any(
                one["spec"]["asset"]["modelVersion"] == version
                for one in self.server.all("MLzDeployment")
            )
            try:
                claims.create(a_manifest(f"late-{version}", asset={"modelVersion": version}))
            except Refusal as error:
                if not held or error.code is not Code.DUPLICATE_DEPLOYMENT:
                    found.append(version)
        return found


FAULTS = [
    pytest.param(Faults, {}, True, id="in any order"),
    pytest.param(Faults, {"most": 12}, True, id="with 429, 500, 409 and lost answers"),
    pytest.param(Faults, {"most": 12, "deaths": True}, True, id="with deaths"),
    pytest.param(
        Faults,
        {"most": 12, "deaths": True, "jump_seconds": 45},
        False,
        id="with deaths and pauses in which claims grow old",
    ),
]


@pytest.mark.parametrize(("faults", "options", "movers"), FAULTS)
def test_whatever_happens_each_version_and_each_name_is_there_once(
    faults: type[Faults], options: dict[str, Any], movers: bool
) -> None:
    for seed in range(SEEDS):
        play = Play(seed, faults(**options), movers)
        play.run()

        play.sweep()

        assert play.duplicates() == [], f"seed {seed}: {play.told}"
        assert play.broken_promises() == [], f"seed {seed}: {play.told}"
        assert play.marks() == [], f"seed {seed}: {play.told}"
        assert play.idle_claims() == [], f"seed {seed}: {play.told}"
        assert play.blocked() == [], f"seed {seed}: {play.told}"


def test_who_is_refused_for_another_finds_the_other_there() -> None:
    """Without faults one of them always gets it: nobody loses to one who has lost himself."""
    for seed in range(SEEDS):
        play = Play(seed, Faults(), movers=False)

        play.run()

        there = play.server.all("MLzDeployment")
        held = {one["spec"]["asset"]["modelVersion"] for one in there}
        titles = {display_name(one) for one in there}
        for name, told in play.told.items():
            version, title = play.wanted[name]
            is_there = {Code.DUPLICATE_DEPLOYMENT: version in held}
            is_there[Code.DUPLICATE_DEPLOYMENT_NAME] = title in titles
            assert isinstance(told, dict) or is_there[told], f"seed {seed}: {play.told}"


def asset_of(version: str) -> Manifest:
    return {"spec": a_deployment_body(asset={"modelVersion": version})["spec"]}


def pass_time(scene: Scene, seconds: float) -> None:
    scene.clock.now += timedelta(seconds=seconds)
