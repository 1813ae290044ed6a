"""XGBoost: gates and schema, on real models and on ones that were tampered with."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xgboost
from hypothesis import given
from hypothesis import strategies as st

from mlz.errors import Reason, RejectedError
from mlz.model.schema import FieldType, OutputField, Schema
from mlz.store.ubjson import parse_ubjson
from mlz.store.xgboost_format import HIGHEST_KNOWN, inspect_xgboost, library_version
from zoo.models import Zoo

ROWS = np.random.default_rng(0).normal(size=(200, 4)).astype("float32")
BINARY = (ROWS[:, 0] + ROWS[:, 1] > 0).astype(int)
THREE = np.digitize(ROWS[:, 0], [-0.5, 0.5])
PREDICTION = OutputField(name="prediction", type=FieldType.FLOAT, shape=())
CLASS = OutputField(name="prediction", type=FieldType.INT64, shape=())


def train(labels: Any = BINARY, rounds: int = 3, **options: Any) -> xgboost.Booster:
    defaults = {"max_depth": 3, "nthread": 1, "verbosity": 0}
    return xgboost.train(defaults | options, xgboost.DMatrix(ROWS, labels), rounds)


def inspected(booster: xgboost.Booster, folder: Path, form: str = "ubj") -> Schema:
    path = folder / f"model.{form}"
    path.write_bytes(bytes(booster.save_raw(form)))
    return inspect_xgboost(path).schema


def probability(count: int) -> OutputField:
    return OutputField(name="probability", type=FieldType.FLOAT, shape=(count,))


@pytest.mark.parametrize("form", ["json", "ubj"])
@pytest.mark.parametrize(
    ("labels", "options", "outputs", "classes"),
    [
        (BINARY, {"objective": "binary:logistic"}, (CLASS, probability(2)), (0, 1)),
        (BINARY, {"objective": "binary:hinge"}, (CLASS,), (0, 1)),
        (BINARY, {"objective": "binary:logitraw"}, (PREDICTION,), None),
        (
            THREE,
            {"objective": "multi:softprob", "num_class": 3},
            (CLASS, probability(3)),
            (0, 1, 2),
        ),
        (THREE, {"objective": "multi:softmax", "num_class": 3}, (CLASS,), (0, 1, 2)),
        (BINARY, {"objective": "reg:squarederror"}, (PREDICTION,), None),
        (BINARY, {"objective": "reg:logistic"}, (PREDICTION,), None),
        (BINARY, {"objective": "count:poisson"}, (PREDICTION,), None),
        (BINARY, {"objective": "rank:pairwise"}, (PREDICTION,), None),
        (BINARY + 1, {"objective": "survival:cox"}, (PREDICTION,), None),
        (BINARY, {"booster": "gblinear"}, (PREDICTION,), None),
        (BINARY, {"booster": "dart", "rate_drop": 0.5}, (PREDICTION,), None),
        (BINARY, {"grow_policy": "lossguide", "max_leaves": 9}, (PREDICTION,), None),
        (BINARY, {"tree_method": "exact", "gamma": 0.2, "max_depth": 6}, (PREDICTION,), None),
        (
            THREE,
            {"objective": "multi:softprob", "num_class": 3, "num_parallel_tree": 2},
            (CLASS, probability(3)),
            (0, 1, 2),
        ),
        (
            np.stack([BINARY, THREE], 1),
            {"tree_method": "hist", "multi_strategy": "multi_output_tree"},
            (OutputField(name="prediction", type=FieldType.FLOAT, shape=(2,)),),
            None,
        ),
        (
            BINARY,
            {"objective": "reg:quantileerror", "quantile_alpha": [0.1, 0.9]},
            (OutputField(name="prediction", type=FieldType.FLOAT, shape=(2,)),),
            None,
        ),
        (
            np.stack([BINARY, 1 - BINARY], 1),
            {"objective": "binary:logistic"},
            (
                OutputField(name="prediction", type=FieldType.INT64, shape=(2,)),
                OutputField(name="probability", type=FieldType.FLOAT, shape=(2,)),
            ),
            (0, 1),
        ),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else "",
)
@pytest.mark.filterwarnings("ignore")
def test_answers_follow_the_objective(
    *, labels: Any, options: dict[str, Any], outputs: Any, classes: Any, form: str, tmp_path: Path
) -> None:
    found = inspected(train(labels, **options), tmp_path, form)

    assert found.outputs == outputs
    assert found.classes == classes
    assert found.positional is True
    assert [field.name for field in found.inputs or ()] == ["f0", "f1", "f2", "f3"]


def frame(words: list[str]) -> pd.DataFrame:
    size = len(BINARY)
    return pd.DataFrame(
        {
            "amount": ROWS[:, 0],
            "count": np.arange(size),
            "flag": BINARY > 0,
            "grade": pd.Categorical(np.resize([7, 5, 9], size), categories=[7, 5, 9]),
            "purpose": pd.Categorical(np.resize(words, size), categories=words),
        }
    )


def test_features_have_the_types_and_categories_they_were_learned_with(tmp_path: Path) -> None:
    data = xgboost.DMatrix(frame(["car", "home", "other"]), BINARY, enable_categorical=True)

    found = inspected(xgboost.train({"nthread": 1}, data, 2), tmp_path)

    assert found.positional is None
    assert [(f.name, f.type, f.categories) for f in found.inputs or ()] == [
        ("amount", FieldType.FLOAT, None),
        ("count", FieldType.INT64, None),
        ("flag", FieldType.BOOLEAN, None),
        ("grade", FieldType.INT64, (7, 5, 9)),
        ("purpose", FieldType.STRING, ("car", "home", "other")),
    ]
    assert all(f.required and f.nullable and f.shape == () for f in found.inputs or ())


def test_categories_without_names_are_codes(tmp_path: Path) -> None:
    codes = np.resize([0.0, 1.0, 2.0], (200, 1))
    data = xgboost.DMatrix(
        codes, BINARY, feature_names=["kind"], feature_types=["c"], enable_categorical=True
    )

    found = inspected(xgboost.train({"nthread": 1}, data, 2), tmp_path)

    field = (found.inputs or ())[0]
    assert (field.type, field.categories) == (FieldType.INT64, None)


@pytest.mark.parametrize("words", [["a", "übrig", "z"], ["üa", "ab", "aa"], ["a", "b€"]])
def test_categories_that_the_library_cut_are_refused(words: list[str], tmp_path: Path) -> None:
    """
    XGBoost 3.2 counts letters where it should count bytes, and loses the rest.

    The second list would come out as ü, aa, ba: a record with "aa" would be scored as "ab".
    """
    data = xgboost.DMatrix(frame(words), BINARY, enable_categorical=True)

    with pytest.raises(RejectedError, match="pandas") as caught:
        inspected(xgboost.train({"nthread": 1}, data, 2), tmp_path)

    assert caught.value.reason is Reason.MODEL_INVALID


def test_the_zoo_s_model_has_the_data_s_categories(zoo: Zoo) -> None:
    for model in (zoo.credit_xgboost, zoo.credit_xgboost_json):
        facts = inspect_xgboost(model.path)

        fields = {field.name: field for field in facts.schema.inputs or ()}
        for name, column in zoo.credit.iloc[:, :-1].items():
            field = fields[str(name)]
            if column.dtype == object:
                assert set(field.categories or ()) == set(column.unique())
            else:
                assert field.type is FieldType.INT64
        assert facts.framework is not None
        assert facts.framework.version == xgboost.__version__


@cache
def document() -> str:
    labels = np.resize([1, 0, 0], len(BINARY))  # what the purpose says
    data = xgboost.DMatrix(frame(["car", "home", "other"]), labels, enable_categorical=True)
    booster = xgboost.train({"nthread": 1, "max_depth": 4, "max_cat_to_onehot": 1}, data, 4)
    return bytes(booster.save_raw("json")).decode()


def tampered(change: Callable[[Any, Any], None]) -> str:
    found = json.loads(document())
    model = found["learner"]["gradient_booster"]["model"]
    change(found, model)
    return json.dumps(found)


def refusal(content: str | bytes, folder: Path) -> RejectedError:
    path = folder / "model"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(RejectedError) as caught:
        inspect_xgboost(path)
    return caught.value


def put(name: str, place: int, value: Any) -> Callable[[Any, Any], None]:
    """Set one entry of the first tree."""

    def change(_document: Any, model: Any) -> None:
        model["trees"][0][name][place] = value

    return change


def cut(name: str) -> Callable[[Any, Any], None]:
    def change(_document: Any, model: Any) -> None:
        model["trees"][0][name].pop()

    return change


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(put("left_children", 0, 10_000), id="a child out of range"),
        pytest.param(put("left_children", 0, -5), id="a negative child"),
        pytest.param(put("left_children", 0, 0), id="a node its own child"),
        pytest.param(put("left_children", 1, 0), id="the root as a child"),
        pytest.param(put("left_children", 1, 2), id="two parents"),
        pytest.param(put("left_children", 0, 2), id="both children the same"),
        pytest.param(put("right_children", 0, -1), id="one child only"),
        pytest.param(put("parents", 1, 2), id="a parent that contradicts"),
        pytest.param(put("split_indices", 0, 5), id="a feature out of range"),
        pytest.param(put("split_indices", 0, -1), id="a negative feature"),
        pytest.param(put("split_type", 0, 7), id="an unknown kind of split"),
        pytest.param(
            lambda _d, m: m["trees"][1].update(id=0), id="two trees in one place"
        ),
        pytest.param(
            lambda _d, m: m["trees"][1]["tree_param"].update(size_leaf_vector="-1"),
            id="leaves of a negative size",
        ),
        pytest.param(
            lambda _d, m: m["trees"][1]["tree_param"].update(size_leaf_vector="2"),
            id="leaves of another size than the answer",
        ),
        pytest.param(cut("parents"), id="a short list of parents"),
        pytest.param(cut("split_conditions"), id="a short list of conditions"),
        pytest.param(cut("loss_changes"), id="a short list of gains"),
        pytest.param(cut("sum_hessian"), id="a short list of weights"),
        pytest.param(cut("base_weights"), id="a short list of base weights"),
        pytest.param(cut("default_left"), id="a short list of defaults"),
        pytest.param(lambda _d, m: m["tree_info"].__setitem__(0, 3), id="a group out of range"),
        pytest.param(lambda _d, m: m["tree_info"].__setitem__(0, -1), id="a negative group"),
        pytest.param(lambda _d, m: m["tree_info"].pop(), id="a tree without a group"),
        pytest.param(lambda _d, m: m["iteration_indptr"].__setitem__(1, 99), id="a round too far"),
        pytest.param(
            lambda _d, m: m["gbtree_model_param"].update(num_trees="9"), id="more trees than there"
        ),
        pytest.param(
            lambda _d, m: m["trees"][0]["tree_param"].update(num_feature="9"), id="other features"
        ),
        pytest.param(
            lambda _d, m: [t["categories_sizes"].__setitem__(0, 10**6)
                           for t in m["trees"] if t["categories_sizes"]],
            id="categories out of range",
        ),
        pytest.param(
            lambda _d, m: [t["categories"].__setitem__(0, 2**30)
                           for t in m["trees"] if t["categories"]],
            id="a category that costs memory",
        ),
        pytest.param(
            lambda _d, m: [t["categories_nodes"].__setitem__(0, 10**6)
                           for t in m["trees"] if t["categories_nodes"]],
            id="categories of no node",
        ),
    ],
)  # fmt: skip
def test_trees_that_would_crash_the_library_are_unsafe(
    change: Callable[[Any, Any], None], tmp_path: Path
) -> None:
    error = refusal(tampered(change), tmp_path)

    assert error.reason is Reason.MODEL_UNSAFE
    assert "crash" in error.message


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("{}", id="an empty object"),
        pytest.param("[]", id="a list"),
        pytest.param('{"learner": 1}', id="a learner that is none"),
        pytest.param('{"a": 1, "a": 2}', id="a key twice"),
        pytest.param('{"a": ' + "9" * 5000 + "}", id="an absurd number"),
        pytest.param("{", id="truncated JSON"),
        pytest.param(b"{\xff\xfe}", id="no text"),
        pytest.param(b"{L\0\0\0\0\0\0\0\x07lear", id="truncated UBJSON"),
        pytest.param(b"{L\x7f\xff\xff\xff\xff\xff\xff\xffa", id="a huge length"),
        pytest.param(b"{i\xff", id="a negative length"),
        pytest.param(b"{i\x01a[$d#L\0\0\0\x7f\0\0\0\0", id="a huge typed array"),
        pytest.param(b"{i\x01a[$Z#i\x7f}", id="a typed array of nothings"),
        pytest.param(b"{i\x01aTi\x01aT}", id="a key twice in UBJSON"),
        pytest.param(b"{$i#i\x01", id="an object with a count"),
        pytest.param(tampered(lambda d, _m: d.update(version=[3])), id="half a version"),
        pytest.param(
            tampered(lambda d, _m: d["learner"]["feature_names"].pop()), id="a name too few"
        ),
        pytest.param(
            tampered(lambda d, _m: d["learner"]["feature_types"].__setitem__(0, "x")),
            id="an unknown type",
        ),
        pytest.param(
            tampered(lambda d, _m: d["learner"]["learner_model_param"].update(num_feature="1e9")),
            id="a number that is none",
        ),
        pytest.param(
            tampered(lambda d, _m: d["learner"]["learner_model_param"].update(num_class="-1")),
            id="a negative number of classes",
        ),
        pytest.param(
            tampered(lambda d, _m: d["learner"]["gradient_booster"].update(name="gbx")),
            id="an unknown booster",
        ),
        pytest.param(
            tampered(lambda d, _m: d["learner"]["feature_names"].__setitem__(0, "\ud800")),
            id="half a letter",
        ),
    ],
)
def test_what_is_no_model_is_invalid(content: str | bytes, tmp_path: Path) -> None:
    assert refusal(content, tmp_path).reason is Reason.MODEL_INVALID


@pytest.mark.parametrize(
    "content",
    [
        pytest.param('{"a":' * 100_000, id="JSON"),
        pytest.param(b"{i\x01a" * 100_000, id="UBJSON objects"),
        pytest.param(b"{i\x01a" + b"[" * 100_000, id="UBJSON arrays"),
    ],
)
def test_deep_nesting_is_unsafe(content: str | bytes, tmp_path: Path) -> None:
    assert refusal(content, tmp_path).reason is Reason.MODEL_UNSAFE


@pytest.mark.parametrize("version", [[3, 3, 0], [4, 0, 0], [3, 10, 1]])
def test_a_model_of_a_newer_library_is_refused(version: list[int], tmp_path: Path) -> None:
    error = refusal(tampered(lambda d, _m: d.update(version=version)), tmp_path)

    assert error.reason is Reason.FRAMEWORK_VERSION_UNSUPPORTED
    assert ".".join(map(str, version)) in error.message


@pytest.mark.parametrize("version", [[1, 0, 0], [2, 1, 3], [3, 0, 5], [3, 2, 99]])
def test_models_of_older_libraries_and_of_a_later_patch_are_taken(
    version: list[int], tmp_path: Path
) -> None:
    path = tmp_path / "model.json"
    path.write_text(tampered(lambda d, _m: d.update(version=version)))

    assert inspect_xgboost(path).framework is not None


def test_the_library_s_version_is_the_installed_one() -> None:
    assert library_version() == HIGHEST_KNOWN
    assert xgboost.__version__.startswith("3.2.")


UBJ = bytes(train(rounds=1).save_raw("ubj"))


@given(place=st.integers(0, len(UBJ) - 1), noise=st.binary(min_size=1, max_size=8))
def test_a_damaged_model_is_read_or_refused(
    place: int, noise: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.ubj"
    path.write_bytes(UBJ[:place] + noise + UBJ[place + len(noise) :])
    try:
        inspect_xgboost(path)
    except RejectedError as error:
        assert error.reason  # noqa: PT017 - either outcome is right


@given(st.binary(max_size=200).map(lambda tail: b"{" + tail))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        parse_ubjson(content)
    except RejectedError as error:
        assert error.reason.startswith("Model")  # noqa: PT017 - either outcome is right


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(data=st.data())
def test_a_model_with_any_value_anywhere_is_read_or_refused(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    found = json.loads(document())
    node: Any = found
    while True:
        keys = list(node) if isinstance(node, dict) else range(len(node))
        key = data.draw(st.sampled_from(list(keys)))
        if not node[key] or not isinstance(node[key], dict | list) or data.draw(st.booleans()):
            node[key] = data.draw(JSON)
            break
        node = node[key]
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_text(json.dumps(found))
    try:
        inspect_xgboost(path)
    except RejectedError as error:
        assert error.reason  # noqa: PT017 - either outcome is right
