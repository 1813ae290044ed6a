"""`mlz fetch`, `mlz inspect` and `mlz push`, as the command line runs them."""

import hashlib
import json
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlz.cli import main
from mlz.errors import Reason
from mlz.model import report
from mlz.model.asset import EngineType
from mlz.model.schema import Schema
from mlz.settings import FetchSettings
from mlz.store.fetch import prepare_local
from unit.store.assets import packed, served
from unit.store.servers import Call, FakeRegistry, LocalServer, Reply
from zoo.models import Zoo

DEADLINE = 20.0


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
