"""An ONNX model with so many inputs that its schema fits into no termination message."""

from pathlib import Path

WIDTH = 600


def save_wide_model(path: Path) -> None:
    """``total``: the sum of ``WIDTH`` named numbers."""
    from onnx import TensorProto, helper, save

    names = [f"a_rather_long_name_of_feature_{number}" for number in range(WIDTH)]
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 1]) for name in names]
    output = helper.make_tensor_value_info("total", TensorProto.FLOAT, [None, 1])
    nodes = [helper.make_node("Sum", names, ["total"])]
    graph = helper.make_graph(nodes, "wide", inputs, [output])
    opsets = [helper.make_opsetid("", 13)]
    save(helper.make_model(graph, opset_imports=opsets, ir_version=8, producer_name="e2e"), path)
