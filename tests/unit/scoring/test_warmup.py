"""The warm-up: what refuses an asset, and what it finds out."""

import time
from collections.abc import Sequence
from typing import Any

import pytest

from fakes.clock import FakeClock
from mlz.errors import Reason, RejectedError
from mlz.model.asset import Asset, EngineType
from mlz.model.schema import FieldType, InputField, Interval, Schema
from mlz.scoring.engines.base import Row, ScoreError, Scores
from mlz.scoring.samples import probe_records, sample_records
from mlz.scoring.validation import compile_reader
from mlz.scoring.warmup import OneByOne, Warmed, is_close, warm_up
from unit.scoring.kit import Adder, a_field, an_asset

T = FieldType


class Engine(Adder):
    """An adder that is not known to be exact, made to misbehave."""

    def __init__(
        self, *, refuses_below: float = -1, mixes: bool = False, least_rows: int = 1
    ) -> None:
        super().__init__(exact=False)
        self._least_rows = least_rows
        self._refuses_below = refuses_below
        self._mixes = mixes

    def score(self, rows: Sequence[Row]) -> Scores:
        if any(isinstance(row[0], float) and row[0] < self._refuses_below for row in rows):
            raise ScoreError("too small")
        if len(rows) < self._least_rows:
            raise ScoreError("too few")
        scores = super().score(rows)
        if self._mixes:
            answers: list[Any] = [{"sum": float(len(rows))} for _ in rows]
            return Scores(answers)
        return scores


def warmed(engine: Adder, asset: Asset, sample: bytes | None = None) -> Warmed:
    return warm_up(engine, compile_reader(asset.model_schema, asset.engine_type), asset, sample)


def test_a_shipped_sample_is_scored() -> None:
    engine = Engine()

    found = warmed(engine, an_asset(), b'[{"x": 1}, {"x": 2}]')

    assert engine.calls[0] == 2
    assert found.independent
    assert found.seconds > 0


@pytest.mark.parametrize(
    ("engine", "sample", "words"),
    [
        pytest.param(Engine(), b'[{"x": "a"}]', "fault in the input", id="a sample that is bad"),
        pytest.param(Engine(), b"[]", "no records", id="a sample without records"),
        pytest.param(Engine(), b"{}", "array of records", id="a sample that is no array"),
        pytest.param(Engine(), b'[{"x": 666}]', "not finite", id="an answer that is not finite"),
        pytest.param(Engine(refuses_below=5), b'[{"x": 1}]', "too small", id="a failing score"),
        pytest.param(Engine(refuses_below=99), None, "too small", id="no made-up record scores"),
        pytest.param(Engine(least_rows=2), None, "too few", id="no record scores alone"),
    ],
)
def test_an_asset_that_does_not_score_is_refused(
    engine: Engine, sample: bytes | None, words: str
) -> None:
    with pytest.raises(RejectedError, match=words) as refused:
        warmed(engine, an_asset(), sample)

    assert refused.value.reason is Reason.WARM_UP_FAILED


def test_a_library_that_compiles_as_it_goes_is_called_until_it_is_fast() -> None:
    engine = Adder(warm_after=250)

    warmed(engine, an_asset())

    assert engine.calls.count(1) == 250


def test_a_slow_model_is_not_called_until_it_is_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(Adder):
        def score(self, rows: Sequence[Row]) -> Scores:
            clock.advance(0.6)
            return super().score(rows)

    clock = FakeClock()
    monkeypatch.setattr(time, "perf_counter", clock.monotonic)
    engine = Slow(warm_after=250)

    assert warmed(engine, an_asset()).seconds == pytest.approx(0.6)
    assert engine.calls.count(1) == 2


def test_another_made_up_record_may_score_where_the_first_does_not() -> None:
    engine = Engine(refuses_below=0.5)

    assert warmed(engine, an_asset()).seconds > 0


def test_a_model_that_mixes_its_rows_is_found_out() -> None:
    engine = Engine(mixes=True)

    assert not warmed(engine, an_asset()).independent
    assert [one["sum"] for one in OneByOne(engine).score([(1.0,), (2.0,)]).answers] == [1, 1]


def test_one_by_one_keeps_the_numbers_of_rows() -> None:
    scores = OneByOne(Adder()).score([(1.0,), (666.0,), (3.0,)])

    assert scores.not_finite == {1: "sum"}
    assert len(scores.answers) == 3


FIELDS = (
    a_field("plain", type=T.DOUBLE),
    a_field("whole", type=T.INT64, range=(Interval(min=18, max=19),)),
    a_field("open", type=T.DOUBLE, range=(Interval(max=0, closed="neither"),)),
    a_field("category", type=T.STRING, categories=("a", "b")),
    a_field("truth", type=T.BOOLEAN),
    a_field("text", type=T.STRING),
    a_field("unknown", type=None),
)
TENSORS = (
    InputField(name="choice", type=T.STRING, shape=(None, 2), categories=("a", "b")),
    *(InputField(name=kind.value, type=kind, shape=(None, 2, None)) for kind in FieldType),
    InputField(name="scalar", type=T.INT64, shape=()),
)


@pytest.mark.parametrize(
    ("inputs", "engine_type"),
    [
        pytest.param(FIELDS, EngineType.PMML, id="a table for pmml"),
        pytest.param(FIELDS, EngineType.XGBOOST, id="a table for xgboost"),
        pytest.param(TENSORS, EngineType.ONNX, id="tensors of every type, and a scalar"),
        pytest.param(
            (InputField(name="x", type=T.FLOAT, shape=(1, 3)),), EngineType.ONNX, id="no batch"
        ),
        pytest.param(
            (InputField(name="x", type=T.FLOAT, shape=None),), EngineType.ONNX, id="no rank"
        ),
    ],
)
def test_made_up_records_fit_their_schema(
    inputs: tuple[InputField, ...], engine_type: EngineType
) -> None:
    schema = Schema(inputs=inputs)
    reader = compile_reader(schema, engine_type)

    made = [*sample_records(schema, engine_type), *probe_records(schema, engine_type)]

    assert made
    assert all(len(reader.read(records)) == 3 for records in made)


def test_one_large_record_is_enough() -> None:
    image = InputField(name="image", type=T.FLOAT, shape=(None, 3, 200, 200))

    made = list(sample_records(Schema(inputs=(image,)), EngineType.ONNX))

    assert [len(records) for records in made] == [1, 1, 1]


@pytest.mark.parametrize(
    ("one", "other", "close"),
    [
        pytest.param({"a": [1.0]}, {"a": [1.0 + 1e-7]}, True, id="but for rounding"),
        pytest.param({"a": [1.0]}, {"a": [1.001]}, False, id="more than rounding"),
        pytest.param({"a": 1}, {"b": 1}, False, id="other names"),
        pytest.param([1, 2], [1], False, id="other lengths"),
        pytest.param("a", "a", True, id="text"),
        pytest.param(float("nan"), float("nan"), True, id="both NaN"),
        pytest.param(1.0, float("nan"), False, id="one NaN"),
    ],
)
def test_answers_are_close(one: object, other: object, close: bool) -> None:
    assert is_close(one, other) is close
