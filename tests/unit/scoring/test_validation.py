"""Records against a schema: all faults, by record, field and path."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlz.errors import RejectedError
from mlz.model.asset import EngineType
from mlz.model.schema import FieldType, InputField, Interval, Schema
from mlz.scoring.problems import Faults, RequestError
from mlz.scoring.validation import compile_reader
from unit.scoring.kit import a_field, refusal_of

T = FieldType
AGE = a_field("age", type=T.INT64, required=True, nullable=False, range=(Interval(min=0),))
HOME = a_field("a b", type=T.STRING, required=False, nullable=True, categories=("own", "rent"))
TABLE = Schema(inputs=(AGE, HOME))


def faults_of(schema: Schema, engine_type: EngineType, records: list[object]) -> list[Any]:
    with pytest.raises(RequestError) as refused:
        compile_reader(schema, engine_type).read(records)
    return [(fault.record, fault.path, fault.fault.value) for fault in refused.value.faults]


def test_rows_are_in_the_order_of_the_schema_and_extra_fields_are_ignored() -> None:
    reader = compile_reader(TABLE, EngineType.PMML)

    rows = reader.read([{"more": [], "a b": "own", "age": 3}, {"age": 4}, {"age": 5, "a b": None}])

    assert rows == [(3, "own"), (4, None), (5, None)]


def test_all_faults_of_all_records_are_told() -> None:
    records: list[object] = [
        {"age": "old", "a b": "castle"},
        {"age": 1},
        {"a b": "own"},
        {"age": None, "a b": 7},
        "no record",
        {"age": -1},
    ]

    assert faults_of(TABLE, EngineType.PMML, records) == [
        (0, "$[0].age", "type"),
        (0, "$[0]['a b']", "category"),
        (2, "$[2].age", "missing"),
        (3, "$[3].age", "null"),
        (3, "$[3]['a b']", "type"),
        (4, "$[4]", "type"),
        (5, "$[5].age", "range"),
    ]


def test_a_long_list_of_faults_is_cut_and_counted() -> None:
    with pytest.raises(RequestError) as refused:
        compile_reader(TABLE, EngineType.PMML).read([{}] * 250)

    assert len(refused.value.faults) == Faults.LIMIT
    assert "250 faults" in refused.value.message


@pytest.mark.parametrize(
    ("record", "row"),
    [
        pytest.param([1, 2], (1.0, 2.0), id="an array by place"),
        pytest.param({"f1": 2, "f0": 1}, (1.0, 2.0), id="an object by made-up names"),
        pytest.param([1, None], (1.0, None), id="null is missing"),
    ],
)
def test_features_without_names(record: object, row: tuple[float | None, ...]) -> None:
    schema = Schema(inputs=(a_field("f0"), a_field("f1")), positional=True)

    assert compile_reader(schema, EngineType.XGBOOST).read([record]) == [row]


@pytest.mark.parametrize(
    ("record", "fault"),
    [
        pytest.param([1], (0, "$[0]", "shape"), id="too few"),
        pytest.param([1, 2, 3], (0, "$[0]", "shape"), id="too many"),
        pytest.param([1, "x"], (0, "$[0][1]", "type"), id="by place in the path too"),
        pytest.param({"f0": 1}, (0, "$[0].f1", "missing"), id="every feature must be there"),
    ],
)
def test_faults_of_features_without_names(record: object, fault: tuple[object, ...]) -> None:
    schema = Schema(inputs=(a_field("f0"), a_field("f1")), positional=True)

    assert faults_of(schema, EngineType.XGBOOST, [record]) == [fault]


def test_an_array_is_no_record_where_features_have_names() -> None:
    schema = Schema(inputs=(a_field("x"),))

    assert faults_of(schema, EngineType.XGBOOST, [[1]]) == [(0, "$[0]", "type")]


def tensor(name: str, *shape: int | None, kind: FieldType = T.FLOAT) -> InputField:
    return a_field(name, type=kind, shape=shape)


def test_tensors_are_read_without_the_batch_axis() -> None:
    schema = Schema(inputs=(tensor("x", None, 2), tensor("rate", kind=T.INT64)))
    reader = compile_reader(schema, EngineType.ONNX)

    rows = reader.read([{"x": [1, 2], "rate": 8}, {"x": [3, 4], "rate": 8}])

    assert [row[0].shape for row in rows] == [(2,), (2,)]  # type: ignore[union-attr]
    assert faults_of(
        schema, EngineType.ONNX, [{"x": [1, 2], "rate": 8}, {"x": [3, 4], "rate": 9}]
    ) == [(1, "$[1].rate", "range")]


def test_faults_in_tensors_have_the_whole_path() -> None:
    schema = Schema(inputs=(tensor("a b", None, 2, 2), tensor("y", None)))

    assert faults_of(schema, EngineType.ONNX, [{"a b": [[1, 2], [3, None]]}, 5]) == [
        (0, "$[0]['a b'][1][1]", "null"),
        (0, "$[0].y", "missing"),
        (1, "$[1]", "type"),
    ]


@pytest.mark.parametrize(
    ("schema", "engine_type"),
    [
        pytest.param(Schema(), EngineType.PMML, id="no inputs known"),
        pytest.param(
            Schema(inputs=(a_field("x", type=None),)), EngineType.ONNX, id="a tensor without a type"
        ),
    ],
)
def test_a_schema_that_says_too_little_is_refused(schema: Schema, engine_type: EngineType) -> None:
    with pytest.raises(RejectedError):
        compile_reader(schema, engine_type)


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["age", "a b", "z"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.lists(ANYTHING, max_size=4), st.sampled_from([EngineType.PMML, EngineType.XGBOOST]))
def test_any_record_of_a_table_is_read_or_refused_by_our_error(
    records: list[object], engine_type: EngineType
) -> None:
    reader = compile_reader(TABLE, engine_type)
    refused = refusal_of(lambda: reader.read(records))

    if refused is None:
        assert all(row[1] in ("own", "rent", None) for row in reader.read(records))


@given(st.lists(ANYTHING, max_size=4))
def test_any_record_of_tensors_is_read_or_refused_by_our_error(records: list[object]) -> None:
    schema = Schema(inputs=(tensor("age", None, None), tensor("a b", None, kind=T.STRING)))
    reader = compile_reader(schema, EngineType.ONNX)
    refused = refusal_of(lambda: reader.read(records))

    if refused is None:
        assert all(row[0].ndim == 1 for row in reader.read(records))  # type: ignore[union-attr]
