"""Small ONNX models of one form, ``x``: float[N,2] to ``y``: float[N,1], and what may be wrong."""

import io
import json
import tarfile
from collections.abc import Sequence
from typing import Any

from onnx import TensorProto, helper

FACTOR = 2.0


def good(factor: float = FACTOR, output: str = "y") -> bytes:
    """The sum of both numbers times a factor."""
    return _model([_node("ReduceSum", ["x"], ["sum"], keepdims=1), *_times("sum", factor, output)],
                  output)  # fmt: skip


def fails_to_score() -> bytes:
    """Loads; the first score meets a shape that cannot be."""
    return _model([_constant("shape", [7, 1]), _node("Reshape", ["x", "shape"], ["y"])])


def answers_nan() -> bytes:
    """Loads; every answer is the root of a negative number."""
    nodes = [
        _node("ReduceSumSquare", ["x"], ["squares"], keepdims=1),
        *_times("squares", -1.0, "negative"),
        _constant("one", [1.0]),
        _node("Sub", ["negative", "one"], ["below"]),
        _node("Sqrt", ["below"], ["y"]),
    ]
    return _model(nodes)


def takes_memory(gigabytes: int) -> bytes:
    """Loads; a score needs as much memory."""
    nodes = [
        _constant("count", [gigabytes * 2**28]),
        _node("ConstantOfShape", ["count"], ["zeros"],
              value=helper.make_tensor("v", TensorProto.FLOAT, [1], [1.0])),
        _node("ReduceMax", ["zeros"], ["most"], keepdims=1),
        _node("ReduceSum", ["x"], ["sum"], keepdims=1),
        _node("Mul", ["sum", "most"], ["y"]),
    ]  # fmt: skip
    return _model(nodes)


def never_ends() -> bytes:
    """Loads; a score counts to a billion billions."""
    body = helper.make_graph(
        [_node("Identity", ["go"], ["on"]), _node("Identity", ["v"], ["w"])],
        "count",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("v", TensorProto.FLOAT, [None, 1]),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("w", TensorProto.FLOAT, [None, 1]),
        ],
    )
    nodes = [
        _node("ReduceSum", ["x"], ["sum"], keepdims=1),
        _constant("rounds", 10**18),
        _node("Loop", ["rounds", "", "sum"], ["y"], body=body),
    ]
    return _model(nodes)


def with_declaration(model: bytes, schema: dict[str, Any]) -> bytes:
    """An archive of a model and the schema that its owner believes it to have."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in (("m.onnx", model), ("schema.json", json.dumps(schema).encode())):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def _times(value: str, factor: float, output: str) -> list[Any]:
    factor_name = f"times-{output}"
    return [_constant(factor_name, [factor]), _node("Mul", [value, factor_name], [output])]


def _node(kind: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any) -> Any:
    axes = {"axes": [1]} if kind == "ReduceSumSquare" else {}
    names = [*inputs, "axis"] if kind == "ReduceSum" else inputs
    return helper.make_node(kind, names, outputs, **axes | attributes)


def _constant(name: str, value: Any) -> Any:
    numbers = value if isinstance(value, list) else [value]
    kind = TensorProto.FLOAT if isinstance(numbers[0], float) else TensorProto.INT64
    shape = [len(numbers)] if isinstance(value, list) else []
    return helper.make_node(
        "Constant", [], [name], value=helper.make_tensor(name, kind, shape, numbers)
    )


def _model(nodes: list[Any], output: str = "y") -> bytes:
    graph = helper.make_graph(
        [_constant("axis", [1]), *nodes],
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 2])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, [None, 1])],
    )
    opsets = [helper.make_opsetid("", 13)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    written: bytes = model.SerializeToString()
    return written
