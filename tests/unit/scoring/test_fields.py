"""One value against one field: a row for each rule."""

from typing import Any

import pytest

from mlz.model.schema import FieldType, Interval, Invalid
from mlz.scoring.fields import Rules, compile_check
from mlz.scoring.problems import FaultKind, Mismatch
from unit.scoring.kit import a_field

T = FieldType
TEXT = Rules(numbers_as_text=True)
SINGLE = Rules(single_precision=True)


@pytest.mark.parametrize(
    ("field", "rules", "value", "expected"),
    [
        pytest.param({"type": T.DOUBLE}, Rules(), 1, 1.0, id="an integer is a double"),
        pytest.param({"type": T.DOUBLE}, Rules(), 1e308, 1e308, id="the largest doubles"),
        pytest.param({"type": T.DOUBLE}, Rules(), 2**64 - 1, 2.0**64, id="64 bits are a number"),
        pytest.param(
            {"type": T.FLOAT}, Rules(), 3.4028235e38, 3.4028235e38, id="float32's largest"
        ),
        pytest.param({"type": T.INT8}, Rules(), -128, -128, id="int8's smallest"),
        pytest.param({"type": T.UINT64}, Rules(), 2**64 - 1, 2**64 - 1, id="uint64's largest"),
        pytest.param({"type": T.INT64}, Rules(), 3.0, 3, id="3.0 is a whole number"),
        pytest.param({"type": T.BOOLEAN}, Rules(), True, True, id="true"),
        pytest.param({"type": T.STRING}, Rules(), "", "", id="empty text is text"),
        pytest.param({"type": None}, Rules(), "x", "x", id="a field of unknown type"),
        pytest.param({"type": None}, Rules(), 5, 5, id="and a number for it"),
        pytest.param({"type": T.DOUBLE}, TEXT, "134.09", 134.09, id="numbers as MLz sends them"),
        pytest.param({"type": T.INT64}, TEXT, "2002", 2002, id="and whole ones"),
        pytest.param({"type": T.INT64}, TEXT, "-2e3", -2000, id="with an exponent"),
        pytest.param({"categories": ("a", "b"), "type": T.STRING}, Rules(), "a", "a", id="known"),
        pytest.param({"categories": (1, 2)}, Rules(), 2, 2.0, id="numbers as categories"),
        pytest.param(
            {"categories": ("a",), "type": T.STRING, "invalid": Invalid.MISSING},
            Rules(),
            "z",
            "z",
            id="invalid as missing: the library's affair",
        ),
        pytest.param(
            {"range": (Interval(min=0, max=1), Interval(min=5))}, Rules(), 7, 7.0, id="2nd range"
        ),
        pytest.param(
            {"range": (Interval(min=0, max=1),), "invalid": Invalid.ACCEPT},
            Rules(),
            9,
            9.0,
            id="out of range as it is",
        ),
    ],
)
def test_a_value_that_fits_is_given_in_the_fields_type(
    field: dict[str, Any], rules: Rules, value: object, expected: object
) -> None:
    checked = compile_check(a_field(**field), rules)(value)

    assert checked == expected
    assert type(checked) is type(expected)


@pytest.mark.parametrize(
    ("field", "rules", "value", "fault"),
    [
        pytest.param({"type": T.DOUBLE}, Rules(), "1", FaultKind.TYPE, id="text is no number"),
        pytest.param({"type": T.DOUBLE}, Rules(), True, FaultKind.TYPE, id="true is no number"),
        pytest.param({"type": T.DOUBLE}, Rules(), [1], FaultKind.TYPE, id="an array is none"),
        pytest.param({"type": T.DOUBLE}, Rules(), {}, FaultKind.TYPE, id="an object is none"),
        pytest.param({"type": T.DOUBLE}, Rules(), float("inf"), FaultKind.OVERFLOW, id="1e400"),
        pytest.param({"type": T.DOUBLE}, Rules(), 2**64, FaultKind.OVERFLOW, id="65 bits"),
        pytest.param({"type": T.DOUBLE}, Rules(), -(10**30), FaultKind.OVERFLOW, id="100 bits"),
        pytest.param({"type": T.FLOAT}, Rules(), 1e39, FaultKind.OVERFLOW, id="beyond float32"),
        pytest.param(
            {"type": T.FLOAT}, Rules(), 3.4028235677973366e38, FaultKind.OVERFLOW, id="its edge"
        ),
        pytest.param(
            {"type": T.DOUBLE}, SINGLE, 1e308, FaultKind.OVERFLOW, id="XGBoost computes in float32"
        ),
        pytest.param({"type": T.INT64}, Rules(), 1.5, FaultKind.TYPE, id="a fraction"),
        pytest.param({"type": T.INT64}, Rules(), "1", FaultKind.TYPE, id="text is no integer"),
        pytest.param({"type": T.INT64}, Rules(), True, FaultKind.TYPE, id="nor is true"),
        pytest.param({"type": T.INT64}, Rules(), 2**63, FaultKind.OVERFLOW, id="64 bits unsigned"),
        pytest.param({"type": T.INT64}, Rules(), 1e30, FaultKind.OVERFLOW, id="1e30 is too large"),
        pytest.param({"type": T.INT64}, Rules(), float("inf"), FaultKind.OVERFLOW, id="1e400 too"),
        pytest.param({"type": T.UINT8}, Rules(), -1, FaultKind.OVERFLOW, id="negative, unsigned"),
        pytest.param({"type": T.INT8}, Rules(), 128, FaultKind.OVERFLOW, id="int8 ends at 127"),
        pytest.param({"type": T.BOOLEAN}, Rules(), 1, FaultKind.TYPE, id="1 is not true"),
        pytest.param({"type": T.BOOLEAN}, Rules(), "true", FaultKind.TYPE, id="nor is 'true'"),
        pytest.param({"type": T.STRING}, Rules(), 1, FaultKind.TYPE, id="a number is no text"),
        pytest.param({"type": None}, Rules(), [], FaultKind.TYPE, id="unknown, but no array"),
        pytest.param({"type": None}, Rules(), 2**70, FaultKind.OVERFLOW, id="nor 70 bits"),
        pytest.param({"type": T.DOUBLE}, TEXT, "nan", FaultKind.TYPE, id="'nan' is no number"),
        pytest.param({"type": T.DOUBLE}, TEXT, " 1", FaultKind.TYPE, id="nor with a blank"),
        pytest.param({"type": T.DOUBLE}, TEXT, "1_0", FaultKind.TYPE, id="nor in Python's way"),
        pytest.param({"type": T.DOUBLE}, TEXT, "٣", FaultKind.TYPE, id="nor in other digits"),
        pytest.param({"type": T.DOUBLE}, TEXT, "", FaultKind.TYPE, id="nor nothing"),
        pytest.param({"type": T.DOUBLE}, TEXT, "1e400", FaultKind.OVERFLOW, id="too large as text"),
        pytest.param({"type": T.INT64}, TEXT, "9" * 30, FaultKind.OVERFLOW, id="too long as text"),
        pytest.param(
            {"categories": ("a",), "type": T.STRING}, Rules(), "b", FaultKind.CATEGORY, id="unknown"
        ),
        pytest.param(
            {"categories": ("a",), "type": T.STRING, "invalid": Invalid.ACCEPT},
            Rules(always_refuse=True),
            "b",
            FaultKind.CATEGORY,
            id="XGBoost would take it for missing",
        ),
        pytest.param({"range": (Interval(min=0),)}, Rules(), -1, FaultKind.RANGE, id="below"),
        pytest.param(
            {"range": (Interval(min=0, max=1, closed="left"),)},
            Rules(),
            1,
            FaultKind.RANGE,
            id="end",
        ),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_its_fault(
    field: dict[str, Any], rules: Rules, value: object, fault: FaultKind
) -> None:
    check = compile_check(a_field(**field), rules)

    with pytest.raises(Mismatch) as refused:
        check(value)

    assert refused.value.fault is fault
    assert refused.value.expected
    assert refused.value.found
