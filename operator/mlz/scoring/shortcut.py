"""
The quick way to rows: one typed decode that parses, checks and orders a whole body at once.

A msgspec type is made from the schema; a body that fits it is what ``validation`` would have
accepted, with the same rows. Whatever does not fit (a fault, a rarer form) takes the long way,
which alone decides and names faults. So nothing here has to be complete, only never too lenient.
"""

import math
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

import msgspec
import numpy as np

from mlz.model.asset import EngineType
from mlz.model.schema import (
    Category,
    FieldType,
    InputField,
    Interval,
    Schema,
    has_batch_axis,
)
from mlz.scoring.engines.base import Row
from mlz.scoring.fields import integer_range, refuses_invalid
from mlz.scoring.tensors import dtype_of
from mlz.scoring.validation import null_is_fine

Shortcut = Callable[[bytes], list[Row] | None]

# Beyond it an integer may have more than 64 bits, which only the long way can see.
_EXACT = 2.0**63
_DEEPEST_TENSOR = 4


class _Unsupported(Exception):  # noqa: N818 - never leaves this module
    """The schema has something that the quick way does not know."""


def compile_shortcut(schema: Schema, engine_type: EngineType) -> Shortcut | None:
    """
    The quick way for a schema, or None where it has none.

    Returns:
        A function from a body to rows; None where the body has to go the long way.
    """
    inputs = schema.inputs or ()
    try:
        if engine_type is EngineType.ONNX:
            return _tensors(inputs)
        return _table(inputs, engine_type)
    except _Unsupported:
        return None


def _table(inputs: Sequence[InputField], engine_type: EngineType) -> Shortcut:
    fields = [_record_field(place, field, engine_type) for place, field in enumerate(inputs)]
    decoder = _decoder(inputs, fields)

    def rows(body: bytes) -> list[Row] | None:
        try:
            return [msgspec.structs.astuple(record) for record in decoder.decode(body)]
        except (msgspec.DecodeError, ValueError, RecursionError):
            return None

    return rows


def _tensors(inputs: Sequence[InputField]) -> Shortcut:
    if not has_batch_axis(inputs) or any(field.shape == () for field in inputs):
        raise _Unsupported
    fields: list[Any] = [(f"f{place}", _nested(field)) for place, field in enumerate(inputs)]
    decoder = _decoder(inputs, fields)

    columns = [_Column(field) for field in inputs]

    def rows(body: bytes) -> list[Row] | None:
        try:
            records = [msgspec.structs.astuple(record) for record in decoder.decode(body)]
            values = zip(*records, strict=True) if records else ()
            arrays = [
                column.array(list(part)) for column, part in zip(columns, values, strict=False)
            ]
        except (msgspec.DecodeError, ValueError, OverflowError, RecursionError):
            return None
        if any(array is None for array in arrays):
            return None
        return list(zip(*arrays, strict=True))

    return rows


def _decoder(inputs: Sequence[InputField], fields: list[Any]) -> "msgspec.json.Decoder[Any]":
    names = {f"f{place}": field.name for place, field in enumerate(inputs)}
    record = msgspec.defstruct("Record", fields, rename=names, gc=False, kw_only=True)
    return msgspec.json.Decoder(list[record])  # type: ignore[valid-type] # made at run time


def _record_field(place: int, field: InputField, engine_type: EngineType) -> Any:
    kind: Any = _scalar(field, always_refuse=engine_type is EngineType.XGBOOST)
    if null_is_fine(field, engine_type):
        kind = kind | None
    return (f"f{place}", kind, None) if field.required is False else (f"f{place}", kind)


def _scalar(field: InputField, *, always_refuse: bool) -> Any:
    refuses = always_refuse or refuses_invalid(field)
    if refuses and field.categories is not None:
        return _choice(field.type, field.categories)
    interval = _interval(field) if refuses and field.range else Interval()
    if field.type is FieldType.STRING:
        return str
    if field.type is FieldType.BOOLEAN:
        return bool
    if field.type is None or field.type is FieldType.UINT64:
        raise _Unsupported
    return _integer(field.type, interval) if field.type.is_integer else _float(interval)


def _choice(kind: FieldType | None, categories: tuple[Category, ...]) -> Any:
    wanted = str if kind is FieldType.STRING else int
    if not all(type(category) is wanted for category in categories):
        raise _Unsupported
    return Literal[categories]


def _interval(field: InputField) -> Interval:
    if field.range is None or len(field.range) != 1 or not (field.type and field.type.is_number):
        raise _Unsupported
    return field.range[0]


def _integer(kind: FieldType, interval: Interval) -> Any:
    """Bounds as whole numbers within the type."""
    allowed = integer_range(kind)
    low, high = allowed[0], allowed[-1]
    if interval.min is not None:
        least = math.ceil(interval.min)
        low = max(low, least if interval.holds(least) else least + 1)
    if interval.max is not None:
        most = math.floor(interval.max)
        high = min(high, most if interval.holds(most) else most - 1)
    if low > high:
        raise _Unsupported
    return Annotated[int, msgspec.Meta(ge=low, le=high)]


def _float(interval: Interval) -> Any:
    """Both ends closed: an open one ends at the next double."""
    low, high = math.nextafter(-_EXACT, 0), math.nextafter(_EXACT, 0)
    if interval.min is not None:
        holds = interval.holds(interval.min)
        low = max(low, interval.min if holds else math.nextafter(interval.min, math.inf))
    if interval.max is not None:
        holds = interval.holds(interval.max)
        high = min(high, interval.max if holds else math.nextafter(interval.max, -math.inf))
    return Annotated[float, msgspec.Meta(ge=low, le=high)]


def _nested(field: InputField) -> Any:
    """Lists in the shape of one record's value; a plain element where that has no axes."""
    if field.type is None or field.shape is None or len(field.shape) > _DEEPEST_TENSOR:
        raise _Unsupported
    kind: Any = float
    if field.type.is_integer:
        kind = int
    elif not field.type.is_number:
        kind = bool if field.type is FieldType.BOOLEAN else str
    if field.categories is not None and refuses_invalid(field):
        kind = _choice(field.type, field.categories)
    for _ in field.shape[1:]:
        kind = list[kind]
    return kind


class _Column:
    """One input of all records as one array."""

    def __init__(self, field: InputField) -> None:
        kind = field.type or FieldType.FLOAT
        self._dtype = dtype_of(kind)
        self._shape = (field.shape or ())[1:]
        self._wide, self._low, self._high = self._dtype, 0.0, 0.0
        self._is_number = kind.is_number
        if kind.is_integer:
            allowed = integer_range(kind)
            self._wide = np.dtype(np.int64)
            self._low, self._high = allowed[0], min(allowed[-1], 2**63 - 1)
        elif kind.is_number:
            self._wide = np.dtype(np.float64)
            self._low, self._high = math.nextafter(-_EXACT, 0), math.nextafter(_EXACT, 0)

    def array(self, values: list[Any]) -> Any:
        """
        The array, or None where an element may not fit the declared type.

        Raises:
            ValueError: lists of different lengths.
            OverflowError: an integer of more than 64 bits.
        """
        array = np.array(values, dtype=self._wide)
        if array.ndim != len(self._shape) + 1:
            return None
        for want, got in zip(self._shape, array.shape[1:], strict=True):
            if want is not None and want != got:
                return None
        if self._is_number and array.size and not self._holds(array):
            return None
        return array.astype(self._dtype, copy=False)

    def _holds(self, array: Any) -> bool:
        return bool(array.min() >= self._low and array.max() <= self._high)
