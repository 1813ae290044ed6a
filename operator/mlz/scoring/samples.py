"""
Records made from a schema, for the warm-up: where an asset brings no sample, and to compare.

Pure. Several candidates with other values and sizes, since nobody can know which numbers a model
takes (a logarithm no nought, an arc sine nothing above one), and which sizes where dimensions are
free; the first that scores is good enough.
"""

import math
import random
from collections.abc import Callable, Iterator, Sequence
from itertools import product

from mlz.model.asset import EngineType
from mlz.model.schema import FieldType, InputField, Interval, Schema, has_batch_axis

# Sizes tried for free dimensions: scalars and sequences, then images of common networks.
_SIZES = (1, 8, 32, 64, 224)
# Values of probes: of several spreads, since saturated outputs hide how a model rounds.
_SPREADS = (1, 255)
_COUNT = 3
# Of records with more numbers one is enough: such a model is too slow to be compared (``warmup``).
_LARGE_ELEMENTS = 100_000

Element = Callable[[InputField], object]
Inputs = Sequence[InputField]


def sample_records(schema: Schema, engine_type: EngineType) -> Iterator[list[object]]:
    """
    Candidates, each a list of three records that fit the schema; of one where records are large.

    The records of a candidate differ where the schema leaves room, so that a batch can be compared
    with its records scored one by one.
    """
    inputs = schema.inputs or ()
    if engine_type is EngineType.ONNX:
        sizes = _SIZES if _has_free_sizes(inputs) else _SIZES[:1]
        for size, values in product(sizes, (_steps, _steps_from_one, _fractions)):
            count = _COUNT if _elements(inputs, size) <= _LARGE_ELEMENTS else 1
            yield [_tensors(inputs, size, values(step)) for step in range(count)]
        return
    for first in (0, 1):
        yield [_table(inputs, first + step) for step in range(_COUNT)]


def probe_records(schema: Schema, engine_type: EngineType) -> Iterator[list[object]]:
    """Sets of three onnx records with scattered values, the same at every start."""
    if engine_type is not EngineType.ONNX:
        return
    for spread in _SPREADS:
        scattered = _scattered(random.Random(spread), spread)  # noqa: S311 - no secret
        yield [_tensors(schema.inputs or (), _SIZES[1], scattered) for _ in range(_COUNT)]


def _table(inputs: Inputs, step: int) -> dict[str, object]:
    return {field.name: _scalar(field, step) for field in inputs}


def _scalar(field: InputField, step: int) -> object:
    if field.range and not field.categories:
        return _inside(field.range[0], field.type, step)
    return _steps(step)(field)


def _inside(interval: Interval, kind: FieldType | None, step: int) -> object:
    """A value within a range; whole where the type wants it and the range has one."""
    low = interval.min if interval.min is not None else (interval.max or 0) - 8
    high = interval.max if interval.max is not None else low + 8
    value = low + (high - low) * (step + 1) / 5
    if kind is not None and kind.is_integer:
        whole = round(value)
        return whole if interval.holds(whole) else int(-(-value // 1))
    return value


def _steps(step: int) -> Element:
    """The same value for every element of a record."""

    def element(field: InputField) -> object:
        kind = field.type
        if field.categories:
            return field.categories[step % len(field.categories)]
        if kind is FieldType.BOOLEAN:
            return bool(step % 2)
        if kind is FieldType.STRING:
            return str(step) if step else ""
        return step if kind is not None and kind.is_integer else float(step)

    return element


def _steps_from_one(step: int) -> Element:
    return _steps(step + 1)


def _fractions(step: int) -> Element:
    """Between nought and one; all but floating-point numbers keep their first value."""
    first = _steps(0)

    def element(field: InputField) -> object:
        if field.type in (FieldType.FLOAT, FieldType.DOUBLE) and not field.categories:
            return (step + 1) / (_COUNT + 1)
        return first(field)

    return element


def _scattered(source: random.Random, spread: int) -> Element:
    def element(field: InputField) -> object:
        kind = field.type
        if field.categories:
            return source.choice(field.categories)
        if kind is FieldType.BOOLEAN:
            return source.random() < 0.5
        if kind is FieldType.STRING:
            return str(source.randrange(spread + 1))
        if kind is not None and kind.is_integer:
            return source.randrange(min(spread, 127) + 1 if kind is FieldType.INT8 else spread + 1)
        return source.gauss(0, spread)

    return element


def _has_free_sizes(inputs: Inputs) -> bool:
    """Whether one record may be larger than another."""
    first = 1 if has_batch_axis(inputs) else 0
    return any(None in (field.shape or ())[first:] for field in inputs)


def _tensors(inputs: Inputs, size: int, element: Element) -> dict[str, object]:
    """One record; inputs without axes have the same value in all of them."""
    return {
        field.name: _filled(shape, field, element if field.shape else _steps(1))
        for field, shape in zip(inputs, _shapes(inputs, size), strict=True)
    }


def _shapes(inputs: Inputs, size: int) -> list[list[int]]:
    """Of each input in one record, with a size for what is free."""
    first = 1 if has_batch_axis(inputs) else 0
    return [
        [size if dimension is None else dimension for dimension in field.shape or ()][first:]
        for field in inputs
    ]


def _elements(inputs: Inputs, size: int) -> int:
    return sum(map(math.prod, _shapes(inputs, size)))


def _filled(sizes: Sequence[int], field: InputField, element: Element) -> object:
    if not sizes:
        return element(field)
    return [_filled(sizes[1:], field, element) for _ in range(sizes[0])]
