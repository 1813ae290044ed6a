"""Tensor values: forms that are taken, faults that are told."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlz.model.schema import FieldType
from mlz.scoring.problems import FaultKind
from mlz.scoring.tensors import FreeTensorReader, Mismatches, Shape, TensorReader
from unit.scoring.kit import refusal_of

T = FieldType


@pytest.mark.parametrize(
    ("kind", "shape", "value", "expected"),
    [
        pytest.param(T.FLOAT, (3,), [1, 2.5, 3], (3,), id="a list"),
        pytest.param(T.FLOAT, (2, 2), [[1, 2], [3, 4]], (2, 2), id="nested lists"),
        pytest.param(T.FLOAT, (2, 2), [1, 2, 3, 4], (2, 2), id="a flat list, as MLz sends it"),
        pytest.param(T.FLOAT, (None, 2), [1, 2, 3, 4, 5, 6], (3, 2), id="flat, one size free"),
        pytest.param(T.FLOAT, (None, None), [[1], [2]], (2, 1), id="nested, both sizes free"),
        pytest.param(T.FLOAT, (None,), [], (0,), id="empty where the size is free"),
        pytest.param(T.FLOAT, (None, 4), [], (0, 4), id="empty, the other size known"),
        pytest.param(T.INT64, (), 5, (), id="a plain number for a scalar"),
        pytest.param(T.INT64, (), [5], (), id="a list of one for a scalar"),
        pytest.param(T.INT64, (1,), 5, (1,), id="a plain number where one is wanted"),
        pytest.param(T.INT64, (1, 1), 5, (1, 1), id="whatever the rank"),
        pytest.param(T.STRING, (1,), "a", (1,), id="a plain text"),
        pytest.param(T.BOOLEAN, (1,), True, (1,), id="a plain boolean"),
        pytest.param(T.INT32, (2,), [1.0, 2], (2,), id="whole numbers with a point"),
        pytest.param(T.UINT64, (1,), [2**64 - 1], (1,), id="the largest integer"),
        pytest.param(T.DOUBLE, (1,), [2**64 - 1], (1,), id="large integers as numbers"),
    ],
)
def test_values_become_arrays_of_the_declared_type(
    kind: FieldType, shape: Shape, value: object, expected: tuple[int, ...]
) -> None:
    array = TensorReader(kind, shape).read(value)

    assert array.shape == expected
    assert array.dtype == np.dtype({"boolean": "bool", "string": "object"}.get(kind, _dtype(kind)))


def _dtype(kind: FieldType) -> str:
    return {"float": "float32", "double": "float64"}.get(kind.value, kind.value)


@pytest.mark.parametrize(
    ("kind", "shape", "value", "fault", "indices"),
    [
        pytest.param(T.FLOAT, (3,), [1, 2], FaultKind.SHAPE, (), id="too short"),
        pytest.param(T.FLOAT, (1,), [[1, 2, 3]], FaultKind.SHAPE, (0,), id="too deep"),
        pytest.param(T.FLOAT, (2, 2), [[1, 2], [3]], FaultKind.SHAPE, (), id="ragged"),
        pytest.param(T.FLOAT, (2, 2), [[1, 2], 3], FaultKind.SHAPE, (), id="half nested"),
        pytest.param(T.FLOAT, (2, 2), [1, 2, 3], FaultKind.SHAPE, (), id="flat and too short"),
        pytest.param(T.FLOAT, (None, None), [1, 2], FaultKind.SHAPE, (), id="flat, two sizes free"),
        pytest.param(T.FLOAT, (None, 0), [1], FaultKind.SHAPE, (), id="a size of zero"),
        pytest.param(T.FLOAT, (), [[1]], FaultKind.SHAPE, (), id="nested for a scalar"),
        pytest.param(T.FLOAT, (2,), 1, FaultKind.TYPE, (), id="one number for two"),
        pytest.param(T.FLOAT, (None,), 1, FaultKind.TYPE, (), id="one number for any number"),
        pytest.param(T.FLOAT, (1,), {}, FaultKind.TYPE, (), id="an object"),
        pytest.param(T.FLOAT, (1,), None, FaultKind.NULL, (), id="null"),
        pytest.param(T.FLOAT, (2,), [1, None], FaultKind.NULL, (1,), id="null inside"),
        pytest.param(T.FLOAT, (2,), [1, "2"], FaultKind.TYPE, (1,), id="text inside"),
        pytest.param(T.FLOAT, (2,), [True, 2], FaultKind.TYPE, (0,), id="a boolean inside"),
        pytest.param(T.FLOAT, (1, 2), [[1, 1e39]], FaultKind.OVERFLOW, (0, 1), id="beyond float32"),
        pytest.param(T.DOUBLE, (1,), [10**30], FaultKind.OVERFLOW, (0,), id="beyond 64 bits"),
        pytest.param(T.DOUBLE, (1,), [10**400], FaultKind.OVERFLOW, (0,), id="beyond float64"),
        pytest.param(T.DOUBLE, (1,), [float("inf")], FaultKind.OVERFLOW, (0,), id="1e400"),
        pytest.param(T.INT8, (2,), [1, 300], FaultKind.OVERFLOW, (1,), id="beyond int8"),
        pytest.param(T.UINT8, (1,), [-1], FaultKind.OVERFLOW, (0,), id="below uint8"),
        pytest.param(T.UINT64, (1,), [-1], FaultKind.OVERFLOW, (0,), id="below uint64"),
        pytest.param(T.INT64, (1,), [2**63], FaultKind.OVERFLOW, (0,), id="beyond int64"),
        pytest.param(T.INT32, (1,), [1.5], FaultKind.TYPE, (0,), id="a fraction"),
        pytest.param(T.STRING, (1,), [1], FaultKind.TYPE, (0,), id="a number for a text"),
        pytest.param(T.BOOLEAN, (1,), [0], FaultKind.TYPE, (0,), id="a number for a boolean"),
    ],
)
def test_faults_are_told_with_their_place(
    kind: FieldType, shape: Shape, value: object, fault: FaultKind, indices: tuple[int, ...]
) -> None:
    with pytest.raises(Mismatches) as refused:
        TensorReader(kind, shape).read(value)

    assert [(part.fault, part.indices) for part in refused.value.parts] == [(fault, indices)]


def test_an_input_of_unknown_rank_takes_the_values_own() -> None:
    reader = FreeTensorReader(T.INT64)

    assert reader.read([[1, 2], [3, 4]]).shape == (2, 2)
    assert reader.read(1).shape == ()
    with pytest.raises(Mismatches):
        reader.read([[1], 2])


@pytest.mark.parametrize(
    "reader",
    [
        pytest.param(TensorReader(T.STRING, (None,), ("a", "b")), id="of a shape"),
        pytest.param(FreeTensorReader(T.STRING, ("a", "b")), id="of unknown rank"),
    ],
)
def test_an_element_that_is_no_category_is_told_with_its_place(reader: TensorReader) -> None:
    assert reader.read(["b", "a"]).tolist() == ["b", "a"]
    for read in (lambda: reader.read(["a", "c"]), lambda: reader.read_flat(["a", "c"], (2,))):
        refused = refusal_of(read)

        assert isinstance(refused, Mismatches)
        assert [(part.fault, part.indices, part.expected) for part in refused.parts] == [
            (FaultKind.CATEGORY, (1,), "one of 'a', 'b'")
        ]


def test_a_whole_number_with_a_point_may_be_a_category() -> None:
    assert TensorReader(T.INT64, (1,), (1, 2)).read([2.0]).tolist() == [2]


ELEMENTS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text(max_size=3)
)
NESTED = st.recursive(ELEMENTS, lambda inner: st.lists(inner, max_size=4), max_leaves=12)
SHAPES = st.lists(st.none() | st.integers(0, 3), max_size=3).map(tuple)


@given(st.sampled_from(FieldType), SHAPES, NESTED)
def test_any_value_is_read_exactly_or_refused(kind: FieldType, shape: Shape, value: object) -> None:
    reader = TensorReader(kind, shape)
    refused = refusal_of(lambda: reader.read(value))
    if refused is not None:
        assert isinstance(refused, Mismatches)
        return

    array = reader.read(value)

    assert len(array.shape) == len(shape)
    assert all(want in (None, got) for want, got in zip(shape, array.shape, strict=True))
    if kind is FieldType.DOUBLE:
        flat = np.ravel(np.array(value, dtype=object)).tolist()
        assert array.ravel().tolist() == [float(element) for element in flat]
