"""
A bounded reader of Universal Binary JSON, in the dialect that XGBoost writes.

Typed arrays become ``array.array`` in one step, so large models cost little more than their bytes.
No length is trusted, no key may come twice (a gate and a library could read different ones), depth
is limited. Source: ubjson.org, draft 12.
"""

import struct
import sys
from array import array
from collections.abc import Callable

from mlz.errors import Reason, RejectedError

Value = dict[str, "Value"] | list["Value"] | array | str | int | float | bool | None  # type: ignore[type-arg]
MAX_DEPTH = 64
_NUMBERS = {  # marker: struct format of one value, typecode of an array of them
    ord("i"): (">b", "b"),
    ord("U"): (">B", "B"),
    ord("I"): (">h", "h"),
    ord("l"): (">i", "i"),
    ord("L"): (">q", "q"),
    ord("d"): (">f", "f"),
    ord("D"): (">d", "d"),
}
_INTEGERS = frozenset(b"iUIlL")
_CONSTANTS = {ord("Z"): None, ord("T"): True, ord("F"): False}
_TYPE, _COUNT = ord("$"), ord("#")


def looks_like_ubjson(head: bytes) -> bool:
    """Whether bytes begin as an UBJSON object does: a brace, then the length of a key."""
    return len(head) > 1 and head[0] == ord("{") and head[1] in b"iUIlL$#"


def parse_ubjson(data: bytes) -> dict[str, Value]:
    """
    Read one object.

    Raises:
        RejectedError: ModelInvalid, broken or no object; ModelUnsafe, nested too deep.
    """
    reader = _Reader(data)
    value = reader.value(reader.byte(), 0)
    if not isinstance(value, dict):
        raise reader.broken("no object")
    return value


class _Reader:
    """A position in the bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def value(self, marker: int, depth: int) -> Value:
        if depth > MAX_DEPTH:
            raise RejectedError(
                Reason.MODEL_UNSAFE, f"the document is nested deeper than {MAX_DEPTH} levels"
            )
        if marker in _NUMBERS:
            return self._number(marker)
        if marker in _CONSTANTS:
            return _CONSTANTS[marker]
        containers: dict[int, Callable[[int], Value]] = {
            ord("{"): self._object,
            ord("["): self._array,
        }
        if marker in containers:
            return containers[marker](depth)
        if marker in b"SC":
            return self._text(self._length() if marker == ord("S") else 1)
        raise self.broken(f"an unknown marker {marker:#04x}")

    def byte(self) -> int:
        if self._position >= len(self._data):
            raise self.broken("its end")
        self._position += 1
        return self._data[self._position - 1]

    def broken(self, found: str) -> RejectedError:
        return RejectedError(
            Reason.MODEL_INVALID,
            f"wanted an XGBoost model in UBJSON, found {found} at byte {self._position}; save it "
            "again with save_model('model.ubj')",
        )

    def _object(self, depth: int) -> dict[str, Value]:
        if self._peek() in (_TYPE, _COUNT):
            raise self.broken("an object with a count, which XGBoost does not write,")
        found: dict[str, Value] = {}
        while self._peek() != ord("}"):
            key = self._text(self._length())
            if key in found:
                raise self.broken(f"key {key[:40]!r} twice")
            found[key] = self.value(self.byte(), depth + 1)
        self._position += 1
        return found

    def _array(self, depth: int) -> Value:
        if self._peek() == _TYPE:
            self._position += 1
            return self._typed_array(self.byte())
        if self._peek() == _COUNT:
            self._position += 1
            count = self._length()
            return [self.value(self.byte(), depth + 1) for _ in range(count)]
        found: list[Value] = []
        while self._peek() != ord("]"):
            found.append(self.value(self.byte(), depth + 1))
        self._position += 1
        return found

    def _typed_array(self, marker: int) -> array:  # type: ignore[type-arg]
        if marker not in _NUMBERS or self.byte() != _COUNT:
            raise self.broken("an array of a type that XGBoost does not write")
        values = array(_NUMBERS[marker][1])
        size = self._length() * values.itemsize
        values.frombytes(self._take(size))
        if sys.byteorder == "little":  # the format is big-endian, as s390x is
            values.byteswap()
        return values

    def _number(self, marker: int) -> int | float:
        form = _NUMBERS[marker][0]
        number: int | float = struct.unpack(form, self._take(struct.calcsize(form)))[0]
        return number

    def _length(self) -> int:
        marker = self.byte()
        if marker not in _INTEGERS:
            raise self.broken("no length")
        length = int(self._number(marker))
        if not 0 <= length <= len(self._data) - self._position:
            raise self.broken(f"a length of {length}, more than the file has,")
        return length

    def _text(self, size: int) -> str:
        try:
            return self._take(size).decode()
        except UnicodeDecodeError as error:
            raise self.broken("text that is not UTF-8") from error

    def _take(self, size: int) -> bytes:
        end = self._position + size
        if end > len(self._data):
            raise self.broken("its end")
        taken = self._data[self._position : end]
        self._position = end
        return taken

    def _peek(self) -> int:
        if self._position >= len(self._data):
            raise self.broken("its end")
        return self._data[self._position]
