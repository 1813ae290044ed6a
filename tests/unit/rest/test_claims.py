"""One model version once in a scoring service: step by step, and what a process that died left."""

from datetime import timedelta

import pytest

from builders import NOW, NOW_TEXT, a_deployment_body
from fakes.apiserver import Request, outage
from fakes.facade import Replica
from mlz.api import names
from mlz.cluster import kinds
from mlz.rest.claims import Claim, Claims
from mlz.rest.documents.bodies import annotation
from mlz.rest.problems import Code, Refusal
from mlz.rest.titles import Titles
from unit.rest.claiming import Manifest, Scene, a_manifest, refusal, scene

__all__ = ["scene"]


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


def asset_of(version: str) -> Manifest:
    return {"spec": a_deployment_body(asset={"modelVersion": version})["spec"]}


def pass_time(scene: Scene, seconds: float) -> None:
    scene.clock.now += timedelta(seconds=seconds)
