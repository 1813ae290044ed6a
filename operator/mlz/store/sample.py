"""The records that an archive ships for the warm-up: checked for form, kept for the engine."""

import json
from pathlib import Path

from mlz.errors import Reason, RejectedError

_MAX_RECORDS = 1000
_MAX_DEPTH = 32


def check_sample(path: Path) -> None:
    """
    Check that a file is a JSON array of records.

    Whether the model takes them is the warm-up's question.

    Raises:
        RejectedError: ArchiveInvalid.
    """
    try:
        records = json.loads(path.read_bytes(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise _refusal(f"found {str(error)[:200] or 'too deep nesting'}") from error
    if not isinstance(records, list) or not 0 < len(records) <= _MAX_RECORDS:
        raise _refusal(f"found {type(records).__name__} of another length")
    if not all(isinstance(record, dict | list) for record in records):
        raise _refusal("found a record that is neither an object nor an array")
    if any(_depth(record, 1) > _MAX_DEPTH for record in records):
        raise _refusal(f"found nesting deeper than {_MAX_DEPTH}")


def _depth(value: object, so_far: int) -> int:
    if so_far > _MAX_DEPTH or not isinstance(value, dict | list):
        return so_far
    inner = value.values() if isinstance(value, dict) else value
    return max((_depth(item, so_far + 1) for item in inner), default=so_far)


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name}, which is not JSON")


def _refusal(found: str) -> RejectedError:
    return RejectedError(
        Reason.ARCHIVE_INVALID,
        f"sample.json: wanted a JSON array of 1 to {_MAX_RECORDS} records, {found}",
    )
