"""
The declared schema against the derived one: what is stated must be so, what is not known is added.

A declaration may be partial. Only what it states is compared; what only it can know (categories and
ranges of ONNX inputs, say) becomes part of the schema.
"""

import json
from collections.abc import Iterator
from typing import TypeVar

from pydantic import ValidationError

from mlz.errors import Reason, RejectedError
from mlz.model.document import Document
from mlz.model.schema import Category, FieldType, InputField, OutputField, Schema

_Field = TypeVar("_Field", InputField, OutputField)


def parse_declaration(text: str, reason: Reason) -> Schema:
    """
    Read a declared schema.

    Args:
        text: JSON.
        reason: InvalidSpec or ArchiveInvalid, by where the text comes from.

    Raises:
        RejectedError: it is no schema document; names the first faults by path.
    """
    try:
        return Schema.model_validate_json(text)
    except ValidationError as error:
        faults = "; ".join(f"{_path(fault['loc'])}: {fault['msg']}" for fault in error.errors()[:5])
        raise RejectedError(
            reason, f"the declared schema is no schema document: {faults}; see `mlz inspect`"
        ) from error


def merged(derived: Schema, declared: Schema) -> Schema:
    """
    The derived schema and what only the declaration knows.

    Raises:
        RejectedError: SchemaDeclarationMismatch; the path, both values.
    """
    _compare("$.positional", declared.positional, derived.positional or False)
    return Schema(
        inputs=_fields("$.inputs", declared.inputs, derived.inputs),
        outputs=_fields("$.outputs", declared.outputs, derived.outputs),
        classes=_classes(declared, derived),
        positional=derived.positional,
    )


def _fields(
    path: str, declared: tuple[_Field, ...] | None, derived: tuple[_Field, ...] | None
) -> tuple[_Field, ...] | None:
    if declared is None or derived is None:
        return derived if declared is None else declared
    places = {field.name: place for place, field in enumerate(derived)}
    found = list(derived)
    seen: set[str] = set()
    for index, field in enumerate(declared):
        here = f"{path}[{index}]"
        if field.name not in places or field.name in seen:
            known = ", ".join(list(places)[:10])
            raise _mismatch(f"{here}.name", field.name, f"the model's {known}, each once")
        seen.add(field.name)
        place = places[field.name]
        found[place] = _field(here, field, found[place])
    return tuple(found)


def _field(path: str, declared: _Field, derived: _Field) -> _Field:
    added = dict(_additions(path, declared, derived))
    result = derived.model_copy(update=added)
    if isinstance(result, InputField) and result.categories and result.type:
        _check_categories(path, result.categories, result.type)
    return result


def _additions(path: str, declared: Document, derived: Document) -> Iterator[tuple[str, object]]:
    for name in sorted(declared.model_fields_set):
        stated, known = getattr(declared, name), getattr(derived, name)
        if stated is None:
            continue
        if known is None:
            yield name, stated
        elif name == "categories":
            _compare(f"{path}.{name}", _as_set(stated), _as_set(known))
        else:
            _compare(f"{path}.{name}", stated, known)


def _classes(declared: Schema, derived: Schema) -> tuple[Category, ...] | None:
    """The order counts where any answer is placed by it."""
    if declared.classes is None or derived.classes is None:
        return derived.classes if declared.classes is None else declared.classes
    named = all(field.by_class or not field.shape for field in derived.outputs or ())
    if named and any(field.type is not FieldType.INT64 for field in derived.outputs or ()):
        _compare("$.classes", _as_set(declared.classes), _as_set(derived.classes))
    else:
        _compare("$.classes", list(declared.classes), list(derived.classes))
    return derived.classes


def _check_categories(path: str, categories: tuple[Category, ...], kind: FieldType) -> None:
    for index, value in enumerate(categories):
        if not _fits(value, kind):
            raise _mismatch(f"{path}.categories[{index}]", value, f"a value of type {kind}")


def _fits(value: Category, kind: FieldType) -> bool:
    if isinstance(value, bool):
        return kind is FieldType.BOOLEAN
    if isinstance(value, str):
        return kind is FieldType.STRING
    return kind.is_number and not (kind.is_integer and isinstance(value, float))


def _as_set(values: tuple[Category, ...]) -> list[Category]:
    """Sorted, as the order of categories is no difference; True and 1 stay two values."""
    return sorted(values, key=lambda value: (type(value).__name__, value))


def _compare(path: str, stated: object, known: object) -> None:
    if stated is not None and _tagged(stated) != _tagged(known):
        raise _mismatch(path, stated, known)


def _tagged(value: object) -> object:
    """Python takes True for 1; schemas do not."""
    if isinstance(value, list | tuple):
        return [_tagged(item) for item in value]
    return (isinstance(value, bool), value)


def _mismatch(path: str, stated: object, known: object) -> RejectedError:
    return RejectedError(
        Reason.SCHEMA_DECLARATION_MISMATCH,
        f"{path} is declared as {_shown(stated)}, the model has {_shown(known)}; correct the "
        "declared schema",
    )


def _shown(value: object) -> str:
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 300 else text[:300] + "…"


def _path(location: tuple[int | str, ...]) -> str:
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
