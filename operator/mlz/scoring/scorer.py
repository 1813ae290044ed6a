"""
The one core of scoring: requests in, outcomes out, whatever door they came through.

Synchronous and free of any loop, so that it runs in the event loop, in the worker thread and in
tests alike. Requests are read, merged where the engine allows it, scored and written; a fault of
one never touches another.
"""

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ParamSpec, Protocol, TypeVar

from mlz.scoring.calls import TimedEngine
from mlz.scoring.engines.base import Answer, Engine, Row, ScoreError, Scores
from mlz.scoring.places import json_path
from mlz.scoring.problems import Fault, FaultKind, Problem, RequestError

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

# Rows of one call of the library: bounds its memory, and the time until a deadline is looked at.
CHUNK_ROWS = 256


@dataclass(frozen=True, slots=True)
class Ask:
    """A request as its door read it: rows to score, and what the door needs to write the answer."""

    rows: list[Row]
    context: object = None


class Door(Protocol):
    """One way to write requests and answers as bytes."""

    def read(self, body: bytes) -> Ask:
        """
        Raises:
            RequestError: the body is refused.
        """

    def write(self, ask: Ask, answers: Sequence[Answer]) -> bytes:
        """
        Raises:
            RequestError: these answers have no form at this door.
        """


@dataclass(slots=True, eq=False)
class Job:
    """
    One request on its way through scoring.

    ``dropped``: nobody waits for the answer any more (deadline, connection gone); set by the loop,
    read by the worker between chunks.
    """

    door: Door
    body: bytes
    reply: Callable[["Outcome"], None]
    dropped: bool = False
    _id: str = ""

    @property
    def request_id(self) -> str:
        """The id of this request in errors and in the log; made when somebody asks for it."""
        self._id = self._id or new_request_id()
        return self._id


def new_request_id() -> str:
    """An id that a caller can quote, and that is found in the log."""
    return os.urandom(8).hex()


@dataclass(frozen=True, slots=True)
class Scored:
    """An answer, ready to be sent."""

    body: bytes
    records: int


Outcome = Scored | Exception


class Dropped(Exception):  # noqa: N818 - no fault of anybody
    """The outcome of a job that nobody waits for."""


class Scorer:
    """Runs jobs through one engine."""

    def __init__(self, engine: Engine, chunk_rows: int = CHUNK_ROWS) -> None:
        self._engine = TimedEngine(engine)
        self._chunk_rows = chunk_rows

    @property
    def merges(self) -> bool:
        """Whether jobs may share a call of the library."""
        return self._engine.merges

    @property
    def call_seconds(self) -> float:
        """How long a call of the library has lasted that is still under way, else 0."""
        return self._engine.longest_seconds()

    def run(self, jobs: Sequence[Job]) -> list[Outcome]:
        """One outcome for each job, in their order; raises nothing."""
        asks = [_attempt(_read, job) for job in jobs]
        scores = self._score_all(jobs, asks)
        return [
            _attempt(_write, job, ask, part)
            for job, ask, part in zip(jobs, asks, scores, strict=True)
        ]

    def _score_all(
        self, jobs: Sequence[Job], asks: Sequence[Ask | Exception]
    ) -> list[Scores | Exception]:
        good = [ask for ask in asks if isinstance(ask, Ask)]
        if self._engine.merges and len(good) > 1:
            merged = self._merged(good)
            if merged is not None:
                return [ask if isinstance(ask, Exception) else next(merged) for ask in asks]
        return [
            ask if isinstance(ask, Exception) else _attempt(self._score, ask.rows, job)
            for job, ask in zip(jobs, asks, strict=True)
        ]

    def _merged(self, asks: Sequence[Ask]) -> Iterator[Scores] | None:
        """The scores of all in one run, cut apart; None where one of them spoils it."""
        rows = [row for ask in asks for row in ask.rows]
        try:
            scores = self._score(rows, None)
        except Exception as error:  # noqa: BLE001 - whose fault it is shows when each runs alone
            log.debug("merged run failed", extra={"requests": len(asks), "error": str(error)})
            return None
        return _cut(scores, [len(ask.rows) for ask in asks])

    def _score(self, rows: Sequence[Row], job: Job | None) -> Scores:
        if len(rows) <= self._chunk_rows:
            return self._score_chunk(rows, 0)
        answers: list[Answer] = []
        not_finite: dict[int, str] = {}
        for start in range(0, len(rows), self._chunk_rows):
            if job is not None and job.dropped:
                raise Dropped
            chunk = rows[start : start + self._chunk_rows]
            scores = self._score_chunk(chunk, start)
            answers.extend(scores.answers)
            not_finite.update({start + row: name for row, name in scores.not_finite.items()})
        return Scores(answers, not_finite)

    def _score_chunk(self, chunk: Sequence[Row], start: int) -> Scores:
        try:
            return self._engine.score(chunk)
        except ScoreError as error:
            raise self._refused(chunk, start, error) from error

    def _refused(self, chunk: Sequence[Row], start: int, error: ScoreError) -> RequestError:
        """Find the record that the library refuses; its own words stay in the log."""
        log.warning("the library refused records", extra={"error": str(error)[:500]})
        record = start + self._first_refused(chunk)
        return RequestError(
            Problem.SCORING_REFUSED,
            f"record {record} fits the schema, but the model cannot compute with its values",
            [
                Fault(
                    fault=FaultKind.RANGE,
                    record=record,
                    path=json_path(record),
                    expected="values the model can compute with",
                    found="values its library refuses",
                )
            ],
        )

    def _first_refused(self, chunk: Sequence[Row]) -> int:
        for number, row in enumerate(chunk):
            try:
                self._engine.score([row])
            except ScoreError:
                return number
        return 0


def not_finite_error(not_finite: dict[int, str]) -> RequestError:
    """
    The refusal to answer NaN or infinity.

    Args:
        not_finite: the output by record number.
    """
    records = sorted(not_finite)
    listed = ", ".join(str(record) for record in records[:10])
    more = ", …" if len(records) > 10 else ""
    return RequestError(
        Problem.ANSWER_NOT_FINITE,
        f"the model's answer is not finite for {len(records)} record(s): {listed}{more}",
        [
            Fault(
                fault=FaultKind.NOT_FINITE,
                record=record,
                field=not_finite[record],
                path=json_path(record, not_finite[record]),
                expected="finite number",
                found="NaN or infinity",
            )
            for record in records[:100]
        ],
    )


def _read(job: Job) -> Ask:
    if job.dropped:
        raise Dropped
    return job.door.read(job.body)


def _write(job: Job, ask: Ask | Exception, scores: Scores | Exception) -> Scored:
    if isinstance(ask, Exception):
        raise ask
    if isinstance(scores, Exception):
        raise scores
    if scores.not_finite:
        raise not_finite_error(dict(scores.not_finite))
    return Scored(job.door.write(ask, scores.answers), len(ask.rows))


def _attempt(step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | Exception:
    """The edge of a request: whatever happens inside is that request's outcome, never another's."""
    try:
        return step(*args, **kwargs)
    except (RequestError, Dropped) as error:
        # The frames of its traceback, and of its cause's, hold the whole request and the list that
        # holds the error itself: a cycle of megabytes that waits for the collector.
        error.__cause__ = error.__context__ = None
        return error.with_traceback(None)
    except Exception as error:  # noqa: BLE001 - the outermost edge; http_api logs it once
        return error


def _cut(scores: Scores, counts: Sequence[int]) -> Iterator[Scores]:
    start = 0
    for count in counts:
        end = start + count
        bad = scores.not_finite
        own = {row - start: bad[row] for row in bad if start <= row < end} if bad else bad
        yield Scores(scores.answers[start:end], own)
        start = end
