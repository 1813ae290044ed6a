"""
Small real models of a wanted form: what they take and answer is chosen, what they compute is not.

Two models with the same inputs compute the same, whatever else is different about them; so where
one may replace the other, they must also agree.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from mlz.model.schema import FieldType, Interval

Shape = tuple[int | None, ...] | None


@dataclass(frozen=True)
class Tensor:
    """An input or output of an ONNX graph; ``size`` is how many values an output really has."""

    name: str
    type: FieldType
    shape: Shape
    size: int = 1


@dataclass(frozen=True)
class Graph:
    """
    An ONNX model: outputs are made of the sum of everything that comes in.

    ``classes``: it has ``label`` and ``scores`` besides, the latter as a map where ``by_class``.
    """

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    classes: tuple[str, ...] = ()
    by_class: bool = False

    @property
    def batched(self) -> bool:
        shaped = [one.shape for one in self.inputs if one.shape != ()]
        return bool(shaped) and all(shape and shape[0] is None for shape in shaped)


@dataclass(frozen=True)
class Feature:
    """A column of an XGBoost model: int, float, bool or category, with the categories."""

    name: str
    type: str
    categories: tuple[str | int, ...] = ()


@dataclass(frozen=True)
class Trees:
    """An XGBoost model; without names where it is positional."""

    features: tuple[Feature, ...]
    objective: str
    positional: bool = False


@dataclass(frozen=True)
class Predictor:
    """An active field of a PMML model."""

    name: str
    type: str
    values: tuple[str, ...] = ()
    intervals: tuple[Interval, ...] = ()
    treatment: str = ""
    filled: bool = False


@dataclass(frozen=True)
class Result:
    """A field of a PMML model's Output element; ``value`` is the class of a probability."""

    name: str
    type: str
    value: str = ""


@dataclass(frozen=True)
class Regression:
    """A PMML model; a classifier where it has classes."""

    predictors: tuple[Predictor, ...]
    results: tuple[Result, ...] = ()
    classes: tuple[str, ...] = ()


Small = Graph | Trees | Regression


def save(model: Small, folder: Path) -> Path:
    """Write the model into a folder."""
    if isinstance(model, Graph):
        return _save_graph(model, folder / "model.onnx")
    if isinstance(model, Trees):
        path = folder / "model.ubj"
        path.write_bytes(_trained(model))
        return path
    path = folder / "model.pmml"
    path.write_text(_pmml(model), encoding="utf-8")
    return path


def weight(name: str) -> float:
    """How much a field or class counts: the same in every model."""
    return sum(map(ord, name)) % 97 / 97 - 0.5


# ONNX


def _save_graph(graph: Graph, path: Path) -> Path:
    from onnx import helper, save_model

    nodes = [node for one in graph.inputs for node in _read_nodes(one, graph.batched)]
    terms = [f"{one.name}:sum" for one in graph.inputs]
    nodes.append(helper.make_node("Sum", terms, ["sum:all"]))
    nodes.append(helper.make_node("Mul", ["sum:all", "scale"], ["sum:scaled"]))
    nodes.append(helper.make_node("Tanh", ["sum:scaled"], ["sum:flat"]))
    nodes.append(helper.make_node("Reshape", ["sum:flat", "column"], ["sum:column"]))
    for one in graph.outputs:
        nodes += _write_nodes(one)
    nodes += _class_nodes(graph)
    body = helper.make_graph(
        nodes, "small", [_info(one) for one in graph.inputs], _outputs(graph), _constants(graph)
    )
    opsets = [helper.make_opsetid("", 19), helper.make_opsetid("ai.onnx.ml", 3)]
    save_model(helper.make_model(body, opset_imports=opsets, ir_version=9), path)
    return path


def _constants(graph: Graph) -> list[Any]:
    import numpy as np
    from onnx import helper, numpy_helper

    ranks = {len(one.shape or ()) for one in graph.inputs}
    return [
        numpy_helper.from_array(np.array(1e-3), "scale"),
        numpy_helper.from_array(np.array([-1, 1]), "column"),
        numpy_helper.from_array(np.array([-1]), "row"),
        helper.make_tensor("letter", 8, [], [b"a"]),
        *(
            numpy_helper.from_array(np.arange(1 if graph.batched else 0, rank), f"axes:{rank}")
            for rank in ranks
        ),
    ]


def _read_nodes(tensor: Tensor, batched: bool) -> list[Any]:
    """The sum of an input, of each row where axis 0 is the batch."""
    from onnx import helper

    name = tensor.name
    source = name
    nodes = []
    if tensor.type is FieldType.STRING:
        nodes.append(helper.make_node("Equal", [name, "letter"], [f"{name}:is"]))
        source = f"{name}:is"
    nodes.append(helper.make_node("Cast", [source], [f"{name}:double"], to=11))
    rank = len(tensor.shape or ())
    over = [f"{name}:double"]
    if tensor.shape is not None:
        over.append(f"axes:{rank}")
    reduced = helper.make_node(
        "ReduceSum",
        over,
        [f"{name}:sum"],
        keepdims=0,
        noop_with_empty_axes=int(tensor.shape is not None),
    )
    return [*nodes, reduced]


def _write_nodes(tensor: Tensor) -> list[Any]:
    from onnx import TensorProto, helper

    name, parts = tensor.name, ["sum:column"] * tensor.size
    nodes = [helper.make_node("Concat", parts, [f"{name}:wide"], axis=1)]
    source = f"{name}:wide"
    if len(tensor.shape or ()) == 1:
        nodes.append(helper.make_node("Reshape", [source, "row"], [f"{name}:row"]))
        source = f"{name}:row"
    kind = TensorProto.DataType.Value(tensor.type.value.upper().replace("BOOLEAN", "BOOL"))
    return [*nodes, helper.make_node("Cast", [source], [name], to=kind)]


def _class_nodes(graph: Graph) -> list[Any]:
    from onnx import helper

    if not graph.classes:
        return []
    weights = [weight(label) for label in graph.classes]
    scores = "scores:raw" if graph.by_class else "scores"
    nodes = [
        helper.make_node("Cast", ["sum:column"], ["sum:float"], to=1),
        helper.make_node(
            "LinearClassifier",
            ["sum:float"],
            ["label", scores],
            domain="ai.onnx.ml",
            classlabels_strings=list(graph.classes),
            coefficients=weights,
            intercepts=[3 * one for one in weights],  # never a tie
            multi_class=1,
            post_transform="SOFTMAX",
        ),
    ]
    if graph.by_class:
        labels = {"classlabels_strings": list(graph.classes)}
        nodes.append(
            helper.make_node("ZipMap", [scores], ["scores"], domain="ai.onnx.ml", **labels)
        )
    return nodes


def _outputs(graph: Graph) -> list[Any]:
    from onnx import TensorProto, helper

    found = [_info(one) for one in graph.outputs]
    if graph.classes:
        found.append(helper.make_tensor_value_info("label", TensorProto.STRING, [None]))
        scores = helper.make_tensor_type_proto(TensorProto.FLOAT, [None, len(graph.classes)])
        if graph.by_class:
            value = helper.make_tensor_type_proto(TensorProto.FLOAT, [])
            scores = helper.make_sequence_type_proto(
                helper.make_map_type_proto(TensorProto.STRING, value)
            )
        found.append(helper.make_value_info("scores", scores))
    return found


def _info(tensor: Tensor) -> Any:
    from onnx import TensorProto, helper

    kind = TensorProto.DataType.Value(tensor.type.value.upper().replace("BOOLEAN", "BOOL"))
    return helper.make_tensor_value_info(tensor.name, kind, tensor.shape)


# XGBoost


@cache
def _trained(model: Trees) -> bytes:
    import numpy as np
    import xgboost

    source = np.random.default_rng(0)
    rows = 60
    table = _table(model, source, rows)
    labels = source.integers(0, 3 if model.objective.startswith("multi") else 2, rows)
    parameters: dict[str, Any] = {"objective": model.objective, "nthread": 1, "max_depth": 2}
    if model.objective.startswith("multi"):
        parameters["num_class"] = 3
    if model.objective == "reg:quantileerror":
        parameters["quantile_alpha"] = [0.1, 0.9]
    data = xgboost.DMatrix(table, label=labels, enable_categorical=True)
    return bytes(xgboost.train(parameters, data, 2).save_raw("ubj"))


def _table(model: Trees, source: Any, rows: int) -> Any:
    import pandas

    if model.positional:
        return source.normal(size=(rows, len(model.features)))
    makers = {
        "int": lambda feature: source.integers(-5, 5, rows),
        "float": lambda feature: source.normal(size=rows),
        "bool": lambda feature: source.integers(0, 2, rows).astype(bool),
        "category": lambda feature: pandas.Categorical(
            source.choice(feature.categories, rows), categories=list(feature.categories)
        ),
    }
    return pandas.DataFrame({one.name: makers[one.type](one) for one in model.features})


# PMML


def _pmml(model: Regression) -> str:
    target = "string" if model.classes else "double"
    kind = "categorical" if model.classes else "continuous"
    labels = "".join(f"<Value value={quoteattr(label)}/>" for label in model.classes)
    function = "classification" if model.classes else "regression"
    softmax = ' normalizationMethod="softmax"' if model.classes else ""
    return (
        '<?xml version="1.0"?><PMML version="4.4" xmlns="http://www.dmg.org/PMML-4_4"><Header/>'
        f"<DataDictionary>{''.join(map(_data_field, model.predictors))}"
        f'<DataField name="target" optype="{kind}" dataType="{target}">{labels}</DataField>'
        f'</DataDictionary><RegressionModel functionName="{function}"{softmax}><MiningSchema>'
        f"{''.join(map(_mining_field, model.predictors))}"
        '<MiningField name="target" usageType="target"/></MiningSchema>'
        f"{_output(model)}{_regression_tables(model)}</RegressionModel></PMML>"
    )


def _data_field(field: Predictor) -> str:
    closures = {
        "both": "closedClosed",
        "left": "closedOpen",
        "right": "openClosed",
        "neither": "openOpen",
    }
    kind = "continuous" if _is_number(field) else "categorical"
    values = "".join(f"<Value value={quoteattr(value)}/>" for value in field.values)
    intervals = "".join(
        f'<Interval closure="{closures[one.closed]}"'
        + ("" if one.min is None else f' leftMargin="{one.min}"')
        + ("" if one.max is None else f' rightMargin="{one.max}"')
        + "/>"
        for one in field.intervals
    )
    return (
        f'<DataField name={quoteattr(field.name)} optype="{kind}" dataType="{field.type}">'
        f"{intervals}{values}</DataField>"
    )


def _mining_field(field: Predictor) -> str:
    words = []
    if field.treatment:
        words.append(f'invalidValueTreatment="{field.treatment}"')
    replacement = {"string": "a", "boolean": "true"}.get(field.type, "1")
    if field.treatment == "asValue":
        words.append(f'invalidValueReplacement="{replacement}"')
    if field.filled:
        words.append(f'missingValueReplacement="{replacement}"')
    return f"<MiningField name={quoteattr(field.name)} {' '.join(words)}/>"


def _output(model: Regression) -> str:
    fields = "".join(
        f'<OutputField name={quoteattr(one.name)} dataType="{one.type}" '
        + (
            f'optype="continuous" feature="probability" value={quoteattr(one.value)}/>'
            if one.value
            else f'optype="{"categorical" if one.type == "string" else "continuous"}" '
            'feature="predictedValue"/>'
        )
        for one in model.results
    )
    return f"<Output>{fields}</Output>" if fields else ""


def _regression_tables(model: Regression) -> str:
    if not model.classes:
        return f'<RegressionTable intercept="1">{_terms(model, 1.0)}</RegressionTable>'
    return "".join(
        f'<RegressionTable intercept="{weight(label)}" targetCategory={quoteattr(label)}>'
        f"{_terms(model, weight(label))}</RegressionTable>"
        for label in model.classes
    )


def _terms(model: Regression, scale: float) -> str:
    numbers = [one for one in model.predictors if _is_number(one)]
    texts = [one for one in model.predictors if not _is_number(one)]
    numeric = "".join(
        f"<NumericPredictor name={quoteattr(one.name)} "
        f'coefficient="{scale * weight(one.name) / 10}"/>'
        for one in numbers
    )
    letters = {"string": ("a", "b", "c"), "boolean": ("true",)}
    return numeric + "".join(
        f"<CategoricalPredictor name={quoteattr(one.name)} value={quoteattr(value)} "
        f'coefficient="{scale * weight(one.name + value)}"/>'
        for one in texts
        for value in letters[one.type]
        if not one.values or value in one.values
    )


def _is_number(field: Predictor) -> bool:
    return field.type in ("integer", "float", "double")
