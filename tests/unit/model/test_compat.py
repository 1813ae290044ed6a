"""
The verdict: a sentence for each case, how it is told, and its digest.

The cases are in ``field_rows``, ``value_rows``, ``shape_rows`` and ``answer_rows``.
"""

import json

import pytest

from mlz.model.compat import Side, compare
from mlz.model.fit import is_wider
from mlz.model.schema import FieldType, Interval
from mlz.model.verdict import KINDS, Change, ChangeKind, Comparison, Verdict
from unit.model import answer_rows, field_rows, shape_rows, value_rows
from unit.model.sides import (
    COMPATIBLE,
    IDENTICAL,
    INCOMPATIBLE,
    INT64,
    OPTIONAL,
    PMML,
    STRING,
    UNKNOWN,
    field,
    graph,
    home,
    table,
    tensor,
    within,
)

ROWS = [*field_rows.ROWS, *value_rows.ROWS, *shape_rows.ROWS, *answer_rows.ROWS]


@pytest.mark.parametrize(("old", "new", "verdict", "kinds"), ROWS)
def test_the_verdict(old: Side, new: Side, verdict: Verdict, kinds: tuple[str, ...]) -> None:
    found = compare(old, new)

    assert (found.verdict, tuple(change.kind for change in found.changes)) == (verdict, kinds)


def test_each_kind_of_change_is_met_in_the_table() -> None:
    met = {kind for one in ROWS for kind in one.values[3]}

    assert met == set(ChangeKind)


def test_each_kind_has_a_verdict_and_a_sentence() -> None:
    assert set(KINDS) == set(ChangeKind)
    assert all(text.endswith(".") for _, text in KINDS.values())
    assert {verdict for verdict, _ in KINDS.values()} == {COMPATIBLE, INCOMPATIBLE, UNKNOWN}


EXACT = {
    (old, new)
    for old, news in {
        "int8": "int16 int32 int64 float double",
        "int16": "int32 int64 float double",
        "int32": "int64 double",
        "uint8": "uint16 uint32 uint64 int16 int32 int64 float double",
        "uint16": "uint32 uint64 int32 int64 float double",
        "uint32": "uint64 int64 double",
        "float": "double",
    }.items()
    for new in news.split()
}


@pytest.mark.parametrize("new", FieldType)
@pytest.mark.parametrize("old", FieldType)
def test_a_type_is_wider_where_it_holds_every_value_exactly(old: FieldType, new: FieldType) -> None:
    assert is_wider(old, new) is ((old.value, new.value) in EXACT)


# What a change tells


def test_a_change_says_where_how_and_from_what_to_what() -> None:
    (change,) = compare(
        table(field("net income", INT64)), table(field("net income", STRING))
    ).changes

    assert change.model_dump() == {
        "path": "inputs['net income']", "kind": "TypeChanged", "old": "int64", "new": "string"
    }  # fmt: skip
    assert change.sentence == (
        "inputs['net income'] (int64 -> string): The type does not hold every value of the old one."
    )


@pytest.mark.parametrize(
    ("name", "path"),
    [
        pytest.param("age", "inputs.age", id="an identifier"),
        pytest.param("a.b", "inputs['a.b']", id="a dot would be a step"),
        pytest.param("it's", r"inputs['it\'s']", id="a quote"),
        pytest.param("Größe", "inputs['Größe']", id="letters outside ASCII, as in error answers"),
        pytest.param("", "inputs['']", id="no name"),
    ],
)
def test_paths_are_unambiguous(name: str, path: str) -> None:
    (change,) = compare(table(field(name)), table(field(name, STRING))).changes

    assert change.path == path


def test_ranges_and_shapes_are_told_in_the_usual_notation() -> None:
    wide = field(range=(Interval(min=0, max=1, closed="left"), Interval(min=2.5)))
    (change,) = compare(table(within(0, 1)), table(wide)).changes
    (freed,) = compare(graph(tensor(None, 2, 3)), graph(tensor(None, None, 3))).changes

    assert (change.old, change.new) == ("[0, 1]", "[0, 1) or [2.5, inf)")
    assert (freed.old, freed.new) == ("[-1, 2, 3]", "[-1, -1, 3]")


def test_a_long_list_is_cut_behind_what_differs() -> None:
    many = [f"category {number:04}" for number in range(1000)]
    (change,) = compare(table(home(*many)), table(home(*many[:-1]))).changes

    assert change.old is not None
    assert change.old.startswith('["category 0999", "category 0000"')
    assert len(change.old) == 300


def test_a_kind_of_a_newer_operator_is_never_a_match() -> None:
    change = Change(path="inputs.age", kind="FieldBlessed")

    assert change.verdict is UNKNOWN
    assert Comparison.of([change]).verdict is UNKNOWN


def test_the_document_is_what_users_see() -> None:
    found = compare(table(field()), table(field(), field("b", **OPTIONAL)))

    assert found.to_document() == {
        "verdict": "Compatible",
        "changes": [{"path": "inputs.b", "kind": "OptionalFieldAdded", "new": "double"}],
        "diffDigest": found.diff_digest,
    }
    assert Comparison.model_validate_json(json.dumps(found.to_document())) == found


# The digest


def test_there_is_a_digest_wherever_there_is_something_to_acknowledge() -> None:
    for one in ROWS:
        found = compare(*one.values[:2])
        assert (found.diff_digest is None) is (found.verdict is IDENTICAL)


def test_another_asset_without_a_known_predecessor_is_another_difference() -> None:
    nothing = Side(PMML, None)

    found = {compare(nothing, new).diff_digest for new in (table(field()), table(field("b")))}

    assert len(found) == 2


def test_the_order_of_fields_is_no_other_asset() -> None:
    nothing = Side(PMML, None)
    orders = (table(field("a"), field("b")), table(field("b"), field("a")))

    assert len({compare(nothing, new).diff_digest for new in orders}) == 1


def test_every_row_of_the_table_has_a_digest_of_its_own_difference() -> None:
    by_digest: dict[str | None, set[str]] = {}
    for one in ROWS:
        found = compare(*one.values[:2])
        rows = sorted(change.model_dump_json() for change in found.changes)
        by_digest.setdefault(found.diff_digest, set()).add("\n".join(rows))
    by_digest.pop(None)
    orders = by_digest.pop(
        compare(table(field("a"), field("b")), table(field("b"), field("a"))).diff_digest
    )

    assert all(len(differences) == 1 for differences in by_digest.values())
    assert all("Reordered" in difference for difference in orders)
