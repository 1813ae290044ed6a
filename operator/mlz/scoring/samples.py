"""
Rows for the warm-up: made from the schema where an asset brings no sample.

Pure. Several candidates with other values and sizes, since nobody can know which sizes a model with
free dimensions takes; the first that scores is good enough.
"""

from collections.abc import Iterator

from mlz.model.asset import EngineType
from mlz.model.schema import FieldType, InputField, Interval, Schema
from mlz.scoring.validation import has_batch_axis

# Sizes tried for free dimensions: scalars and sequences, then images of common networks.
_SIZES = (1, 8, 32, 64, 224)


def sample_records(schema: Schema, engine_type: EngineType) -> Iterator[list[object]]:
    """
    Candidates, each a list of three records that fit the schema.

    The records of a candidate differ where the schema leaves room, so that a batch can be compared
    with its records scored one by one.
    """
    inputs = schema.inputs or ()
    if engine_type is not EngineType.ONNX:
        yield [_table_record(inputs, step) for step in range(3)]
        yield [_table_record(inputs, step) for step in range(1, 4)]
        return
    batched = has_batch_axis(inputs)
    for size in _SIZES:
        yield [_tensor_record(inputs, step, size, batched=batched) for step in range(3)]


def _table_record(inputs: tuple[InputField, ...], step: int) -> dict[str, object]:
    return {field.name: _scalar(field, step) for field in inputs}


def _scalar(field: InputField, step: int) -> object:
    if field.categories:
        return field.categories[step % len(field.categories)]
    if field.range:
        return _inside(field.range[0], field.type, step)
    return _element(field.type, step)


def _inside(interval: Interval, kind: FieldType | None, step: int) -> object:
    """A value within a range; whole where the type wants it and the range has one."""
    low = interval.min if interval.min is not None else (interval.max or 0) - 8
    high = interval.max if interval.max is not None else low + 8
    value = low + (high - low) * (step + 1) / 5
    if kind is not None and kind.is_integer:
        whole = round(value)
        return whole if interval.holds(whole) else int(-(-value // 1))
    return value


def _element(kind: FieldType | None, step: int) -> object:
    if kind is FieldType.BOOLEAN:
        return bool(step % 2)
    if kind is FieldType.STRING:
        return "" if step == 0 else str(step)
    return float(step) if kind in (FieldType.FLOAT, FieldType.DOUBLE, None) else step


def _tensor_record(
    inputs: tuple[InputField, ...], step: int, size: int, *, batched: bool
) -> dict[str, object]:
    record: dict[str, object] = {}
    for field in inputs:
        shape = field.shape or ()
        sizes = [size if dimension is None else dimension for dimension in shape]
        # An input without axes must be equal in all records of a batch.
        value = _element(field.type, 1 if not shape else step)
        record[field.name] = _filled(sizes[1:] if batched else sizes, value)
    return record


def _filled(sizes: list[int], value: object) -> object:
    filled = value
    for size in reversed(sizes):
        filled = [filled] * size
    return filled
