"""Categories of ONNX inputs: what the graph proves, held against the runtime itself."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import ModelProto, TensorProto, helper

from mlz.store.onnx_format import inspect_onnx, onnx_schema
from mlz.store.onnx_graph import read_onnx
from zoo.models import Zoo

FLOAT, DOUBLE, TEXT = TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.STRING
INT32, INT64, UINT64 = TensorProto.INT32, TensorProto.INT64, TensorProto.UINT64
ML = "ai.onnx.ml"

Categories = dict[str, tuple[Any, ...]]


def node(op_type: str, *names: str, domain: str = "", **attributes: Any) -> Any:
    """The last name is the output."""
    return helper.make_node(op_type, names[:-1], names[-1:], domain=domain, **attributes)


def encoder(source: str, *categories: Any, **attributes: Any) -> Any:
    """As skl2onnx writes it for ``handle_unknown="error"``; its output is ``<source>_hot``."""
    kind = "cats_strings" if isinstance(categories[0], str) else "cats_int64s"
    given = {kind: list(categories), "zeros": 0} | attributes
    present = {name: value for name, value in given.items() if value is not None}
    return node("OneHotEncoder", source, f"{source}_hot", domain=ML, **present)


def constant(name: str, *numbers: int, dims: Sequence[int] | None = None) -> TensorProto:
    shape = [len(numbers)] if dims is None else dims
    return helper.make_tensor(name, INT64, shape, numbers)


def model(
    inputs: dict[str, int],
    *nodes: Any,
    constants: Sequence[TensorProto] = (),
    width: int = 1,
) -> ModelProto:
    """Inputs of one column, or of ``width``; the output is the last node's."""
    given = [helper.make_tensor_value_info(n, kind, [None, width]) for n, kind in inputs.items()]
    anything = helper.make_tensor_type_proto(FLOAT, None)
    answer = helper.make_value_info(nodes[-1].output[0], anything)
    made = helper.make_graph(nodes, "g", given, [answer], list(constants))
    domains = [helper.make_opsetid("", 17), helper.make_opsetid(ML, 1)]
    return helper.make_model(made, opset_imports=domains, ir_version=8)


def categories(made: ModelProto) -> Categories:
    fields = onnx_schema(read_onnx(made.SerializeToString())).inputs or ()
    return {field.name: field.categories for field in fields if field.categories is not None}


COLUMN = constant("shape", -1, 1)
PICK_1, PICK_0, PICK_LAST = constant("at", 1), constant("at", 0), constant("at", -1)

PROVEN = [
    pytest.param(
        model({"x": TEXT}, encoder("x", "a", "b")), {"x": ("a", "b")}, id="text at the encoder"
    ),
    pytest.param(model({"x": INT64}, encoder("x", 3, 1)), {"x": (3, 1)}, id="whole numbers"),
    pytest.param(
        model({"x": INT32}, node("Cast", "x", "wide", to=INT64), encoder("wide", 3, 1)),
        {"x": (3, 1)},
        id="a cast that keeps every value",
    ),
    pytest.param(
        model(
            {"x": TEXT},
            node("Identity", "x", "i"),
            node("Reshape", "i", "shape", "r"),
            node("Flatten", "r", "f"),
            node("Squeeze", "f", "axis", "s"),
            node("Unsqueeze", "s", "axis", "u"),
            encoder("u", "a"),
            constants=[COLUMN, constant("axis", 1)],
        ),
        {"x": ("a",)},
        id="through all that moves values only",
    ),
    pytest.param(
        model(
            {"x": TEXT},
            node("Gather", "x", "at", "g", axis=1),
            encoder("g", "a"),
            constants=[PICK_0],
        ),
        {"x": ("a",)},
        id="the one column, as skl2onnx gathers it",
    ),
    pytest.param(
        model(
            {"x": TEXT, "y": TEXT},
            node("Concat", "x", "y", "both", axis=1),
            node("ArrayFeatureExtractor", "both", "at", "second", domain=ML),
            encoder("second", "b"),
            constants=[PICK_1],
        ),
        {"y": ("b",)},
        id="a column of a ColumnTransformer",
    ),
    pytest.param(
        model(
            {"x": TEXT, "y": TEXT},
            node("Concat", "x", "y", "both", axis=-1),
            node("Gather", "both", "at", "last", axis=-1),
            encoder("last", "b"),
            constants=[PICK_LAST],
        ),
        {"y": ("b",)},
        id="a column counted from the end",
    ),
    pytest.param(
        model(
            {"x": TEXT, "y": TEXT},
            node("Concat", "x", "y", "both", axis=0),
            encoder("both", "a", "b"),
        ),
        {"x": ("a", "b"), "y": ("a", "b")},
        id="all inputs of a joined value",
    ),
    pytest.param(
        model(
            {"x": TEXT},
            encoder("x", "a", "b", "c"),
            node("Identity", "x", "again"),
            encoder("again", "c", "b", "d"),
            node("Concat", "x_hot", "again_hot", "y", axis=-1),
        ),
        {"x": ("b", "c")},
        id="what both encoders know, in the order of the first",
    ),
    pytest.param(
        model({"x": TEXT}, encoder("x", "a", "b"), width=3),
        {"x": ("a", "b")},
        id="several columns in one encoder",
    ),
]

NOT_PROVEN = [
    pytest.param(model({"x": TEXT}, encoder("x", "a", zeros=1)), id="an encoder that tolerates"),
    pytest.param(model({"x": TEXT}, encoder("x", "a", zeros=None)), id="tolerant by default"),
    pytest.param(
        model(
            {"x": TEXT},
            node("LabelEncoder", "x", "y", domain=ML, keys_strings=["a"], values_int64s=[1]),
        ),
        id="a LabelEncoder answers its default",
    ),
    pytest.param(model({"x": FLOAT}, encoder("x", 1, 2)), id="a float is cut: 1.5 is 1"),
    pytest.param(
        model({"x": DOUBLE}, node("Cast", "x", "whole", to=INT64), encoder("whole", 1, 2)),
        id="a cast that cuts",
    ),
    pytest.param(
        model({"x": INT64}, node("Cast", "x", "less", to=INT32), encoder("less", 1, 2)),
        id="a cast that wraps",
    ),
    pytest.param(
        model({"x": UINT64}, node("Cast", "x", "less", to=INT64), encoder("less", 1, 2)),
        id="a cast that wraps the largest",
    ),
    pytest.param(
        model({"x": INT64}, node("Cast", "x", "text", to=TEXT), encoder("text", "1", "2")),
        id="a cast to text",
    ),
    pytest.param(
        model(
            {"x": TEXT},
            node("StringNormalizer", "x", "low", case_change_action="LOWER"),
            encoder("low", "a"),
        ),
        id="values that are changed before",
    ),
    pytest.param(
        model(
            {"x": TEXT},
            node("Gather", "x", "at", "g", axis=1),
            encoder("g", "a"),
            constants=[PICK_1],
            width=2,
        ),
        id="one column of several",
    ),
    pytest.param(
        model({"x": TEXT}, node("Gather", "x", "at", "g"), encoder("g", "a"), constants=[PICK_0]),
        id="one row of several",
    ),
    pytest.param(
        model(
            {"x": TEXT, "y": TEXT},
            node("Concat", "x", "y", "both", axis=0),
            node("Gather", "both", "at", "g", axis=1),
            encoder("g", "a"),
            constants=[PICK_0],
        ),
        id="a column of rows that were joined",
    ),
    pytest.param(
        model({"x": TEXT, "i": INT64}, node("Gather", "x", "i", "g", axis=1), encoder("g", "a")),
        id="a column that the caller names",
    ),
    pytest.param(
        model({"x": TEXT}, encoder("x", "a"), node("Identity", "x", "y")),
        id="an encoder that no answer needs",
    ),
    pytest.param(
        model({"x": TEXT}, encoder("x", "a"), node("Shape", "x_hot", "y")),
        id="an encoder of which the shape alone is used",
    ),
    pytest.param(
        model({"x": TEXT}, node("Identity", "x", "i", domain="mine"), encoder("i", "a")),
        id="an operation of another domain",
    ),
    pytest.param(
        model(
            {"x": TEXT},
            encoder("x", "a"),
            node("Identity", "x", "i"),
            encoder("i", "b"),
            node("Concat", "x_hot", "i_hot", "y", axis=-1),
        ),
        id="encoders that never agree",
    ),
]


@pytest.mark.parametrize(("made", "wanted"), PROVEN)
def test_categories_that_the_graph_proves(made: ModelProto, wanted: Categories) -> None:
    found = categories(made)

    assert found == wanted


@pytest.mark.parametrize(("made", "wanted"), PROVEN)
def test_the_runtime_refuses_what_is_no_category(made: ModelProto, wanted: Categories) -> None:
    session = onnxruntime.InferenceSession(made.SerializeToString())
    good = {
        given.name: feed(given, wanted.get(given.name, ("a",))[-1]) for given in made.graph.input
    }

    session.run(None, good)

    for given in (given for given in made.graph.input if given.name in wanted):
        odd = "odd" if given.type.tensor_type.elem_type == TEXT else 99
        with pytest.raises(Exception, match="Unknown Category"):
            session.run(None, good | {given.name: feed(given, odd)})


def feed(given: Any, element: str | int) -> Any:
    kind = helper.tensor_dtype_to_np_dtype(given.type.tensor_type.elem_type)
    width = given.type.tensor_type.shape.dim[1].dim_value
    return np.full((1, width), element, dtype=object if isinstance(element, str) else kind)


@pytest.mark.parametrize("made", NOT_PROVEN)
def test_where_a_value_outside_may_be_taken_nothing_is_said(made: ModelProto) -> None:
    assert categories(made) == {}


def test_a_function_may_give_an_operation_another_meaning() -> None:
    made = model({"x": TEXT}, encoder("x", "a"))
    made.functions.add().name = "OneHotEncoder"

    assert categories(made) == {}


def test_indices_may_be_raw_bytes() -> None:
    raw = TensorProto(name="at", data_type=INT64, dims=[1], raw_data=b"\1" + b"\0" * 7)
    made = model(
        {"x": TEXT, "y": TEXT},
        node("Concat", "x", "y", "both", axis=1),
        node("ArrayFeatureExtractor", "both", "at", "second", domain=ML),
        encoder("second", "b"),
        constants=[raw],
    )

    assert categories(made) == {"y": ("b",)}


def test_a_category_that_is_no_text_is_no_reason_to_refuse_the_model() -> None:
    made = model({"x": TEXT}, encoder("x", "a"))
    made.graph.node[0].attribute[0].strings[:] = [b"a", b"\xe9"]

    assert categories(made) == {"x": ("a", "\N{REPLACEMENT CHARACTER}")}


def test_columns_that_double_for_ever_cost_nothing() -> None:
    doubled = [node("Concat", f"v{n}", f"v{n}", f"v{n + 1}", axis=1) for n in range(60)]
    made = model({"v0": TEXT}, *doubled, encoder("v60", "a"))

    assert categories(made) == {"v0": ("a",)}


def test_a_wide_input_keeps_the_columns_after_it_in_place() -> None:
    made = model(
        {"wide": TEXT, "x": TEXT},
        node("Concat", "wide", "x", "both", axis=1),
        node("Gather", "both", "at", "g", axis=1),
        encoder("g", "a"),
        constants=[constant("at", 3)],
    )
    made.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 3

    assert categories(made) == {"x": ("a",)}


def test_a_pipeline_of_scikit_learn_says_which_words_it_knows(zoo: Zoo) -> None:
    fields = inspect_onnx(zoo.credit_onnx.path).schema.inputs or ()
    record = zoo.records[0]

    assert {field.name for field in fields if field.categories} == {
        name for name, value in record.items() if isinstance(value, str)
    }
    assert all(record[field.name] in field.categories for field in fields if field.categories)
