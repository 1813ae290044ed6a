"""From a URI or a file to a model folder, whole; and the commands around it."""

import hashlib
import io
import json
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlz.cli import main
from mlz.errors import MlzError, Reason, RejectedError
from mlz.model import report
from mlz.model.asset import Asset, EngineType
from mlz.model.schema import Schema
from mlz.settings import FetchSettings
from mlz.store.download import Pace
from mlz.store.fetch import fetch_asset, prepare_local
from unit.store.servers import Call, FakeRegistry, LocalServer, Reply
from zoo.models import Zoo

PACE = Pace(2, 60, lambda _seconds: None)
DEADLINE = 20.0
GOOD_SCHEMA = {"inputs": [{"name": "bytes", "range": [{"min": 0, "max": 256}]}]}


def packed(model: Path, **companions: str) -> bytes:
    """A tar.gz of a model and its companions (``schema`` and ``sample``)."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        tar.add(model, model.name)
        for name, text in companions.items():
            info = tarfile.TarInfo(f"{name}.json")
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
    return archive.getvalue()


def served(server: LocalServer, content: bytes, folder: Path, **more: Any) -> FetchSettings:
    server.script(Reply(200, content))
    values = {
        "asset_uri": f"{server.url}/m.onnx",
        "asset_sha256": hashlib.sha256(content).hexdigest(),
        "model_folder": str(folder / "model"),
        "credentials_folder": str(folder / "none"),
        "allow_loopback": True,
    }
    return FetchSettings(**(values | more))


def test_a_fetched_folder_is_what_an_engine_wants(
    zoo: Zoo, server: LocalServer, tmp_path: Path
) -> None:
    content = zoo.magika.path.read_bytes()
    settings = served(server, content, tmp_path, engine_type=EngineType.ONNX)

    asset = fetch_asset(settings, PACE)

    folder = tmp_path / "model"
    assert Asset.model_validate_json((folder / "asset.json").read_bytes()) == asset
    assert (folder / asset.model_file).read_bytes() == content
    assert asset.digest == f"sha256:{settings.asset_sha256}"
    assert asset.size_bytes == len(content)
    assert sorted(p.name for p in folder.iterdir()) == ["asset.json", "content", "origin.json"]


def test_doing_it_again_asks_nobody(zoo: Zoo, server: LocalServer, tmp_path: Path) -> None:
    settings = served(server, zoo.speech.path.read_bytes(), tmp_path)
    first = fetch_asset(settings, PACE)

    again = fetch_asset(settings, PACE)

    assert again == first
    assert len(server.calls) == 1


def test_doing_it_again_by_manifest_asks_nobody(
    zoo: Zoo, server: LocalServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    FakeRegistry(server)
    arguments = ["--credentials", str(tmp_path), "--name", "speech"]
    assert main(["push", str(zoo.speech.path), f"oci://{server.host}/demo/m", *arguments]) == 0
    uri = capsys.readouterr().out.strip()
    settings = FetchSettings(
        asset_uri=uri, model_folder=str(tmp_path / "model"), allow_loopback=True
    )
    first = fetch_asset(settings, PACE)
    asked = len(server.calls)

    assert fetch_asset(settings, PACE) == first
    assert len(server.calls) == asked


def test_leftovers_of_another_asset_do_not_count(
    zoo: Zoo, server: LocalServer, tmp_path: Path
) -> None:
    fetch_asset(served(server, zoo.speech.path.read_bytes(), tmp_path), PACE)

    asset = fetch_asset(
        served(server, packed(zoo.magika.path), tmp_path, asset_uri=f"{server.url}/a.tgz"), PACE
    )

    assert asset.model_file == "content/magika.onnx"
    assert [p.name for p in (tmp_path / "model" / "content").iterdir()] == ["magika.onnx"]


def test_a_refused_asset_leaves_no_asset_json(server: LocalServer, tmp_path: Path) -> None:
    with pytest.raises(RejectedError):
        fetch_asset(served(server, b"no model", tmp_path), PACE)

    assert not (tmp_path / "model" / "asset.json").exists()


def test_companions_of_an_archive_are_used(zoo: Zoo, server: LocalServer, tmp_path: Path) -> None:
    content = packed(zoo.magika.path, schema=json.dumps(GOOD_SCHEMA), sample='[{"bytes": [1]}]')

    asset = fetch_asset(served(server, content, tmp_path), PACE)

    assert asset.sample_file == "content/sample.json"
    assert (asset.model_schema.inputs or ())[0].range is not None
    assert asset.digest == f"sha256:{hashlib.sha256(content).hexdigest()}"


def test_a_declared_schema_beats_the_archive_s(
    zoo: Zoo, server: LocalServer, tmp_path: Path
) -> None:
    content = packed(zoo.magika.path, schema="nonsense")

    asset = fetch_asset(
        served(server, content, tmp_path, declared_schema=json.dumps(GOOD_SCHEMA)), PACE
    )

    assert (asset.model_schema.inputs or ())[0].range is not None


@pytest.mark.parametrize(
    ("companions", "reason"),
    [
        ({"schema": "nonsense"}, Reason.ARCHIVE_INVALID),
        ({"schema": '{"inputs": [{"name": "b"}]}'}, Reason.SCHEMA_DECLARATION_MISMATCH),
        ({"sample": "nonsense"}, Reason.ARCHIVE_INVALID),
        ({"sample": "{}"}, Reason.ARCHIVE_INVALID),
        ({"sample": "[]"}, Reason.ARCHIVE_INVALID),
        ({"sample": "[1]"}, Reason.ARCHIVE_INVALID),
        ({"sample": '[{"a": NaN}]'}, Reason.ARCHIVE_INVALID),
        ({"sample": "[" * 100_000}, Reason.ARCHIVE_INVALID),
        ({"sample": "[" * 40 + "]" * 40}, Reason.ARCHIVE_INVALID),
    ],
)
def test_bad_companions_are_refused(
    zoo: Zoo, server: LocalServer, tmp_path: Path, companions: dict[str, str], reason: Reason
) -> None:
    content = packed(zoo.magika.path, **companions)

    with pytest.raises(RejectedError) as caught:
        fetch_asset(served(server, content, tmp_path), PACE)

    assert caught.value.reason is reason


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"asset_sha256": "ABC"}, id="no digest"),
        pytest.param({"asset_sha256": None}, id="not pinned"),
        pytest.param({"declared_schema": "nonsense"}, id="no schema"),
        pytest.param({"asset_uri": "model.onnx"}, id="no URI"),
    ],
)
def test_wrong_settings_are_the_spec_s_fault(
    zoo: Zoo, server: LocalServer, tmp_path: Path, values: dict[str, Any]
) -> None:
    settings = served(server, zoo.speech.path.read_bytes(), tmp_path, **values)

    with pytest.raises(RejectedError) as caught:
        fetch_asset(settings, PACE)

    assert caught.value.reason is Reason.INVALID_SPEC


def test_an_asset_on_a_volume(zoo: Zoo, tmp_path: Path) -> None:
    (tmp_path / "claims" / "models").mkdir(parents=True)
    shutil.copy(zoo.speech.path, tmp_path / "claims" / "models" / "m.onnx")
    settings = FetchSettings(
        asset_uri="pvc://models/m.onnx",
        asset_sha256=hashlib.sha256(zoo.speech.path.read_bytes()).hexdigest(),
        claims_folder=str(tmp_path / "claims"),
        model_folder=str(tmp_path / "model"),
    )

    assert fetch_asset(settings, PACE).model_file == "content/m.onnx"


def test_the_zoo_is_prepared_for_a_developer(zoo: Zoo, tmp_path: Path) -> None:
    for model in (zoo.magika, zoo.credit_xgboost, zoo.credit_pmml):
        asset = prepare_local(model.path, tmp_path / model.path.stem)

        assert (tmp_path / model.path.stem / asset.model_file).stat().st_size == asset.size_bytes


def test_a_local_archive_is_unpacked(zoo: Zoo, tmp_path: Path) -> None:
    (tmp_path / "churn.tar.gz").write_bytes(packed(zoo.magika.path))

    asset = prepare_local(tmp_path / "churn.tar.gz", tmp_path / "model", EngineType.ONNX)

    assert asset.model_file == "content/magika.onnx"


def test_a_local_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MlzError) as caught:
        prepare_local(tmp_path / "nothing", tmp_path / "model")

    assert caught.value.reason is Reason.ASSET_NOT_FOUND


class Pod:
    """The environment of `mlz fetch`."""

    def __init__(self, settings: FetchSettings, monkeypatch: pytest.MonkeyPatch, folder: Path):
        self.message = folder / "termination-log"
        given = settings.model_dump(mode="json", exclude_none=True)
        given |= {"termination_log": str(self.message), "max_attempts": 1}
        for name, value in given.items():
            monkeypatch.setenv(f"MLZ_{name.upper()}", str(value))

    def outcome(self) -> Any:
        return report.from_message(self.message.read_text())


def test_fetch_leaves_what_it_found_in_the_termination_message(
    zoo: Zoo, server: LocalServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pod = Pod(served(server, zoo.magika.path.read_bytes(), tmp_path), monkeypatch, tmp_path)

    assert main(["fetch"]) == 0

    outcome = pod.outcome()
    assert outcome.accepted
    assert outcome.engine_type is EngineType.ONNX
    assert outcome.model_schema.digest() == outcome.schema_digest


@pytest.mark.parametrize(
    ("reply", "status", "reason"),
    [
        (Reply(404), 1, Reason.ASSET_NOT_FOUND),
        (Reply(200, b"other"), 1, Reason.DIGEST_MISMATCH),
        (Reply(503), 75, Reason.STORE_UNREACHABLE),
    ],
)
def test_fetch_says_why_not(
    *,
    server: LocalServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    reply: Reply,
    status: int,
    reason: Reason,
) -> None:
    pod = Pod(served(server, b"x", tmp_path), monkeypatch, tmp_path)
    server.script(reply)

    assert main(["fetch"]) == status

    outcome = pod.outcome()
    assert outcome.reason is reason
    assert outcome.retryable is (status == 75)
    assert server.url in outcome.message


def test_fetch_tells_bad_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: LocalServer
) -> None:
    pod = Pod(served(server, b"x", tmp_path), monkeypatch, tmp_path)
    monkeypatch.setenv("MLZ_MAX_ATTEMPTS", "many")

    assert main(["fetch"]) == 1

    assert pod.outcome().reason is Reason.INVALID_SPEC


def test_a_bug_of_ours_leaves_no_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: LocalServer
) -> None:
    settings = served(server, b"x", tmp_path, model_folder=str(tmp_path / "file"))
    (tmp_path / "file").write_text("a file where the folder should be")
    pod = Pod(settings, monkeypatch, tmp_path)

    assert main(["fetch"]) == 2

    assert not pod.message.exists()


def test_a_pod_that_is_deleted_meanwhile_goes_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: LocalServer
) -> None:
    pod = Pod(served(server, b"x", tmp_path), monkeypatch, tmp_path)
    asked, ended = threading.Event(), threading.Event()

    def say_nothing(_call: Call) -> Reply:
        asked.set()
        ended.wait(DEADLINE)
        return Reply(404)

    server.answer = say_nothing
    with subprocess.Popen([sys.executable, "-m", "mlz", "fetch"]) as process:
        assert asked.wait(DEADLINE)
        process.terminate()

        assert process.wait(DEADLINE) == 128 + signal.SIGTERM
        ended.set()

    assert not pod.message.exists()


def test_a_schema_that_finds_no_room_goes_to_the_log(
    server: LocalServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    from onnx import TensorProto, helper

    names = [hashlib.sha256(str(i).encode()).hexdigest() for i in range(300)]
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None]) for name in names]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None])
    node = helper.make_node("Sum", names, ["y"])
    wide = helper.make_model(helper.make_graph([node], "g", inputs, [output]))
    pod = Pod(served(server, wide.SerializeToString(), tmp_path), monkeypatch, tmp_path)

    assert main(["fetch"]) == 0

    outcome = pod.outcome()
    assert outcome.model_schema is None
    schema = report.from_log(capsys.readouterr().out, outcome.schema_digest)
    assert isinstance(schema, Schema)
    assert len(schema.inputs or ()) == 300


def test_inspect_prints_the_schema_document(
    zoo: Zoo, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    wanted = prepare_local(zoo.magika.path, tmp_path).model_schema.to_document()

    assert main(["inspect", str(zoo.magika.path), "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == wanted
    assert main(["inspect", str(zoo.magika.path), "-o", "yaml"]) == 0
    assert yaml.safe_load(capsys.readouterr().out) == wanted


def test_inspect_prints_a_table(zoo: Zoo, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(zoo.credit_pmml.path)]) == 0

    text = capsys.readouterr().out
    assert "engine type  pmml" in text
    assert 'classes      "bad", "good"' in text
    assert "[4.0, 72.0]" in text


def test_inspect_reads_a_uri(
    zoo: Zoo, server: LocalServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.script(Reply(200, zoo.magika.path.read_bytes()))

    assert main(["inspect", f"{server.url}/m.onnx"]) == 0

    assert "int32[?, 2048]" in capsys.readouterr().out


def test_inspect_refuses_with_one_line(zoo: Zoo, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(zoo.magika.path), "--engine-type", "pmml"]) == 3

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("mlz inspect: EngineTypeMismatch: ")
    assert captured.err.count("\n") == 1


def test_push_prints_what_a_spec_needs(
    zoo: Zoo, server: LocalServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    registry = FakeRegistry(server)
    content = packed(zoo.magika.path)
    (tmp_path / "churn.tar.gz").write_bytes(content)
    target = f"oci://{server.host}/demo/churn:v1"

    assert main(["push", str(tmp_path / "churn.tar.gz"), target, "-o", "json",
                 "--credentials", str(tmp_path / "none")]) == 0  # fmt: skip

    found = json.loads(capsys.readouterr().out)
    manifest = json.loads(registry.manifests["v1"])
    config = json.loads(registry.blobs[manifest["config"]["digest"]])
    assert found["uri"] == f"oci://{server.host}/demo/churn@{found['manifestDigest']}"
    assert found["sha256"] == hashlib.sha256(content).hexdigest()
    assert found["sizeBytes"] == len(content)
    assert manifest["layers"][0]["mediaType"].endswith("tar+gzip")
    assert config["modelfs"]["diffIds"] != [f"sha256:{found['sha256']}"]


def test_push_refuses_what_could_not_be_served(
    server: LocalServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "m.onnx").write_bytes(b"no model")

    assert main(["push", str(tmp_path / "m.onnx"), f"oci://{server.host}/demo/m"]) == 3

    assert "ModelInvalid" in capsys.readouterr().err
    assert server.calls == []
