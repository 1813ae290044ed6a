"""Pairs of models as dice make them: a model, and a variant that callers may or may not notice."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from contract.suggestions import LETTERS
from mlz.model.schema import FieldType, Interval
from zoo.small import Feature, Graph, Predictor, Regression, Result, Small, Tensor, Trees

Pair = tuple[Small, Small]

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
