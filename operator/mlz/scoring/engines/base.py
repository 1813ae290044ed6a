"""
What every engine type is to the rest of scoring: load, score validated rows, close.

An engine type is one module here with ``load(folder, asset, options) -> Engine``. It alone imports
its library, and only when a model of that type is served. It gets rows that fit the asset's schema
and gives answers in the form of CONTRACT section 1; it knows neither JSON nor HTTP.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from numpy.typing import NDArray

from mlz.errors import Reason, RejectedError

Scalar = bool | int | float | str
# By inputs of the schema, in its order; None is a missing value. Arrays are inputs with a shape:
# one record's part, without axis 0 where that is the batch.
Value = Scalar | NDArray | None  # type: ignore[type-arg]
Row = tuple[Value, ...]
# Plain values that JSON can hold: what one record is answered with.
Answer = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """What a process may use: threads of the library, and memory (None: no limit is known)."""

    threads: int = 1
    memory_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Scores:
    """
    Answers, one a row and in their order.

    ``not_finite``: the output that is NaN or infinite, by row number; such a row's answer must not
    leave.
    """

    answers: list[Answer]
    not_finite: Mapping[int, str] = field(default_factory=dict)


class ScoreError(Exception):
    """The library refuses rows that fit the schema; the message is the library's."""


class Engine(Protocol):
    """One loaded model. ``score`` may be called by several threads at once."""

    # Whether rows of different requests may share a call.
    merges: bool
    # Whether a row's answer is known not to depend on the rows beside it, down to the last bit.
    exact: bool
    # How many scores it takes until the library is as fast as it gets.
    warm_after: int

    def score(self, rows: Sequence[Row]) -> Scores:
        """
        Raises:
            ScoreError: the library refuses these rows.
        """

    def close(self) -> None:
        """Let go of the model, and stop calls that still run where the library can."""


def load_failed(error: BaseException) -> RejectedError:
    """The library cannot load the model: its own words, shortened."""
    text = " ".join(str(error).split())[:1000] or type(error).__name__
    return RejectedError(Reason.MODEL_LOAD_FAILED, f"the library cannot load the model: {text}")
