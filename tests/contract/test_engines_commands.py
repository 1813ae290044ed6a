"""`mlz serve` and `mlz engine` as users and pods start them."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from onnx import TensorProto, helper

from mlz.errors import Reason
from mlz.model.asset import Inspection
from mlz.model.report import from_message
from mlz.store.fetch import prepare_local
from unit.scoring.kit import DEADLINE, ask
from zoo.fixtures import zoo
from zoo.models import Zoo

__all__ = ["zoo"]


@contextmanager
def mlz(*words: object, **environment: object) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "mlz", *map(str, words)],
        env=os.environ | {f"MLZ_{k.upper()}": str(v) for k, v in environment.items()},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def test_serve_inspects_a_file_and_says_where_it_answers(zoo: Zoo) -> None:
    with mlz("serve", zoo.credit_xgboost.path, "--port", 0) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.fullmatch(
            r"serving credit at http://127\.0\.0\.1:(\d+)(/iml/v2/scoring/online/credit)\n", line
        )
        assert found, line
        answer = ask(int(found[1]), found[2], zoo.records)
        process.send_signal(signal.SIGINT)

        assert process.wait(DEADLINE) == 0
        assert process.stdout.read() == ""

    assert [one["probability"][0] for one in answer.json] == pytest.approx(
        [one[0] for one in zoo.credit_xgboost.answers], abs=1e-6
    )


def test_serve_takes_a_name_and_refuses_a_port_that_is_taken(zoo: Zoo) -> None:
    with mlz("serve", zoo.credit_xgboost.path, "--port", 0, "--name", "a b") as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        port = int(line.split(":")[2].split("/")[0])
        assert line.endswith("/online/a%20b\n")
        assert ask(port, "/iml/v2/scoring/online/a%20b", zoo.records[:1]).status == 200

        with mlz("serve", zoo.credit_xgboost.path, "--port", port) as second:
            _, errors = second.communicate(timeout=60)

        assert second.returncode == 3
        assert f"port {port}" in errors
        assert len(errors.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        pytest.param(["nothing.onnx"], "AssetNotFound", id="no such file"),
        pytest.param(["text.onnx"], "ModelInvalid", id="no model"),
        pytest.param(
            ["text.onnx", "--engine-type", "pmml"], "ModelInvalid", id="not of the type given"
        ),
    ],
)
def test_serve_refuses_in_one_line(words: list[str], reason: str, tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("no model")

    with mlz("serve", tmp_path / words[0], *words[1:], "--port", 0) as process:
        output, errors = process.communicate(timeout=60)

    assert (process.returncode, output) == (3, "")
    assert errors.startswith(f"mlz serve: {reason}: ")
    assert len(errors.splitlines()) == 1


def endless() -> bytes:
    """A model whose loop never ends."""
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["go_on"]),
            helper.make_node("Identity", ["value"], ["same"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("round", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("value", TensorProto.FLOAT, [None, 1]),
        ],
        [
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("same", TensorProto.FLOAT, [None, 1]),
        ],
    )
    always = helper.make_node(
        "Constant", [], ["true"], value=helper.make_tensor("t", TensorProto.BOOL, [], [True])
    )
    loop = helper.make_node("Loop", ["", "true", "x"], ["y"], body=body)
    graph = helper.make_graph(
        [always, loop],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    raw: bytes = model.SerializeToString()
    return raw


def last_words(folder: Path, **settings: object) -> Inspection:
    """What an engine says that gives up on the asset in ``folder/prepared``."""
    words = folder / "termination-log"
    with mlz(
        "engine",
        model_folder=folder / "prepared",
        termination_log=words,
        host="127.0.0.1",
        port=0,
        **settings,
    ) as process:
        assert process.wait(60) == 1
    outcome = from_message(words.read_text())
    assert outcome is not None
    return outcome


def test_an_engine_whose_first_score_never_ends_gives_up_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(endless())
    prepare_local(tmp_path / "model.onnx", tmp_path / "prepared")

    outcome = last_words(tmp_path, warm_up_timeout_seconds=0.2)

    assert outcome.reason is Reason.WARM_UP_FAILED
    assert not outcome.retryable


def test_an_engine_that_asks_for_an_accelerator_never_falls_back_to_the_cpu(
    zoo: Zoo, tmp_path: Path
) -> None:
    prepare_local(zoo.magika.path, tmp_path / "prepared")

    outcome = last_words(tmp_path, provider="telum2")

    assert outcome.reason is Reason.ACCELERATOR_UNAVAILABLE
