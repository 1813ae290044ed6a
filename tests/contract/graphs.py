"""Small ONNX graphs that tests of the engine make, and what it answers of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from onnx import TensorProto, helper

from mlz.scoring.engines.base import LoadOptions
from mlz.scoring.runtime import load_engine
from mlz.scoring.validation import compile_reader
from mlz.store.fetch import prepare_local

FLOAT, INT64, STRING, BOOL = (
    TensorProto.FLOAT,
    TensorProto.INT64,
    TensorProto.STRING,
    TensorProto.BOOL,
)


def value(name: str, kind: int, shape: Sequence[int | str | None] | None) -> Any:
    return helper.make_tensor_value_info(name, kind, shape)


def graph(
    nodes: list[Any], inputs: list[Any], outputs: list[Any], opset: int = 17, ir: int = 8
) -> bytes:
    made = helper.make_graph(nodes, "g", inputs, outputs)
    domains = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", 1)]
    raw: bytes = helper.make_model(made, opset_imports=domains, ir_version=ir).SerializeToString()
    return raw


def identity(kind: int, shape: Sequence[int | str | None] | None) -> bytes:
    node = helper.make_node("Identity", ["x"], ["y"])
    return graph([node], [value("x", kind, shape)], [value("y", kind, shape)])


def score(raw: bytes, records: list[Any], folder: Path) -> list[Any]:
    (folder / "model.onnx").write_bytes(raw)
    asset = prepare_local(folder / "model.onnx", folder / "prepared")
    engine = load_engine(folder / "prepared", asset, LoadOptions())
    rows = compile_reader(asset.model_schema, asset.engine_type).read(records)
    return list(engine.score(rows).answers)


def tensor(dims: list[int], data: list[Any]) -> dict[str, Any]:
    return {"dims": dims, "data": data}
