"""
Bodies of requests, read with care: JSON within bounds, and its fields by type.

Every function raises ``Refusal`` and nothing else, whatever it is given.
"""

import json
import math
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from mlz.rest.problems import Code, Refusal, invalid_field

DEEPEST = 32
LARGEST_NAME = 253
LARGEST_TEXT = 4096
_MOST_DIGITS = 400  # as the largest double has, and few enough to be read in no time

_KINDS: tuple[tuple[type, str], ...] = (
    (bool, "a boolean"),
    (int, "an integer"),
    (float, "a number"),
    (str, "a string"),
    (list, "an array"),
    (dict, "an object"),
)


def json_body(raw: bytes) -> Any:
    """
    The JSON of a body: UTF-8, finite numbers, whole characters, nested at most 32 deep.

    Raises:
        Refusal: ``parsing_error``.
    """
    try:
        document = json.loads(
            raw.decode(), parse_constant=_not_finite, parse_float=_finite, parse_int=_integer
        )
        _check_depth(document)
        # A half of a surrogate pair could neither be stored nor answered.
        json.dumps(document, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise parsing_error(f"the body is not JSON as it is taken here: {_told(error)}") from error
    return document


def parsing_error(message: str) -> Refusal:
    """A body that is not what the operation takes."""
    return Refusal(Code.PARSING_ERROR, message)


def kind_of(value: object) -> str:
    """What a value is, in words for error messages."""
    if value is None:
        return "nothing"
    return next((word for kind, word in _KINDS if isinstance(value, kind)), "something else")


@dataclass(frozen=True, slots=True)
class Fields:
    """
    An object of a request; null is the same as absent.

    Attributes:
        path: JSONPath of the object in the body.
    """

    document: Mapping[str, Any]
    path: str = "$"

    def value(self, key: str) -> Any:
        """The raw value, or None."""
        return self.document.get(key)

    def text(self, key: str, limit: int = LARGEST_TEXT) -> str | None:
        """
        A text of at most so many characters, or None where it is absent.

        Raises:
            Refusal: ``invalid_field``.
        """
        found = self.value(key)
        return None if found is None else text_at(f"{self.path}.{key}", found, limit)

    def required_text(self, key: str, limit: int = LARGEST_NAME) -> str:
        """A text that has to be there, on one line, and not blank."""
        found = self.text(key, limit)
        if found is None or not found.strip():
            raise self.refused(key, "a text that is not blank", kind_of(self.value(key)))
        return name_at(f"{self.path}.{key}", found, limit)

    def name(self, key: str) -> str | None:
        """A text on one line, or None where it is absent."""
        found = self.value(key)
        return None if found is None else name_at(f"{self.path}.{key}", found, LARGEST_NAME)

    def flag(self, key: str) -> bool | None:
        """True, false, or None where it is absent."""
        found = self.value(key)
        return None if found is None else flag_at(f"{self.path}.{key}", found)

    def number(self, key: str) -> float | None:
        """A number, or None where it is absent."""
        found = self.value(key)
        if found is None or (isinstance(found, int | float) and not isinstance(found, bool)):
            return found
        raise self.refused(key, "a number", kind_of(found))

    def inner(self, key: str) -> "Fields":
        """An object inside; an empty one where it is absent."""
        found = self.value(key)
        if found is None:
            return Fields({}, f"{self.path}.{key}")
        if not isinstance(found, dict):
            raise self.refused(key, "an object", kind_of(found))
        return Fields(found, f"{self.path}.{key}")

    def refused(self, key: str, expected: str, found: str) -> Refusal:
        """``invalid_field`` for one of the fields."""
        return invalid_field(f"{self.path}.{key}", expected, found)


def text_at(path: str, value: object, limit: int) -> str:
    """A text, or a refusal that names the path."""
    if not isinstance(value, str):
        raise invalid_field(path, "a string", kind_of(value))
    if len(value) > limit:
        raise invalid_field(path, f"at most {limit} characters", f"{len(value)}")
    if any(unicodedata.category(one) == "Cs" or one == "\0" for one in value):
        raise invalid_field(path, "whole characters", "half of one, or a NUL")
    return value


def name_at(path: str, value: object, limit: int = LARGEST_NAME) -> str:
    """A text on one line that is not blank, or a refusal that names the path."""
    text = text_at(path, value, limit)
    if not text.strip():
        raise invalid_field(path, "a text that is not blank", "a blank one")
    if any(unicodedata.category(one) == "Cc" for one in text):
        raise invalid_field(path, "a text on one line", "control characters")
    return text


def flag_at(path: str, value: object) -> bool:
    """True or false, or a refusal that names the path."""
    if not isinstance(value, bool):
        raise invalid_field(path, "true or false", kind_of(value))
    return value


def integer_at(path: str, value: object, smallest: int, largest: int) -> int:
    """A whole number within bounds, or a refusal that names the path."""
    expected, found = f"an integer from {smallest} to {largest}", whole(value)
    if found is None:
        raise invalid_field(path, expected, kind_of(value))
    if not smallest <= found <= largest:
        raise invalid_field(path, expected, "another")
    return found


def whole(value: object) -> int | None:
    """A whole number, however it is written: JSON knows no difference between 3 and 3.0."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def object_of(document: object) -> Fields:
    """
    The body as an object.

    Raises:
        Refusal: ``parsing_error``; it is something else.
    """
    if not isinstance(document, dict):
        raise parsing_error(f"the body is to be a JSON object, not {kind_of(document)}")
    return Fields(document)


def _check_depth(document: object) -> None:
    level = [document]
    for _ in range(DEEPEST + 1):
        level = [inner for outer in level for inner in _children(outer)]
        if not level:
            return
    raise ValueError(f"it is nested more than {DEEPEST} deep")


def _children(value: object) -> Iterator[object]:
    inner: list[object] = []
    if isinstance(value, dict):
        inner = list(value.values())
    elif isinstance(value, list):
        inner = value
    return (one for one in inner if isinstance(one, dict | list))


def _not_finite(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number of JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number


def _integer(text: str) -> int:
    """Fields that nobody knows may hold any number; each that is known has its own bounds."""
    if len(text) > _MOST_DIGITS:
        raise ValueError(f"an integer has more than {_MOST_DIGITS} digits")
    return int(text)


def _told(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return f"it is nested more than {DEEPEST} deep"
    return str(error)[:200]
