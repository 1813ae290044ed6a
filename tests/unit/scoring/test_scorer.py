"""The core: merged or alone, a request's outcome is its own."""

import gc
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlz.scoring.doors import RecordsDoor
from mlz.scoring.engines.base import Row, ScoreError, Scores
from mlz.scoring.problems import Problem, RequestError
from mlz.scoring.scorer import Dropped, Job, Outcome, Scored, Scorer
from mlz.scoring.validation import compile_reader
from unit.scoring.kit import Adder, an_asset, some_settings

ASSET = an_asset()
DOOR = RecordsDoor(
    ASSET,
    compile_reader(ASSET.model_schema, ASSET.engine_type),
    some_settings(max_records=100),
)


def job(records: object) -> Job:
    body = records if isinstance(records, bytes) else json.dumps(records).encode()
    return Job(DOOR, body, lambda _: None)


def sums(outcome: Outcome) -> list[float]:
    assert isinstance(outcome, Scored), outcome
    return [answer["sum"] for answer in json.loads(outcome.body)]


@dataclass
class Picky(Adder):
    """Refuses rows of 13, and breaks on rows of 99."""

    calls: list[int] = field(default_factory=list)

    def score(self, rows: Sequence[Row]) -> Scores:
        if any(row[0] == 13 for row in rows):
            raise ScoreError("13 is unlucky")
        if any(row[0] == 99 for row in rows):
            raise ZeroDivisionError
        return super().score(rows)


def test_jobs_are_merged_into_one_call_and_cut_apart() -> None:
    engine = Adder()

    outcomes = Scorer(engine).run([job([{"x": 1}]), job([]), job([{"x": 2}, {"x": 3}])])

    assert [sums(outcome) for outcome in outcomes] == [[1], [], [2, 3]]
    assert engine.calls == [3]


def test_an_engine_that_does_not_merge_gets_each_job_alone() -> None:
    engine = Adder(merges=False)

    Scorer(engine).run([job([{"x": 1}]), job([{"x": 2}, {"x": 3}])])

    assert engine.calls == [1, 2]


def test_many_rows_go_in_chunks() -> None:
    engine = Adder()

    (outcome,) = Scorer(engine, chunk_rows=4).run([job([{"x": x} for x in range(10)])])

    assert sums(outcome) == list(range(10))
    assert engine.calls == [4, 4, 2]


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        pytest.param(b"no json", Problem.BAD_INPUT, id="not read"),
        pytest.param([{"x": "text"}], Problem.BAD_INPUT, id="not valid"),
        pytest.param([{"x": 1}] * 101, Problem.TOO_MANY_RECORDS, id="too many"),
        pytest.param([{"x": 1}, {"x": 666}], Problem.ANSWER_NOT_FINITE, id="no finite answer"),
        pytest.param([{"x": 1}, {"x": 13}], Problem.SCORING_REFUSED, id="refused by the library"),
    ],
)
def test_a_bad_job_spoils_no_other(bad: object, problem: Problem) -> None:
    outcomes = Scorer(Picky()).run([job([{"x": 1}]), job(bad), job([{"x": 2}])])

    assert (sums(outcomes[0]), sums(outcomes[2])) == ([1], [2])
    assert isinstance(outcomes[1], RequestError)
    assert outcomes[1].problem is problem


def test_a_bug_of_the_engine_is_the_outcome_of_its_job_alone() -> None:
    outcomes = Scorer(Picky()).run([job([{"x": 99}]), job([{"x": 2}])])

    assert isinstance(outcomes[0], ZeroDivisionError)
    assert sums(outcomes[1]) == [2]


class Body(bytes):
    """Says when its memory is given back."""

    gone: list[bool]

    def __del__(self) -> None:
        self.gone.append(True)


@pytest.mark.parametrize(
    ("bad", "dropped"),
    [
        pytest.param(b"no json", False, id="not read"),
        pytest.param(b'[{"x": "text"}]', False, id="not valid"),
        pytest.param(b'[{"x": 666}]', False, id="no finite answer"),
        pytest.param(b'[{"x": 13}]', False, id="refused by the library"),
        pytest.param(b'[{"x": 1}]', True, id="dropped"),
    ],
)
def test_a_refusal_lets_go_of_its_request_at_once(bad: bytes, dropped: bool) -> None:
    body = Body(bad)
    body.gone = gone = []
    gc.disable()  # which would help, but minutes of large requests later

    (outcome,) = Scorer(Picky()).run([Job(DOOR, body, lambda _: None, dropped)])
    refused = isinstance(outcome, RequestError | Dropped)
    del body, outcome
    freed = bool(gone)
    gc.enable()

    assert refused
    assert freed


def test_the_record_that_the_library_refuses_is_named() -> None:
    (outcome,) = Scorer(Picky(), chunk_rows=2).run([job([{"x": x} for x in (1, 2, 3, 13, 5)])])

    assert isinstance(outcome, RequestError)
    assert outcome.faults[0].path == "$[3]"
    assert "unlucky" not in outcome.message


def test_records_without_a_finite_answer_are_named() -> None:
    (outcome,) = Scorer(Adder(), chunk_rows=2).run([job([{"x": x} for x in (1, 2, 3, 666)])])

    assert isinstance(outcome, RequestError)
    assert [(fault.path, fault.fault.value) for fault in outcome.faults] == [
        ("$[3].sum", "not_finite")
    ]


def test_a_dropped_job_is_not_worked_on() -> None:
    engine = Adder()
    dropped = job([{"x": 1}])
    dropped.dropped = True

    (outcome,) = Scorer(engine).run([dropped])

    assert isinstance(outcome, Dropped)
    assert engine.calls == []


def test_a_job_dropped_on_the_way_is_given_up_between_chunks() -> None:
    late = job([{"x": x} for x in range(6)])

    class Dropping(Adder):
        def score(self, rows: Sequence[Row]) -> Scores:
            late.dropped = True
            return super().score(rows)

    engine = Dropping()
    (outcome,) = Scorer(engine, chunk_rows=2).run([late])

    assert isinstance(outcome, Dropped)
    assert engine.calls == [2]


RECORDS = st.lists(st.fixed_dictionaries({"x": st.integers(0, 700)}), max_size=6)


@given(st.lists(RECORDS, max_size=6), st.integers(1, 4))
def test_merged_outcomes_are_those_of_jobs_run_alone(
    bodies: list[list[dict[str, int]]], chunk_rows: int
) -> None:
    together = Scorer(Picky(), chunk_rows).run([job(body) for body in bodies])
    alone = [Scorer(Picky(), chunk_rows).run([job(body)])[0] for body in bodies]

    assert [shape(one) for one in together] == [shape(one) for one in alone]


def shape(outcome: Outcome) -> object:
    if isinstance(outcome, Scored):
        return outcome.body
    return (type(outcome), getattr(outcome, "faults", None))
