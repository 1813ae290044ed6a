"""`mlz diff`: what it reads, what it prints, and how it ends."""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from builders import a_deployment_body, a_schema, a_status, a_version_body, an_active_asset
from fakes.apiserver import FakeApiServer
from mlz.cli import main
from mlz.cli.diff import Place, configure, diff
from mlz.cluster.client import ApiOutageError
from mlz.model.schema import FieldType, Schema
from zoo.small import Graph, Predictor, Regression, Tensor, save

AGE = Tensor("age", FieldType.FLOAT, (None, 1))
INCOME = Tensor("income", FieldType.FLOAT, (None, 1))
OUTPUT = Tensor("p", FieldType.FLOAT, (None, 1))


@pytest.fixture
def model(tmp_path: Path) -> Callable[..., str]:
    """Save a graph of the given inputs; the path of the file."""

    def make(name: str, *inputs: Tensor) -> str:
        folder = tmp_path / name
        folder.mkdir()
        return str(save(Graph(inputs, (OUTPUT,)), folder))

    return make


@pytest.fixture
def server() -> FakeApiServer:
    """Deployment ``churn`` serves version ``churn-v1``; ``churn-v2`` has a feature more."""
    made = FakeApiServer()
    made.put(a_version_body("churn-v1", {"schema": a_schema(2).to_document()}))
    made.put(a_version_body("churn-v2", {"schema": a_schema(3).to_document()}))
    made.put(a_version_body("churn-v3"))
    made.put(a_deployment_body("churn", a_status("ACTIVE", active=an_active_asset())))
    made.put(a_deployment_body("fresh", a_status("INITIALIZING")))
    return made


def diff_in(server: FakeApiServer, *words: str) -> int:
    parser = argparse.ArgumentParser()
    configure(parser)
    arguments = parser.parse_args(words)
    namespace = arguments.namespace or "models"
    return diff(arguments, lambda _: Place(server, namespace))


def test_a_match_ends_with_0(model: Callable[..., str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", model("old", AGE, INCOME), model("new", AGE)]) == 0

    captured = capsys.readouterr()
    assert "verdict  Compatible: callers of the old asset do not notice" in captured.out
    assert captured.err == ""


def test_the_same_asset_is_identical(
    model: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    path = model("old", AGE)

    assert main(["diff", path, path]) == 0

    assert capsys.readouterr().out.splitlines() == [
        f"old      {path} (onnx)",
        f"new      {path} (onnx)",
        "verdict  Identical: nothing differs",
    ]


def test_no_match_ends_with_1_and_says_why(
    model: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["diff", model("old", AGE), model("new", AGE, INCOME)]) == 1

    assert capsys.readouterr().out.splitlines()[-2:] == [
        "VERDICT       PATH           KIND                OLD  NEW    MEANING",
        "Incompatible  inputs.income  RequiredFieldAdded  -    float  "
        "A field was added that every record must have.",
    ]


@pytest.mark.parametrize(
    ("form", "read"),
    [pytest.param("json", json.loads, id="json"), pytest.param("yaml", yaml.safe_load, id="yaml")],
)
def test_the_document_has_verdict_changes_and_digest(
    form: str,
    read: Callable[[str], Any],
    model: Callable[..., str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["diff", model("old", AGE), model("new", AGE, INCOME), "-o", form]) == 1

    document = read(capsys.readouterr().out)
    assert document["verdict"] == "Incompatible"
    assert document["changes"] == [
        {"path": "inputs.income", "kind": "RequiredFieldAdded", "new": "float"}
    ]
    assert document["diffDigest"].startswith("sha256:")


def test_engine_types_are_compared_too(
    model: Callable[..., str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pmml = save(Regression((Predictor("age", "double"),)), tmp_path)

    assert main(["diff", str(pmml), model("new", AGE)]) == 1

    lines = capsys.readouterr().out.splitlines()
    assert any(line.split()[1:3] == ["engineType", "RecordFormChanged"] for line in lines)


# Schema documents


def test_a_printed_schema_stands_for_its_asset(
    model: Callable[..., str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = model("old", AGE)
    assert main(["inspect", path, "-o", "json"]) == 0
    document = tmp_path / "contract.json"
    document.write_text(capsys.readouterr().out)

    assert main(["diff", str(document), path, "--engine-type", "onnx"]) == 0


def test_a_schema_document_does_not_say_its_engine_type(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = tmp_path / "schema.json"
    document.write_text("{}")

    assert main(["diff", str(document), str(document)]) == 3

    assert "say whose with --engine-type" in capsys.readouterr().err


def test_a_schema_that_says_nothing_is_unknown(tmp_path: Path) -> None:
    document = tmp_path / "schema.json"
    document.write_text("{}")

    assert main(["diff", str(document), str(document), "--engine-type", "pmml"]) == 2


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param('{"inputs": [{"type": "float"}]}', "InvalidSpec", id="a field without a name"),
        pytest.param('{"learner": {}}', "ModelInvalid", id="JSON that is a model's, and broken"),
        pytest.param("{", "ModelInvalid", id="broken JSON"),
        pytest.param("", "ModelInvalid", id="an empty file"),
    ],
)
def test_what_is_refused_ends_with_3(
    content: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "some.json"
    path.write_text(content)

    assert main(["diff", str(path), str(path), "--engine-type", "onnx"]) == 3

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"mlz diff: {reason}: ")
    assert captured.err.count("\n") == 1


def test_a_file_that_is_not_there_ends_with_3(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", "nowhere.onnx", "nowhere.onnx"]) == 3

    assert capsys.readouterr().err.startswith("mlz diff: AssetNotFound: ")


# A cluster


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        pytest.param("mlzv/churn-v1", "mlzv/churn-v1", 0, id="versions"),
        pytest.param("modelversion/churn-v1", "mlzmodelversion/churn-v2", 1, id="by other names"),
        pytest.param("deployment/churn", "mlzv/churn-v2", 1, id="a deployment's asset"),
        pytest.param("mlzd/churn", "mlzdeployment/churn", 0, id="by the deployment's other names"),
        pytest.param("deployment/churn", "mlzv/churn-v3", 2, id="a version not inspected yet"),
        pytest.param("deployment/fresh", "mlzv/churn-v1", 3, id="a deployment that serves nothing"),
        pytest.param("deployment/other", "mlzv/churn-v1", 3, id="no such deployment"),
        pytest.param("mlzv/churn-v1", "mlzv/other", 3, id="no such version"),
    ],
)
def test_a_side_may_be_in_a_cluster(old: str, new: str, status: int, server: FakeApiServer) -> None:
    assert diff_in(server, old, new) == status


def test_a_file_is_compared_with_what_a_deployment_serves(
    server: FakeApiServer, model: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    features = [Tensor(f"feature_{n}", FieldType.DOUBLE, (None, 1)) for n in range(2)]

    assert diff_in(server, "deployment/churn", model("new", *features), "-o", "json") == 1

    changes = json.loads(capsys.readouterr().out)["changes"]
    assert [(one["path"], one["kind"]) for one in changes] == [
        ("inputs.feature_0", "TypeWidened"),
        ("inputs.feature_1", "TypeWidened"),
        ("outputs.label", "OutputDropped"),
        ("outputs.p", "OutputAdded"),
    ]


def test_what_is_missing_in_a_cluster_is_named(
    server: FakeApiServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert diff_in(server, "mlzv/churn-v1", "mlzv/churn-v1", "-n", "elsewhere") == 3
    assert diff_in(server, "mlzd/fresh", "mlzv/churn-v1") == 3

    assert capsys.readouterr().err.splitlines() == [
        "mlz diff: there is no MLzModelVersion churn-v1 in namespace elsewhere",
        "mlz diff: deployment/fresh serves no asset (state INITIALIZING)",
    ]


def test_an_api_server_that_does_not_answer_is_one_line(
    server: FakeApiServer, capsys: pytest.CaptureFixture[str]
) -> None:
    def away(_: object) -> None:
        raise ApiOutageError(0, "nobody is there")

    server.before = away

    assert diff_in(server, "mlzv/churn-v1", "mlzv/churn-v2") == 3

    assert capsys.readouterr().err == "mlz diff: MLzModelVersion churn-v1: 0: nobody is there\n"


def test_without_a_kubeconfig_there_is_no_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        "kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "none")
    )

    assert main(["diff", "mlzv/a", "mlzv/b"]) == 3

    assert capsys.readouterr().err.startswith("mlz diff: no cluster to read from: ")


def test_files_need_no_kubernetes_client_and_a_cluster_names_what_is_missing(
    model: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = model("old", AGE)
    for name in list(sys.modules):
        if name.split(".")[0] == "kubernetes" or name.startswith("mlz.c"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "kubernetes", None)

    assert main(["diff", path, path]) == 0
    assert main(["diff", path, "deployment/churn"]) == 3

    assert "needs the extra 'operator'" in capsys.readouterr().err


def test_the_table_shows_nothing_that_moves_a_cursor(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    for path, name in ((old, "age"), (new, "\x1b[2J")):
        schema = Schema.model_validate({"inputs": [{"name": name}], "outputs": []})
        path.write_text(json.dumps(schema.to_document()))

    assert main(["diff", str(old), str(new), "--engine-type", "pmml"]) == 1

    text = capsys.readouterr().out
    assert "inputs['\\x1b[2J']" in text
    assert "\x1b" not in text
