"""What holds of the verdict on any two schemas."""

import json
import random
from collections.abc import Sequence
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mlz.model.asset import EngineType
from mlz.model.compat import Side, compare
from mlz.model.fit import is_wider
from mlz.model.schema import FieldType, InputField, Interval, Invalid, OutputField, Schema
from mlz.model.verdict import Comparison
from unit.model.sides import (
    COMPATIBLE,
    DOUBLE,
    FLOAT,
    IDENTICAL,
    INCOMPATIBLE,
    ONNX,
    STRING,
    UNKNOWN,
    output,
)

NAMES = ("a", "b", "c", "Größe")
SEEDS = st.integers(0, 2**32 - 1)
ENGINES = st.sampled_from(EngineType)


def some(dice: random.Random, pool: Sequence[Any], most: int) -> tuple[Any, ...]:
    return tuple(dice.sample(pool, dice.randint(0, min(most, len(pool)))))


def any_interval(dice: random.Random) -> Interval:
    ends = (None, -2, -1, 0, 1, 2)
    return Interval(
        min=dice.choice(ends),
        max=dice.choice(ends),
        closed=dice.choice(("both", "left", "right", "neither")),
    )


def any_input(dice: random.Random, name: str) -> InputField:
    sizes = [dice.choice((None, 0, 1, 2)) for _ in range(dice.randrange(4))]
    return InputField(
        name=name,
        type=dice.choice((None, *FieldType)),
        shape=dice.choice((None, tuple(sizes))),
        required=dice.choice((None, True, False)),
        nullable=dice.choice((None, True, False)),
        categories=dice.choice((None, some(dice, ("x", "y", 1, True), 4))),
        range=dice.choice((None, tuple(any_interval(dice) for _ in range(dice.randrange(3))))),
        invalid=dice.choice((None, *Invalid)),
    )


def any_output(dice: random.Random, name: str) -> OutputField:
    sizes = [dice.choice((None, 1, 2)) for _ in range(dice.randrange(3))]
    return OutputField(
        name=name,
        type=dice.choice((None, FLOAT, DOUBLE, STRING)),
        shape=dice.choice((None, tuple(sizes), tuple(sizes))),
        by_class=dice.choice((None, None, False, True)),
    )


def any_schema(dice: random.Random) -> Schema:
    return Schema(
        inputs=tuple(any_input(dice, name) for name in some(dice, NAMES, 3)),
        outputs=tuple(any_output(dice, name) for name in some(dice, NAMES, 2)),
        classes=dice.choice((None, ("x",), ("x", "y"), ("y", "x"))),
        positional=dice.choice((None, None, True)),
    )


def a_variant(dice: random.Random, one: Schema) -> Schema:
    """The schema with one part drawn anew: near enough to be a match at times."""
    other = any_schema(dice)
    inputs, outputs, labels = list(one.inputs or ()), one.outputs, one.classes
    part = dice.choice(("input", "attribute", "attribute", "drop", "add", "outputs", "classes"))
    if part in ("input", "attribute") and inputs:
        anew = any_input(dice, inputs[0].name)
        name = dice.choice(list(InputField.model_fields))
        change = {name: getattr(anew, name)}
        inputs[0] = anew if part == "input" else inputs[0].model_copy(update=change)
    elif part == "drop":
        del inputs[:1]
    elif part == "add":
        inputs += [field for field in other.inputs or () if field.name not in _names(one)]
    elif part == "outputs":
        outputs = dice.choice((other.outputs, (*(outputs or ()), output("another"))))
    elif part == "classes":
        labels = other.classes
    return one.model_copy(update={"inputs": tuple(inputs), "outputs": outputs, "classes": labels})


SCHEMAS = SEEDS.map(lambda seed: any_schema(random.Random(seed)))


def _names(one: Schema) -> set[str]:
    return {field.name for field in one.inputs or ()}


def shuffled(one: Schema, dice: random.Random) -> Schema:
    """The same schema, everything without a meaningful order in another one."""
    inputs = [
        field.model_copy(
            update={
                "categories": _shuffled(field.categories, dice),
                "range": _shuffled(field.range, dice),
            }
        )
        for field in one.inputs or ()
    ]
    if not one.positional:
        dice.shuffle(inputs)
    outputs = _shuffled(one.outputs, dice)
    return one.model_copy(update={"inputs": tuple(inputs), "outputs": outputs})


def _shuffled(values: tuple[Any, ...] | None, dice: random.Random) -> tuple[Any, ...] | None:
    return None if values is None else tuple(dice.sample(values, len(values)))


@given(SCHEMAS, ENGINES)
def test_a_schema_is_identical_to_itself(one: Schema, engine: EngineType) -> None:
    assert compare(Side(engine, one), Side(engine, one)) == Comparison(verdict=IDENTICAL)


@given(SEEDS, ENGINES)
def test_identical_is_symmetric(seed: int, engine: EngineType) -> None:
    dice = random.Random(seed)
    one = any_schema(dice)
    other = a_variant(dice, one)

    there = compare(Side(engine, one), Side(engine, other)).verdict
    back = compare(Side(engine, other), Side(engine, one)).verdict

    assert (there is IDENTICAL) is (back is IDENTICAL)


def matching_variant(dice: random.Random, old: Side) -> Side:
    """A variant that is a match; the same asset where none is found."""
    assert old.schema is not None
    for _ in range(30):
        engine = dice.choice((old.engine_type, old.engine_type, *EngineType))
        new = Side(engine, a_variant(dice, old.schema))
        if compare(old, new).verdict is COMPATIBLE:
            return new
    return old


@settings(max_examples=300)
@given(SEEDS, ENGINES)
def test_a_match_of_a_match_is_a_match(seed: int, engine: EngineType) -> None:
    """
    But for what the middle one hides: a field that goes in one step while another comes in the
    other may be the same, and a graph without classes may have any.
    """
    dice = random.Random(seed)
    first = Side(engine, any_schema(dice))
    second = matching_variant(dice, first)
    third = matching_variant(dice, second)
    names = [_names(one.schema) for one in (first, second, third) if one.schema]
    assume(not (names[0] - names[1] and names[2] - names[1]))
    assume(second.engine_type is not ONNX or (second.schema and second.schema.classes))

    assert compare(first, third).is_match


@given(SEEDS, ENGINES)
def test_order_alone_never_breaks(seed: int, engine: EngineType) -> None:
    dice = random.Random(seed)
    one = any_schema(dice)

    found = compare(Side(engine, one), Side(engine, shuffled(one, dice)))

    known = all(f.type and (f.by_class or f.shape is not None) for f in one.outputs or ())
    assert found.is_match or not known
    assert {change.kind for change in found.changes} <= {
        "FieldsReordered", "OutputsReordered", "OutputTypeUnknown", "OutputShapeUnknown"
    }  # fmt: skip


@given(SEEDS, ENGINES)
def test_the_digest_does_not_depend_on_order_or_formatting(seed: int, engine: EngineType) -> None:
    dice = random.Random(seed)
    one = any_schema(dice)
    other = a_variant(dice, one)
    text = json.dumps(shuffled(other, dice).to_document(), indent=dice.randrange(4))
    read = Schema.model_validate_json(text)

    first = compare(Side(engine, one), Side(engine, other))
    second = compare(Side(engine, shuffled(one, dice)), Side(engine, read))

    # What neither side knows is told only where something differs, be it the order.
    same = {kind for kind in _kinds(first) ^ _kinds(second) if "Unknown" in kind}
    assume(not same and first.diff_digest and second.diff_digest)
    assert first.diff_digest == second.diff_digest


ORDER_ONLY = ("FieldsReordered", "OutputsReordered")


def _kinds(found: Comparison) -> set[str]:
    return {change.kind for change in found.changes}


@given(SEEDS, ENGINES)
def test_another_difference_has_another_digest(seed: int, engine: EngineType) -> None:
    dice = random.Random(seed)
    one, other = any_schema(dice), any_schema(dice)
    third = a_variant(dice, other)

    found = [compare(Side(engine, one), Side(engine, new)) for new in (other, third)]

    rows = [{c.model_dump_json() for c in one.changes if c.kind not in ORDER_ONLY} for one in found]
    assert (rows[0] == rows[1]) is (found[0].diff_digest == found[1].diff_digest) or not all(rows)


@given(SCHEMAS, ENGINES)
def test_renaming_a_field_breaks(one: Schema, engine: EngineType) -> None:
    assume(one.inputs)
    first, *rest = one.inputs or ()
    renamed = first.model_copy(update={"name": "another"})
    other = one.model_copy(update={"inputs": (renamed, *rest)})

    assert compare(Side(engine, one), Side(engine, other)).verdict is INCOMPATIBLE


@given(SCHEMAS, ENGINES, st.sampled_from(FieldType))
def test_retyping_a_field_fits_only_where_it_is_wider(
    one: Schema, engine: EngineType, kind: FieldType
) -> None:
    assume(one.inputs)
    first, *rest = one.inputs or ()
    other = one.model_copy(
        update={"inputs": (first.model_copy(update={"type": kind}), *rest), "outputs": ()}
    )
    one = one.model_copy(update={"outputs": ()})

    found = compare(Side(engine, one), Side(engine, other)).verdict

    if first.type is None:
        assert found is UNKNOWN
    elif first.type is kind:
        assert found is IDENTICAL
    else:
        floats = engine is not ONNX and first.type.is_integer and kind in (FLOAT, DOUBLE)
        assert (found is COMPATIBLE) is (is_wider(first.type, kind) or floats)
