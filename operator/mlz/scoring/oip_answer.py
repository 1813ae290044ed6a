"""
Answers of records as output tensors of the Open Inference Protocol, and a model's metadata.

One tensor for each output. A map by class becomes a tensor of shape ``[n, classes]`` with the
classes in its ``parameters``.
"""

import itertools
from collections.abc import Iterable, Sequence

from mlz.model.asset import Asset, EngineType
from mlz.model.schema import FieldType, OutputField
from mlz.scoring.engines.base import Answer
from mlz.scoring.problems import Problem, RequestError

DATATYPES: dict[FieldType, str] = {
    FieldType.BOOLEAN: "BOOL",
    FieldType.INT8: "INT8",
    FieldType.INT16: "INT16",
    FieldType.INT32: "INT32",
    FieldType.INT64: "INT64",
    FieldType.UINT8: "UINT8",
    FieldType.UINT16: "UINT16",
    FieldType.UINT32: "UINT32",
    FieldType.UINT64: "UINT64",
    FieldType.FLOAT: "FP32",
    FieldType.DOUBLE: "FP64",
    FieldType.STRING: "BYTES",
}
# Of values whose type the schema does not know; the first that all of them have.
_BY_PYTHON = ((bool, "BOOL"), (int, "INT64"), ((int, float), "FP64"))

Tensor = dict[str, object]


def output_tensors(
    answers: Sequence[Answer], fields: Sequence[OutputField], *, batched: bool
) -> list[Tensor]:
    """
    The answers of all records, one tensor for each output.

    Args:
        fields: the outputs of the schema, for their types.
        batched: False where the one answer is the whole tensor, axis 0 included.

    Raises:
        RequestError: an output has no form as a tensor.
    """
    types = {field.name: field.type for field in fields}
    names = list(answers[0]) if answers else []
    return [
        _tensor(name, [answer.get(name) for answer in answers], types.get(name), batched=batched)
        for name in names
    ]


def model_metadata(name: str, asset: Asset) -> dict[str, object]:
    """``GET /v2/models/{name}``. Source: Open Inference Protocol, "Model Metadata"."""
    schema = asset.model_schema
    return {
        "name": name,
        "versions": [asset.digest],
        "platform": f"mlz_{asset.engine_type.value}",
        "inputs": [
            _metadata(field.name, field.type, _request_shape(asset, field.shape))
            for field in schema.inputs or ()
        ],
        "outputs": [
            _metadata(field.name, field.type, _request_shape(asset, field.shape))
            for field in schema.outputs or ()
        ],
    }


def _metadata(name: str, kind: FieldType | None, shape: list[int]) -> dict[str, object]:
    return {"name": name, "datatype": DATATYPES.get(kind) if kind else None, "shape": shape}


def _request_shape(asset: Asset, shape: tuple[int | None, ...] | None) -> list[int]:
    """A shape with its batch axis; fields of a table have none in the schema."""
    sizes = [-1 if size is None else size for size in shape or ()]
    return sizes if asset.engine_type is EngineType.ONNX else [-1, *sizes]


def _tensor(
    name: str, values: Sequence[object], kind: FieldType | None, *, batched: bool
) -> Tensor:
    first = values[0]
    if isinstance(first, list):
        return _made(name, [len(values), len(first)], _chained(values), kind)
    if not isinstance(first, dict):
        return _made(name, [len(values)], values, kind)
    if first.keys() == {"dims", "data"}:
        parts = [value["data"] for value in values if isinstance(value, dict)]
        shape = [len(values), *first["dims"]] if batched else list(first["dims"])
        return _made(name, shape, _chained(parts), kind)
    rows = [[value.get(key) for key in first] for value in values if isinstance(value, dict)]
    tensor = _made(name, [len(values), len(first)], _chained(rows), kind)
    return tensor | {"parameters": {"classes": list(first)}}


def _chained(parts: Iterable[object]) -> list[object]:
    lists = [part for part in parts if isinstance(part, list)]
    return list(itertools.chain.from_iterable(lists))


def _made(name: str, shape: list[int], data: Sequence[object], kind: FieldType | None) -> Tensor:
    if None in data:
        text = f"output {name!r} has no value for a record, which a tensor cannot say"
        raise RequestError(Problem.ANSWER_NOT_FINITE, text)
    datatype = _datatype(data) if kind is None else DATATYPES[kind]
    return {"name": name, "datatype": datatype, "shape": shape, "data": list(data)}


def _datatype(data: Sequence[object]) -> str:
    for python, datatype in _BY_PYTHON:
        if all(isinstance(value, python) for value in data):
            return datatype
    return "BYTES"
