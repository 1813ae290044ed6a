"""
An XGBoost model as a document: JSON or UBJSON, read within bounds, with typed ways into it.

What the parts mean is for ``xgboost_gate`` and ``xgboost_format``.
"""

import json
from array import array
from collections.abc import Sequence
from pathlib import Path

from mlz.errors import Reason, RejectedError
from mlz.store.ubjson import Value, looks_like_ubjson, parse_ubjson

# As Python objects, JSON takes about ten times its bytes; UBJSON about once.
_MAX_JSON_BYTES = 256 * 1024 * 1024
_INTEGER_CODES = "bBhHiIlLqQ"
Section = dict[str, Value]


def read_document(path: Path) -> Section:
    """
    Read a model file.

    Raises:
        RejectedError: ModelInvalid, neither JSON nor UBJSON; ModelUnsafe, nested too deep;
            AssetTooLarge, more JSON than is read.
    """
    with path.open("rb") as stream:
        head = stream.read(2)
        stream.seek(0)
        if looks_like_ubjson(head):
            return parse_ubjson(stream.read())
        size = path.stat().st_size
        if size > _MAX_JSON_BYTES:
            raise RejectedError(
                Reason.ASSET_TOO_LARGE,
                f"the model is {size} bytes of JSON, at most {_MAX_JSON_BYTES} are read; save it "
                "as .ubj",
            )
        return _parse_json(stream.read())


def section(parent: Section, name: str, where: str) -> Section:
    """An object inside an object."""
    found = parent.get(name)
    if not isinstance(found, dict):
        raise invalid(f"{where}.{name}", "an object", found)
    return found


def items(parent: Section, name: str, where: str) -> Sequence[Value]:
    """A list inside an object; empty where it is absent, as older versions leave some out."""
    found = parent.get(name, [])
    if not isinstance(found, list | array):
        raise invalid(f"{where}.{name}", "a list", found)
    return found


def texts(parent: Section, name: str, where: str) -> list[str]:
    """A list of strings."""
    found = items(parent, name, where)
    words = [item for item in found if isinstance(item, str)]
    try:
        "".join(words).encode()  # JSON can hold halves of letters, which nothing else can
    except UnicodeEncodeError as error:
        raise invalid(f"{where}.{name}", "text", found) from error
    if len(words) != len(found):
        raise invalid(f"{where}.{name}", "strings", found)
    return words


def integers(parent: Section, name: str, where: str) -> Sequence[int]:
    """A list of whole numbers, as it is: an array or a list."""
    found = items(parent, name, where)
    if isinstance(found, array):
        if found.typecode in _INTEGER_CODES:
            return found
    elif set(map(type, found)) <= {int, bool}:
        return found  # type: ignore[return-value]  # the line above looked at every item
    raise invalid(f"{where}.{name}", "whole numbers", found)


def number(parent: Section, name: str, where: str, default: int | None = None) -> int:
    """A whole number, which XGBoost writes as text."""
    found = parent.get(name, default)
    if isinstance(found, int) and not isinstance(found, bool):
        return found
    if isinstance(found, str) and found.lstrip("-").isdecimal() and len(found) < 20:
        return int(found)
    raise invalid(f"{where}.{name}", "a whole number", found)


def invalid(where: str, wanted: str, found: object) -> RejectedError:
    """The refusal of a document whose parts are not what they should be."""
    words = type(found).__name__ if found is not None else "nothing"
    return RejectedError(
        Reason.MODEL_INVALID,
        f"the XGBoost model has {words} at {where}, wanted {wanted}; save it again with save_model",
    )


def _parse_json(data: bytes) -> Section:
    try:
        found = json.loads(data, object_pairs_hook=_unique)
    except RecursionError as error:
        raise RejectedError(
            Reason.MODEL_UNSAFE, "the JSON is nested too deep to be read"
        ) from error
    except ValueError as error:  # UnicodeDecodeError and absurdly long numbers among them
        raise RejectedError(
            Reason.MODEL_INVALID,
            f"wanted an XGBoost model in JSON, found: {str(error)[:200]}; save it again with "
            "save_model('model.json')",
        ) from error
    if not isinstance(found, dict):
        raise invalid("$", "an object", found)
    return found


def _unique(pairs: list[tuple[str, Value]]) -> Section:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object with one key twice")
    return found
