"""XGBoost: models that are unsafe, invalid or too new, made by tampering with a good one."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import xgboost
from hypothesis import given
from hypothesis import strategies as st

from mlz.errors import Reason, RejectedError
from mlz.store.ubjson import parse_ubjson
from mlz.store.xgboost_format import HIGHEST_KNOWN, inspect_xgboost, library_version
from unit.store.boosters import document, tampered, train


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
