"""The quick way gives what the long way gives, or nothing."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlz.model.asset import EngineType
from mlz.model.schema import FieldType, InputField, Interval, Invalid, Schema
from mlz.scoring import codec
from mlz.scoring.engines.base import Row
from mlz.scoring.shortcut import compile_shortcut
from mlz.scoring.validation import compile_reader, records_of
from unit.scoring.kit import a_field

T = FieldType
TABLE = Schema(
    inputs=(
        a_field("a b", type=T.DOUBLE, nullable=True),
        a_field("whole", type=T.INT8, range=(Interval(min=-3.5, max=100, closed="left"),)),
        a_field("part", type=T.FLOAT, range=(Interval(min=0, max=1, closed="right"),)),
        a_field("kind", type=T.STRING, categories=("x", "y"), required=False),
        a_field("loose", type=T.STRING, categories=("x",), invalid=Invalid.ACCEPT, required=False),
        a_field("number", type=T.INT64, categories=(1, 2), required=False, nullable=True),
        a_field("truth", type=T.BOOLEAN, required=False),
    )
)
TENSORS = Schema(
    inputs=(
        InputField(name="f", type=T.FLOAT, shape=(None, 2)),
        InputField(name="d", type=T.DOUBLE, shape=(None, None, 1)),
        InputField(name="i", type=T.INT8, shape=(None,)),
        InputField(name="l", type=T.FLOAT, shape=(None, None)),
        InputField(name="m", type=T.INT32, shape=(None, None)),
        InputField(name="s", type=T.STRING, shape=(None, 1)),
        InputField(name="t", type=T.BOOLEAN, shape=(None, 1)),
        InputField(name="c", type=T.STRING, shape=(None, 1), categories=("x", "y")),
    )
)
NUMBERS = (
    st.integers(-200, 200)
    | st.floats(-2, 2)
    | st.sampled_from([2**63, 2**64, 10**30, 1e30, 3.5e38, 1e308, 3.0, 100, -3, 0, 1, 127])
)
SCALARS = NUMBERS | st.none() | st.booleans() | st.sampled_from(["x", "y", "z", "", "1"])
RECORD = st.fixed_dictionaries(
    {"a b": NUMBERS | SCALARS, "whole": st.integers(-5, 101), "part": st.floats(-0.5, 1.5)},
    optional=dict.fromkeys(("kind", "loose", "number", "truth", "more"), SCALARS),
)
PAIRS = st.lists(SCALARS, min_size=1, max_size=3)
TENSOR_RECORD = st.fixed_dictionaries(
    {
        "f": st.lists(NUMBERS, min_size=2, max_size=2) | PAIRS,
        "d": st.lists(st.lists(NUMBERS, min_size=1, max_size=1), max_size=3) | PAIRS,
        "i": st.integers(-130, 130) | SCALARS,
        "l": st.lists(NUMBERS, max_size=2),
        "m": st.lists(st.integers(-5, 5), max_size=2) | PAIRS,
        "s": st.lists(st.text(max_size=3), min_size=1, max_size=1),
        "t": st.lists(st.booleans(), min_size=1, max_size=1) | PAIRS,
        "c": st.lists(st.sampled_from(["x", "y", "z", 1]), min_size=1, max_size=1),
    }
)


def same(one: Row, other: Row) -> bool:
    return len(one) == len(other) and all(map(_same_value, one, other))


def _same_value(one: Any, other: Any) -> bool:
    if isinstance(other, np.ndarray):
        return np.array_equal(one, other) and one.dtype == other.dtype
    return type(one) is type(other) and bool(one == other)


def agree(schema: Schema, engine_type: EngineType, body: bytes) -> bool:
    """Whether the quick way was taken; if so the long way must agree."""
    shortcut = compile_shortcut(schema, engine_type)
    assert shortcut is not None
    quick = shortcut(body)
    if quick is None:
        return False
    long = compile_reader(schema, engine_type).read(records_of(codec.decode(body, 32)))
    assert len(quick) == len(long)
    assert all(same(one, other) for one, other in zip(quick, long, strict=True))
    return True


@given(st.lists(RECORD, max_size=3), st.sampled_from([EngineType.PMML, EngineType.XGBOOST]))
def test_quick_rows_of_a_table_are_those_of_the_long_way(
    records: list[dict[str, Any]], engine_type: EngineType
) -> None:
    agree(TABLE, engine_type, json.dumps(records).encode())


@given(st.lists(TENSOR_RECORD, max_size=3))
def test_quick_rows_of_tensors_are_those_of_the_long_way(records: list[dict[str, Any]]) -> None:
    agree(TENSORS, EngineType.ONNX, json.dumps(records).encode())


@given(st.binary(max_size=60))
def test_any_bytes_go_one_of_the_ways(body: bytes) -> None:
    shortcut = compile_shortcut(TABLE, EngineType.PMML)

    assert shortcut is not None
    assert shortcut(body) is None or body.strip() == b"[]"


@pytest.mark.parametrize(
    ("schema", "engine_type", "body"),
    [
        pytest.param(
            TABLE,
            EngineType.PMML,
            b'[{"a b": 1, "whole": 5, "part": 1, "kind": "y"}]',
            id="a table",
        ),
        pytest.param(
            TABLE, EngineType.XGBOOST, b'[{"a b": null, "whole": -3, "part": 0.5}]', id="with gaps"
        ),
        pytest.param(
            TENSORS,
            EngineType.ONNX,
            b'[{"f": [1, 2.5], "d": [[1], [2]], "i": -128, "l": [1], "m": [2], "s": ["a"],'
            b' "t": [true], "c": ["y"], "u": {}}]',
            id="tensors",
        ),
        pytest.param(
            TENSORS,
            EngineType.ONNX,
            b'[{"f": [1, 2.5], "d": [[1]], "i": 1, "l": [], "m": [], "s": ["a"], "t": [true],'
            b' "c": ["y"]}]',
            id="empty tensors",
        ),
        pytest.param(TENSORS, EngineType.ONNX, b"[]", id="nothing"),
    ],
)
def test_usual_bodies_go_the_quick_way(
    schema: Schema, engine_type: EngineType, body: bytes
) -> None:
    assert agree(schema, engine_type, body)


def test_an_unknown_category_of_a_tensor_goes_the_long_way() -> None:
    bodies = (
        b'[{"f": [1, 2.5], "d": [[1]], "i": -128, "l": [], "m": [], "s": ["a"], "t": [true],'
        b' "c": ["%s"]}]' % word
        for word in (b"y", b"z")
    )

    assert [agree(TENSORS, EngineType.ONNX, one) for one in bodies] == [True, False]


@pytest.mark.parametrize(
    ("schema", "engine_type"),
    [
        pytest.param(
            Schema(inputs=(InputField(name="x", type=T.FLOAT, shape=(1, 2)),)),
            EngineType.ONNX,
            id="no batch axis",
        ),
        pytest.param(Schema(inputs=(a_field("x", type=None),)), EngineType.PMML, id="no type"),
        pytest.param(
            Schema(inputs=(a_field("x", range=(Interval(max=0), Interval(min=1))),)),
            EngineType.PMML,
            id="two ranges",
        ),
        pytest.param(
            Schema(inputs=(a_field("x", categories=(1.5, 2.5)),)),
            EngineType.PMML,
            id="odd categories",
        ),
    ],
)
def test_rare_schemas_have_no_quick_way(schema: Schema, engine_type: EngineType) -> None:
    assert compile_shortcut(schema, engine_type) is None
