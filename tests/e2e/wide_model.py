"""An ONNX model whose schema fits into no termination message, however it is compressed."""

import hashlib
from pathlib import Path

WIDTH = 600
NAMES = [f"f{hashlib.sha256(str(number).encode()).hexdigest()[:24]}" for number in range(WIDTH)]


def save_wide_model(path: Path) -> None:
    """``total``: the sum of ``WIDTH`` named numbers."""
    from onnx import TensorProto, helper, save

    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 1]) for name in NAMES]
    output = helper.make_tensor_value_info("total", TensorProto.FLOAT, [None, 1])
    nodes = [helper.make_node("Sum", NAMES, ["total"])]
    graph = helper.make_graph(nodes, "wide", inputs, [output])
    opsets = [helper.make_opsetid("", 13)]
    save(helper.make_model(graph, opset_imports=opsets, ir_version=8, producer_name="e2e"), path)
