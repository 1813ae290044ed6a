"""
ONNX: from the graph's own words to our schema.

Inputs are those that must be fed: an initializer of the same name is a default, and the runtime
does not ask for it.
"""

import mmap
from pathlib import Path

from mlz.errors import Reason, RejectedError
from mlz.model.asset import EngineType
from mlz.model.schema import FieldType, InputField, OutputField, Schema
from mlz.store.facts import ModelFacts, framework_of
from mlz.store.onnx_categories import input_categories
from mlz.store.onnx_graph import Node, OnnxModel, ValueType, read_onnx

# Source: onnx.proto, TensorProto.DataType.
_TYPES = {
    1: FieldType.FLOAT,
    2: FieldType.UINT8,
    3: FieldType.INT8,
    4: FieldType.UINT16,
    5: FieldType.INT16,
    6: FieldType.INT32,
    7: FieldType.INT64,
    8: FieldType.STRING,
    9: FieldType.BOOLEAN,
    11: FieldType.DOUBLE,
    12: FieldType.UINT32,
    13: FieldType.UINT64,
}
# What JSON has no values for, or a client's language no type.
_FOREIGN_TYPES = {10: "float16", 14: "complex64", 15: "complex128", 16: "bfloat16"}
# Operations that hand a classifier's labels or probabilities on in the same order of classes.
_PASSING = frozenset(
    {"Identity", "Cast", "Normalizer", "Reshape", "Squeeze", "Unsqueeze", "Flatten"}
)


def inspect_onnx(path: Path) -> ModelFacts:
    """
    Check a file and derive its schema.

    Raises:
        RejectedError: ModelInvalid, ModelUnsafe.
    """
    with path.open("rb") as stream:
        if path.stat().st_size == 0:
            raise RejectedError(Reason.MODEL_INVALID, "wanted an ONNX file, found an empty one")
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as buffer:
            model = read_onnx(buffer)
    framework = framework_of(model.producer, model.producer_version, "onnx")
    return ModelFacts(EngineType.ONNX, framework, onnx_schema(model))


def onnx_schema(model: OnnxModel) -> Schema:
    """The schema of a model that has passed the gates."""
    fed = [(name, value) for name, value in model.inputs if name not in model.initializers]
    names = [name for name, _ in fed]
    if len(set(names)) != len(names) or not all(names):
        raise RejectedError(
            Reason.MODEL_INVALID, "wanted an ONNX graph whose inputs have different names"
        )
    return Schema(
        inputs=_inputs(model, [_input(name, value) for name, value in fed]),
        outputs=tuple(_output(name, value) for name, value in model.outputs),
        classes=_classes(model),
    )


def _inputs(model: OnnxModel, fields: list[InputField]) -> tuple[InputField, ...]:
    categories = input_categories(model, fields)
    return tuple(
        field.model_copy(update={"categories": categories.get(field.name)}) for field in fields
    )


def _input(name: str, value: ValueType | None) -> InputField:
    found = _TYPES.get(value.element) if value else None
    if value is None or value.kind != "tensor" or found is None:
        raise RejectedError(
            Reason.MODEL_INVALID,
            f"input {name!r} is {_words(value)}; wanted a tensor of booleans, integers, float, "
            "double or strings: export the model with such an input, and cast it within the graph",
        )
    return InputField(name=name, type=found, shape=value.shape, required=True, nullable=False)


def _words(value: ValueType | None) -> str:
    if value is None:
        return "of no type"
    known = _TYPES.get(value.element) or _FOREIGN_TYPES.get(value.element)
    return f"a {value.kind} of {known or f'element type {value.element}'}"


def _output(name: str, value: ValueType | None) -> OutputField:
    """Only a tensor has a shape: that of a sequence's elements says nothing of the sequence."""
    if value is None:
        return OutputField(name=name)
    found = _TYPES.get(value.element)
    if "map" in (value.kind, value.inner):
        return OutputField(name=name, type=found, by_class=True)
    shape = value.shape if value.kind == "tensor" else None
    return OutputField(name=name, type=found, shape=shape)


def _classes(model: OnnxModel) -> tuple[str | int, ...] | None:
    """The labels of the classifier whose answer, unchanged in order, is an output."""
    makers = {output: node for node in model.nodes for output in node.outputs}
    for name, _ in model.outputs:
        labels = _labels_behind(name, makers)
        if labels:
            return labels
    return None


def _labels_behind(name: str, makers: dict[str, Node]) -> tuple[str | int, ...] | None:
    seen: set[str] = set()
    while name in makers and name not in seen:
        seen.add(name)
        node = makers[name]
        if node.labels:
            return node.labels
        if node.op_type not in _PASSING or not node.inputs:
            return None
        name = node.inputs[0]
    return None
