"""Families of models of which any two differ in one thing: all of them, not some."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product

from contract.pairs import OBJECTIVES, honest
from mlz.model.schema import FieldType, Interval
from zoo.small import Feature, Graph, Predictor, Regression, Result, Small, Tensor, Trees

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
