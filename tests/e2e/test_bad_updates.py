"""An asset that is no good: callers do not notice, and everybody who looks is told why."""

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from e2e import badmodels, manifests
from e2e.endpoints import Endpoint
from e2e.figures import Figures
from e2e.load import Load, own_answer
from e2e.models import Pushed
from e2e.operatorpod import OperatorPod
from e2e.places import Place, conditions
from e2e.store import AssetStore, Reply
from e2e.undone import assert_undone
from e2e.waiting import until
from mlz.api.conditions import moment
from mlz.api.names import ANNOTATION_ACKNOWLEDGED
from mlz.lifecycle.updates import MISMATCH

RATE = 50
RECORDS = [{"x": [1.0, 2.0]}]
OTHER_OUTPUT = badmodels.good(output="z")


@dataclass(frozen=True)
class Bad:
    """What is wrong, as it is put into the store, and the reason that it ends with."""

    name: str
    reason: str
    content: bytes | None = None
    policy: str = "Warn"
    forged: bool = False


BADS = [
    Bad("gone", "AssetNotFound"),
    Bad("forged", "DigestMismatch", badmodels.good(), forged=True),
    Bad("broken", "ModelInvalid", badmodels.good()[:-40]),
    Bad("declared", "SchemaDeclarationMismatch",
        badmodels.with_declaration(badmodels.good(), {"outputs": [{"name": "z"}]})),
    Bad("unfit", "WarmUpFailed", badmodels.fails_to_score()),
    Bad("nan", "WarmUpFailed", badmodels.answers_nan()),
    Bad("greedy", "OutOfMemory", badmodels.takes_memory(gigabytes=3)),
    Bad("endless", "WarmUpFailed", badmodels.never_ends()),
    Bad("other", "SchemaBlocked", OTHER_OUTPUT, policy="Block"),
]  # fmt: skip


@pytest.fixture(scope="module")
def live(shared_place: Place, store: AssetStore) -> Iterator[tuple[Place, Load]]:
    """A deployment under load for the whole file; whatever is tried, no request fails."""
    first = store.put("bad/first.onnx", Reply(badmodels.good()))
    shared_place.apply(manifests.deployment("live", first))
    guid = shared_place.until_state("live", "ACTIVE")["guid"]
    with closing(Endpoint(shared_place.address("live"), guid)) as endpoint:
        answers = dict([own_answer(endpoint, RECORDS)])
        for number, content in enumerate((badmodels.good(3.0), badmodels.good(4.0))):
            model = store.put(f"bad/good-{number}.onnx", Reply(content))
            answers[f"sha256:{model.sha256}"] = [
                {"y": {"dims": [1], "data": [3.0 * (3.0 + number)]}}
            ]
        other = store.put("bad/other.onnx", Reply(OTHER_OUTPUT))
        answers[f"sha256:{other.sha256}"] = [{"z": {"dims": [1], "data": [6.0]}}]
        with Load(endpoint, RECORDS, RATE, answers) as load:
            yield shared_place, load


def asset(model: Pushed) -> dict[str, Any]:
    return {"uri": model.uri, "sha256": model.sha256}


@pytest.mark.parametrize("bad", BADS, ids=lambda bad: bad.name)
def test_what_is_no_good_is_undone(
    live: tuple[Place, Load], store: AssetStore, bad: Bad, figures: Figures
) -> None:
    place, load = live
    reply = Reply(status=404) if bad.content is None else Reply(bad.content)
    model = store.put(f"bad/{bad.name}.onnx", reply)
    if bad.forged:
        model = dataclasses.replace(model, sha256="f" * 64)
    serving = place.status("live")["asset"]["active"]["digest"]
    asked = datetime.now(UTC)

    place.patch("live", {"asset": asset(model), "schemaPolicy": bad.policy})
    until(lambda: place.status("live").get("failure"), "the failure is told", within=180)
    assert_undone(place, "live", model, bad.reason, serving)

    failure = place.status("live")["failure"]
    told = (moment(failure["time"]) - asked).total_seconds()
    figures.tell(f"a bad update, {bad.name}: {failure['reason']} {told:.0f} s after it")
    assert load.outcome.failures == []


def test_after_all_of_that_a_good_update_works(live: tuple[Place, Load], store: AssetStore) -> None:
    place, load = live
    model = store.put("bad/good-0.onnx", Reply(badmodels.good(3.0)))

    place.patch("live", {"asset": asset(model), "schemaPolicy": None})
    until(lambda: "failure" not in place.status("live"), "the failure is over")
    status = place.until_state("live", "ready")

    assert status["schema"]["verdict"] == "Identical"
    assert status["asset"]["active"]["digest"] == f"sha256:{model.sha256}"
    assert (status["history"][0]["outcome"], status["history"][0]["verdict"]) == (
        "Promoted",
        "Identical",
    )
    assert load.outcome.failures == []


def test_what_has_to_be_acknowledged_waits_and_then_goes_on(
    live: tuple[Place, Load], store: AssetStore, operator: OperatorPod
) -> None:
    place, load = live
    model = store.put("bad/other.onnx", Reply(OTHER_OUTPUT))
    before = place.status("live")["asset"]["active"]["digest"]

    place.patch("live", {"asset": asset(model), "schemaPolicy": "RequireAck"})
    until(lambda: ready_reason(place) == "AwaitingAcknowledgement", "it waits")
    waiting = place.status("live")
    place.run(
        "annotate", "mlzd", "live", f"{ANNOTATION_ACKNOWLEDGED}={waiting['schema']['diffDigest']}"
    )
    until(lambda: place.status("live")["state"] == "ready", "it goes on")
    ready = place.until_state("live", "ready")

    assert waiting["state"] == "updating"
    assert "Stalled" not in conditions(waiting)
    assert waiting["asset"]["active"]["digest"] == before
    assert waiting["message"]["level"] == "warning"
    assert waiting["message"]["text"].startswith(MISMATCH)
    assert waiting["schema"]["diffDigest"] in waiting["message"]["text"]
    assert {one["kind"] for one in waiting["schema"]["changes"]} >= {"OutputDropped"}
    assert ready["asset"]["active"]["digest"] == f"sha256:{model.sha256}"
    assert (ready["state"], ready["message"]["text"]) == ("ready", MISMATCH)
    assert (
        'mlz_asset_updates_total{outcome="Promoted",verdict="Incompatible"}' in operator.metrics()
    )
    assert load.outcome.failures == []


def ready_reason(place: Place) -> str | None:
    found = conditions(place.status("live")).get("Ready")
    return None if found is None else found["reason"]


def test_the_events_tell_the_story_in_order(live: tuple[Place, Load]) -> None:
    place, _ = live

    told = place.run("describe", "mlzd", "live")

    story = told[told.index("Events:") :]
    words = ["Serving", "Inspecting", "AssetNotFound", "AwaitingAcknowledgement", "RollingOut"]
    places = [story.find(word) for word in words[:-1]] + [story.rfind(words[-1])]
    assert -1 not in places, story
    assert places == sorted(places), story


def test_git_and_the_cluster_do_not_drift_apart(
    live: tuple[Place, Load], store: AssetStore
) -> None:
    """What Argo CD's server-side diff compares: nothing writes into what was applied."""
    place, _ = live
    model = store.put("bad/good-1.onnx", Reply(badmodels.good(4.0)))
    service = manifests.scoring_service("steady")
    deployment = manifests.deployment("steady", model, scoringService="steady", replicas=1)
    place.run("apply", "--server-side", service, deployment)
    place.until_state("steady", "ACTIVE")

    drift = place.run("diff", "--server-side", "--force-conflicts", service, deployment)

    assert drift == ""


REFUSED_EDITS: list[tuple[str, Callable[[Pushed], dict[str, Any]], str]] = [
    ("two things at once", lambda model: {"asset": asset(model), "zaiu": True},
     "only the asset (with its engineType) may change"),
    ("another engine for the same asset", lambda model: {"engineType": "xgboost"},
     "engineType is the asset's"),
    ("another address", lambda model: {"servingId": "new_one"}, "servingId is a public address"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "words"), [pytest.param(*row[1:], id=row[0]) for row in REFUSED_EDITS]
)
def test_only_the_asset_may_change_with_the_asset(
    live: tuple[Place, Load],
    store: AssetStore,
    change: Callable[[Pushed], dict[str, Any]],
    words: str,
) -> None:
    place, _ = live
    model = store.put("bad/good-1.onnx", Reply(badmodels.good(4.0)))

    with pytest.raises(AssertionError, match="is invalid") as refused:
        place.patch("live", change(model))

    assert words in str(refused.value)
