"""The claim of a deployment follows its asset, or stays where it was."""

from datetime import timedelta
from typing import Any

import pytest

from fakes.apiserver import Request
from mlz.rest.problems import Code, Refusal
from unit.rest.claiming import Manifest, Scene, a_manifest, asset, refusal, scene

__all__ = ["scene"]


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
