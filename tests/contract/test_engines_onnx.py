"""Engine type onnx: forms of inputs and outputs, on small graphs made for each."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from mlz.errors import MlzError, Reason
from mlz.model.asset import Asset, EngineType
from mlz.model.schema import Schema
from mlz.scoring.doors import RecordsDoor
from mlz.scoring.engines.base import LoadOptions, ScoreError
from mlz.scoring.machine import Machine
from mlz.scoring.problems import FaultKind, RequestError
from mlz.scoring.runtime import load_engine, load_model, warmed_up
from mlz.scoring.scorer import Job, Outcome, Scored, Scorer
from mlz.scoring.validation import compile_reader
from mlz.store.fetch import prepare_local
from unit.scoring.kit import an_asset, some_settings
from zoo.fixtures import zoo
from zoo.models import Zoo

__all__ = ["zoo"]

FLOAT, INT64, STRING, BOOL = (
    TensorProto.FLOAT,
    TensorProto.INT64,
    TensorProto.STRING,
    TensorProto.BOOL,
)


def value(name: str, kind: int, shape: Sequence[int | str | None] | None) -> Any:
    return helper.make_tensor_value_info(name, kind, shape)


def graph(
    nodes: list[Any], inputs: list[Any], outputs: list[Any], opset: int = 17, ir: int = 8
) -> bytes:
    made = helper.make_graph(nodes, "g", inputs, outputs)
    domains = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", 1)]
    raw: bytes = helper.make_model(made, opset_imports=domains, ir_version=ir).SerializeToString()
    return raw


def identity(kind: int, shape: Sequence[int | str | None] | None) -> bytes:
    node = helper.make_node("Identity", ["x"], ["y"])
    return graph([node], [value("x", kind, shape)], [value("y", kind, shape)])


def score(raw: bytes, records: list[Any], folder: Path) -> list[Any]:
    (folder / "model.onnx").write_bytes(raw)
    asset = prepare_local(folder / "model.onnx", folder / "prepared")
    engine = load_engine(folder / "prepared", asset, LoadOptions())
    rows = compile_reader(asset.model_schema, asset.engine_type).read(records)
    return list(engine.score(rows).answers)


def tensor(dims: list[int], data: list[Any]) -> dict[str, Any]:
    return {"dims": dims, "data": data}


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


def outcomes(raw: bytes, bodies: Sequence[str], folder: Path) -> list[Outcome]:
    """What requests that come at the same time are answered; all in one run of the engine."""
    (folder / "model.onnx").write_bytes(raw)
    asset = prepare_local(folder / "model.onnx", folder / "prepared")
    engine = load_engine(folder / "prepared", asset, LoadOptions())
    reader = compile_reader(asset.model_schema, asset.engine_type)
    door = RecordsDoor(asset, reader, some_settings())
    # The scorer would hide a run that fails, and score each request alone.
    engine.score([row for body in bodies for row in door.read(body.encode()).rows])
    assert engine.merges
    return Scorer(engine).run([Job(door, body.encode(), lambda _: None) for body in bodies])


def answers_of(outcome: Outcome) -> list[Any]:
    assert isinstance(outcome, Scored), outcome
    return [answer["y"] for answer in json.loads(outcome.body)]


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        pytest.param(STRING, ["ü", "\0", "b\0", ""], id="text"),
        pytest.param(FLOAT, [0.5, -1.0, 0.0, 2.0], id="numbers"),
        pytest.param(BOOL, [True, False, True, True], id="booleans"),
    ],
)
def test_a_plain_value_a_record_is_scored_alone_and_beside_others(
    kind: int, values: list[Any], tmp_path: Path
) -> None:
    # A list of one is read the long way, so that rows of both ways meet in one call.
    requests = [[{"x": one} for one in values], [{"x": [one]} for one in values]]
    bodies = [json.dumps(one) for one in (*requests, requests[0][:1])]

    found = outcomes(identity(kind, [None]), bodies, tmp_path)

    wanted = [tensor([], [one]) for one in values]
    assert [answers_of(one) for one in found] == [wanted, wanted, wanted[:1]]


def test_one_text_is_scored_though_nothing_else_comes(tmp_path: Path) -> None:
    (found,) = outcomes(identity(STRING, [None]), ['[{"x": "a"}]'], tmp_path)

    assert answers_of(found) == [tensor([], ["a"])]


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        pytest.param(FLOAT, [[1.0], [2.0, 3.0], [4.0], [], [5.0, 6.0]], id="numbers"),
        pytest.param(STRING, [["a"], ["b", "c"], ["d"], [], ["e", "f"]], id="text"),
    ],
)
def test_records_of_other_sizes_are_answered_in_their_order(
    kind: int, values: list[list[Any]], tmp_path: Path
) -> None:
    bodies = [json.dumps([{"x": value} for value in part]) for part in (values, values[::-1])]

    found = outcomes(identity(kind, [None, None]), bodies, tmp_path)

    assert answers_of(found[0]) == [tensor([len(value)], value) for value in values]
    assert answers_of(found[1]) == [tensor([len(value)], value) for value in values[::-1]]


def test_sizes_that_differ_in_one_of_two_inputs_only(tmp_path: Path) -> None:
    node = helper.make_node("Concat", ["x", "z"], ["y"], axis=1)
    raw = graph(
        [node],
        [value("x", INT64, [None, 1]), value("z", INT64, [None, None])],
        [value("y", INT64, [None, None])],
    )

    (found,) = outcomes(raw, ['[{"x": 1, "z": [2]}, {"x": 3, "z": [4, 5]}]'], tmp_path)

    assert answers_of(found) == [tensor([2], [1, 2]), tensor([3], [3, 4, 5])]


def test_records_of_other_sizes_are_named_by_their_place(tmp_path: Path) -> None:
    node = helper.make_node("Log", ["x"], ["y"])
    raw = graph([node], [value("x", FLOAT, [None, None])], [value("y", FLOAT, [None, None])])
    body = '[{"x": [1]}, {"x": [1, 0]}, {"x": [0]}, {"x": [1, 2]}]'

    (found,) = outcomes(raw, [body], tmp_path)

    assert isinstance(found, RequestError)
    assert [fault.record for fault in found.faults] == [1, 2]


def test_a_model_that_folds_its_batch_answers_records_of_other_sizes(tmp_path: Path) -> None:
    raw = graph(
        [helper.make_node("ReduceMax", ["x"], ["y"], keepdims=0)],
        [value("x", FLOAT, [None, None])],
        [value("y", FLOAT, [])],
    )

    assert score(raw, [{"x": [1, 2]}, {"x": [3]}, {"x": [5, 4]}], tmp_path) == [
        {"y": tensor([], [number])} for number in (2.0, 3.0, 5.0)
    ]


def test_answers_that_are_not_finite_are_named_by_row_and_output(tmp_path: Path) -> None:
    node = helper.make_node("Log", ["x"], ["y"])
    raw = graph([node], [value("x", FLOAT, [None, 1])], [value("y", FLOAT, [None, 1])])
    (tmp_path / "model.onnx").write_bytes(raw)
    asset = prepare_local(tmp_path / "model.onnx", tmp_path / "prepared")
    engine = load_engine(tmp_path / "prepared", asset, LoadOptions())
    reader = compile_reader(asset.model_schema, asset.engine_type)

    scores = engine.score(reader.read([{"x": 1}, {"x": 0}, {"x": 2}, {"x": -1}]))

    assert scores.not_finite == {1: "y", 3: "y"}


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
