"""
The warm-up: the first score of an asset, before anybody may call it ready.

It proves that the model answers, with finite values, lets a library that compiles as it goes reach
its speed, so that no caller meets a slow pod, and measures what the dataplane must know: how long a
record takes, and whether a record's answer is the same in a batch. Where it is not (a model that
mixes its rows, or kernels that round otherwise: magika differs by 0.005), every record becomes a
call of its own, so that nobody's answer depends on whose request came at the same time.
"""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mlz.errors import Reason, RejectedError
from mlz.model.asset import Asset
from mlz.model.schema import FieldType
from mlz.scoring import codec
from mlz.scoring.engines.base import Answer, Engine, Row, ScoreError, Scores
from mlz.scoring.problems import RequestError
from mlz.scoring.samples import probe_records, sample_records
from mlz.scoring.validation import RecordReader, records_of

# CONTRACT: answers equal the library's own to 1e-6.
_TOLERANCE = 1e-6
# Then a slow model is warm enough.
_LONGEST_SECONDS = 1.0
_COMPARED_ROWS = 3
_ADVICE = (
    "if it takes certain values only, put a sample.json with an array of records that it knows"
    " into an archive (tar.gz, zip) with the model"
)
_SHOWN_INPUTS = 5
# Above this a batch saves little, and comparing would hold up the start.
_SLOW_SECONDS = 0.005


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
    rows, seconds = _first_that_scores(engine, reader, asset, sample)
    independent = engine.exact or (
        seconds < _SLOW_SECONDS
        and _same_together(engine, rows[:_COMPARED_ROWS])
        and all(_same_together(engine, probe) for probe in _probes(reader, asset))
    )
    return Warmed(seconds, independent)


def _first_that_scores(
    engine: Engine, reader: RecordReader, asset: Asset, sample: bytes | None
) -> tuple[list[Row], float]:
    """The rows that score, together and the first alone, and the seconds that one takes at best."""
    refusal = ""
    for records in _candidates(asset, sample):
        try:
            rows = reader.read(records)
            scores = engine.score(rows)
            if not scores.not_finite:
                return rows, min(_until_warm(engine, rows[0]))
            refusal = f"output {next(iter(scores.not_finite.values()))!r} is not finite"
        except RequestError as error:
            refusal = error.message
        except ScoreError as error:
            refusal = " ".join(str(error).split())[:500]
    if sample is None:
        source = f"made from the schema{_guessed_text(asset)}"
        advice = f"; {_ADVICE}"
    else:
        source, advice = "shipped as sample.json", ""
    raise RejectedError(
        Reason.WARM_UP_FAILED, f"the model does not score the records {source}: {refusal}{advice}"
    )


def _guessed_text(asset: Asset) -> str:
    """The inputs whose words could only be guessed, for the message."""
    inputs = asset.model_schema.inputs or ()
    guessed = [
        field.name for field in inputs if field.type is FieldType.STRING and not field.categories
    ]
    listed = ", ".join(repr(name) for name in guessed[:_SHOWN_INPUTS])
    return f", whose text in {listed} is made up" if guessed else ""


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


def _until_warm(engine: Engine, row: Row) -> Iterator[float]:
    """The seconds of each score until the library is as fast as it gets."""
    begin = end = time.perf_counter()
    for _ in range(engine.warm_after):
        start = end
        engine.score([row])
        end = time.perf_counter()
        yield end - start
        if end - begin > _LONGEST_SECONDS:
            return


def _probes(reader: RecordReader, asset: Asset) -> Iterator[list[Row]]:
    for records in probe_records(asset.model_schema, asset.engine_type):
        yield reader.read(records)


def _same_together(engine: Engine, rows: Sequence[Row]) -> bool:
    """Whether rows are answered together as they are one by one; true where they cannot be."""
    try:
        together = engine.score(rows).answers
        alone = [engine.score([row]).answers[0] for row in rows]
    except ScoreError:
        return True
    return all(is_close(one, other) for one, other in zip(together, alone, strict=True))


def is_close(one: object, other: object) -> bool:
    """Whether two answers are the same but for rounding."""
    if isinstance(one, float) and isinstance(other, float):
        both_nan = math.isnan(one) and math.isnan(other)
        return both_nan or math.isclose(one, other, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(is_close(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_close, one, other))
    return one == other


class OneByOne:
    """An engine whose batches are not to be trusted: every row is a call of its own."""

    merges = False
    exact = True

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.warm_after = engine.warm_after

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
