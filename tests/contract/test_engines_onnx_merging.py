"""Engine type onnx: requests that come at the same time, and records of other sizes in them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from onnx import helper

from contract.graphs import BOOL, FLOAT, INT64, STRING, graph, identity, score, tensor, value
from mlz.scoring.doors import RecordsDoor
from mlz.scoring.engines.base import LoadOptions
from mlz.scoring.problems import RequestError
from mlz.scoring.runtime import load_engine
from mlz.scoring.scorer import Job, Outcome, Scored, Scorer
from mlz.scoring.validation import compile_reader
from mlz.store.fetch import prepare_local
from unit.scoring.kit import some_settings


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
