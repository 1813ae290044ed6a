"""
One field of the old schema against the same field of the new one.

The rules mirror how ``scoring.validation`` reads a field's values and how engines answer; what
concerns the schemas as a whole is in ``compat``.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from mlz.model import domain
from mlz.model.asset import EngineType
from mlz.model.schema import Dimension, FieldType, InputField, Invalid, OutputField
from mlz.model.verdict import ChangeKind

Shape = tuple[Dimension, ...]
# Kind, what it was, what it is: a change that does not know its path yet.
Difference = tuple[ChangeKind, str | None, str | None]

# What each type widens to in one step; steps add up. Nothing widens to what would round it.
_WIDER: dict[FieldType, tuple[FieldType, ...]] = {
    FieldType.INT8: (FieldType.INT16,),
    FieldType.INT16: (FieldType.INT32, FieldType.FLOAT),
    FieldType.INT32: (FieldType.INT64, FieldType.DOUBLE),
    FieldType.UINT8: (FieldType.UINT16, FieldType.INT16),
    FieldType.UINT16: (FieldType.UINT32, FieldType.INT32, FieldType.FLOAT),
    FieldType.UINT32: (FieldType.UINT64, FieldType.INT64, FieldType.DOUBLE),
    FieldType.FLOAT: (FieldType.DOUBLE,),
}
_FLOATS = (FieldType.FLOAT, FieldType.DOUBLE)


@dataclass(frozen=True, slots=True)
class Engines:
    """
    Who reads the fields.

    ``batched``: axis 0 is the batch on both sides, so a value has one dimension less.
    """

    old: EngineType
    new: EngineType
    batched: bool

    @property
    def same_form(self) -> bool:
        """Whether both take tensors, or both take plain values."""
        return (self.old is EngineType.ONNX) == (self.new is EngineType.ONNX)

    @property
    def compute_in_floats(self) -> bool:
        """Whether both turn whole numbers into floating-point ones anyway."""
        return EngineType.ONNX not in (self.old, self.new)


def as_read(field: InputField, engine_type: EngineType) -> InputField:
    """The field with nothing left open: what the engine type makes of absent and needless words."""
    known = {"shape": ()} if engine_type is not EngineType.ONNX else {}
    required = field.required is not False or engine_type is EngineType.ONNX
    nullable = field.nullable
    if engine_type is EngineType.ONNX:
        nullable = False
    elif nullable is None:
        nullable = engine_type is EngineType.XGBOOST or not required
    always = engine_type is EngineType.XGBOOST or not _has_domain(field)
    invalid = Invalid.REFUSE if always else field.invalid or Invalid.REFUSE
    return field.model_copy(
        update=known | {"required": required, "nullable": nullable, "invalid": invalid}
    )


def input_differences(engines: Engines, old: InputField, new: InputField) -> Iterator[Difference]:
    """All that is different of an input; both sides ``as_read``."""
    yield from _types(engines, old.type, new.type)
    yield from _shapes(engines, old.shape, new.shape)
    yield from _gaps(old, new)
    yield from _categories(old, new)
    yield from _ranges(old, new)
    yield from _treatments(old, new)


def output_differences(
    engines: Engines, old: OutputField, new: OutputField
) -> Iterator[Difference]:
    """All that is known to be different of an output, and what only one side knows."""
    if bool(old.by_class) is not bool(new.by_class):
        yield ChangeKind.OUTPUT_FORM_CHANGED, _form_text(old), _form_text(new)
        return
    if old.type is not new.type:
        known = old.type is not None and new.type is not None
        kind = ChangeKind.OUTPUT_TYPE_CHANGED if known else ChangeKind.OUTPUT_TYPE_UNKNOWN
        yield kind, type_text(old.type), type_text(new.type)
    if old.shape != new.shape and not old.by_class and engines.same_form:
        kind = _output_shape_kind(engines, old.shape, new.shape)
        yield kind, _shape_text(old.shape), _shape_text(new.shape)


def is_wider(old: FieldType, new: FieldType) -> bool:
    """Whether a type holds every value of another exactly, and more."""
    return any(step is new or is_wider(step, new) for step in _WIDER.get(old, ()))


def type_text(kind: FieldType | None) -> str | None:
    """The type as users write it."""
    return None if kind is None else kind.value


def _types(engines: Engines, old: FieldType | None, new: FieldType | None) -> Iterator[Difference]:
    if old is new:
        return
    if old is None or new is None:
        kind = ChangeKind.TYPE_UNKNOWN
    elif is_wider(old, new) or (engines.compute_in_floats and old.is_integer and new in _FLOATS):
        kind = ChangeKind.TYPE_WIDENED
    else:
        kind = ChangeKind.TYPE_CHANGED
    yield kind, type_text(old), type_text(new)


def _shapes(engines: Engines, old: Shape | None, new: Shape | None) -> Iterator[Difference]:
    if old == new or not engines.same_form:
        return
    kind = ChangeKind.SHAPE_CHANGED
    if old is not None and new is not None and _is_freed(old, new):
        first = 1 if engines.batched else 0
        kept = _all_forms_are_read(old[first:], new[first:])
        kind = ChangeKind.DIMENSION_FREED if kept else ChangeKind.SHORT_FORM_LOST
    yield kind, _shape_text(old), _shape_text(new)


def _is_freed(old: Shape, new: Shape) -> bool:
    """Whether the shapes differ in free dimensions only, and not in axis 0."""
    return (
        len(old) == len(new)
        and old[:1] == new[:1]
        and all(after in (None, before) for before, after in zip(old, new, strict=True))
    )


def _all_forms_are_read(old: Shape, new: Shape) -> bool:
    """
    Whether a value of the old shape is read as the same array, in whichever form it comes.

    Beside nested lists there are a plain value (one element, nothing free), and a flat list (at
    most one free dimension). And an empty list hides the sizes of the dimensions below it.
    """
    if None not in old and math.prod(size or 0 for size in old) == 1:
        return False
    if len(old) > 1 and old.count(None) < 2 <= new.count(None):
        return False
    last_freed = max(axis for axis, size in enumerate(new) if size != old[axis])
    return all(old[:last_freed]) and 0 not in new


def _gaps(old: InputField, new: InputField) -> Iterator[Difference]:
    words = {True: "required", False: "optional"}
    if old.required is not new.required:
        kind = ChangeKind.FIELD_MADE_REQUIRED if new.required else ChangeKind.FIELD_MADE_OPTIONAL
        yield kind, words[bool(old.required)], words[bool(new.required)]
    if old.nullable is not new.nullable:
        yield (ChangeKind.NULL_ALLOWED if new.nullable else ChangeKind.NULL_REFUSED), None, None


def _categories(old: InputField, new: InputField) -> Iterator[Difference]:
    before, after = domain.category_set(old.categories), domain.category_set(new.categories)
    if before == after:
        return
    fits = domain.holds_categories(after, before) and old.invalid is Invalid.REFUSE
    kind = ChangeKind.CATEGORIES_WIDENED if fits else ChangeKind.CATEGORIES_CHANGED
    yield (
        kind,
        domain.categories_text(before, after),
        domain.categories_text(after, before),
    )


def _ranges(old: InputField, new: InputField) -> Iterator[Difference]:
    # Where all that was taken are whole numbers, what lies between them is no difference.
    whole = old.type is not None and old.type.is_integer
    before, after = domain.spans(old.range, whole=whole), domain.spans(new.range, whole=whole)
    if before == after:
        return
    fits = domain.holds_spans(after, before) and old.invalid is Invalid.REFUSE
    kind = ChangeKind.RANGE_WIDENED if fits else ChangeKind.RANGE_CHANGED
    yield kind, domain.spans_text(before), domain.spans_text(after)


def _treatments(old: InputField, new: InputField) -> Iterator[Difference]:
    before, after = _treatment(old), _treatment(new)
    if before == after or not (_has_domain(old) and _has_domain(new)):
        return
    allowed = old.invalid is Invalid.REFUSE
    kind = ChangeKind.INVALID_VALUES_ALLOWED if allowed else ChangeKind.INVALID_VALUES_CHANGED
    yield kind, before, after


def _treatment(field: InputField) -> str:
    """What counts as missing means another thing where missing values are filled."""
    filled = field.invalid is Invalid.MISSING and not field.required
    return f"{field.invalid}, filled" if filled else f"{field.invalid}"


def _has_domain(field: InputField) -> bool:
    return field.categories is not None or bool(field.range)


def _output_shape_kind(engines: Engines, old: Shape | None, new: Shape | None) -> ChangeKind:
    if old is None or new is None:
        return ChangeKind.OUTPUT_SHAPE_UNKNOWN
    # Where axis 0 is the batch, an answer has a record's part of it only if it stays free.
    same_batch = not engines.batched or old[:1] == new[:1]
    fixed = len(old) == len(new) and all(
        before in (None, after) for before, after in zip(old, new, strict=True)
    )
    if same_batch and fixed:
        return ChangeKind.OUTPUT_DIMENSION_FIXED
    return ChangeKind.OUTPUT_SHAPE_CHANGED


def _shape_text(shape: Shape | None) -> str | None:
    """As users see shapes in error answers: -1 for a free dimension."""
    if shape is None:
        return None
    return "[" + ", ".join("-1" if size is None else str(size) for size in shape) + "]"


def _form_text(field: OutputField) -> str:
    return "by class" if field.by_class else "in order"
