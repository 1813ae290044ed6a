"""Engine type onnx: models that are not loaded, and records that the library refuses."""

import json
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from contract.graphs import FLOAT, INT64, STRING, graph, score, tensor, value
from mlz.errors import MlzError, Reason
from mlz.model.asset import Asset, EngineType
from mlz.model.schema import Schema
from mlz.scoring.engines.base import LoadOptions, ScoreError
from mlz.scoring.machine import Machine
from mlz.scoring.problems import FaultKind, RequestError
from mlz.scoring.runtime import load_engine, load_model, warmed_up
from mlz.scoring.scorer import Job, Scored, Scorer
from mlz.store.fetch import prepare_local
from unit.scoring.kit import an_asset, some_settings


def strict_in_one_column() -> bytes:
    """A model that knows one word in the first of two columns, which its schema cannot say."""
    nodes = [
        helper.make_node("Constant", [], ["i"], value_ints=[0]),
        helper.make_node("ArrayFeatureExtractor", ["x", "i"], ["city"], domain="ai.onnx.ml"),
        helper.make_node(
            "OneHotEncoder", ["city"], ["y"], domain="ai.onnx.ml", zeros=0, cats_strings=["rome"]
        ),
    ]
    return graph(nodes, [value("x", STRING, [None, 2])], [value("y", FLOAT, [None, 1, 1])])


def test_what_the_library_refuses_is_its_own_error(tmp_path: Path) -> None:
    with pytest.raises(ScoreError, match="Unknown Category"):
        score(strict_in_one_column(), [{"x": ["paris", "rome"]}], tmp_path)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        pytest.param(b"abc", Reason.MODEL_LOAD_FAILED, id="no model"),
        pytest.param(
            graph(
                [helper.make_node("Identity", ["x"], ["y"])],
                [value("x", FLOAT, [None])],
                [value("y", FLOAT, [None])],
                opset=99,
            ),
            Reason.FRAMEWORK_VERSION_UNSUPPORTED,
            id="an opset to come",
        ),
        pytest.param(
            graph(
                [helper.make_node("Identity", ["x"], ["y"])],
                [value("x", FLOAT, [None])],
                [value("y", FLOAT, [None])],
                ir=99,
            ),
            Reason.FRAMEWORK_VERSION_UNSUPPORTED,
            id="a file format to come",
        ),
        pytest.param(
            graph(
                [helper.make_node("Nothing", ["x"], ["y"])],
                [value("x", FLOAT, [None])],
                [value("y", FLOAT, [None])],
            ),
            Reason.MODEL_LOAD_FAILED,
            id="an operation that nobody knows",
        ),
        pytest.param(
            graph(
                [helper.make_node("Identity", ["z"], ["y"])],
                [value("z", FLOAT, [None])],
                [value("y", FLOAT, [None])],
            ),
            Reason.MODEL_LOAD_FAILED,
            id="another model than the schema's",
        ),
    ],
)
def test_what_cannot_be_loaded_is_refused(raw: bytes, reason: Reason, tmp_path: Path) -> None:
    (tmp_path / "content").mkdir()
    (tmp_path / "content" / "model").write_bytes(raw)

    with pytest.raises(MlzError) as refused:
        load_engine(tmp_path, an_asset(engine_type=EngineType.ONNX), LoadOptions())

    assert refused.value.reason is reason


def strict(kind: int, **categories: object) -> bytes:
    """A model that fails on what its encoder does not know, as skl2onnx writes it by default."""
    encoder = helper.make_node(
        "OneHotEncoder", ["city"], ["y"], domain="ai.onnx.ml", zeros=0, **categories
    )
    return graph([encoder], [value("city", kind, [None, 1])], [value("y", FLOAT, [None, 1, 2])])


@pytest.mark.parametrize(
    ("raw", "known", "unknown"),
    [
        pytest.param(strict(STRING, cats_strings=["berlin", "rome"]), "rome", "paris", id="text"),
        pytest.param(strict(INT64, cats_int64s=[10, 20]), 20, 30, id="numbers"),
    ],
)
def test_a_strict_encoder_s_categories_are_part_of_the_contract(
    raw: bytes, known: object, unknown: object, tmp_path: Path
) -> None:
    (tmp_path / "model.onnx").write_bytes(raw)
    prepare_local(tmp_path / "model.onnx", tmp_path / "prepared")
    settings = some_settings(model_folder=str(tmp_path / "prepared"))

    runtime = warmed_up(load_model(settings, Machine()))
    good, bad = Scorer(runtime.engine).run(
        [
            Job(runtime.records, json.dumps([{"city": word}]).encode(), lambda _: None)
            for word in (known, unknown)
        ]
    )

    assert isinstance(good, Scored)
    assert json.loads(good.body) == [{"y": tensor([1, 2], [0.0, 1.0])}]
    assert isinstance(bad, RequestError)
    assert [(one.fault, one.field, one.path) for one in bad.faults] == [
        (FaultKind.CATEGORY, "city", "$[0].city")
    ]


def test_words_that_cannot_be_known_are_asked_for(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(strict_in_one_column())
    prepare_local(tmp_path / "model.onnx", tmp_path / "prepared")
    settings = some_settings(model_folder=str(tmp_path / "prepared"))

    with pytest.raises(MlzError) as refused:
        warmed_up(load_model(settings, Machine()))

    assert refused.value.reason is Reason.WARM_UP_FAILED
    assert "whose text in 'x' is made up" in refused.value.message
    assert "put a sample.json" in refused.value.message


@pytest.mark.parametrize(
    ("nodes", "kind"),
    [
        pytest.param([helper.make_node("Log", ["x"], ["y"])], FLOAT, id="a logarithm"),
        pytest.param([helper.make_node("Acosh", ["x"], ["y"])], FLOAT, id="nothing below one"),
        pytest.param([helper.make_node("Atanh", ["x"], ["y"])], FLOAT, id="below one only"),
        pytest.param([helper.make_node("Mod", ["x", "x"], ["y"])], INT64, id="a divisor"),
        pytest.param(
            [
                helper.make_node("Constant", [], ["words"], value_ints=[7, 8]),
                helper.make_node("Gather", ["words", "x"], ["y"]),
            ],
            INT64,
            id="places in a list of two",
        ),
    ],
)
@pytest.mark.parametrize("width", [1, None], ids=["one number", "any"])
def test_a_model_that_takes_certain_numbers_only_becomes_ready(
    nodes: list[object], kind: int, width: int | None, tmp_path: Path
) -> None:
    raw = graph(nodes, [value("x", kind, [None, width])], [value("y", kind, [None, width])])
    (tmp_path / "model.onnx").write_bytes(raw)
    prepare_local(tmp_path / "model.onnx", tmp_path / "prepared")

    loaded = load_model(some_settings(model_folder=str(tmp_path / "prepared")), Machine())

    assert warmed_up(loaded).seconds_a_record > 0


def test_outside_data_is_never_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(np.zeros(2, np.float32).tobytes())
    weights = helper.make_tensor("w", FLOAT, [2], b"\0" * 8, raw=True)
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value="secret")
    made = helper.make_graph(
        [helper.make_node("Add", ["x", "w"], ["y"])],
        "g",
        [value("x", FLOAT, [None, 2])],
        [value("y", FLOAT, [None, 2])],
        [weights],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (tmp_path / "model").write_bytes(model.SerializeToString())
    asset: Asset = an_asset(engine_type=EngineType.ONNX, model_file="model", model_schema=Schema())

    with pytest.raises(MlzError):
        load_engine(tmp_path, asset, LoadOptions())
