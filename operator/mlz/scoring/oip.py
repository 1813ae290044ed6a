"""
The door of the Open Inference Protocol v2 in JSON: tensors in, tensors out.

Inputs of an onnx model are its tensors; of a table of fields each field is a tensor of shape
``[n]`` or ``[n, 1]``. The form of requests is ``oip_request``'s, that of answers ``oip_answer``'s.
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from mlz.model.asset import Asset, EngineType
from mlz.model.schema import InputField, has_batch_axis
from mlz.scoring import codec
from mlz.scoring.engines.base import Answer, Row
from mlz.scoring.oip_answer import DATATYPES, output_tensors
from mlz.scoring.oip_request import InferInput, InferRequest, read_request
from mlz.scoring.places import json_path
from mlz.scoring.problems import Fault, FaultKind, Faults, Mismatch, RequestError
from mlz.scoring.scorer import Ask
from mlz.scoring.tensors import Array, Mismatches, TensorReader
from mlz.scoring.validation import RecordReader, tensor_reader, too_many_records
from mlz.settings import EngineSettings


class Tensors(Protocol):
    """Makes rows of a request's tensors."""

    def rows(self, request: InferRequest, max_records: int) -> list[Row]:
        """
        Raises:
            RequestError: with all faults, or too many rows.
        """


class InferDoor:
    """``POST /v2/models/{name}/infer``."""

    def __init__(self, asset: Asset, reader: RecordReader, settings: EngineSettings) -> None:
        inputs = asset.model_schema.inputs or ()
        is_onnx = asset.engine_type is EngineType.ONNX
        self._tensors: Tensors = ModelTensors(inputs) if is_onnx else FieldTensors(inputs, reader)
        self._outputs = asset.model_schema.outputs or ()
        self._batched = not is_onnx or has_batch_axis(inputs)
        self._same = {"model_name": settings.model_name, "model_version": asset.digest}
        self._max_records = settings.max_records
        self._max_depth = settings.max_depth

    def read(self, body: bytes) -> Ask:
        """
        Read the tensors of a request.

        Raises:
            RequestError: not in the protocol's form, or tensors that do not fit the schema.
        """
        request = read_request(body, self._max_depth)
        self._check_outputs(request)
        return Ask(self._tensors.rows(request, self._max_records), request)

    def write(self, ask: Ask, answers: Sequence[Answer]) -> bytes:
        """
        One tensor for each output that was asked for.

        Raises:
            RequestError: an answer has no form as a tensor.
        """
        request = ask.context
        tensors = output_tensors(answers, self._outputs, batched=self._batched)
        document: dict[str, object] = {**self._same, "outputs": tensors}
        if isinstance(request, InferRequest):
            if request.id is not None:
                document["id"] = request.id
            if request.outputs:
                by_name = {tensor["name"]: tensor for tensor in tensors}
                document["outputs"] = [by_name[name] for name in request.outputs if name in by_name]
        return codec.encode(document)

    def _check_outputs(self, request: InferRequest) -> None:
        known = {field.name for field in self._outputs}
        faults = Faults()
        for place, name in enumerate(request.outputs or ()):
            if known and name not in known:
                steps = ("outputs", place, "name")
                odd = Mismatch(FaultKind.CATEGORY, "an output of the model", "another name")
                faults.add(_fault(name, steps, odd))
        faults.raise_if_any()


class ModelTensors:
    """Rows of an onnx model from its own input tensors."""

    def __init__(self, inputs: Sequence[InputField]) -> None:
        self._batched = has_batch_axis(inputs)
        self._readers = [(field.name, tensor_reader(field, batched=False)) for field in inputs]

    def rows(self, request: InferRequest, max_records: int) -> list[Row]:
        """
        Raises:
            RequestError: with all faults, or too many rows.
        """
        faults = Faults()
        found = [_array(request, name, reader, faults) for name, reader in self._readers]
        faults.raise_if_any()
        arrays = [array for array in found if array is not None]
        if not self._batched:
            return [tuple(arrays)]
        sizes = {name: len(a) for (name, _), a in zip(self._readers, arrays, strict=True) if a.ndim}
        count = _common_count(request, sizes, max_records)
        return [
            tuple(array[row] if array.ndim else array for array in arrays) for row in range(count)
        ]


class FieldTensors:
    """Rows of a table: each field is a tensor, and its elements are read as records' values."""

    def __init__(self, inputs: Sequence[InputField], reader: RecordReader) -> None:
        self._names = {field.name for field in inputs}
        self._reader = reader

    def rows(self, request: InferRequest, max_records: int) -> list[Row]:
        """
        Raises:
            RequestError: with all faults, or too many rows.
        """
        columns = {name: one for name, one in request.inputs.items() if name in self._names}
        faults = Faults()
        for name, tensor in columns.items():
            if len(tensor.shape) not in (1, 2) or tensor.shape[1:] not in ((), (1,)):
                steps = ("inputs", tensor.place, "shape")
                odd = Mismatch(FaultKind.SHAPE, "[n] or [n, 1]", str(list(tensor.shape)))
                faults.add(_fault(name, steps, odd))
        faults.raise_if_any()
        sizes = {name: len(tensor.data) for name, tensor in columns.items()}
        count = _common_count(request, sizes, max_records) if sizes else 1
        records = [{name: columns[name].data[row] for name in columns} for row in range(count)]
        try:
            return self._reader.read(records)
        except RequestError as error:
            raise RequestError(
                error.problem, error.message, [_in_tensor(part, columns) for part in error.faults]
            ) from error


def _array(request: InferRequest, name: str, reader: TensorReader, faults: Faults) -> Array | None:
    tensor = request.inputs.get(name)
    if tensor is None:
        odd = Mismatch(FaultKind.MISSING, "an input tensor", "nothing")
        faults.add(_fault(name, ("inputs",), odd))
        return None
    wanted = DATATYPES[reader.kind]
    if tensor.datatype != wanted:
        odd = Mismatch(FaultKind.TYPE, wanted, tensor.datatype)
        faults.add(_fault(name, ("inputs", tensor.place, "datatype"), odd))
        return None
    try:
        return reader.read_flat(tensor.data, tensor.shape)
    except Mismatches as mismatches:
        for part in mismatches.parts:
            faults.add(_fault(name, ("inputs", tensor.place, "data", *part.indices), part))
    return None


def _common_count(request: InferRequest, sizes: dict[str, int], max_records: int) -> int:
    """The number of records, which is the size of axis 0 of all inputs."""
    count = next(iter(sizes.values()))
    faults = Faults()
    for name, size in sizes.items():
        if size != count:
            steps = ("inputs", request.inputs[name].place, "shape")
            odd = Mismatch(FaultKind.SHAPE, f"axis 0 of size {count}", f"size {size}")
            faults.add(_fault(name, steps, odd))
    faults.raise_if_any()
    if count > max_records:
        raise too_many_records(count, max_records)
    return count


def _in_tensor(fault: Fault, columns: dict[str, InferInput]) -> Fault:
    """A record's fault, at its place in the tensors."""
    tensor = columns.get(fault.field or "")
    if tensor is None:
        return msgspec.structs.replace(fault, path=json_path("inputs"))
    return msgspec.structs.replace(
        fault, path=json_path("inputs", tensor.place, "data", fault.record or 0)
    )


def _fault(name: str, steps: tuple[int | str, ...], mismatch: Mismatch) -> Fault:
    return Fault(
        fault=mismatch.fault,
        field=name,
        path=json_path(*steps),
        expected=mismatch.expected,
        found=mismatch.found,
    )
