"""
The check of one scalar value against one field of the schema, compiled once and called per value.

A check returns the value in the field's own type, or raises ``Mismatch``. Booleans are not numbers;
a whole number may be written ``3.0``; what overflows the declared type is refused, never rounded to
infinity. Tensors are ``tensors``' work.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from mlz.model.schema import FieldType, InputField, Invalid
from mlz.scoring.engines.base import Scalar
from mlz.scoring.places import shown, type_name
from mlz.scoring.problems import FaultKind, Mismatch

Check = Callable[[object], Scalar]

# The first double that rounds to infinity as a float32: its largest value and half a step.
FLOAT32_OVERFLOW = float.fromhex("0x1.ffffffp127")
_WIDEST = range(-(2**63), 2**64)
_JSON_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?\Z", re.ASCII)
_SHOWN_CATEGORIES = 8


@dataclass(frozen=True, slots=True)
class Rules:
    """
    How an engine type reads scalars.

    Args:
        numbers_as_text: a string that holds a JSON number counts as one (MLz's PMML clients).
        single_precision: the library computes in float32, whatever the schema says.
        always_refuse: values outside of the categories are refused, whatever the schema says.
        null_is_missing: null is a value where the schema does not say otherwise.
    """

    numbers_as_text: bool = False
    single_precision: bool = False
    always_refuse: bool = False
    null_is_missing: bool = False


def integer_range(kind: FieldType) -> range:
    """All values of an integer type."""
    bits = int(kind.value.removeprefix("u").removeprefix("int"))
    return (
        range(2**bits) if kind.value.startswith("u") else range(-(2 ** (bits - 1)), 2 ** (bits - 1))
    )


def compile_check(field: InputField, rules: Rules) -> Check:
    """
    The check of a field's values; null and absence are the caller's.

    Returns:
        A function that raises ``Mismatch`` for what does not fit.
    """
    check = _typed(field.type, rules)
    refuses = rules.always_refuse or refuses_invalid(field)
    if refuses and field.categories is not None:
        check = with_categories(check, field.categories)
    if refuses and field.range:
        check = _with_range(check, field)
    return check


def refuses_invalid(field: InputField) -> bool:
    """Whether the schema refuses values outside of a field's categories or range."""
    return field.invalid in (None, Invalid.REFUSE)


def number_check(kind: FieldType) -> Check:
    """The check of one number of a type, without categories and ranges."""
    return _integers(integer_range(kind)) if kind.is_integer else _floats(_overflow(kind))


def check_boolean(value: object) -> Scalar:
    """
    Raises:
        Mismatch: not true or false.
    """
    if type(value) is bool:
        return value
    raise Mismatch(FaultKind.TYPE, "boolean", type_name(value))


def check_string(value: object) -> Scalar:
    """
    Raises:
        Mismatch: not a string.
    """
    if type(value) is str:
        return value
    raise Mismatch(FaultKind.TYPE, "string", type_name(value))


def _typed(kind: FieldType | None, rules: Rules) -> Check:
    if kind is None:
        return _any_scalar
    if kind is FieldType.BOOLEAN:
        return check_boolean
    if kind is FieldType.STRING:
        return check_string
    single = rules.single_precision and not kind.is_integer
    check = number_check(FieldType.FLOAT if single else kind)
    return _or_text(check) if rules.numbers_as_text else check


def _overflow(kind: FieldType) -> float:
    return FLOAT32_OVERFLOW if kind is FieldType.FLOAT else math.inf


def _floats(overflow: float) -> Check:
    expected = "number" if overflow == math.inf else "number within float32"

    def check(value: object) -> Scalar:
        if type(value) is float:
            number = value
        elif type(value) is int:
            if value not in _WIDEST:
                raise Mismatch(FaultKind.OVERFLOW, "integer of 64 bits", shown_number(value))
            number = float(value)
        else:
            raise Mismatch(FaultKind.TYPE, "number", type_name(value))
        # NaN cannot come here: JSON has no token for it.
        if -overflow < number < overflow:
            return number
        raise Mismatch(FaultKind.OVERFLOW, expected, shown_number(value))

    return check


def _integers(allowed: range) -> Check:
    expected = f"integer from {allowed[0]} to {allowed[-1]}"

    def check(value: object) -> Scalar:
        if type(value) is int:
            number = value
        elif type(value) is float:
            if math.isinf(value):
                raise Mismatch(FaultKind.OVERFLOW, expected, shown_number(value))
            if not value.is_integer():
                raise Mismatch(FaultKind.TYPE, "integer", "number with a fraction")
            number = int(value)
        else:
            raise Mismatch(FaultKind.TYPE, "integer", type_name(value))
        if number in allowed:
            return number
        raise Mismatch(FaultKind.OVERFLOW, expected, shown_number(value))

    return check


def _or_text(check: Check) -> Check:
    def check_or_text(value: object) -> Scalar:
        if type(value) is not str:
            return check(value)
        if not _JSON_NUMBER.match(value):
            raise Mismatch(FaultKind.TYPE, "number", "string that is no number")
        whole = value.removeprefix("-").isdigit() and len(value) <= 25
        return check(int(value) if whole else float(value))

    return check_or_text


def _any_scalar(value: object) -> Scalar:
    """A field of unknown type takes what the library may make of it, if JSON can hold it."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value if type(value) is int and value in _WIDEST else _floats(math.inf)(value)
    if isinstance(value, (bool, str)):
        return value
    raise Mismatch(FaultKind.TYPE, "string, number or boolean", type_name(value))


def with_categories(check: Check, categories: tuple[Scalar, ...]) -> Check:
    """The check, and that the value is one of the categories."""
    allowed = frozenset(categories)
    listed = ", ".join(shown(category) for category in categories[:_SHOWN_CATEGORIES])
    more = ", …" if len(categories) > _SHOWN_CATEGORIES else ""
    expected = f"one of {listed}{more}"

    def check_category(value: object) -> Scalar:
        checked = check(value)
        if checked in allowed:
            return checked
        raise Mismatch(FaultKind.CATEGORY, expected, shown(checked))

    return check_category


def _with_range(check: Check, field: InputField) -> Check:
    intervals = field.range or ()
    expected = "number in " + " or ".join(
        f"{'[' if one.closed in ('both', 'left') else '('}"
        f"{'-∞' if one.min is None else one.min}, {'∞' if one.max is None else one.max}"
        f"{']' if one.closed in ('both', 'right') else ')'}"
        for one in intervals
    )

    def check_range(value: object) -> Scalar:
        checked = check(value)
        # A range on a field that is no number means nothing; the schema's types are the authority.
        if isinstance(checked, str) or any(one.holds(checked) for one in intervals):
            return checked
        raise Mismatch(FaultKind.RANGE, expected, shown(checked))

    return check_range


def shown_number(value: object) -> str:
    """A number for an error answer; infinity is what a number beyond float64 was decoded to."""
    if isinstance(value, float) and math.isinf(value):
        return "number beyond float64"
    if isinstance(value, int) and value not in _WIDEST:
        return "integer beyond 64 bits"
    return shown(value)
