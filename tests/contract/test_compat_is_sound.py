"""
The verdict keeps its promise: what it calls a match is one, for real models in the real engines.

A model and a variant of it are made and inspected. Where the verdict is a match, whatever the old
one's server accepts of declared fields, the new one's must accept, read alike and answer in the old
one's form. Models of the same inputs compute the same, so their answers must agree, too.

One example is one seed. ``MLZ_SOUND_EXAMPLES`` looks at more than CI does.
"""

import json
import math
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlz.model.asset import EngineType
from mlz.model.compat import Side, compare
from mlz.model.schema import FieldType, InputField, Interval, Schema
from mlz.scoring.doors import RecordsDoor
from mlz.scoring.engines.base import LoadOptions, Row
from mlz.scoring.fields import integer_range
from mlz.scoring.runtime import load_engine
from mlz.scoring.scorer import Job, Scored, Scorer
from mlz.scoring.validation import compile_reader
from mlz.store.fetch import prepare_local
from unit.scoring.kit import some_settings
from zoo.small import Feature, Graph, Predictor, Regression, Result, Small, Tensor, Trees, save

EXAMPLES = int(os.environ.get("MLZ_SOUND_EXAMPLES", "100"))
REQUESTS = 12
# At least so many of a hundred pairs must be matches, or the test would look at nothing.
LEAST_MATCHES = 15
TOLERANCE = 1e-4


Pair = tuple[Small, Small]


@dataclass
class Loaded:
    """A model as a pod serves it, without the server."""

    schema: Schema
    engine_type: EngineType
    door: RecordsDoor
    scorer: Scorer

    def score(self, body: bytes) -> list[dict[str, Any]] | None:
        """The answers, or None where there are none."""
        (outcome,) = self.scorer.run([Job(self.door, body, lambda outcome: None)])
        if not isinstance(outcome, Scored):
            return None
        answers: list[dict[str, Any]] = json.loads(outcome.body)
        return answers

    def rows(self, body: bytes) -> list[Row]:
        return self.door.read(body).rows


def loaded(model: Small, folder: Path) -> Loaded:
    folder.mkdir()
    asset = prepare_local(save(model, folder), folder / "prepared")
    engine = load_engine(folder / "prepared", asset, LoadOptions())
    reader = compile_reader(asset.model_schema, asset.engine_type)
    door = RecordsDoor(asset, reader, some_settings())
    return Loaded(asset.model_schema, asset.engine_type, door, Scorer(engine))


# Requests that the old schema suggests, good ones and odd ones

LETTERS = ("a", "b", "c", "", "own")
TEXTS = ("1", "2.5", "-3", "1e2", "x")
FLOATS = (0.5, 1.0, -2.0, 0, 3.25)
HUGE_FLOATS = (2.0**100, 2.0**130, 1e300)


def element(dice: random.Random, kind: FieldType | None, huge: bool = True) -> object:
    """``huge``: also what makes a sum of exponents overflow, so that an answer is not finite."""
    if kind is FieldType.STRING:
        return dice.choice(LETTERS)
    if kind is FieldType.BOOLEAN:
        return dice.random() < 0.5
    if kind is not None and kind.is_integer:
        if dice.random() < 0.5 or not huge:
            return dice.choice((dice.randrange(5), float(dice.randrange(5))))
        allowed = integer_range(kind)
        return dice.choice((allowed[0], allowed[-1], allowed[-2], allowed[-1] + dice.randrange(2)))
    return dice.choice(FLOATS + HUGE_FLOATS if huge else FLOATS)


def odd(dice: random.Random) -> object:
    return dice.choice((None, True, "a", "1", 1, 1.5, ["a"], [1], {}, -(2**70)))


def nested(dice: random.Random, kind: FieldType | None, sizes: Sequence[int]) -> object:
    if not sizes:
        return element(dice, kind)
    return [nested(dice, kind, sizes[1:]) for _ in range(sizes[0])]


def tensor(dice: random.Random, field: InputField, batched: bool) -> object:
    shape = field.shape
    if shape is None:
        shape = (None,) * dice.randrange(3)
    wanted = shape[1:] if batched else shape
    sizes = [dice.randint(0, 3) if size is None else size for size in wanted]
    form = dice.random()
    if form < 0.55:
        return nested(dice, field.type, sizes)
    if form < 0.8:
        return nested(dice, field.type, [math.prod(sizes)])
    return element(dice, field.type)


def scalar(dice: random.Random, field: InputField, huge: bool) -> object:
    if field.categories and dice.random() < 0.8:
        return dice.choice(field.categories)
    if field.range and dice.random() < 0.8:
        ends = [end for one in field.range for end in (one.min, one.max) if end is not None]
        around = [end + step for end in ends or [0] for step in (-1, -0.5, 0, 0.5, 1)]
        return dice.choice((dice.choice(around), int(dice.choice(around))))
    if field.type is not None and field.type.is_number and dice.random() < 0.2:
        return dice.choice(TEXTS)
    return element(dice, field.type, huge)


def request(dice: random.Random, old: Loaded, batched: bool) -> bytes:
    """One to three records, or arrays where the model is positional."""
    records: list[object] = []
    for _ in range(dice.choice((1, 1, 2, 3))):
        record: dict[str, object] = {}
        for field in old.schema.inputs or ():
            if dice.random() < 0.05:
                continue
            if dice.random() < 0.05:
                record[field.name] = odd(dice)
            elif old.engine_type is EngineType.ONNX:
                record[field.name] = tensor(dice, field, batched)
            else:
                record[field.name] = scalar(dice, field, old.engine_type is EngineType.XGBOOST)
        as_array = old.schema.positional and dice.random() < 0.5
        records.append(list(record.values()) if as_array else record)
    if old.engine_type is EngineType.ONNX and isinstance(records[0], dict):
        shared = {f.name: records[0].get(f.name) for f in old.schema.inputs or () if f.shape == ()}
        records = [record | shared for record in records if isinstance(record, dict)]
    return json.dumps(records).encode()


# What must hold


def assert_fits(old: Loaded, new: Loaded, body: bytes) -> bool:
    """Whether the old one accepts the request; if so, the new one must, and answer alike."""
    before = old.score(body)
    if before is None:
        return False
    after = new.score(body)
    assert after is not None, f"accepted by the old one only: {body.decode()}"
    assert_read_alike(old, new, body)
    outputs = {field.name: field for field in old.schema.outputs or ()}
    names = [{f.name for f in one.schema.inputs or ()} for one in (old, new)]
    for one, other in zip(before, after, strict=True):
        for name, value in one.items():
            assert name in other, f"{name} is not answered to {body.decode()}"
            shape = outputs[name].shape
            assert_same_form(value, other[name], shape)
            if names[0] == names[1] and old.engine_type is not EngineType.XGBOOST:
                assert_close(value, other[name])
    return True


def assert_read_alike(old: Loaded, new: Loaded, body: bytes) -> None:
    places = {field.name: place for place, field in enumerate(new.schema.inputs or ())}
    for one, other in zip(old.rows(body), new.rows(body), strict=True):
        for place, field in enumerate(old.schema.inputs or ()):
            if field.name not in places:
                continue
            before, after = one[place], other[places[field.name]]
            if isinstance(before, np.ndarray) and isinstance(after, np.ndarray):
                assert before.shape == after.shape, f"{field.name} is read in another shape"
                # As Python's numbers: NumPy would round an integer to compare it with a float.
                assert before.tolist() == after.tolist(), f"{field.name} is read as other values"
            elif isinstance(before, int | float) and isinstance(after, int | float):
                assert float(before) == float(after), f"{field.name} is read as another number"
            else:
                assert before == after, f"{field.name} is read as another value"


def assert_same_form(old: object, new: object, shape: Any = None) -> None:
    """The same JSON types all the way down; sizes may differ only where the schema left them."""
    if isinstance(old, dict) and isinstance(new, dict):
        assert old.keys() == new.keys()
        if "dims" in old:
            assert len(old["dims"]) == len(new["dims"]), (old, new)
            promised = shape[-len(old["dims"]) :] if shape and old["dims"] else ()
            for size, before, after in zip(promised, old["dims"], new["dims"], strict=True):
                assert before == after or size is None, (old, new)
            assert {*map(type, old["data"])} == {*map(type, new["data"])} or not new["data"]
            return
        for key in old:
            assert_same_form(old[key], new[key])
    elif isinstance(old, list) and isinstance(new, list):
        assert [type(one) for one in old] == [type(one) for one in new]
    else:
        assert json_type(old) == json_type(new), (old, new)


def json_type(value: object) -> str:
    """PMML4S writes a large float like an integer: to JSON both are numbers."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return "number" if is_number else type(value).__name__


def assert_close(old: object, new: object) -> None:
    if isinstance(old, dict) and isinstance(new, dict):
        if "dims" in old and old["dims"] != new["dims"]:
            return
        for key in old:
            assert_close(old[key], new[key])
    elif isinstance(old, list) and isinstance(new, list):
        for one, other in zip(old, new, strict=True):
            assert_close(one, other)
    elif isinstance(old, float) and isinstance(new, float):
        assert new == pytest.approx(old, rel=TOLERANCE, abs=TOLERANCE)
    else:
        assert old == new


def check(models: Pair, dice: random.Random, seen: Counter[str], shelf: "Shelf") -> None:
    """Hold the verdict on a pair against what the engines do."""
    old, new = (shelf.get(one) for one in models)
    found = compare(Side(old.engine_type, old.schema), Side(new.engine_type, new.schema))
    seen["pairs"] += 1
    seen[found.verdict.value] += 1
    if not found.is_match:
        return
    batched = isinstance(models[0], Graph) and models[0].batched
    for _ in range(REQUESTS):
        body = request(dice, old, batched)
        try:
            seen["accepted"] += assert_fits(old, new, body)
        except AssertionError as error:
            error.add_note(f"{models[0]}\n{models[1]}\n{found}\n{body.decode()}")
            raise


class Shelf:
    """Each model is made and loaded once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loaded: dict[Small, Loaded] = {}

    def get(self, model: Small) -> Loaded:
        if model not in self._loaded:
            self._loaded[model] = loaded(model, self._folder / str(len(self._loaded)))
        return self._loaded[model]


# Pairs of models

NAMES = ("age", "x", "Größe", "a b", "f0")
NUMBER_TYPES = [kind for kind in FieldType if kind.is_number]


def pick_some(dice: random.Random, pool: Sequence[Any], most: int) -> list[Any]:
    return dice.sample(list(pool), dice.randint(1, most))


def varied(dice: random.Random, parts: Sequence[Any], vary: Callable[[Any], Any]) -> list[Any]:
    """The parts, perhaps one of them changed, one dropped, or all in another order."""
    found = list(parts)
    fate = dice.random()
    if fate < 0.5:
        place = dice.randrange(len(found))
        found[place] = vary(found[place])
    elif fate < 0.65 and len(found) > 1:
        del found[dice.randrange(len(found))]
    elif fate < 0.8:
        dice.shuffle(found)
    return found


def a_shape(dice: random.Random, batched: bool) -> tuple[int | None, ...] | None:
    if not batched and dice.random() < 0.1:
        return None
    inner = tuple(dice.choice((None, 1, 1, 2, 3)) for _ in range(dice.randrange(3)))
    if dice.random() < 0.1:
        return ()
    return (None if batched else dice.choice((1, 2, None)), *inner)


def a_tensor(dice: random.Random, name: str, batched: bool) -> Tensor:
    kind = dice.choice([*NUMBER_TYPES, FieldType.STRING, FieldType.BOOLEAN])
    return Tensor(name, kind, a_shape(dice, batched))


def another_tensor(dice: random.Random, one: Tensor) -> Tensor:
    if dice.random() < 0.5:
        return replace(one, type=dice.choice(NUMBER_TYPES))
    if not one.shape:
        return replace(one, shape=a_shape(dice, batched=True))
    axis = dice.randrange(len(one.shape))
    size = dice.choice((None, None, 1, 2))
    return replace(one, shape=(*one.shape[:axis], size, *one.shape[axis + 1 :]))


def an_output(dice: random.Random, name: str, batched: bool) -> Tensor:
    size = dice.choice((1, 2, 3))
    kind = dice.choice((FieldType.FLOAT, FieldType.DOUBLE, FieldType.INT64, FieldType.STRING))
    inner = dice.choice(((size,), (None,), ()))
    return Tensor(name, kind, (None if batched else 1, *inner), size if inner else 1)


def graphs(dice: random.Random) -> tuple[Graph, Graph]:
    wanted = dice.random() < 0.7
    old = Graph(tuple(a_tensor(dice, name, wanted) for name in pick_some(dice, NAMES, 3)), ())
    names = pick_some(dice, ("p", "q"), 2)
    old = replace(old, outputs=tuple(an_output(dice, name, old.batched) for name in names))
    if old.batched and dice.random() < 0.4:
        old = replace(old, classes=("no", "yes"), by_class=dice.random() < 0.5)
    new = replace(
        old, inputs=tuple(varied(dice, old.inputs, lambda one: another_tensor(dice, one)))
    )
    if dice.random() < 0.4:
        new = replace(
            new,
            outputs=tuple(
                varied(dice, new.outputs, lambda one: an_output(dice, one.name, new.batched))
            ),
        )
    if old.classes and new.batched and dice.random() < 0.4:
        new = replace(new, classes=dice.choice((("yes", "no"), ("no", "yes", "may be"))))
    return old, new


def a_feature(dice: random.Random, name: str) -> Feature:
    kind = dice.choice(("int", "float", "bool", "category"))
    if kind != "category":
        return Feature(name, kind)
    pool: Sequence[str | int] = dice.choice((("a", "b", "c"), (1, 2, 5)))
    return Feature(name, kind, tuple(dice.sample(list(pool), dice.randint(2, 3))))


OBJECTIVES = (
    "reg:squarederror",
    "binary:logistic",
    "multi:softprob",
    "multi:softmax",
    "reg:quantileerror",
    "count:poisson",
)


def trees(dice: random.Random) -> tuple[Trees, Trees]:
    features = tuple(a_feature(dice, name) for name in pick_some(dice, NAMES, 4))
    old = Trees(features, dice.choice(OBJECTIVES))
    if dice.random() < 0.2:
        places = tuple(Feature(f"f{i}", "float") for i in range(len(features)))
        old = replace(old, features=places, positional=True)
    changed = varied(dice, old.features, lambda one: a_feature(dice, one.name))
    if old.positional:
        changed = [Feature(f"f{i}", "float") for i in range(len(changed))]
    new = replace(old, features=tuple(changed))
    if dice.random() < 0.25:
        new = replace(new, objective=dice.choice(OBJECTIVES))
    if dice.random() < 0.05:
        new = replace(new, positional=not new.positional)
    return old, new


def an_interval(dice: random.Random) -> Interval:
    low, high = sorted(dice.sample(range(10), 2))
    closed = dice.choice(("both", "left", "right", "neither"))
    return Interval(
        min=dice.choice((low, low, None)), max=dice.choice((high, high, None)), closed=closed
    )


def a_predictor(dice: random.Random, name: str) -> Predictor:
    kind = dice.choice(("integer", "float", "double", "boolean", "string"))
    values: tuple[str, ...] = ()
    intervals: tuple[Interval, ...] = ()
    if kind == "string":
        values = tuple(dice.sample(LETTERS[:3], dice.randrange(4)))
    elif kind != "boolean":
        intervals = tuple(an_interval(dice) for _ in range(dice.choice((0, 1, 1, 2))))
    treatment = dice.choice(("", "", "returnInvalid", "asIs", "asMissing", "asValue"))
    return honest(Predictor(name, kind, values, intervals, treatment, dice.random() < 0.4))


def honest(one: Predictor) -> Predictor:
    """Replacements are valid values: PMML4S does not load a model where they are not."""
    if one.values:
        valid = "a" in one.values
    else:
        valid = not one.intervals or any(interval.holds(1) for interval in one.intervals)
    if valid:
        return one
    treatment = "" if one.treatment == "asValue" else one.treatment
    return replace(one, treatment=treatment, filled=False)


def another_predictor(dice: random.Random, one: Predictor) -> Predictor:
    fresh = a_predictor(dice, one.name)
    part = dice.choice(("type", "domain", "treatment", "filled"))
    if part == "type" and one.type in ("integer", "float") and not fresh.values:
        return replace(one, type=dice.choice(("integer", "float", "double")))
    if part == "domain":
        if one.type == "string":
            pool = ("a", "b", "c")
            return replace(one, values=tuple(dice.sample(pool, dice.randrange(4))))
        wider = tuple(Interval(min=dice.choice((None, -1)), max=10) for _ in one.intervals)
        return replace(one, intervals=dice.choice((wider, fresh.intervals)))
    if part == "treatment":
        return replace(one, treatment=fresh.treatment)
    return replace(one, filled=not one.filled)


def results(dice: random.Random, classes: Sequence[str]) -> tuple[Result, ...]:
    if dice.random() < 0.4:
        return ()
    predicted = Result("prediction", "string" if classes else "double")
    chances = [Result(f"P({label})", "double", label) for label in classes]
    return tuple(pick_some(dice, [predicted, *chances], 1 + len(chances)))


def regressions(dice: random.Random) -> tuple[Regression, Regression]:
    predictors = tuple(a_predictor(dice, name) for name in pick_some(dice, NAMES, 3))
    classes = dice.choice(((), ("no", "yes"), ("no", "yes", "may be")))
    old = Regression(predictors, results(dice, classes), classes)
    new = replace(
        old,
        predictors=tuple(
            varied(dice, predictors, lambda one: honest(another_predictor(dice, one)))
        ),
    )
    if dice.random() < 0.3:
        extra = replace(a_predictor(dice, "added"), filled=dice.random() < 0.7)
        new = replace(new, predictors=(*new.predictors, extra))
    if dice.random() < 0.2:
        new = replace(new, results=results(dice, classes))
    if classes and dice.random() < 0.3:
        new = replace(new, classes=tuple(dice.sample(classes, len(classes))))
    return old, new


def converted(dice: random.Random) -> tuple[Trees, Regression]:
    """Trees and a PMML model of nearly the same fields."""
    features = tuple(
        one if one.type != "category" else replace(one, categories=("a", "b"))
        for one in (a_feature(dice, name) for name in pick_some(dice, NAMES, 3))
    )
    types = {
        "int": ("integer", "double"),
        "float": ("float", "double"),
        "bool": ("boolean",),
        "category": ("string",),
    }
    predictors = tuple(
        Predictor(
            one.name,
            dice.choice(types[one.type]),
            dice.choice((("a", "b"), ("b", "a", "c"), ())) if one.type == "category" else (),
            filled=dice.random() < 0.9,
        )
        for one in features
    )
    result = Result("prediction", dice.choice(("float", "float", "double")))
    return Trees(features, "reg:squarederror"), Regression(predictors, (result,))


# Pairs that differ in one thing: all of them, not some

OUT = Tensor("p", FieldType.FLOAT, (None, 1))
AGE = Tensor("age", FieldType.FLOAT, (None, 2))


def one_input(one: Tensor) -> Graph:
    graph = Graph((one,), (OUT,))
    return graph if graph.batched else replace(graph, outputs=(replace(OUT, shape=(1, 1)),))


def graph_families() -> Iterator[Sequence[Small]]:
    yield [one_input(replace(AGE, type=kind)) for kind in FieldType]
    sizes = (None, 1, 2)
    inner = [(), *product(sizes), *product(sizes, repeat=2)]
    yield [one_input(replace(AGE, shape=(None, *shape))) for shape in inner]
    whole = [None, (), (1,), (2,), (1, 2), (2, 1), (2, None), (1, None), (None, 2)]
    yield [one_input(replace(AGE, shape=shape)) for shape in whole]
    state = Tensor("state", FieldType.FLOAT, (2, None))
    yield [one_input(AGE), Graph((AGE, state), (replace(OUT, shape=(1, 1)),))]
    outputs = [
        replace(OUT, type=kind, shape=(None, *shape), size=size)
        for kind in (FieldType.FLOAT, FieldType.INT64, FieldType.STRING)
        for shape, size in (((), 1), ((1,), 1), ((2,), 2), ((None,), 1), ((None,), 2))
    ]
    more = Tensor("q", FieldType.FLOAT, (None, 1))
    yield [Graph((AGE,), (*extra, one)) for one in outputs for extra in ((), (more,))]
    text = replace(AGE, type=FieldType.STRING)
    yield [one_input(replace(text, shape=(None, *shape))) for shape in ((), (1,), (None,))]
    labels = (("no", "yes"), ("yes", "no"), ("no", "yes", "may be"))
    yield [Graph((AGE,), (OUT,), known, named) for known in labels for named in (False, True)]


def tree_families() -> Iterator[Sequence[Small]]:
    pools = (("a", "b"), ("b", "a", "c"), (1, 2), (1, 2, 5))
    kinds = [Feature("x", kind) for kind in ("int", "float", "bool")]
    kinds += [Feature("x", "category", pool) for pool in pools]
    yield [Trees((one,), "reg:squarederror") for one in kinds]
    yield [Trees((Feature("x", "float"),), objective) for objective in OBJECTIVES]
    yield [
        Trees(
            tuple(Feature(f"f{i}", "float") for i in range(count)), "reg:squarederror", positional
        )
        for count in (1, 2, 3)
        for positional in (False, True)
    ]


def regression_families() -> Iterator[Sequence[Small]]:
    treatments = ("", "asIs", "asMissing", "asValue")
    ranges = [
        (),
        *((Interval(min=0, max=2, closed=closed),) for closed in ("both", "left", "right")),
        (Interval(min=0, max=1), Interval(min=1, max=3)),
    ]
    yield [
        Regression((honest(Predictor("x", "double", (), one, treatment, filled)),))
        for one in ranges
        for treatment in treatments
        for filled in (False, True)
    ]
    whole = [
        Interval(min=0, max=3, closed="neither"),
        Interval(min=1, max=2),
        Interval(min=0.5, max=2.5),
        Interval(min=0, max=2, closed="left"),
    ]
    kinds = ("integer", "double")
    yield [Regression((Predictor("x", kind, (), (one,)),)) for one in whole for kind in kinds]
    yield [
        Regression((Predictor("x", "string", one, (), treatment),))
        for one in ((), ("a",), ("b", "a"), ("a", "b", "c"))
        for treatment in treatments
    ]
    small = Predictor("x", "double", (), (Interval(min=0, max=2),), "asMissing")
    label = (Result("prediction", "string"),)
    yield [Regression((replace(small, filled=f),), label, ("no", "yes")) for f in (False, True)]
    kinds = ("integer", "float", "double", "boolean", "string")
    yield [Regression((Predictor("x", kind, filled=f),)) for kind in kinds for f in (False, True)]
    x, y = Predictor("x", "double"), Predictor("y", "double")
    yield [Regression(some) for some in ((x,), (x, y), (y, x), (x, replace(y, filled=True)))]
    results = [(), (Result("prediction", "double"),), (Result("risk", "double"),)]
    yield [Regression((x,), some) for some in results]


@pytest.mark.parametrize(
    "families",
    [
        pytest.param(graph_families, id="onnx"),
        pytest.param(tree_families, id="xgboost"),
        pytest.param(regression_families, id="pmml"),
    ],
)
def test_all_pairs_that_differ_in_one_thing(
    families: Callable[[], Iterator[Sequence[Small]]], tmp_path: Path
) -> None:
    seen: Counter[str] = Counter()
    shelf = Shelf(tmp_path)

    for family in families():
        for pair in product(family, repeat=2):
            check(pair, random.Random(seen["pairs"]), seen, shelf)

    assert seen["Identical"] >= seen["pairs"] ** 0.5 / 2, seen
    assert seen["Compatible"] > 0, seen
    assert seen["accepted"] > 2 * (seen["Identical"] + seen["Compatible"]), seen


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(graphs, id="onnx"),
        pytest.param(trees, id="xgboost"),
        pytest.param(regressions, id="pmml"),
        pytest.param(converted, id="trees become pmml"),
    ],
)
def test_what_is_called_a_match_is_one(make: Callable[[random.Random], Pair]) -> None:
    seen: Counter[str] = Counter()

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(seed=st.integers(0, 2**32 - 1))
    def run(seed: int) -> None:
        dice = random.Random(seed)
        with TemporaryDirectory() as folder:
            check(make(dice), dice, seen, Shelf(Path(folder)))

    run()

    assert seen["Identical"] + seen["Compatible"] >= seen["pairs"] * LEAST_MATCHES // 100, seen
    assert seen["Incompatible"] > 0, seen
    assert seen["accepted"] > seen["pairs"], seen
