"""The schema document: its JSON form, its digest, and what a range holds."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from builders import a_schema
from mlz.model.schema import (
    FieldType,
    InputField,
    Interval,
    Invalid,
    OutputField,
    Schema,
    has_batch_axis,
)

names = st.text(max_size=12)
values = st.booleans() | st.integers(-(2**53), 2**53) | names | st.floats(allow_nan=False)
ends = st.none() | st.floats(allow_nan=False, allow_infinity=False)
intervals = st.builds(
    Interval, min=ends, max=ends, closed=st.sampled_from(["both", "left", "right", "neither"])
)
shapes = st.none() | st.lists(st.none() | st.integers(0, 999), max_size=4).map(tuple)
types = st.none() | st.sampled_from(FieldType)
flags = st.none() | st.booleans()
inputs = st.builds(
    InputField,
    name=names,
    type=types,
    shape=shapes,
    required=flags,
    nullable=flags,
    categories=st.none() | st.lists(values, max_size=4).map(tuple),
    range=st.none() | st.lists(intervals, max_size=3).map(tuple),
    invalid=st.none() | st.sampled_from(Invalid),
)
outputs = st.builds(OutputField, name=names, type=types, shape=shapes, by_class=flags)
schemas = st.builds(
    Schema,
    inputs=st.none() | st.lists(inputs, max_size=4).map(tuple),
    outputs=st.none() | st.lists(outputs, max_size=4).map(tuple),
    classes=st.none() | st.lists(values, max_size=4).map(tuple),
    positional=flags,
)


@given(schemas)
def test_a_schema_survives_its_document(schema: Schema) -> None:
    again = Schema.model_validate(schema.to_document())

    assert again.to_document() == schema.to_document()
    assert again.digest() == schema.digest()


def test_the_document_is_camel_case_and_says_nothing_of_what_is_unknown() -> None:
    schema = Schema(outputs=(OutputField(name="p", by_class=True, shape=(None, 2)),))

    assert schema.to_document() == {"outputs": [{"name": "p", "shape": [None, 2], "byClass": True}]}


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(a_schema(3), id="another field"),
        pytest.param(a_schema().model_copy(update={"classes": ("yes", "no")}), id="another order"),
        pytest.param(a_schema().model_copy(update={"positional": True}), id="no names"),
        pytest.param(Schema(), id="nothing known"),
    ],
)
def test_what_differs_has_another_digest(other: Schema) -> None:
    assert other.digest() != a_schema().digest()


@pytest.mark.parametrize(
    ("document", "path"),
    [
        pytest.param({"inputs": [{"type": "float"}]}, ("inputs", 0, "name"), id="a nameless field"),
        pytest.param({"inputs": [{"name": "a", "type": "int"}]}, ("inputs", 0, "type"), id="type"),
        pytest.param({"inputs": [{"name": "a", "shape": [-1]}]}, ("inputs",), id="a minus size"),
        pytest.param({"fields": []}, ("fields",), id="a field nobody knows"),
    ],
)
def test_a_document_of_another_shape_is_refused_by_path(
    document: dict[str, Any], path: tuple[str | int, ...]
) -> None:
    with pytest.raises(ValidationError) as caught:
        Schema.model_validate(document)

    assert caught.value.errors()[0]["loc"][: len(path)] == path


@pytest.mark.parametrize(
    ("closed", "held"),
    [
        pytest.param("both", [1, 1.5, 2], id="both ends belong to it"),
        pytest.param("left", [1, 1.5], id="the lower end belongs to it"),
        pytest.param("right", [1.5, 2], id="the upper end belongs to it"),
        pytest.param("neither", [1.5], id="no end belongs to it"),
    ],
)
def test_a_range_holds_its_ends_as_it_says(closed: Any, held: list[float]) -> None:
    interval = Interval(min=1, max=2, closed=closed)

    assert [one for one in (0.5, 1, 1.5, 2, 2.5) if interval.holds(one)] == held


@pytest.mark.parametrize(
    ("interval", "held"),
    [
        pytest.param(Interval(), [-9, 0, 9], id="without ends it holds everything"),
        pytest.param(Interval(min=0), [0, 9], id="without an upper end it is open there"),
        pytest.param(Interval(max=0), [-9, 0], id="without a lower end it is open there"),
    ],
)
def test_an_absent_end_is_open(interval: Interval, held: list[float]) -> None:
    assert [one for one in (-9, 0, 9) if interval.holds(one)] == held


@pytest.mark.parametrize(
    ("kind", "integer", "number"),
    [
        pytest.param(FieldType.BOOLEAN, False, False, id="a boolean is no number"),
        pytest.param(FieldType.STRING, False, False, id="a string is no number"),
        pytest.param(FieldType.UINT8, True, True, id="an unsigned integer is one"),
        pytest.param(FieldType.INT64, True, True, id="a long integer is one"),
        pytest.param(FieldType.FLOAT, False, True, id="a float is not whole"),
        pytest.param(FieldType.DOUBLE, False, True, id="a double is not whole"),
    ],
)
def test_a_type_knows_what_its_values_are(kind: FieldType, integer: bool, number: bool) -> None:
    assert (kind.is_integer, kind.is_number) == (integer, number)


@pytest.mark.parametrize(
    ("shapes", "batched"),
    [
        pytest.param([(None, 4)], True, id="axis 0 is free"),
        pytest.param([(None, 4), ()], True, id="scalars have no axis"),
        pytest.param([(1, 4)], False, id="axis 0 is fixed"),
        pytest.param([(None,), (2, None)], False, id="fixed in one of them"),
        pytest.param([()], False, id="scalars alone"),
        pytest.param([None], False, id="unknown rank"),
        pytest.param([(None, 4), None], False, id="unknown rank of one of them"),
        pytest.param([], False, id="no inputs"),
    ],
)
def test_axis_0_is_the_batch_where_it_is_free_in_every_input(
    shapes: list[tuple[int | None, ...] | None], batched: bool
) -> None:
    inputs = [InputField(name=f"x{place}", shape=shape) for place, shape in enumerate(shapes)]

    assert has_batch_axis(inputs) is batched
