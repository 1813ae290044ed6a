"""
The reading of one tensor value of a record into an array of the declared type and shape.

Forms (CONTRACT section 1): nested lists in the input's shape; a flat list where at most one
dimension is free; a plain value where the shape holds one element. Vectorised for good values; the
slow way is walked only to name each fault.
"""

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from mlz.model.schema import Category, FieldType
from mlz.scoring.fields import (
    Check,
    check_boolean,
    check_string,
    integer_range,
    number_check,
    with_categories,
)
from mlz.scoring.places import type_name
from mlz.scoring.problems import FaultKind, Mismatch

Shape = tuple[int | None, ...]
Array = NDArray[np.generic]
Indices = tuple[int, ...]

_DTYPES: dict[FieldType, type] = {
    FieldType.BOOLEAN: np.bool_,
    FieldType.FLOAT: np.float32,
    FieldType.DOUBLE: np.float64,
    FieldType.STRING: np.object_,
}
# A longer list of faults for one tensor helps nobody.
_FAULTS_A_TENSOR = 10


class Mismatches(Exception):  # noqa: N818 - several of Mismatch
    """All that does not fit in one tensor value (a few at most), with the indices inside it."""

    def __init__(self, parts: Sequence[Mismatch]) -> None:
        super().__init__(len(parts))
        self.parts = tuple(parts)


def dtype_of(kind: FieldType) -> np.dtype[np.generic]:
    """The array type of a field type; strings are Python objects, as ONNX Runtime takes them."""
    return np.dtype(_DTYPES.get(kind) or kind.value)


def shape_text(shape: Shape) -> str:
    """A shape as users see it, ``-1`` for a free dimension."""
    return "[" + ", ".join("-1" if size is None else str(size) for size in shape) + "]"


class TensorReader:
    """Reads the values of one tensor input."""

    def __init__(
        self, kind: FieldType, shape: Shape, categories: tuple[Category, ...] | None = None
    ) -> None:
        """
        Args:
            kind: the element type.
            shape: of one record's value; None is a free dimension.
            categories: the only values an element may have; None means any.
        """
        self.kind = kind
        self.shape = shape
        self.categories = categories
        self._free = shape.count(None)
        self._fixed = math.prod(size for size in shape if size is not None)
        self._check = _element_check(kind)
        self._allowed = None if categories is None else frozenset(categories)
        if categories is not None:
            self._check = with_categories(self._check, categories)

    def read(self, value: object) -> Array:
        """
        Bring one record's value into the declared type and shape.

        Raises:
            Mismatches: it does not fit.
        """
        try:
            if not isinstance(value, list):
                return self._plain(value)
            if len(self.shape) != 1 and not any(type(part) is list for part in value):
                return self._flat(value)
            return self._nested(value)
        except Mismatch as mismatch:
            raise Mismatches([mismatch]) from mismatch

    def read_flat(self, flat: list[object], shape: tuple[int, ...]) -> Array:
        """
        The same for a flat list whose shape is given beside it (Open Inference Protocol).

        Raises:
            Mismatches: the shape is not the declared one, or elements do not fit.
        """
        if len(shape) != len(self.shape) or not _fits(self.shape, shape):
            raise Mismatches([self._shape_mismatch(f"shape {shape_text(shape)}")])
        if len(flat) != math.prod(shape):
            raise Mismatches([self._shape_mismatch(f"{len(flat)} elements")])
        return self._array(flat, lambda place: (place,)).reshape(shape)

    def _plain(self, value: object) -> Array:
        if value is None:
            raise Mismatch(FaultKind.NULL, self._expected(), "null")
        if self._free or self._fixed != 1 or isinstance(value, dict):
            raise Mismatch(FaultKind.TYPE, self._expected(), type_name(value))
        return self._array([value], lambda _: ()).reshape([size or 1 for size in self.shape])

    def _flat(self, value: list[object]) -> Array:
        if self._free > 1 or not self._length_fits(len(value)):
            raise self._shape_mismatch(f"flat list of {len(value)}")
        array = self._array(value, lambda place: (place,))
        return array.reshape([-1 if size is None else size for size in self.shape])

    def _length_fits(self, length: int) -> bool:
        if not self._free:
            return length == self._fixed
        # With another dimension of zero the free one cannot be told from the length.
        return self._fixed != 0 and length % self._fixed == 0

    def _nested(self, value: list[object]) -> Array:
        found, flat = self._flattened(value)
        if not _fits(self.shape, found):
            raise self._shape_mismatch(f"shape {shape_text(found)}")
        return self._array(flat, lambda place: _indices(place, found)).reshape(found)

    def _flattened(self, value: list[object]) -> tuple[tuple[int, ...], list[object]]:
        """The shape of nested lists, down to the declared rank, and the elements in order."""
        level: list[object] = value
        found = [len(value)]
        for depth in range(1, len(self.shape)):
            lists = [part for part in level if isinstance(part, list)]
            lengths = set(map(len, lists))
            if len(lists) != len(level) or len(lengths) > 1:
                raise self._shape_mismatch("lists of different lengths or depths")
            found.append(lengths.pop() if lengths else self.shape[depth] or 0)
            level = list(itertools.chain.from_iterable(lists))
        if not self.shape:
            raise self._shape_mismatch("nested list")
        return tuple(found), level

    def _array(self, flat: Sequence[object], place: Callable[[int], Indices]) -> Array:
        """One-dimensional; vectorised where all elements are plainly good."""
        array = quick_array(flat, self.kind)
        known = array is not None and (self._allowed is None or self._allowed.issuperset(flat))
        return array if array is not None and known else self._array_by_element(flat, place)

    def _array_by_element(self, flat: Sequence[object], place: Callable[[int], Indices]) -> Array:
        good: list[object] = []
        bad: list[Mismatch] = []
        for number, element in enumerate(flat):
            try:
                good.append(self._checked(element))
            except Mismatch as part:
                bad.append(Mismatch(part.fault, part.expected, part.found, place(number)))
                if len(bad) == _FAULTS_A_TENSOR:
                    break
        if bad:
            raise Mismatches(bad)
        return np.array(good, dtype=dtype_of(self.kind))

    def _checked(self, element: object) -> object:
        if element is None:
            raise Mismatch(FaultKind.NULL, self.kind.value, "null")
        if isinstance(element, list):
            raise self._shape_mismatch("array")
        return self._check(element)

    def _shape_mismatch(self, found: str) -> Mismatch:
        return Mismatch(FaultKind.SHAPE, self._expected(), found)

    def _expected(self) -> str:
        return f"{self.kind.value} in shape {shape_text(self.shape)}"


class FreeTensorReader(TensorReader):
    """Reads an input of unknown rank: the value's own nesting is its shape."""

    def __init__(self, kind: FieldType, categories: tuple[Category, ...] | None = None) -> None:
        super().__init__(kind, (), categories)

    def read(self, value: object) -> Array:
        """
        Bring one record's value into the declared type.

        Raises:
            Mismatches: it is ragged, or elements do not fit.
        """
        rank, level = 0, value
        while isinstance(level, list):
            rank += 1
            level = level[0] if level else None
        return TensorReader(self.kind, (None,) * rank, self.categories).read(value)

    def read_flat(self, flat: list[object], shape: tuple[int, ...]) -> Array:
        """
        The same for a flat list whose shape is given beside it.

        Raises:
            Mismatches: the shape does not hold the list, or elements do not fit.
        """
        free = (None,) * len(shape)
        return TensorReader(self.kind, free, self.categories).read_flat(flat, shape)


def quick_array(flat: Sequence[object], kind: FieldType) -> Array | None:
    """The elements as an array, or None where one of them needs a closer look."""
    types = set(map(type, flat))
    if kind.is_integer:
        return _quick_integers(flat, kind) if types <= {int} else None
    if kind.is_number:
        return _quick_floats(flat, kind) if types <= {int, float} else None
    wanted = bool if kind is FieldType.BOOLEAN else str
    return np.array(flat, dtype=dtype_of(kind)) if types <= {wanted} else None


def _quick_integers(flat: Sequence[object], kind: FieldType) -> Array | None:
    try:
        wide = np.array(flat, dtype=np.uint64 if kind is FieldType.UINT64 else np.int64)
    except OverflowError:
        return None
    allowed = integer_range(kind)
    if wide.size and (int(wide.min()) < allowed[0] or int(wide.max()) > allowed[-1]):
        return None
    return wide.astype(dtype_of(kind), copy=False)


def _quick_floats(flat: Sequence[object], kind: FieldType) -> Array | None:
    try:
        doubles = np.array(flat, dtype=np.float64)
    except OverflowError:
        return None
    # Beyond 2**63 it matters whether the text was an integer, so the slow way looks at it.
    if not bool((np.abs(doubles) < 2.0**63).all()):
        return None
    return doubles.astype(dtype_of(kind), copy=False)


def _element_check(kind: FieldType) -> Check:
    if kind is FieldType.BOOLEAN:
        return check_boolean
    return check_string if kind is FieldType.STRING else number_check(kind)


def _fits(declared: Shape, found: tuple[int, ...]) -> bool:
    return all(want in (None, got) for want, got in zip(declared, found, strict=True))


def _indices(place: int, shape: tuple[int, ...]) -> Indices:
    return tuple(int(index) for index in np.unravel_index(place, shape))
