"""
The verdict keeps its promise: what it calls a match is one, for real models in the real engines.

A model and a variant of it are made and inspected. Where the verdict is a match, whatever the old
one's server accepts of declared fields, the new one's must accept, read alike and answer in the old
one's form. Models of the same inputs compute the same, so their answers must agree, too.

One example is one seed. ``MLZ_SOUND_EXAMPLES`` looks at more than CI does.
"""

import os
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.families import graph_families, regression_families, tree_families
from contract.pairs import Pair, converted, graphs, regressions, trees
from contract.shelf import Loaded, Shelf
from contract.suggestions import request
from mlz.model.asset import EngineType
from mlz.model.compat import Side, compare
from zoo.small import Graph, Small

EXAMPLES = int(os.environ.get("MLZ_SOUND_EXAMPLES", "100"))
REQUESTS = 12
# At least so many of a hundred pairs must be matches, or the test would look at nothing.
LEAST_MATCHES = 15
TOLERANCE = 1e-4


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


def check(models: Pair, dice: random.Random, seen: Counter[str], shelf: Shelf) -> None:
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
