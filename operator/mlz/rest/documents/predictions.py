"""
Scoring in watsonx's v4 form: tables of fields and values to records, and answers back to tables.

The scoring pods take and give records alone; what a field may hold they check. Here only the tables
are: each row has a value for each field, and each table of a request has one in the answer.
Source: watsonx v4, ``POST /ml/v4/deployments/{id}/predictions``; CONTRACT section 1 for records.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlz.api.parsing import Body
from mlz.model.asset import EngineType
from mlz.rest.documents.bodies import Json, part
from mlz.rest.documents.requests import Fields, kind_of, object_of
from mlz.rest.problems import Refusal, invalid_field

_MOST_TABLES = 100


@dataclass(frozen=True, slots=True)
class Inputs:
    """
    What rows without ``fields`` mean: the version's inputs in their order.

    Attributes:
        positional: features have no names: a row is the record.
        tensor: the one input of an onnx model, whose value a row is; or None.
    """

    names: tuple[str, ...] = ()
    positional: bool = False
    tensor: str | None = None


@dataclass(frozen=True, slots=True)
class Questions:
    """
    All records of a request, and how many belong to each table.

    Attributes:
        ids: what callers call their tables, or None each.
    """

    records: tuple[Any, ...]
    counts: tuple[int, ...]
    ids: tuple[str | None, ...]


def inputs_of(version: Body) -> Inputs:
    """The inputs of a version, as far as inspection knows them."""
    schema = part(version, "status", "schema")
    names = tuple(str(one.get("name")) for one in schema.get("inputs") or ())
    is_tensor = part(version, "spec").get("engineType") == EngineType.ONNX and len(names) == 1
    return Inputs(
        names=names,
        positional=bool(schema.get("positional")),
        tensor=names[0] if is_tensor else None,
    )


def questions(document: object, inputs: Inputs) -> Questions:
    """
    The records that a request's tables hold.

    Raises:
        Refusal: a table is no table; the message names the place.
    """
    tables = object_of(document).value("input_data")
    if not isinstance(tables, list) or not 1 <= len(tables) <= _MOST_TABLES:
        expected = f"an array of 1 to {_MOST_TABLES} tables {{fields, values}}"
        raise invalid_field("$.input_data", expected, kind_of(tables))
    records: list[Any] = []
    counts: list[int] = []
    ids: list[str | None] = []
    for number, table in enumerate(tables):
        fields = _table(table, f"$.input_data[{number}]")
        found = list(_records(fields, inputs))
        records += found
        counts.append(len(found))
        ids.append(fields.text("id"))
    return Questions(tuple(records), tuple(counts), tuple(ids))


def predictions(asked: Questions, answers: Sequence[Mapping[str, Any]]) -> Json:
    """
    The answer in tables: one for each that was asked, rows in their order.

    Args:
        answers: of the scoring pod, one for each record.
    """
    tables: list[Json] = []
    start = 0
    for count, identity in zip(asked.counts, asked.ids, strict=True):
        table = _answer_table(answers[start : start + count])
        tables.append(table if identity is None else {"id": identity, **table})
        start += count
    return {"predictions": tables}


def _table(table: object, path: str) -> Fields:
    if not isinstance(table, dict):
        raise invalid_field(path, "an object {fields, values}", kind_of(table))
    return Fields(table, path)


def _records(table: Fields, inputs: Inputs) -> Iterator[Any]:
    rows = table.value("values")
    if not isinstance(rows, list):
        raise table.refused("values", "an array of rows", kind_of(rows))
    named = table.value("fields")
    names = None if named is None else _names(table, named)
    for number, row in enumerate(rows):
        path = f"{table.path}.values[{number}]"
        yield _unnamed(row, inputs, path) if names is None else _named(row, names, path)


def _names(table: Fields, named: object) -> list[str]:
    if not isinstance(named, list) or not all(isinstance(one, str) for one in named):
        raise table.refused("fields", "an array of names", kind_of(named))
    if len(set(named)) < len(named):
        raise table.refused("fields", "each name once", "one twice")
    return named


def _named(row: object, names: Sequence[str], path: str) -> Json:
    if not isinstance(row, list) or len(row) != len(names):
        found = f"{len(row)}" if isinstance(row, list) else kind_of(row)
        raise invalid_field(path, f"an array of {len(names)} values, one a field", found)
    return dict(zip(names, row, strict=True))


def _unnamed(row: object, inputs: Inputs, path: str) -> Any:
    if inputs.tensor is not None:
        return {inputs.tensor: row}
    if inputs.positional:
        return row
    if not inputs.names:
        raise _names_needed(path)
    return _named(row, inputs.names, path)


def _names_needed(path: str) -> Refusal:
    return invalid_field(path, "fields beside values: the model's inputs are not known", "none")


def _answer_table(answers: Sequence[Mapping[str, Any]]) -> Json:
    """A field that only some answers have is null in the others."""
    fields = list(dict.fromkeys(name for answer in answers for name in answer))
    return {
        "fields": fields,
        "values": [[_value(answer.get(name)) for name in fields] for answer in answers],
    }


def _value(value: Any) -> Any:
    """A tensor as nested lists; everything else as it is."""
    if isinstance(value, dict) and value.keys() == {"dims", "data"}:
        return _nested(value["data"], value["dims"])
    return value


def _nested(data: Sequence[Any], dims: Sequence[int]) -> Any:
    if not dims:
        return data[0] if data else None
    if len(dims) == 1:
        return list(data)
    step = len(data) // dims[0] if dims[0] else 0
    return [_nested(data[at * step : (at + 1) * step], dims[1:]) for at in range(dims[0])]
