"""
JSON Patch as far as updates take it: an array of ``{op, path, value}``, read and bounded.

MLz's clients write a single object in place of an array, and blanks into paths; both are taken.
Source: RFC 6902; MLz 3.2, "Update online deployment API".
"""

from collections.abc import Collection
from dataclasses import dataclass

from mlz.rest.documents.requests import kind_of, parsing_error

MOST_OPERATIONS = 100
_LONGEST_PATH = 300


@dataclass(frozen=True, slots=True)
class Operation:
    """
    One operation.

    Attributes:
        path: without blanks.
        value: None for ``remove``.
    """

    op: str
    path: str
    value: object = None


def operations(document: object, taken: Collection[str]) -> tuple[Operation, ...]:
    """
    The operations of a patch, in order; none at all is a patch that changes nothing.

    Args:
        taken: the operations that there are.

    Raises:
        Refusal: ``parsing_error``; the message names the operation by its number.
    """
    listed = [document] if isinstance(document, dict) else document
    if not isinstance(listed, list):
        raise parsing_error(
            f"the body is to be an array of operations {{op, path, value}}, not {kind_of(document)}"
        )
    if len(listed) > MOST_OPERATIONS:
        raise parsing_error(f"{len(listed)} operations; at most {MOST_OPERATIONS} are taken")
    found = tuple(_operation(number, one, taken) for number, one in enumerate(listed))
    _check_each_path_once(found)
    return found


def _operation(number: int, document: object, taken: Collection[str]) -> Operation:
    if not isinstance(document, dict):
        raise parsing_error(f"operation {number} is to be an object, not {kind_of(document)}")
    op, path = document.get("op"), document.get("path")
    if not isinstance(op, str) or op.strip() not in taken:
        shown = f"'{op[:40]}'" if isinstance(op, str) else kind_of(op)
        raise parsing_error(f"operation {number}: op is {shown}; take one of {', '.join(taken)}")
    if not isinstance(path, str) or len(path) > _LONGEST_PATH:
        shown = "too long" if isinstance(path, str) else kind_of(path)
        raise parsing_error(f"operation {number}: path is {shown}; it is a text like /name")
    if op.strip() != "remove" and "value" not in document:
        raise parsing_error(f"operation {number}: {op.strip()} needs a value")
    return Operation(op.strip(), "".join(path.split()), document.get("value"))


def _check_each_path_once(found: tuple[Operation, ...]) -> None:
    seen: set[str] = set()
    for one in found:
        if one.path in seen:
            raise parsing_error(f"path '{one.path}' is changed twice; say once what it shall be")
        seen.add(one.path)
