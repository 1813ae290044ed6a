"""What goes, what stays, and in which order."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from builders import NOW, NOW_TEXT, a_deployment_body, a_model_body, a_version_body
from fakes.apiserver import Request
from mlz.api import names
from mlz.cluster.client import ApiOutageError
from mlz.rest.arrival import UPLOAD_PREFIX
from mlz.rest.cleanup import Cleaner, Swept, sweep_files
from mlz.rest.problems import Code, Refusal
from unit.rest.importing import LATER, NOTHING, SHA, STALE, Stage, stage
from unit.store.servers import Reply

VERSION = f"churn-{SHA[:8]}"
STARTED = {names.ANNOTATION_IMPORT_STARTED: "2030-01-01T12:00:00Z"}
OURS = {names.ANNOTATION_CREATED_BY: "ann"}
PAUSED = {names.ANNOTATION_PAUSED: "true"}


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Stage]:
    with stage(tmp_path) as found:
        yield found


def refused(here: Stage, model: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        here.cleaner.delete_model(model)
    return caught.value


def put(here: Stage, body: dict[str, Any], *annotations: dict[str, str]) -> dict[str, Any]:
    """As another replica has left it, and everybody has heard."""
    notes = {key: value for one in annotations for key, value in one.items()}
    found = here.cluster.put(body | {"metadata": body["metadata"] | {"annotations": notes}})
    here.replica.hear()
    return found


# A model that somebody deletes


def test_a_model_goes_with_its_versions_and_their_manifests(here: Stage) -> None:
    model = here.run().model
    here.run(here.wanted(b"\x08 other", name=None), model)

    here.cleaner.delete_model(model)

    assert here.left == NOTHING


def test_a_version_of_kubectl_goes_with_its_model_too(here: Stage) -> None:
    model = here.cluster.put(a_model_body("churn"))
    here.cluster.put(a_version_body("churn-v1"))

    here.cleaner.delete_model(model)

    assert here.left == NOTHING


def users() -> list[Any]:
    uri = "the uri"
    return [
        pytest.param({"asset": {"modelVersion": VERSION}}, {}, id="wants it"),
        pytest.param({"asset": {"uri": uri, "sha256": SHA}}, {}, id="wants its bytes"),
        pytest.param(
            {"asset": {"modelVersion": "other"}},
            {"asset": {"active": {"version": VERSION}, "target": {"version": "other"}}},
            id="serves it still",
        ),
        pytest.param(
            {"asset": {"modelVersion": "other"}},
            {"asset": {"target": {"version": VERSION}}},
            id="is on the way to it",
        ),
    ]


@pytest.mark.parametrize(("spec", "status"), users())
def test_a_model_in_use_stays_and_its_users_are_named(
    here: Stage, spec: dict[str, Any], status: dict[str, Any]
) -> None:
    found = here.run()
    if "uri" in spec["asset"]:
        spec = {"asset": spec["asset"] | {"uri": found.version["spec"]["artifact"]["uri"]}}
    user = a_deployment_body("user", displayName="The user", **spec)
    user = here.cluster.put(user | {"status": status})
    before = here.left

    refusal = refused(here, found.model)

    assert refusal.code is Code.MODEL_DEPLOYED
    assert "The user" in refusal.message
    assert refusal.errors == ({"deployment": user["metadata"]["uid"], "name": "The user"},)
    assert here.left == before


def test_a_deployment_of_another_model_is_no_user(here: Stage) -> None:
    model = here.run().model
    here.cluster.put(a_deployment_body("user", asset={"modelVersion": "other"}))

    here.cleaner.delete_model(model)

    assert here.left == NOTHING


def test_many_users_are_not_all_named(here: Stage) -> None:
    model = here.run().model
    for number in range(25):
        here.cluster.put(a_deployment_body(f"user-{number}", asset={"modelVersion": VERSION}))

    refusal = refused(here, model)

    assert len(refusal.errors) == 20
    assert "and 5 more" in refusal.message


def test_a_model_whose_version_is_being_imported_waits(here: Stage) -> None:
    model = put(here, a_model_body("churn"))
    put(here, a_version_body("churn-v1"), OURS, STARTED, PAUSED)

    assert refused(here, model).code is Code.CONFLICT
    assert here.left["versions"] == ["churn-v1"]


def test_a_manifest_that_another_version_has_stays(here: Stage) -> None:
    found = here.run()
    artifact = found.version["spec"]["artifact"]
    here.cluster.put(a_version_body("of-git", model=None, artifact=artifact))
    here.replica.hear()

    here.cleaner.delete_model(found.model)

    assert here.left["versions"] == ["of-git"]
    assert len(here.left["manifests"]) == 1


def test_without_the_registry_a_model_stays_whole(here: Stage) -> None:
    model = here.run().model
    before = here.left
    here.store.before = lambda call: Reply(503) if call.method == "DELETE" else None

    assert refused(here, model).code is Code.UNAVAILABLE
    assert here.left == before


def test_a_registry_that_deletes_nothing_holds_nothing_up(here: Stage) -> None:
    model = here.run().model
    here.store.deletes = False

    here.cleaner.delete_model(model)

    assert here.left["models"] == here.left["versions"] == []


def test_a_facade_without_a_registry_deletes_what_kubectl_made(here: Stage) -> None:
    model = here.cluster.put(a_model_body("churn"))
    here.cluster.put(a_version_body("churn-v1"))

    Cleaner(here.replica.world, None, STALE).delete_model(model)

    assert here.left == NOTHING


# What imports have left


def unfinished(here: Stage) -> None:
    """An import whose facade died while it pushed."""
    here.store.before = lambda call: Reply(403) if call.method == "PUT" else None
    here.cluster.before = lambda request: dies(here, request)
    with suppress(Refusal):
        here.run()
    here.store.before = lambda _: None
    here.cluster.before = lambda _: None
    here.renew()
    assert here.left["versions"] == [VERSION]


def dies(here: Stage, request: Request) -> None:
    if here.store.blobs or any(call.method == "PUT" for call in here.server.calls):
        raise ApiOutageError(0, f"dead before {request.verb}")


def test_a_dead_import_is_swept(here: Stage) -> None:
    unfinished(here)

    assert here.cleaner.sweep(LATER) == Swept(versions=1, models=1)
    assert here.left == NOTHING
    assert here.cleaner.sweep(LATER) == Swept()


def test_an_import_that_may_still_live_is_left_alone(here: Stage) -> None:
    unfinished(here)
    before = here.left

    assert here.cleaner.sweep(NOW + timedelta(seconds=STALE)) == Swept()
    assert here.left == before


KEPT: list[tuple[str, list[dict[str, str]]]] = [
    ("that is through", [OURS]),
    ("that only its user has paused", [OURS, PAUSED]),
    ("that somebody has set going by hand", [OURS, STARTED]),
    ("that is none of ours", [STARTED, PAUSED]),
]


@pytest.mark.parametrize("annotations", [pytest.param(one, id=name) for name, one in KEPT])
def test_a_version_stays(here: Stage, annotations: list[dict[str, str]]) -> None:
    put(here, a_version_body("churn-v1"), *annotations)

    here.cleaner.sweep(LATER)

    assert here.left["versions"] == ["churn-v1"]


def test_a_model_that_has_versions_loses_its_mark_alone(here: Stage) -> None:
    put(here, a_model_body("churn"), OURS, STARTED)
    put(here, a_version_body("churn-v1"), OURS)

    assert here.cleaner.sweep(LATER) == Swept(models=1)

    model = here.cluster.find(names.MODEL, "churn")
    assert model is not None
    assert names.ANNOTATION_IMPORT_STARTED not in model["metadata"]["annotations"]


def test_a_version_that_this_replica_has_not_heard_of_keeps_its_model(here: Stage) -> None:
    put(here, a_model_body("churn"), OURS, STARTED)
    here.cluster.put(a_version_body("churn-v1"))

    here.cleaner.sweep(LATER)

    assert here.left["models"] == ["churn"]


def test_a_version_that_another_replica_has_released_stays(here: Stage) -> None:
    put(here, a_version_body("churn-v1"), OURS, STARTED, PAUSED)
    here.cluster.edit(
        names.MODEL_VERSION, "churn-v1", lambda body: body["metadata"].pop("annotations")
    )

    here.cleaner.sweep(LATER)

    assert here.left["versions"] == ["churn-v1"]


def test_a_mark_that_nobody_can_read_ages_with_its_resource(here: Stage) -> None:
    version = a_version_body("churn-v1", meta={"creationTimestamp": NOW_TEXT})
    put(here, version, OURS, PAUSED, {names.ANNOTATION_IMPORT_STARTED: "?"})

    here.cleaner.sweep(NOW)
    soon = here.left["versions"]
    here.cleaner.sweep(LATER)

    assert soon == ["churn-v1"]
    assert here.left["versions"] == []


def test_what_cannot_be_swept_waits_for_the_next_sweep(here: Stage) -> None:
    unfinished(here)
    here.store.before = lambda call: Reply(503) if call.method == "DELETE" else None

    assert here.cleaner.sweep(LATER).failed == 1
    here.store.before = lambda _: None
    here.cleaner.sweep(LATER)

    assert here.left == NOTHING


# Files


def test_old_uploads_go_and_others_stay(tmp_path: Path) -> None:
    old, other = tmp_path / f"{UPLOAD_PREFIX}1", tmp_path / "other"
    for path in (old, other):
        path.write_bytes(b"x")
    now = old.stat().st_mtime + 100

    assert sweep_files(tmp_path, now, 200) == 0
    assert sweep_files(tmp_path, now, 50) == 1
    assert list(tmp_path.iterdir()) == [other]


def test_a_new_process_finds_nobody_elses_uploads(tmp_path: Path) -> None:
    left = tmp_path / f"{UPLOAD_PREFIX}1"
    left.write_bytes(b"x")

    assert sweep_files(tmp_path, left.stat().st_mtime, 0) == 1
