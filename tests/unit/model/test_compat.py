"""The verdict: a sentence for each case, then what holds for all schemas."""

import json
import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mlz.model.asset import EngineType
from mlz.model.compat import Side, compare
from mlz.model.fit import is_wider
from mlz.model.schema import FieldType, InputField, Interval, Invalid, OutputField, Schema
from mlz.model.verdict import KINDS, Change, ChangeKind, Comparison, Verdict

ONNX, PMML, XGBOOST = EngineType.ONNX, EngineType.PMML, EngineType.XGBOOST
IDENTICAL, COMPATIBLE = Verdict.IDENTICAL, Verdict.COMPATIBLE
INCOMPATIBLE, UNKNOWN = Verdict.INCOMPATIBLE, Verdict.UNKNOWN
FLOAT, DOUBLE = FieldType.FLOAT, FieldType.DOUBLE
STRING, INT64 = FieldType.STRING, FieldType.INT64


def field(name: str = "age", kind: FieldType | None = DOUBLE, **more: Any) -> InputField:
    return InputField(**{"name": name, "type": kind, "shape": (), "required": True} | more)


def tensor(*shape: int | None, name: str = "x", kind: FieldType = FLOAT) -> InputField:
    return InputField(name=name, type=kind, shape=shape, required=True, nullable=False)


def output(name: str = "p", kind: FieldType | None = DOUBLE, **more: Any) -> OutputField:
    return OutputField(**{"name": name, "type": kind, "shape": ()} | more)


def schema(*inputs: InputField, **more: Any) -> Schema:
    return Schema(**{"inputs": inputs, "outputs": (output(),)} | more)


def table(*inputs: InputField, **more: Any) -> Side:
    return Side(PMML, schema(*inputs, **more))


def trees(*inputs: InputField, **more: Any) -> Side:
    return Side(XGBOOST, schema(*inputs, **more))


def graph(*inputs: InputField, **more: Any) -> Side:
    outputs = (output("p", FLOAT, shape=(None, 2)),)
    return Side(ONNX, schema(*inputs, **{"outputs": outputs} | more))


def within(low: float | None, high: float | None, closed: str = "both", **more: Any) -> InputField:
    return field(range=(Interval.model_validate({"min": low, "max": high, "closed": closed}),),
                 **more)  # fmt: skip


def home(*categories: Any, kind: FieldType = STRING, **more: Any) -> InputField:
    return field("home", kind, categories=categories, **more)


def placed(*kinds: FieldType) -> Side:
    inputs = [field(f"f{place}", kind) for place, kind in enumerate(kinds)]
    return trees(*inputs, positional=True)


def answering(*outputs: OutputField, **more: Any) -> Side:
    return table(field(), outputs=outputs, **more)


def classes(*labels: Any, **more: Any) -> Side:
    return graph(tensor(None, 4), classes=labels or None, **more)


BY_CLASS = {"outputs": (output("label", STRING, shape=(None,)),
                        output("p", FLOAT, shape=None, by_class=True))}  # fmt: skip
OPTIONAL = {"required": False, "nullable": True}


def row(sentence: str, old: Side, new: Side, verdict: Verdict, *kinds: str) -> Any:
    return pytest.param(old, new, verdict, kinds, id=sentence)


ROWS = [
    # The whole
    row("the same schema", table(field()), table(field()), IDENTICAL),
    row("the deployed asset has no schema", Side(PMML, None), table(field()),
        UNKNOWN, "SchemaUnknown"),
    row("the new asset has no schema", table(field()), Side(PMML, None), UNKNOWN, "SchemaUnknown"),
    row("neither has a schema", Side(PMML, None), Side(PMML, None), UNKNOWN, "SchemaUnknown"),
    row("one side does not say its inputs", table(field()), table(field(), inputs=None),
        UNKNOWN, "InputsUnknown"),
    row("neither side says its outputs", table(field(), outputs=None), table(field(), outputs=None),
        UNKNOWN, "OutputsUnknown"),
    row("what surely breaks outweighs what is unknown",
        table(field(), outputs=None), table(field(), field("new")),
        INCOMPATIBLE, "OutputsUnknown", "RequiredFieldAdded"),
    row("a name twice on one side", table(field()), table(field(), field()),
        UNKNOWN, "NameAmbiguous"),
    # Fields come and go
    row("a required field more", table(field()), table(field(), field("new")),
        INCOMPATIBLE, "RequiredFieldAdded"),
    row("a field more of which nothing says that it is optional",
        table(field()), table(field(), field("new", required=None)),
        INCOMPATIBLE, "RequiredFieldAdded"),
    row("an optional field more", table(field()), table(field(), field("new", **OPTIONAL)),
        COMPATIBLE, "OptionalFieldAdded"),
    row("a tensor is never optional, whatever is said",
        graph(tensor(None, 4)), graph(tensor(None, 4), tensor(None, 1, name="y").model_copy(
            update={"required": False})), INCOMPATIBLE, "RequiredFieldAdded"),
    row("a field less", table(field(), field("old")), table(field()),
        COMPATIBLE, "FieldDropped"),
    row("fields in another order", table(field("a"), field("b", INT64)),
        table(field("b", INT64), field("a")), COMPATIBLE, "FieldsReordered"),
    row("a required field with another name", table(field("a")), table(field("b")),
        INCOMPATIBLE, "RequiredFieldAdded", "FieldDropped"),
    row("an optional field with another name, which nobody would notice",
        table(field("a", **OPTIONAL)), table(field("b", **OPTIONAL)),
        INCOMPATIBLE, "FieldRenamed"),
    row("a field less and another one more, both optional and of other types",
        table(field("a", STRING, **OPTIONAL)), table(field("b", **OPTIONAL)),
        COMPATIBLE, "OptionalFieldAdded", "FieldDropped"),
    row("a name in other case", table(field("Age")), table(field("age")),
        INCOMPATIBLE, "FieldRenamed"),
    row("a name with other separators", table(field("net_income")), table(field("net income")),
        INCOMPATIBLE, "FieldRenamed"),
    row("a letter that looks the same in another Unicode form",
        table(field("caf\u00e9")), table(field("cafe\u0301")), INCOMPATIBLE, "FieldRenamed"),
    # Presence and null
    row("required becomes optional", table(field(nullable=False)),
        table(field(required=False, nullable=False)), COMPATIBLE, "FieldMadeOptional"),
    row("optional becomes required", table(field(required=False, nullable=False)),
        table(field(nullable=False)), INCOMPATIBLE, "FieldMadeRequired"),
    row("required, and nothing said of it, are one thing",
        table(field()), table(field(required=None)), IDENTICAL),
    row("null becomes a value", table(field(nullable=False)), table(field(nullable=True)),
        COMPATIBLE, "NullAllowed"),
    row("null is a value no more", table(field(nullable=True)), table(field(nullable=False)),
        INCOMPATIBLE, "NullRefused"),
    row("xgboost takes null where nothing is said", trees(field(nullable=True)),
        trees(field()), IDENTICAL),
    row("optional pmml fields take null where nothing is said",
        table(field(**OPTIONAL)), table(field(required=False)), IDENTICAL),
    # Types
    row("a wider whole number", graph(tensor(None, 4, kind=FieldType.INT8)),
        graph(tensor(None, 4, kind=INT64)), COMPATIBLE, "TypeWidened"),
    row("a narrower whole number", graph(tensor(None, 4, kind=INT64)),
        graph(tensor(None, 4, kind=FieldType.INT32)), INCOMPATIBLE, "TypeChanged"),
    row("without a sign to one of the same width with it",
        graph(tensor(None, kind=FieldType.UINT8)), graph(tensor(None, kind=FieldType.INT8)),
        INCOMPATIBLE, "TypeChanged"),
    row("without a sign to a wider one with it",
        graph(tensor(None, kind=FieldType.UINT8)), graph(tensor(None, kind=FieldType.INT16)),
        COMPATIBLE, "TypeWidened"),
    row("float to double", graph(tensor(None)), graph(tensor(None, kind=DOUBLE)),
        COMPATIBLE, "TypeWidened"),
    row("double to float", graph(tensor(None, kind=DOUBLE)), graph(tensor(None)),
        INCOMPATIBLE, "TypeChanged"),
    row("a tensor of 32-bit integers to double is exact",
        graph(tensor(None, kind=FieldType.INT32)), graph(tensor(None, kind=DOUBLE)),
        COMPATIBLE, "TypeWidened"),
    row("a tensor of 32-bit integers to float is not",
        graph(tensor(None, kind=FieldType.INT32)), graph(tensor(None)),
        INCOMPATIBLE, "TypeChanged"),
    row("a tensor of 64-bit integers to double is not exact",
        graph(tensor(None, kind=INT64)), graph(tensor(None, kind=DOUBLE)),
        INCOMPATIBLE, "TypeChanged"),
    row("pmml computes in double: integer to double", table(field(kind=INT64)), table(field()),
        COMPATIBLE, "TypeWidened"),
    row("xgboost computes in float: int to float", trees(field(kind=INT64)),
        trees(field(kind=FLOAT)), COMPATIBLE, "TypeWidened"),
    row("xgboost's float to int", trees(field(kind=FLOAT)), trees(field(kind=INT64)),
        INCOMPATIBLE, "TypeChanged"),
    row("boolean to number", table(field(kind=FieldType.BOOLEAN)), table(field()),
        INCOMPATIBLE, "TypeChanged"),
    row("number to text", table(field()), table(field(kind=STRING)), INCOMPATIBLE, "TypeChanged"),
    row("text to number", table(field(kind=STRING)), table(field()), INCOMPATIBLE, "TypeChanged"),
    row("a type that only one side says", table(field(kind=None)), table(field()),
        UNKNOWN, "TypeUnknown"),
    row("a type that neither says is read alike", table(field(kind=None)), table(field(kind=None)),
        IDENTICAL),
    # Categories
    row("categories in another order", table(home("a", "b")), table(home("b", "a")), IDENTICAL),
    row("a category less", table(home("a", "b")), table(home("a")),
        INCOMPATIBLE, "CategoriesChanged"),
    row("a category more, refused before", table(home("a")), table(home("a", "b")),
        COMPATIBLE, "CategoriesWidened"),
    row("a category more that was taken as it is before",
        table(home("a", invalid=Invalid.ACCEPT)), table(home("a", "b", invalid=Invalid.ACCEPT)),
        INCOMPATIBLE, "CategoriesChanged"),
    row("a category more that was missing before",
        table(home("a", invalid=Invalid.MISSING)), table(home("a", "b", invalid=Invalid.MISSING)),
        INCOMPATIBLE, "CategoriesChanged"),
    row("a category more that was replaced before",
        table(home("a", invalid=Invalid.REPLACE)), table(home("a", "b", invalid=Invalid.REPLACE)),
        INCOMPATIBLE, "CategoriesChanged"),
    row("a category more in xgboost, which refuses whatever is said",
        trees(home("a", invalid=Invalid.ACCEPT)), trees(home("a", "b")),
        COMPATIBLE, "CategoriesWidened"),
    row("one category for another", table(home("a", "b")), table(home("a", "c")),
        INCOMPATIBLE, "CategoriesChanged"),
    row("categories where any value was taken", table(field("home", STRING)), table(home("a")),
        INCOMPATIBLE, "CategoriesChanged"),
    row("any value where categories were", table(home("a")), table(field("home", STRING)),
        COMPATIBLE, "CategoriesWidened"),
    row("true is not 1", table(home(True, kind=FieldType.BOOLEAN)),
        table(home(1, kind=FieldType.BOOLEAN)), INCOMPATIBLE, "CategoriesChanged"),
    row("1 and 1.0 are one category", table(home(1, 2, kind=INT64)),
        table(home(1.0, 2.0, kind=INT64)), IDENTICAL),
    # Ranges
    row("a narrower range", table(within(0, 10)), table(within(0, 9)),
        INCOMPATIBLE, "RangeChanged"),
    row("a narrower range is so under every treatment",
        table(within(0, 10, invalid=Invalid.ACCEPT)), table(within(0, 9, invalid=Invalid.ACCEPT)),
        INCOMPATIBLE, "RangeChanged"),
    row("a wider range, refused before", table(within(0, 10)), table(within(0, 11)),
        COMPATIBLE, "RangeWidened"),
    row("a wider range that was taken before",
        table(within(0, 10, invalid=Invalid.ACCEPT)), table(within(0, 11, invalid=Invalid.ACCEPT)),
        INCOMPATIBLE, "RangeChanged"),
    row("an end that is not in the range any more",
        table(within(0, 10)), table(within(0, 10, "left")), INCOMPATIBLE, "RangeChanged"),
    row("a beginning that is not in the range any more",
        table(within(0, 10)), table(within(0, 10, "right")), INCOMPATIBLE, "RangeChanged"),
    row("an end that is in the range now",
        table(within(0, 10, "neither")), table(within(0, 10)), COMPATIBLE, "RangeWidened"),
    row("a range without an end", table(within(0, 10)), table(within(0, None)),
        COMPATIBLE, "RangeWidened"),
    row("two ranges that meet are one",
        table(field(range=(Interval(min=0, max=5), Interval(min=5, max=9)))), table(within(0, 9)),
        IDENTICAL),
    row("ranges in another order",
        table(field(range=(Interval(min=0, max=1), Interval(min=5, max=9)))),
        table(field(range=(Interval(min=5, max=9), Interval(min=0, max=1)))), IDENTICAL),
    row("a gap in the range", table(within(0, 9)),
        table(field(range=(Interval(min=0, max=4), Interval(min=5, max=9)))),
        INCOMPATIBLE, "RangeChanged"),
    row("a range where every number was taken", table(field()), table(within(0, 9)),
        INCOMPATIBLE, "RangeChanged"),
    row("an open end is the next whole number, where only those are taken",
        table(within(17, 100, "neither", type=INT64)), table(within(18, 99, type=INT64)),
        IDENTICAL),
    row("a fraction is no end for whole numbers",
        table(within(0.5, 2.5, type=INT64)), table(within(1, 2, type=INT64)), IDENTICAL),
    row("whole numbers without a gap between them are one range",
        table(field(kind=INT64, range=(Interval(min=0, max=4), Interval(min=5)))),
        table(within(0, None, type=INT64)), IDENTICAL),
    row("all whole numbers are no range",
        table(field(kind=INT64, range=(Interval(max=4), Interval(min=5)))),
        table(field(kind=INT64)), IDENTICAL),
    row("a narrower range of whole numbers",
        table(within(17, 100, "neither", type=INT64)), table(within(19, 99, type=INT64)),
        INCOMPATIBLE, "RangeChanged"),
    row("a wider range of whole numbers, however its ends are written",
        table(within(0, 9, type=INT64)), table(within(-2, 10, "neither", type=INT64)),
        COMPATIBLE, "RangeWidened"),
    row("no whole number in it any more",
        table(within(0, 1, type=INT64)), table(within(0, 1, "neither", type=INT64)),
        INCOMPATIBLE, "RangeChanged"),
    row("only whole numbers were sent, so only they must be in the range of fractions",
        table(within(17, 100, "neither", type=INT64)), table(within(18, 99)),
        COMPATIBLE, "TypeWidened"),
    row("an open end counts where there are fractions",
        table(within(17, 100, "neither")), table(within(18, 99)), INCOMPATIBLE, "RangeChanged"),
    row("a range without ends is none", table(field()), table(within(None, None)), IDENTICAL),
    # Values outside
    row("values outside are taken now", table(within(0, 9)),
        table(within(0, 9, invalid=Invalid.ACCEPT)), COMPATIBLE, "InvalidValuesAllowed"),
    row("values outside are refused now", table(within(0, 9, invalid=Invalid.MISSING)),
        table(within(0, 9)), INCOMPATIBLE, "InvalidValuesChanged"),
    row("values outside mean something else", table(within(0, 9, invalid=Invalid.MISSING)),
        table(within(0, 9, invalid=Invalid.REPLACE)), INCOMPATIBLE, "InvalidValuesChanged"),
    row("values outside count as missing, and what is missing is filled now",
        table(within(0, 9, invalid=Invalid.MISSING, nullable=False)),
        table(within(0, 9, invalid=Invalid.MISSING, nullable=False, required=False)),
        INCOMPATIBLE, "FieldMadeOptional", "InvalidValuesChanged"),
    row("refuse, and nothing said of it, are one thing", table(within(0, 9)),
        table(within(0, 9, invalid=Invalid.REFUSE)), IDENTICAL),
    row("nothing is outside where there is no range", table(field(invalid=Invalid.ACCEPT)),
        table(field()), IDENTICAL),
    # Shapes of tensors
    row("a free dimension for a fixed one", graph(tensor(None, 2, 3)), graph(tensor(None, None, 3)),
        COMPATIBLE, "DimensionFreed"),
    row("a fixed dimension for a free one", graph(tensor(None, None)), graph(tensor(None, 4)),
        INCOMPATIBLE, "ShapeChanged"),
    row("another size", graph(tensor(None, 4)), graph(tensor(None, 5)),
        INCOMPATIBLE, "ShapeChanged"),
    row("a dimension more", graph(tensor(None, 4)), graph(tensor(None, 4, 1)),
        INCOMPATIBLE, "ShapeChanged"),
    row("any shape for a known one", graph(tensor(2, 3)),
        graph(InputField(name="x", type=FLOAT)), INCOMPATIBLE, "ShapeChanged"),
    row("axis 0 becomes the batch", graph(tensor(1, 4)), graph(tensor(None, 4)),
        INCOMPATIBLE, "BatchAxisChanged", "ShapeChanged"),
    row("axis 0 is the batch no more", graph(tensor(None, 4)), graph(tensor(1, 4)),
        INCOMPATIBLE, "BatchAxisChanged", "ShapeChanged"),
    row("axis 0 becomes the batch as the input that held it is dropped",
        graph(tensor(None, 4), tensor(2, None, name="state")), graph(tensor(None, 4)),
        INCOMPATIBLE, "BatchAxisChanged", "FieldDropped"),
    row("one value could be a plain number, and may be a list now",
        graph(tensor(None, 1)), graph(tensor(None, None)), INCOMPATIBLE, "ShortFormLost"),
    row("a flat list cannot be told apart with two free dimensions",
        graph(tensor(None, 2, 3)), graph(tensor(None, None, None)),
        INCOMPATIBLE, "ShortFormLost"),
    row("an empty list hides the size of what is below it",
        graph(tensor(None, None, None, 3)), graph(tensor(None, None, None, None)),
        INCOMPATIBLE, "ShortFormLost"),
    row("the shape of a plain value is no matter", table(field(shape=())), table(field(shape=None)),
        IDENTICAL),
    # Features by place
    row("the same features by place", placed(FLOAT, FLOAT), placed(FLOAT, FLOAT), IDENTICAL),
    row("a feature by place more", placed(FLOAT), placed(FLOAT, FLOAT),
        INCOMPATIBLE, "PositionsChanged"),
    row("a feature by place less", placed(FLOAT, FLOAT), placed(FLOAT),
        INCOMPATIBLE, "PositionsChanged"),
    row("features by place in another order", trees(field("a"), field("b"), positional=True),
        trees(field("b"), field("a"), positional=True), INCOMPATIBLE, "PositionsChanged"),
    row("a wider feature by place", placed(INT64), placed(FLOAT), COMPATIBLE, "TypeWidened"),
    row("by name instead of by place", placed(FLOAT), trees(field("f0", FLOAT)),
        INCOMPATIBLE, "NamingChanged"),
    row("by place instead of by name", trees(field("f0", FLOAT)), placed(FLOAT),
        INCOMPATIBLE, "NamingChanged"),
    # Answers
    row("an output more", answering(output()), answering(output(), output("q")),
        COMPATIBLE, "OutputAdded"),
    row("an output less", answering(output(), output("q")), answering(output()),
        INCOMPATIBLE, "OutputDropped"),
    row("an output with another name", answering(output("p")), answering(output("P")),
        INCOMPATIBLE, "OutputAdded", "OutputDropped"),
    row("outputs in another order", answering(output("p"), output("q")),
        answering(output("q"), output("p")), COMPATIBLE, "OutputsReordered"),
    row("an output of a wider type is of another type",
        answering(output(kind=FLOAT)), answering(output()), INCOMPATIBLE, "OutputTypeChanged"),
    row("an output whose type only one side knows",
        answering(output()), answering(output(kind=None)), UNKNOWN, "OutputTypeUnknown"),
    row("an output of a type that neither knows, and nothing differs",
        answering(output(kind=None)), answering(output(kind=None)), IDENTICAL),
    row("an output of a type that neither knows, and something differs",
        answering(output(kind=None)), answering(output(kind=None), output("q")),
        UNKNOWN, "OutputAdded", "OutputTypeUnknown"),
    row("an output with more values", answering(output(shape=(2,))), answering(output(shape=(3,))),
        INCOMPATIBLE, "OutputShapeChanged"),
    row("an output with any number of values", answering(output(shape=(2,))),
        answering(output(shape=(None,))), INCOMPATIBLE, "OutputShapeChanged"),
    row("an output that had any number of values", answering(output(shape=(None,))),
        answering(output(shape=(2,))), COMPATIBLE, "OutputDimensionFixed"),
    row("an output whose batch axis is fixed", graph(tensor(None, 4)),
        graph(tensor(None, 4), outputs=(output("p", FLOAT, shape=(3, 2)),)),
        INCOMPATIBLE, "OutputShapeChanged"),
    row("an output whose shape only one side knows", graph(tensor(None, 4)),
        graph(tensor(None, 4), outputs=(output("p", FLOAT, shape=None),)),
        UNKNOWN, "OutputShapeUnknown"),
    row("values by class instead of in order", graph(tensor(None, 4)),
        graph(tensor(None, 4), outputs=(output("p", FLOAT, shape=None, by_class=True),)),
        INCOMPATIBLE, "OutputFormChanged"),
    # Classes
    row("the same classes", classes("no", "yes"), classes("no", "yes"), IDENTICAL),
    row("a class more", classes("no", "yes"), classes("no", "yes", "may be"),
        INCOMPATIBLE, "ClassesChanged"),
    row("a class less, named or not", classes("no", "yes", **BY_CLASS), classes("no", **BY_CLASS),
        INCOMPATIBLE, "ClassesChanged"),
    row("classes in another order, where a list has one", classes("no", "yes"),
        classes("yes", "no"), INCOMPATIBLE, "ClassesReordered"),
    row("classes in another order, named by class", classes("no", "yes", **BY_CLASS),
        classes("yes", "no", **BY_CLASS), IDENTICAL),
    row("classes in another order, each an output of its own",
        answering(output(), classes=("no", "yes")), answering(output(), classes=("yes", "no")),
        IDENTICAL),
    row("xgboost answers the place of a class", trees(field(), classes=("no", "yes")),
        trees(field(), classes=("yes", "no")), INCOMPATIBLE, "ClassesReordered"),
    row("classes that only one side says",
        trees(field(), classes=("no", "yes")), trees(field()), UNKNOWN, "ClassesUnknown"),
    row("classes that only the new side says",
        trees(field()), trees(field(), classes=("no", "yes")), UNKNOWN, "ClassesUnknown"),
    row("classes that neither says are not compared", trees(field()), trees(field()), IDENTICAL),
    row("a new graph without classes: they are not compared", classes("no", "yes"), classes(),
        IDENTICAL),
    row("an old graph without classes: they are not compared", classes(), classes("no", "yes"),
        IDENTICAL),
    row("a graph without classes becomes trees with some: the classes are not compared",
        classes(), trees(tensor(None, 4), classes=("no", "yes")), INCOMPATIBLE,
        "RecordFormChanged", "OutputTypeChanged"),
    row("a graph with classes becomes trees without",
        classes("no", "yes"), trees(tensor(None, 4)), INCOMPATIBLE,
        "RecordFormChanged", "OutputTypeChanged", "ClassesUnknown"),
    row("class 1 is not class true", classes(0, 1), classes(False, True),
        INCOMPATIBLE, "ClassesChanged"),
    # Across engine types
    row("trees become a graph of the same fields", trees(field("x", FLOAT)),
        graph(tensor(None, 1)), INCOMPATIBLE,
        "RecordFormChanged", "NullRefused", "OutputTypeChanged"),
    row("trees become a graph with one tensor", trees(field("a", FLOAT), field("b", FLOAT)),
        graph(tensor(None, 2)), INCOMPATIBLE,
        "RecordFormChanged", "RequiredFieldAdded", "FieldDropped", "FieldDropped",
        "OutputTypeChanged"),
    row("trees become pmml, which takes no null", trees(field()), table(field()),
        INCOMPATIBLE, "EngineTypeChanged", "NullRefused"),
    row("trees become pmml that takes null", trees(field()), table(field(nullable=True)),
        COMPATIBLE, "EngineTypeChanged"),
    row("pmml took numbers as text, trees do not", table(field(nullable=True)), trees(field()),
        INCOMPATIBLE, "NumbersAsTextRefused"),
]  # fmt: skip


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


# What holds for all schemas

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
