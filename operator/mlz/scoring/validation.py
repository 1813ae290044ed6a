"""
Records against the schema, before any library sees them: all faults of all records, by name.

Pure: plain JSON values in, rows out. A ``RecordReader`` is compiled once from the schema. Fields
that the schema does not know are ignored. Tables of fields are here, tensors in ``tensors``.
"""

from collections.abc import Sequence
from typing import Protocol

from mlz.errors import Reason, RejectedError
from mlz.model.asset import EngineType
from mlz.model.schema import InputField, Schema, has_batch_axis
from mlz.scoring.engines.base import Row, Value
from mlz.scoring.fields import Rules, compile_check, refuses_invalid
from mlz.scoring.places import json_path, type_name
from mlz.scoring.problems import Fault, FaultKind, Faults, Mismatch, Problem, RequestError
from mlz.scoring.tensors import FreeTensorReader, Mismatches, Shape, TensorReader

_RULES: dict[EngineType, Rules] = {
    EngineType.XGBOOST: Rules(single_precision=True, always_refuse=True, null_is_missing=True),
    EngineType.PMML: Rules(numbers_as_text=True),
}
_ABSENT = object()


class RecordReader(Protocol):
    """Turns decoded records into rows that fit the schema."""

    def read(self, records: Sequence[object]) -> list[Row]:
        """
        Raises:
            RequestError: with all faults of all records.
        """


def compile_reader(schema: Schema, engine_type: EngineType) -> RecordReader:
    """
    The reader of an asset's records.

    Raises:
        RejectedError: the schema does not say enough to check records by.
    """
    if schema.inputs is None:
        raise RejectedError(Reason.MODEL_LOAD_FAILED, "the asset's schema names no inputs")
    if engine_type is EngineType.ONNX:
        return TensorRecords(schema.inputs)
    return FieldRecords(schema.inputs, engine_type, positional=bool(schema.positional))


def records_of(body: object) -> list[object]:
    """
    The records of a decoded body.

    Raises:
        RequestError: it is no array.
    """
    if isinstance(body, list):
        return body
    found = type_name(body)
    raise RequestError(
        Problem.BAD_INPUT,
        f"the body must be an array of records, found {found}",
        [Fault(fault=FaultKind.TYPE, path="$", expected="array of records", found=found)],
    )


class FieldRecords:
    """Records of named scalar fields; bare arrays too where features have no names."""

    def __init__(
        self, inputs: Sequence[InputField], engine_type: EngineType, *, positional: bool
    ) -> None:
        self._names = [field.name for field in inputs]
        self._positional = positional
        self._fields = [
            (
                place,
                field.name,
                compile_check(field, _RULES[engine_type]),
                field.required is not False,
                null_is_fine(field, engine_type),
            )
            for place, field in enumerate(inputs)
        ]

    def read(self, records: Sequence[object]) -> list[Row]:
        """
        Raises:
            RequestError: with all faults of all records.
        """
        faults = Faults()
        rows = [self._row(number, record, faults) for number, record in enumerate(records)]
        faults.raise_if_any()
        return rows

    def _row(self, number: int, record: object, faults: Faults) -> Row:
        if self._positional and isinstance(record, list):
            return self._row_of_array(number, record, faults)
        if not isinstance(record, dict):
            faults.add(_not_a_record(number, record, positional=self._positional))
            return ()
        found = [record.get(name, _ABSENT) for name in self._names]
        return self._checked(number, found, faults, by_name=True)

    def _row_of_array(self, number: int, record: list[object], faults: Faults) -> Row:
        if len(record) == len(self._names):
            return self._checked(number, record, faults, by_name=False)
        faults.add(
            Fault(
                fault=FaultKind.SHAPE,
                record=number,
                path=json_path(number),
                expected=f"array of {len(self._names)} features",
                found=f"array of {len(record)}",
            )
        )
        return ()

    def _checked(self, number: int, found: list[object], faults: Faults, *, by_name: bool) -> Row:
        row: list[Value] = []
        for place, name, check, required, null_is_fine in self._fields:
            value = found[place]
            try:
                if value is None or value is _ABSENT:
                    _check_gap(value, required=required, null_is_fine=null_is_fine)
                    row.append(None)
                else:
                    row.append(check(value))
            except Mismatch as mismatch:
                step = name if by_name else place
                faults.add(_fault(number, name, (step,), mismatch))
        return tuple(row)


class TensorRecords:
    """Records of tensors by input name."""

    def __init__(self, inputs: Sequence[InputField]) -> None:
        batched = has_batch_axis(inputs)
        self._readers = [
            (field.name, field.shape == (), tensor_reader(field, batched=batched))
            for field in inputs
        ]
        self._batched = batched

    def read(self, records: Sequence[object]) -> list[Row]:
        """
        Raises:
            RequestError: with all faults of all records.
        """
        faults = Faults()
        rows = [self._row(number, record, faults) for number, record in enumerate(records)]
        faults.raise_if_any()
        if self._batched:
            self._check_scalars(rows, faults)
            faults.raise_if_any()
        return rows

    def _row(self, number: int, record: object, faults: Faults) -> Row:
        if not isinstance(record, dict):
            faults.add(_not_a_record(number, record, positional=False))
            return ()
        row: list[Value] = []
        for name, _, reader in self._readers:
            try:
                row.append(_tensor(reader, record.get(name, _ABSENT)))
            except Mismatches as mismatches:
                for part in mismatches.parts:
                    faults.add(_fault(number, name, (name, *part.indices), part))
        return tuple(row)

    def _check_scalars(self, rows: list[Row], faults: Faults) -> None:
        """One call has one value of an input without axes, so records of a batch must agree."""
        for place, (name, is_scalar, _) in enumerate(self._readers):
            if not is_scalar:
                continue
            for number, row in enumerate(rows):
                if row[place] != rows[0][place]:
                    odd = Mismatch(FaultKind.RANGE, "the value of record 0", "another value")
                    faults.add(_fault(number, name, (name,), odd))


def tensor_reader(field: InputField, *, batched: bool) -> TensorReader:
    """
    The reader of one input's values.

    Raises:
        RejectedError: its type is not known.
    """
    if field.type is None:
        raise RejectedError(
            Reason.MODEL_LOAD_FAILED,
            f"input {field.name!r} has an element type that records cannot be checked by;"
            " export the model with typed inputs",
        )
    categories = field.categories if refuses_invalid(field) else None
    if field.shape is None:
        return FreeTensorReader(field.type, categories)
    shape: Shape = field.shape[1:] if batched else field.shape
    return TensorReader(field.type, shape, categories)


def _tensor(reader: TensorReader, value: object) -> Value:
    if value is _ABSENT:
        raise Mismatches([Mismatch(FaultKind.MISSING, reader.kind.value, "nothing")])
    return reader.read(value)


def null_is_fine(field: InputField, engine_type: EngineType) -> bool:
    """Whether null is a value of a field; where the schema does not say, the engine type does."""
    if field.nullable is not None:
        return field.nullable
    return _RULES[engine_type].null_is_missing or field.required is False


def _check_gap(value: object, *, required: bool, null_is_fine: bool) -> None:
    if value is _ABSENT:
        if required:
            raise Mismatch(FaultKind.MISSING, "a value", "nothing")
    elif not null_is_fine:
        raise Mismatch(FaultKind.NULL, "a value", "null")


def _not_a_record(number: int, record: object, *, positional: bool) -> Fault:
    return Fault(
        fault=FaultKind.TYPE,
        record=number,
        path=json_path(number),
        expected="object or array of features" if positional else "object by field name",
        found=type_name(record),
    )


def _fault(number: int, name: str, steps: tuple[int | str, ...], mismatch: Mismatch) -> Fault:
    return Fault(
        fault=mismatch.fault,
        record=number,
        field=name,
        path=json_path(number, *steps),
        expected=mismatch.expected,
        found=mismatch.found,
    )


def too_many_records(count: int, limit: int) -> RequestError:
    """The refusal of a request with more records than one may have."""
    return RequestError(
        Problem.TOO_MANY_RECORDS, f"{count} records in one request, at most {limit} are taken"
    )
