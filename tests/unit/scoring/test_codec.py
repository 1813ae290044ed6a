"""Bytes to values: bounded, strict, and never another error than ours."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlz.scoring import codec
from mlz.scoring.problems import FaultKind, RequestError
from unit.scoring.kit import refusal_of

DEPTH = 8
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text() | st.floats(-1e9, 1e9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("body", "kind", "offset"),
    [
        pytest.param(b"", FaultKind.SYNTAX, 0, id="nothing"),
        pytest.param(b"[1,]", FaultKind.SYNTAX, 3, id="a comma too many"),
        pytest.param(b'[{"x": NaN}]', FaultKind.SYNTAX, 7, id="NaN is no JSON"),
        pytest.param(b"[Infinity]", FaultKind.SYNTAX, 1, id="neither is Infinity"),
        pytest.param(b"[-Infinity]", FaultKind.SYNTAX, 2, id="with a sign neither"),
        pytest.param(b'["\xff"]', FaultKind.SYNTAX, 2, id="not UTF-8"),
        pytest.param(b'["\\ud800"]', FaultKind.SYNTAX, 10, id="half a surrogate pair"),
        pytest.param(b"\xef\xbb\xbf[]", FaultKind.SYNTAX, 0, id="a byte order mark"),
        pytest.param(b"[1] [2]", FaultKind.SYNTAX, 5, id="two documents"),
        pytest.param(b"[01]", FaultKind.SYNTAX, 2, id="a leading zero"),
        pytest.param(b"{'x': 1}", FaultKind.SYNTAX, 1, id="single quotes"),
        pytest.param(b'[{"x": 1}', FaultKind.SYNTAX, 9, id="the end is missing"),
        pytest.param(b"[" + b"9" * 5000 + b"]", FaultKind.OVERFLOW, 1, id="an endless integer"),
        pytest.param(b"[" * 9 + b"]" * 9, FaultKind.SYNTAX, 8, id="one level too deep"),
        pytest.param(b"[" * 1_000_000, FaultKind.SYNTAX, 8, id="a million levels"),
        pytest.param(b'{"a":' * 200_000, FaultKind.SYNTAX, 40, id="objects without end"),
        pytest.param(b'["\\"[[["' + b"[" * 9, FaultKind.SYNTAX, 15, id="brackets in text are none"),
    ],
)
def test_what_is_no_json_is_refused_by_position(body: bytes, kind: FaultKind, offset: int) -> None:
    with pytest.raises(RequestError) as refused:
        codec.decode(body, DEPTH)

    (fault,) = refused.value.faults
    assert (fault.fault, fault.offset) == (kind, offset)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        pytest.param(b"[1e400, -1e400]", [float("inf"), float("-inf")], id="for the field to say"),
        pytest.param(
            b"[123456789012345678901234567890]", [123456789012345678901234567890], id="big"
        ),
        pytest.param(b'{"a": 1, "a": 2}', {"a": 2}, id="of equal keys the last counts"),
        pytest.param(b"[" * 8 + b"]" * 8, [[[[[[[[]]]]]]]], id="as deep as allowed"),
        pytest.param(b'["[[[[[[[[[[[[[[[["]', ["[" * 16], id="brackets in text have no depth"),
        pytest.param(b'["\\\\", [[]], "\\""]', ["\\", [[]], '"'], id="escapes before quotes"),
    ],
)
def test_what_is_json_is_read(body: bytes, value: object) -> None:
    assert codec.decode(body, DEPTH) == value


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused_by_our_error(body: bytes) -> None:
    refused = refusal_of(lambda: codec.decode(body, DEPTH))

    assert refused is None or (isinstance(refused, RequestError) and refused.faults)


@given(st.text(alphabet='[]{}",:\\ 1a', max_size=200))
def test_json_like_text_is_read_or_refused_by_our_error(text: str) -> None:
    refused = refusal_of(lambda: codec.decode(text.encode(), DEPTH))

    assert refused is None or (isinstance(refused, RequestError) and refused.faults)


@given(VALUES)
def test_what_is_written_can_be_read_again(value: object) -> None:
    assert codec.decode(codec.encode(value), 100) == value


@given(VALUES)
def test_the_depth_is_counted_as_the_parser_nests(value: object) -> None:
    depth = _depth(value)
    body = json.dumps(value).encode()

    codec.check_depth(body, depth)
    if depth:
        with pytest.raises(RequestError):
            codec.check_depth(body, depth - 1)


def _depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max((_depth(part) for part in value.values()), default=0)
    if isinstance(value, list):
        return 1 + max((_depth(part) for part in value), default=0)
    return 0
