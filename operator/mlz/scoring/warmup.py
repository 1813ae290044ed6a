"""
The warm-up: the first score of an asset, before anybody may call it ready.

It proves that the model answers, with finite values, and measures what the dataplane must know:
how long a record takes, and whether a batch's answers are those of its records one by one.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

from mlz.errors import Reason, RejectedError
from mlz.model.asset import Asset
from mlz.scoring import codec
from mlz.scoring.engines.base import Answer, Engine, Row, ScoreError, Scores
from mlz.scoring.problems import RequestError
from mlz.scoring.samples import sample_records
from mlz.scoring.validation import RecordReader, records_of

# Answers of one row may differ by this where the library sums in another order for a batch.
_TOLERANCE = 1e-4
_ROUNDS = 3
_COMPARED_ROWS = 8


@dataclass(frozen=True, slots=True)
class Warmed:
    """
    What the warm-up found out.

    Args:
        seconds: for one record, at best.
        independent: whether a batch is answered as its records are one by one.
    """

    seconds: float
    independent: bool


def warm_up(engine: Engine, reader: RecordReader, asset: Asset, sample: bytes | None) -> Warmed:
    """
    Score the asset's sample, or records made from its schema.

    Raises:
        RejectedError: the sample is refused, fails, or its answers are not finite; or no record
            made from the schema can be scored.
    """
    rows = _first_that_scores(engine, reader, asset, sample)
    seconds = min(_seconds(engine, rows[0]) for _ in range(_ROUNDS))
    return Warmed(seconds, _is_independent(engine, rows[:_COMPARED_ROWS]))


def _first_that_scores(
    engine: Engine, reader: RecordReader, asset: Asset, sample: bytes | None
) -> list[Row]:
    refusal = ""
    for records in _candidates(asset, sample):
        try:
            rows = reader.read(records)
            scores = engine.score(rows)
        except RequestError as error:
            refusal = error.message
        except ScoreError as error:
            refusal = " ".join(str(error).split())[:500]
        else:
            if not scores.not_finite:
                return rows
            refusal = f"output {next(iter(scores.not_finite.values()))!r} is not finite"
    source = "made from the schema" if sample is None else "shipped as sample.json"
    raise RejectedError(
        Reason.WARM_UP_FAILED, f"the model does not score the records {source}: {refusal}"
    )


def _candidates(asset: Asset, sample: bytes | None) -> Sequence[Sequence[object]]:
    if sample is None:
        return list(sample_records(asset.model_schema, asset.engine_type))
    try:
        records = records_of(codec.decode(sample, max_depth=1000))
    except RequestError as error:
        raise RejectedError(Reason.WARM_UP_FAILED, f"sample.json: {error.message}") from error
    if not records:
        raise RejectedError(Reason.WARM_UP_FAILED, "sample.json holds no records")
    return [records]


def _seconds(engine: Engine, row: Row) -> float:
    start = time.perf_counter()
    engine.score([row])
    return time.perf_counter() - start


def _is_independent(engine: Engine, rows: Sequence[Row]) -> bool:
    together = engine.score(rows).answers
    alone = [engine.score([row]).answers[0] for row in rows]
    return all(is_close(one, other) for one, other in zip(together, alone, strict=True))


def is_close(one: object, other: object) -> bool:
    """Whether two answers are the same but for rounding."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(is_close(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_close, one, other))
    return one == other


class OneByOne:
    """An engine whose batches are not to be trusted: every row is a call of its own."""

    merges = False

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def score(self, rows: Sequence[Row]) -> Scores:
        """
        Raises:
            ScoreError: the library refuses a row.
        """
        answers: list[Answer] = []
        not_finite: dict[int, str] = {}
        for number, row in enumerate(rows):
            scores = self._engine.score([row])
            answers.extend(scores.answers)
            if scores.not_finite:
                not_finite[number] = scores.not_finite[0]
        return Scores(answers, not_finite)

    def close(self) -> None:
        """Close the engine."""
        self._engine.close()
