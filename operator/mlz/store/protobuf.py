"""
A bounded reader of protobuf's wire format over a file that may be larger than memory.

It hands out positions, not objects: what nobody asks for is skipped in one step. It never trusts a
length and never reads past the message it is in. Source: protobuf.dev, "Encoding".
"""

import mmap
import re
import struct
from collections.abc import Iterator
from typing import NamedTuple

from mlz.errors import Reason, RejectedError

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
_MAX_FIELDS = 8_000_000  # about ten seconds; the largest honest graphs have some hundred thousand
_FIXED_BYTES = {FIXED64: 8, FIXED32: 4}
# Runs of unpacked numbers and short strings (tree ensembles have millions of them): skipped by the
# regular-expression engine, a hundred times faster than one by one. Possessive: no backtracking.
_SHORT = b"|".join(re.escape(bytes([size])) + b".{%d}" % size for size in range(64))


def run_of(*, floats: int, integers: int, strings: int) -> re.Pattern[bytes]:
    """A pattern of runs of the repeated fields with these numbers (each below 16)."""
    tags = [re.escape(bytes([n << 3 | w])) for n, w in ((floats, 5), (integers, 0), (strings, 2))]
    number = rb"[\x80-\xff]{0,9}+[\x00-\x7f]"
    text = b"|".join((tags[0] + b".{4}", tags[1] + number, tags[2] + b"(?:" + _SHORT + b")"))
    return re.compile(b"(?s)(?:" + text + b")++")


class Field(NamedTuple):
    """
    One field of a message.

    ``value`` is the number of a varint; else the content lies at ``start:end``.
    """

    number: int
    wire: int
    value: int
    start: int
    end: int


class ProtobufReader:
    """
    Reads one buffer.

    Args:
        buffer: a memory-mapped file or bytes.
        what: the format in messages, as "an ONNX file".
    """

    def __init__(self, buffer: "mmap.mmap | bytes", what: str) -> None:
        self._buffer = buffer
        self._what = what
        self._fields_left = _MAX_FIELDS

    @property
    def size(self) -> int:
        """Bytes of the whole buffer."""
        return len(self._buffer)

    def fields(
        self, start: int, end: int, skip: re.Pattern[bytes] | None = None
    ) -> Iterator[Field]:
        """
        The fields of the message at ``start:end``, in the order of the file.

        Args:
            start: where the message begins.
            end: where it ends.
            skip: runs that the caller has no use for.

        Raises:
            RejectedError: ModelInvalid, not this format or truncated; ModelUnsafe, too many fields.
        """
        position = start
        while position < end:
            run = skip.match(self._buffer, position, end) if skip else None
            if run:
                position = run.end()
                continue
            field = self._field(position, end)
            yield field
            position = field.end

    def text(self, field: Field, *, lenient: bool = False) -> str:
        """A string field's value; what is no UTF-8 is replaced where ``lenient``, else refused."""
        self.expect(field, LENGTH)
        try:
            return self._buffer[field.start : field.end].decode(
                errors="replace" if lenient else "strict"
            )
        except UnicodeDecodeError as error:
            raise self.broken(field.start, "text that is not UTF-8") from error

    def integers(self, field: Field) -> list[int]:
        """The values of a repeated integer field, packed or not, as signed 64-bit numbers."""
        if field.wire == VARINT:
            return [_signed(field.value)]
        self.expect(field, LENGTH)
        values, position = [], field.start
        while position < field.end:
            value, position = self._varint(position, field.end)
            values.append(_signed(value))
        return values

    def signed_words(self, field: Field) -> list[int]:
        """The content of a bytes field as signed little-endian numbers of 64 bits."""
        self.expect(field, LENGTH)
        if (field.end - field.start) % 8:
            return []
        content = self._buffer[field.start : field.end]
        return [number for (number,) in struct.iter_unpack("<q", content)]

    def number(self, field: Field) -> int:
        """A single integer field's value, signed."""
        self.expect(field, VARINT)
        return _signed(field.value)

    def expect(self, field: Field, wire: int) -> None:
        """Refuse a field of another wire type than the format has there."""
        if field.wire != wire:
            raise self.broken(field.start, f"field {field.number} of another kind")

    def broken(self, position: int, found: str) -> RejectedError:
        """The refusal of a file that is not what it should be."""
        return RejectedError(
            Reason.MODEL_INVALID,
            f"wanted {self._what}, found {found} at byte {position}; export the model again",
        )

    def _field(self, position: int, end: int) -> Field:
        self._fields_left -= 1
        if self._fields_left < 0:
            raise RejectedError(
                Reason.MODEL_UNSAFE,
                f"{self._what} with more than {_MAX_FIELDS} fields is not read; simplify the model",
            )
        tag, start = self._varint(position, end)
        number, wire = tag >> 3, tag & 7
        if wire == VARINT:
            value, after = self._varint(start, end)
            return Field(number, wire, value, start, after)
        if wire == LENGTH:
            size, start = self._varint(start, end)
        elif wire in _FIXED_BYTES:
            size = _FIXED_BYTES[wire]
        else:
            raise self.broken(position, f"a field of unknown kind {wire}")
        if number == 0 or size > end - start:
            found = "a field without a number" if number == 0 else "a truncated field"
            raise self.broken(position, found)
        return Field(number, wire, 0, start, start + size)

    def _varint(self, position: int, end: int) -> tuple[int, int]:
        value = 0
        for shift in range(0, 70, 7):
            if position >= end:
                raise self.broken(position, "a truncated number")
            byte = self._buffer[position]
            position += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value & 0xFFFFFFFFFFFFFFFF, position
        raise self.broken(position, "a number of more than ten bytes")


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value
