"""A model file becomes resources and an artifact, or nothing at all."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from builders import NOW_TEXT, a_model_body
from mlz.api import names
from mlz.model.asset import EngineType
from mlz.rest.problems import Code, Refusal
from mlz.store.credentials import Credentials
from mlz.store.download import Pace, Wanted, download
from mlz.store.oci import open_oci
from mlz.store.uri import parse_uri
from unit.rest.importing import CONTENT, NOTHING, SHA, WEB, Stage, stage
from unit.store.servers import Call, Reply

OTHER = b"\x08\x07 another model"


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Stage]:
    with stage(tmp_path) as found:
        yield found


def refusal(here: Stage, *arguments: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        here.run(*arguments)
    return caught.value


def notes(body: Any) -> Any:
    return body["metadata"]["annotations"]


# What becomes of a file


def test_a_file_becomes_a_model_a_version_and_an_artifact(here: Stage, tmp_path: Path) -> None:
    schema = {"inputs": [{"name": "age"}]}

    found = here.run(here.wanted(description="who leaves", schema=schema, author_name="Ann B"))

    assert found.made
    assert found.model["spec"] == {"description": "who leaves", "author": {"name": "Ann B"}}
    assert found.version["spec"]["model"] == found.model["metadata"]["name"] == "churn"
    assert found.version["spec"]["engineType"] == "onnx"
    assert found.version["spec"]["schema"] == schema
    assert found.version["spec"]["artifact"]["sha256"] == SHA
    assert found.version["metadata"]["name"] == f"churn-{SHA[:8]}"
    owner = found.version["metadata"]["ownerReferences"][0]
    assert (owner["kind"], owner["uid"]) == (names.MODEL, found.model["metadata"]["uid"])
    uri = parse_uri(found.version["spec"]["artifact"]["uri"])
    assert uri.path == "models/churn"
    source = open_oci(uri, WEB, Credentials())
    came = download(source, tmp_path / "came", Wanted(10**6, SHA), Pace(1, 60))
    assert came.size_bytes == len(CONTENT)


def test_the_artifact_says_what_is_known_and_no_more(here: Stage) -> None:
    here.run(here.wanted(file_name="m.tar.gz", engine_type=EngineType.PMML))

    manifest = json.loads(next(iter(here.store.manifests.values())))
    config = json.loads(here.store.blobs[manifest["config"]["digest"]])
    assert manifest["annotations"] == {"dev.mlz.engine-type": "pmml"}
    assert manifest["layers"][0]["mediaType"].endswith(".raw")
    assert manifest["layers"][0]["annotations"] == {"org.cncf.model.filepath": "m.tar.gz"}
    assert config == {
        "descriptor": {"name": "churn"},
        "config": {"format": "pmml"},
        "modelfs": {"type": "layers", "diffIds": [f"sha256:{SHA}"]},
    }


def test_nothing_is_sent_before_a_paused_resource_names_it(here: Stage) -> None:
    seen = []

    def look(call: Call) -> None:
        version = here.cluster.find(names.MODEL_VERSION, f"churn-{SHA[:8]}")
        seen.append((call.method, version and notes(version)))

    here.store.before = look
    here.run()

    assert {method for method, _ in seen} == {"HEAD", "POST", "PUT"}
    for _, found in seen:
        assert found[names.ANNOTATION_PAUSED] == "true"
        assert found[names.ANNOTATION_IMPORT_STARTED] == NOW_TEXT


def test_afterwards_no_mark_is_left_but_who_made_it(here: Stage) -> None:
    found = here.run()

    for body in (found.model, found.version):
        assert notes(body)[names.ANNOTATION_CREATED_BY] == "ann"
        assert names.ANNOTATION_IMPORT_STARTED not in notes(body)
        assert names.ANNOTATION_PAUSED not in notes(body)


def test_a_display_name_that_is_no_name_is_kept_beside_one(here: Stage) -> None:
    found = here.run(here.wanted(name="Who leaves?"))

    assert found.model["spec"]["displayName"] == "Who leaves?"
    assert found.model["metadata"]["name"].startswith("who-leaves-")


def test_a_new_version_joins_its_model(here: Stage) -> None:
    model = here.run().model

    found = here.run(here.wanted(OTHER, name=None), model)

    assert found.made
    assert found.model["metadata"]["uid"] == model["metadata"]["uid"]
    assert len(here.left["versions"]) == 2


def test_the_same_bytes_twice_are_one_version_and_one_upload(here: Stage) -> None:
    first = here.run()
    again = here.run()
    version = here.run(here.wanted(file_name="renamed.onnx"), first.model)

    assert (first.made, again.made, version.made) == (True, False, False)
    assert again.version["metadata"]["uid"] == first.version["metadata"]["uid"]
    assert version.version["metadata"]["uid"] == first.version["metadata"]["uid"]
    assert len(here.left["manifests"]) == 1
    assert here.store.uploads.count(f"sha256:{SHA}") == 1


def test_an_inspection_that_takes_long_is_not_waited_for(here: Stage) -> None:
    here.inspection.verdict = None

    found = here.run()

    assert "status" not in found.version
    assert here.left["versions"] == [found.version["metadata"]["name"]]


# Who was first


@pytest.mark.parametrize(
    ("there", "wanted"),
    [
        pytest.param({"owner": "bob"}, {}, id="of somebody else, even with the same bytes"),
        pytest.param({}, {"content": OTHER}, id="of the same caller with other bytes"),
        pytest.param(
            {"key": "k1"}, {"key": "k1", "content": OTHER}, id="the same key with other bytes"
        ),
        pytest.param(
            {"name": "churn"}, {"name": "churn", "owner": "eve", "key": "k"}, id="any key"
        ),
    ],
)
def test_a_model_name_is_given_once(
    here: Stage, there: dict[str, Any], wanted: dict[str, Any]
) -> None:
    here.run(here.wanted(**there))
    before = here.left

    found = refusal(here, here.wanted(**wanted))

    assert found.code is Code.DUPLICATE_MODEL_NAME
    assert here.left == before


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(a_model_body("churn"), id="the resource's name"),
        pytest.param(a_model_body("other", displayName="churn"), id="the display name"),
        pytest.param(a_model_body("churn", displayName="Other"), id="the name of another model"),
    ],
)
def test_a_model_of_kubectl_keeps_its_name(here: Stage, body: dict[str, Any]) -> None:
    here.cluster.put(body)
    here.renew()

    assert refusal(here).code is Code.DUPLICATE_MODEL_NAME
    assert len(here.left["models"]) == 1


def test_a_model_that_this_replica_has_not_heard_of_counts_too(here: Stage) -> None:
    here.cluster.put(a_model_body("churn"))

    assert refusal(here).code is Code.DUPLICATE_MODEL_NAME


@pytest.mark.parametrize(
    ("said", "named"),
    [
        pytest.param({"engine_type": EngineType.PMML}, "engineType", id="another engine type"),
        pytest.param({"schema": {"inputs": []}}, "schema", id="another schema"),
    ],
)
def test_the_same_bytes_with_other_words_are_refused(
    here: Stage, said: dict[str, Any], named: str
) -> None:
    model = here.run().model

    found = refusal(here, here.wanted(**said), model)

    assert found.code is Code.CONFLICT
    assert named in found.message


# What goes wrong is undone


def test_a_refused_model_leaves_nothing_and_says_why(here: Stage) -> None:
    here.inspection.verdict = "ModelUnsafe"

    found = refusal(here)

    assert found.code is Code.MODEL_REFUSED
    assert found.errors == ({"reason": "ModelUnsafe", "message": "the file is odd"},)
    assert here.left == NOTHING


def test_a_refused_version_leaves_its_model_as_it_was(here: Stage) -> None:
    model = here.run().model
    before = here.left
    here.inspection.verdict = "ModelInvalid"

    found = refusal(here, here.wanted(OTHER), model)

    assert found.code is Code.MODEL_REFUSED
    assert here.left == before


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_registry_that_fails_for_good_leaves_nothing(here: Stage, method: str) -> None:
    here.store.before = lambda call: Reply(500) if call.method == method else None

    found = refusal(here)

    assert found.code is Code.UNAVAILABLE
    assert "Retry-After" in found.headers
    assert here.left == NOTHING


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply(500), id="an error of its own"),
        pytest.param(Reply(404), id="it has forgotten the upload"),
        pytest.param(Reply(429), id="it is busy"),
        pytest.param(Reply(200, b"x" * 10, cut_at=0), id="no whole answer"),
    ],
)
def test_a_registry_that_fails_once_is_asked_again(here: Stage, reply: Reply) -> None:
    left = [reply]
    here.store.before = lambda call: left.pop() if call.method == "PUT" and left else None

    assert here.run().made


def test_a_version_deleted_by_somebody_else_is_told_and_leaves_nothing(here: Stage) -> None:
    here.inspection.meanwhile = lambda: here.cluster.remove(names.MODEL_VERSION, f"churn-{SHA[:8]}")

    found = refusal(here)

    assert found.code is Code.CONFLICT
    assert here.left == NOTHING


def test_a_version_deleted_while_its_bytes_come_leaves_nothing(here: Stage) -> None:
    def delete(call: Call) -> None:
        if call.method == "PUT" and here.cluster.find(names.MODEL_VERSION, f"churn-{SHA[:8]}"):
            here.cluster.remove(names.MODEL_VERSION, f"churn-{SHA[:8]}")

    here.store.before = delete

    assert refusal(here).code is Code.CONFLICT
    assert here.left == NOTHING


def test_what_cannot_be_undone_does_not_hide_why(here: Stage) -> None:
    here.inspection.verdict = "ModelUnsafe"
    here.store.deletes = False

    found = refusal(here)

    assert found.code is Code.MODEL_REFUSED
    assert here.left["versions"] == []


def test_a_cancelled_wait_leaves_a_whole_version_to_its_inspection(here: Stage) -> None:
    async def run() -> None:
        reached = asyncio.Event()

        async def forever() -> None:
            reached.set()
            await asyncio.sleep(60)

        here.inspection.meanwhile = forever
        task = asyncio.create_task(here.importing())
        await reached.wait()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    asyncio.run(run())

    assert [len(one) for one in here.left.values()] == [1, 1, 1]
    assert names.ANNOTATION_PAUSED not in notes(here.cluster.all(names.MODEL_VERSION)[0])


def test_a_cancelled_push_ends_and_is_undone(here: Stage) -> None:
    async def run() -> None:
        loop, reached = asyncio.get_running_loop(), asyncio.Event()

        def tell(call: Call) -> Reply | None:
            if call.method != "PUT":
                return None
            loop.call_soon_threadsafe(reached.set)
            return Reply(503)

        here.store.before = tell
        task = asyncio.create_task(here.importing())
        await reached.wait()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        assert task.cancelled()

    asyncio.run(run())

    assert here.left == NOTHING
