"""Engine type onnx: forms of inputs and outputs, on small graphs made for each."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper

from contract.graphs import BOOL, FLOAT, INT64, STRING, graph, identity, score, tensor, value
from mlz.scoring.engines.base import LoadOptions
from mlz.scoring.runtime import load_engine
from mlz.scoring.validation import compile_reader
from mlz.store.fetch import prepare_local
from zoo.fixtures import zoo
from zoo.models import Zoo

__all__ = ["zoo"]


@pytest.mark.parametrize(
    ("raw", "records", "answers"),
    [
        pytest.param(
            identity(FLOAT, [None, 2]),
            [{"x": [1, 2]}, {"x": [3, 4]}],
            [{"y": tensor([2], [1.0, 2.0])}, {"y": tensor([2], [3.0, 4.0])}],
            id="axis 0 is the batch",
        ),
        pytest.param(
            identity(FLOAT, [None, 2, 2]),
            [{"x": [1, 2, 3, 4]}, {"x": [[1, 2], [3, 4]]}],
            [{"y": tensor([2, 2], [1.0, 2.0, 3.0, 4.0])}] * 2,
            id="flat or nested",
        ),
        pytest.param(
            identity(INT64, [None, 1]),
            [{"x": 5}],
            [{"y": tensor([1], [5])}],
            id="a plain number where the shape holds one",
        ),
        pytest.param(
            identity(INT64, [None]),
            [{"x": 5}, {"x": 6}],
            [{"y": tensor([], [5])}, {"y": tensor([], [6])}],
            id="records of rank 0",
        ),
        pytest.param(
            identity(FLOAT, [1, 2]),
            [{"x": [[1, 2]]}, {"x": [3, 4]}],
            [{"y": tensor([1, 2], [1.0, 2.0])}, {"y": tensor([1, 2], [3.0, 4.0])}],
            id="axis 0 is fixed: each record is a call, in its full shape",
        ),
        pytest.param(
            identity(FLOAT, []), [{"x": 7}], [{"y": tensor([], [7.0])}], id="a scalar model"
        ),
        pytest.param(
            identity(STRING, [None, 2]),
            [{"x": ["a", "ü€𝄞"]}],
            [{"y": tensor([2], ["a", "ü€𝄞"])}],
            id="text of any script",
        ),
        pytest.param(
            identity(BOOL, [None, 1]), [{"x": True}], [{"y": tensor([1], [True])}], id="booleans"
        ),
        pytest.param(
            identity(INT64, ["n", "m"]),
            [{"x": [2**63 - 1, -(2**63)]}],
            [{"y": tensor([2], [2**63 - 1, -(2**63)])}],
            id="64 bits are kept",
        ),
        pytest.param(
            graph(
                [helper.make_node("ReduceMax", ["x"], ["y"], keepdims=0)],
                [value("x", FLOAT, [None, 2])],
                [value("y", FLOAT, [])],
            ),
            [{"x": [1, 2]}, {"x": [5, 4]}],
            [{"y": tensor([], [2.0])}, {"y": tensor([], [5.0])}],
            id="a model that folds its batch is called for each record",
        ),
        pytest.param(
            graph(
                [
                    helper.make_node(
                        "ZipMap", ["x"], ["y"], domain="ai.onnx.ml", classlabels_int64s=[3, 7]
                    )
                ],
                [value("x", FLOAT, [None, 2])],
                [
                    helper.make_value_info(
                        "y",
                        helper.make_sequence_type_proto(
                            helper.make_map_type_proto(
                                INT64, helper.make_tensor_type_proto(FLOAT, [])
                            )
                        ),
                    )
                ],
            ),
            [{"x": [0.5, 0.25]}, {"x": [1, 0]}],
            [{"y": {"3": 0.5, "7": 0.25}}, {"y": {"3": 1.0, "7": 0.0}}],
            id="a map is the object itself",
        ),
    ],
)
def test_records_become_answers(
    raw: bytes, records: list[Any], answers: list[Any], tmp_path: Path
) -> None:
    assert score(raw, records, tmp_path) == answers


def test_a_scalar_input_beside_a_batch(tmp_path: Path) -> None:
    node = helper.make_node("Mul", ["x", "s"], ["y"])
    raw = graph(
        [node],
        [value("x", FLOAT, [None, 2]), value("s", FLOAT, [])],
        [value("y", FLOAT, [None, 2])],
    )

    answers = score(raw, [{"x": [1, 2], "s": 3}, {"x": [4, 5], "s": 3}], tmp_path)

    assert answers == [{"y": tensor([2], [3.0, 6.0])}, {"y": tensor([2], [12.0, 15.0])}]


def test_a_model_with_state_and_a_scalar_takes_one_record_a_call(zoo: Zoo, tmp_path: Path) -> None:
    records = [
        {"input": [[0.5, 1.5]], "state": np.zeros((2, 1, 128)).tolist(), "sr": rate}
        for rate in (8, 16)
    ]

    answers = score(zoo.speech.path.read_bytes(), records, tmp_path)

    assert [answer["output"] for answer in answers] == [
        tensor([1, 1], [8.0]),
        tensor([1, 1], [16.0]),
    ]
    assert answers[0]["stateN"]["dims"] == [2, 1, 128]


def test_answers_that_are_not_finite_are_named_by_row_and_output(tmp_path: Path) -> None:
    node = helper.make_node("Log", ["x"], ["y"])
    raw = graph([node], [value("x", FLOAT, [None, 1])], [value("y", FLOAT, [None, 1])])
    (tmp_path / "model.onnx").write_bytes(raw)
    asset = prepare_local(tmp_path / "model.onnx", tmp_path / "prepared")
    engine = load_engine(tmp_path / "prepared", asset, LoadOptions())
    reader = compile_reader(asset.model_schema, asset.engine_type)

    scores = engine.score(reader.read([{"x": 1}, {"x": 0}, {"x": 2}, {"x": -1}]))

    assert scores.not_finite == {1: "y", 3: "y"}
