"""
JSON in and out: bounded before it is parsed, strict while it is, never ``NaN`` on the way out.

Of keys that occur twice in an object the last one counts, as in every common JSON parser.
"""

import re

import msgspec

from mlz.scoring.problems import Fault, FaultKind, Problem, RequestError

_ENCODER = msgspec.json.Encoder()
# Numbers beyond float64 come back as infinity, so that the check of the field can name them.
_DECODER = msgspec.json.Decoder(float_hook=float)
_OFFSET = re.compile(r"\(byte (\d+)\)")
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
# Python converts no longer text to an integer (CVE-2020-10735); the parser then gives no position.
_ENDLESS_INTEGER = re.compile(rb"\d{4300,}")
_TO_SQUARE = bytes.maketrans(b"{}", b"[]")
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def encode(value: object) -> bytes:
    """
    JSON bytes of plain values.

    The caller has made sure that every float is finite: msgspec would write ``null`` for others.
    """
    return _ENCODER.encode(value)


def decode(body: bytes, max_depth: int) -> object:
    """
    Plain values of a body.

    Returns:
        Integers of any size, infinity for a number beyond float64: the fields' checks say so.

    Raises:
        RequestError: it is no JSON, or nested deeper than ``max_depth``.
    """
    check_depth(body, max_depth)
    try:
        return _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _syntax_error(body, error) from error


def check_depth(body: bytes, max_depth: int) -> None:
    """
    Count the nesting without parsing: no recursion, memory and time linear in the body.

    Raises:
        RequestError: deeper than ``max_depth``.
    """
    if body.count(b"[") + body.count(b"{") > max_depth and _depth(body, max_depth) > max_depth:
        offset = _offset_of_depth(body, max_depth)
        raise RequestError(
            Problem.BAD_INPUT,
            f"the body is nested deeper than {max_depth} levels (at byte {offset})",
            [
                Fault(
                    fault=FaultKind.SYNTAX,
                    offset=offset,
                    expected=f"at most {max_depth} levels of nesting",
                    found="deeper nesting",
                )
            ],
        )


def _depth(body: bytes, max_depth: int) -> int:
    """Take away the innermost pairs again and again: the number of rounds is the depth."""
    rest = _brackets(body)
    rounds = 0
    while rounds <= max_depth:
        shorter = rest.replace(b"[]", b"")
        if len(shorter) == len(rest):
            break
        rest = shorter
        rounds += 1
    return rounds + rest.count(b"[")


def _brackets(body: bytes) -> bytes:
    """All brackets that stand outside of strings, as square ones."""
    plain = body.replace(b"\\\\", b"").replace(b'\\"', b"") if b"\\" in body else body
    outside = b"".join(plain.split(b'"')[::2])
    return outside.translate(_TO_SQUARE, _NOT_BRACKETS)


def _offset_of_depth(body: bytes, max_depth: int) -> int:
    depth = 0
    for token in _TOKEN.finditer(body):
        mark = token.group()[:1]
        depth += (mark in b"[{") - (mark in b"]}")
        if depth > max_depth:
            return token.start()
    return len(body)


def _syntax_error(body: bytes, error: Exception) -> RequestError:
    kind, offset, text = _where(body, error)
    return RequestError(
        Problem.BAD_INPUT,
        f"the body is not valid JSON: {text} (at byte {offset})",
        [Fault(fault=kind, offset=offset, expected="valid JSON", found=text)],
    )


def _where(body: bytes, error: Exception) -> tuple[FaultKind, int, str]:
    endless = _ENDLESS_INTEGER.search(body)
    if isinstance(error, msgspec.ValidationError) and endless:
        return FaultKind.OVERFLOW, endless.start(), "an integer of more than 4,300 digits"
    try:
        body.decode()
    except UnicodeDecodeError as unicode_error:
        return FaultKind.SYNTAX, unicode_error.start, "bytes that are not UTF-8"
    found = _OFFSET.search(str(error))
    if found:
        text = str(error)[: found.start()].strip().removeprefix("JSON is malformed: ")
        return FaultKind.SYNTAX, int(found.group(1)), text
    return FaultKind.SYNTAX, len(body), "the end of the body"
