"""One version once in a scoring service, one display name once, whatever happens at once."""

import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from builders import NOW, a_version_body
from fakes.apiserver import FakeApiServer
from fakes.facade import Replica
from fakes.stage import Faults, Stage
from mlz.api import names
from mlz.api.conditions import timestamp
from mlz.rest.claims import Claim, Claims, claim_on
from mlz.rest.documents.bodies import annotation, display_name
from mlz.rest.problems import Code, Refusal
from mlz.rest.stale import drop_stale_claims
from mlz.rest.titles import Titles
from unit.rest.claiming import Manifest, a_manifest, asset

SEEDS = int(os.environ.get("MLZ_FUZZ", "20"))
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
