"""Claims that nothing came of are taken off, and never one that something may still come of."""

from datetime import timedelta

import pytest

from builders import NOW, NOW_TEXT, a_deployment_body, a_version_body
from fakes.apiserver import FakeApiServer, Request
from fakes.facade import Replica
from mlz.api import names
from mlz.rest.claims import Claim, claim_on
from mlz.rest.stale import drop_stale_claims

LATER = NOW + timedelta(minutes=1)
CLAIM = Claim("churn", "try-1", NOW_TEXT)


class Scene:
    """A server with one version, on which there is a claim."""

    def __init__(self, service: str = "default") -> None:
        self.server = FakeApiServer(now=lambda: NOW_TEXT)
        version = a_version_body("churn-v1")
        note = names.claim_annotation(service)
        version["metadata"]["annotations"] = {note: CLAIM.text, "mlz.dev/other": "stays"}
        self.server.put(version)
        self.replica = Replica(self.server)

    def deploy(self, version: str = "churn-v1") -> None:
        self.server.put(a_deployment_body("churn", asset={"modelVersion": version}))

    def claim(self, service: str = "default") -> Claim | None:
        body = self.server.find("MLzModelVersion", "churn-v1")
        assert body is not None
        assert body["metadata"]["annotations"]["mlz.dev/other"] == "stays"
        return claim_on(body, service)


@pytest.mark.parametrize("service", ["default", "a-name-that-is-too-long-for-a-key-" + "x" * 40])
def test_a_claim_whose_deployment_never_came_is_taken_off(service: str) -> None:
    scene = Scene(service)

    assert drop_stale_claims(scene.replica.world, LATER) == 1

    assert scene.claim(service) is None
    assert drop_stale_claims(scene.replica.world, LATER) == 0


def test_a_claim_whose_deployment_has_another_version_by_now_is_taken_off() -> None:
    scene = Scene()
    scene.deploy("churn-v2")

    assert drop_stale_claims(scene.replica.world, LATER) == 1

    assert scene.claim() is None


def test_a_claim_whose_deployment_is_there_stays() -> None:
    scene = Scene()
    scene.deploy()

    assert drop_stale_claims(scene.replica.world, LATER) == 0

    assert scene.claim() == CLAIM


def test_a_fresh_claim_stays() -> None:
    scene = Scene()

    assert drop_stale_claims(scene.replica.world, NOW + timedelta(seconds=5)) == 0

    assert scene.claim() == CLAIM


def test_a_claim_whose_deployment_comes_at_the_last_moment_stays() -> None:
    scene = Scene()

    def come(request: Request) -> None:
        if request.verb == "patch" and scene.server.find("MLzDeployment", "churn") is None:
            scene.deploy()

    scene.server.before = come

    assert drop_stale_claims(scene.replica.world, LATER) == 0

    known = scene.claim()
    assert known is not None
    assert known.deployment == "churn"


def test_a_claim_that_another_takes_over_meanwhile_is_his() -> None:
    scene = Scene()
    his = Claim("other", "try-2", NOW_TEXT)

    def take(request: Request) -> None:
        if request.verb == "patch":
            scene.server.before = lambda _: None
            notes = {names.claim_annotation("default"): his.text}
            scene.server.edit(
                "MLzModelVersion",
                "churn-v1",
                lambda body: body["metadata"]["annotations"].update(notes),
            )

    scene.server.before = take

    assert drop_stale_claims(scene.replica.world, LATER) == 0

    assert scene.claim() == his
