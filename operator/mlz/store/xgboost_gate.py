"""
The gates of an XGBoost model: what the library itself does not check.

Measured with 3.2.0: a child index out of range or a loop ends the process, a feature index out of
range is accepted and reads memory of others. Loading is safe only for what passes here.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from mlz.errors import Reason, RejectedError
from mlz.store.xgboost_document import Section, integers, invalid, items, number, section

_MAX_CATEGORY = 1 << 24  # a category is a bit of a set, and a float; beyond, it is exact as neither
_TREE = "gradient_booster.model.trees"


@dataclass(frozen=True, slots=True)
class Booster:
    """The numbers that trees are checked against; ``groups`` is the answers for a row."""

    num_feature: int
    groups: int


def check_booster(learner: Section, booster: Booster) -> None:
    """
    Check the part that scores.

    Raises:
        RejectedError: ModelUnsafe, ModelInvalid; the message names the place.
    """
    machine = section(learner, "gradient_booster", "learner")
    kind = machine.get("name")
    if kind == "gblinear":
        _check_linear(section(machine, "model", "gradient_booster"), booster)
    elif kind == "gbtree":
        _check_forest(section(machine, "model", "gradient_booster"), booster)
    elif kind == "dart":
        inner = section(machine, "gbtree", "gradient_booster")
        model = section(inner, "model", "gradient_booster.gbtree")
        _check_forest(model, booster)
        _require(
            len(items(machine, "weight_drop", "gradient_booster"))
            == len(items(model, "trees", "model")),
            "gradient_booster.weight_drop has another length than the trees",
        )
    else:
        raise invalid("learner.gradient_booster.name", "gbtree, dart or gblinear", kind)


def _check_linear(model: Section, booster: Booster) -> None:
    weights = items(model, "weights", "gradient_booster.model")
    _require(
        len(weights) == (booster.num_feature + 1) * booster.groups,
        f"gradient_booster.model.weights has {len(weights)} entries for {booster.num_feature} "
        "features",
    )


def _check_forest(model: Section, booster: Booster) -> None:
    where = "gradient_booster.model"
    trees = items(model, "trees", where)
    groups = integers(model, "tree_info", where)
    parameters = section(model, "gbtree_model_param", where)
    _require(
        len(trees) == len(groups) == number(parameters, "num_trees", where),
        f"{where}: trees, tree_info and num_trees differ in number",
    )
    _require(_all_in(groups, 0, booster.groups), f"{where}.tree_info names a group that is none")
    starts = integers(model, "iteration_indptr", where)
    _require(
        not starts or (starts[0] == 0 and starts[-1] == len(trees) and _ascends(starts)),
        f"{where}.iteration_indptr does not cut the trees into rounds",
    )
    sizes = set()
    for index, tree in enumerate(trees):
        here = f"{_TREE}[{index}]"
        if not isinstance(tree, dict):
            raise invalid(here, "an object", tree)
        _require(number(tree, "id", here, index) == index, f"{here}.id is not its place")
        sizes.add(_check_tree(tree, here, booster))
    _require(len(sizes) <= 1, f"{_TREE} have leaves of different sizes")


def _check_tree(tree: Section, where: str, booster: Booster) -> int:
    """Check one tree; the numbers that each of its leaves holds."""
    left = integers(tree, "left_children", where)
    right = integers(tree, "right_children", where)
    features = integers(tree, "split_indices", where)
    parameters = section(tree, "tree_param", where)
    count = number(parameters, "num_nodes", where)
    size = max(number(parameters, "size_leaf_vector", where, 1), 1)  # older versions write 0
    _require(
        size in (1, booster.groups) and number(parameters, "size_leaf_vector", where, 1) >= 0,
        f"{where} has leaves of another size than the answer",
    )
    _check_lengths(tree, where, count, size)
    _require(count > 0, f"{where} has no nodes")
    _require(
        number(parameters, "num_feature", where, booster.num_feature) == booster.num_feature,
        f"{where} was made for another number of features",
    )
    inner = [node for node, child in enumerate(left) if child != -1]
    _check_children(inner, left, right, f"{where}: left_children and right_children")
    if size == 1:  # a leaf of a vector tree has its place in leaf_weights there
        _require(count - len(inner) == _count_of(right, -1), f"{where}: a node has only one child")
    else:
        _check_vector_leaves(tree, size, f"{where}.leaf_weights")
    _check_parents(inner, left, right, integers(tree, "parents", where), where)
    _require(
        all(0 <= features[node] < booster.num_feature for node in inner),
        f"{where}.split_indices names a feature that is none of the {booster.num_feature}",
    )
    _check_categories(tree, where, count, inner)
    return size


def _check_lengths(tree: Section, where: str, count: int, size: int) -> None:
    for name in ("left_children", "right_children", "parents", "split_indices", "default_left"):
        _require(len(items(tree, name, where)) == count, f"{where}.{name} has not {count} entries")
    for name in ("split_conditions", "loss_changes", "sum_hessian", "base_weights"):
        wanted = count * size if name == "base_weights" else count
        _require(
            len(items(tree, name, where)) == wanted, f"{where}.{name} has not {wanted} entries"
        )
    if "split_type" in tree:
        kinds = integers(tree, "split_type", where)
        _require(len(kinds) == count, f"{where}.split_type has not {count} entries")
        _require(_all_in(kinds, 0, 2), f"{where}.split_type has an unknown kind")


def _check_children(
    inner: Sequence[int], left: Sequence[int], right: Sequence[int], where: str
) -> None:
    """
    In range, and no node the child of two or of itself, the root of none: so there is no loop.

    A loop that can be reached from the root would have to be entered at a node with two parents.
    """
    children = [left[node] for node in inner] + [right[node] for node in inner]
    _require(_all_in(children, 1, len(left)), f"{where} name a node that is none, or the root")
    _require(len(set(children)) == len(children), f"{where} name a node twice")


def _check_parents(
    inner: Sequence[int],
    left: Sequence[int],
    right: Sequence[int],
    parents: Sequence[int],
    where: str,
) -> None:
    _require(
        all(parents[left[node]] == node == parents[right[node]] for node in inner),
        f"{where}.parents contradicts the children",
    )


def _check_vector_leaves(tree: Section, size: int, where: str) -> None:
    left = integers(tree, "left_children", where)
    right = integers(tree, "right_children", where)
    leaves = len(items(tree, "leaf_weights", where)) // size
    places = [place for child, place in zip(left, right, strict=True) if child == -1]
    _require(_all_in(places, 0, leaves), f"{where} has no entry for a leaf")


def _check_categories(tree: Section, where: str, count: int, inner: Sequence[int]) -> None:
    nodes = integers(tree, "categories_nodes", where)
    starts = integers(tree, "categories_segments", where)
    sizes = integers(tree, "categories_sizes", where)
    values = integers(tree, "categories", where)
    _require(
        len(nodes) == len(starts) == len(sizes),
        f"{where}: categories_nodes, _segments and _sizes differ in length",
    )
    _require(
        _all_in(nodes, 0, count) and _ascends(nodes) and len(set(nodes)) == len(nodes),
        f"{where}.categories_nodes is no ascending list of nodes",
    )
    _require(
        all(
            start >= 0 and size >= 0 and start + size <= len(values)
            for start, size in zip(starts, sizes, strict=True)
        ),
        f"{where}.categories_segments leads out of categories",
    )
    _require(_all_in(values, 0, _MAX_CATEGORY), f"{where}.categories has an impossible category")
    kinds = integers(tree, "split_type", where)
    known = set(nodes)
    _require(
        not any(kinds) or all(node in known for node in inner if kinds[node] == 1),
        f"{where}: a categorical split has no categories",
    )


def _all_in(values: Sequence[int], low: int, high: int) -> bool:
    return not values or (min(values) >= low and max(values) < high)


def _ascends(values: Sequence[int]) -> bool:
    return all(a <= b for a, b in itertools.pairwise(values))


def _count_of(values: Sequence[int], wanted: int) -> int:
    return values.count(wanted)


def _require(holds: bool, found: str) -> None:
    if not holds:
        raise RejectedError(
            Reason.MODEL_UNSAFE, f"the XGBoost model would crash its library: {found}"
        )
