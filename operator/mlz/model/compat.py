"""
Does a new asset fit the callers of the old one? Two schemas in, a verdict with its reasons out.

The promise of ``Compatible``: every request of declared fields that the old asset accepts is
accepted by the new one and read with the same meaning, and every answer has at least the same
fields, types and order of classes. It speaks of forms, never of numbers.

What a schema does not say is not guessed: what only one side knows makes the verdict ``Unknown``,
and so does what neither knows of an answer, unless nothing else differs. The classes of a graph
that lists none are not compared at all.
Source: PRODUCT section 3; CONTRACT section 1 (wider types, domains, classes, axis 0).
"""

import json
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from mlz.model import domain
from mlz.model.asset import EngineType
from mlz.model.fit import (
    Difference,
    Engines,
    as_read,
    input_differences,
    output_differences,
    type_text,
)
from mlz.model.schema import Category, InputField, OutputField, Schema, has_batch_axis
from mlz.model.verdict import Change, ChangeKind, Comparison

_Field = TypeVar("_Field", InputField, OutputField)


@dataclass(frozen=True, slots=True)
class Side:
    """An asset as its callers meet it; ``schema`` is None where it is not known."""

    engine_type: EngineType
    schema: Schema | None


@dataclass(frozen=True, slots=True)
class _Pair:
    """Both schemas, and who reads them."""

    engines: Engines
    old: Schema
    new: Schema


def compare(old: Side, new: Side) -> Comparison:
    """
    The verdict on ``new`` for the callers of ``old``.

    Names are compared by code point, as records are: case and Unicode form count.
    """
    if old.schema is None or new.schema is None:
        return Comparison.of([_schema_unknown(old.schema, new.schema)])
    batched = _is_batched(old.engine_type, old.schema) and _is_batched(new.engine_type, new.schema)
    pair = _Pair(Engines(old.engine_type, new.engine_type, batched), old.schema, new.schema)
    changes = [change for check in _CHECKS for change in check(pair)]
    if changes:
        changes += _blind_spots(pair)
    return Comparison.of(changes)


def _schema_unknown(old: Schema | None, new: Schema | None) -> Change:
    """With the digest of the side that has one: another asset is another difference."""
    before, after = (None if side is None else _digest(side) for side in (old, new))
    return _change("schema", (ChangeKind.SCHEMA_UNKNOWN, before, after))


# The checks, in the order of the changes they make


def _engine_types(pair: _Pair) -> Iterator[Change]:
    old, new = pair.engines.old, pair.engines.new
    if old is new:
        return
    kind = ChangeKind.ENGINE_TYPE_CHANGED
    if not pair.engines.same_form:
        kind = ChangeKind.RECORD_FORM_CHANGED
    elif old is EngineType.PMML:
        kind = ChangeKind.NUMBERS_AS_TEXT_REFUSED
    yield _change("engineType", (kind, old.value, new.value))


def _unknown_parts(pair: _Pair) -> Iterator[Change]:
    digests = _digest(pair.old), _digest(pair.new)
    if pair.old.inputs is None or pair.new.inputs is None:
        yield _change("inputs", (ChangeKind.INPUTS_UNKNOWN, *digests))
    if pair.old.outputs is None or pair.new.outputs is None:
        yield _change("outputs", (ChangeKind.OUTPUTS_UNKNOWN, *digests))


def _ambiguous_names(pair: _Pair) -> Iterator[Change]:
    for part, old, new in (
        ("inputs", pair.old.inputs, pair.new.inputs),
        ("outputs", pair.old.outputs, pair.new.outputs),
    ):
        before, after = (Counter(field.name for field in side or ()) for side in (old, new))
        for name, count in sorted((before | after).items()):
            if count > 1:
                counts = str(before[name]), str(after[name])
                yield _change(_path(part, name), (ChangeKind.NAME_AMBIGUOUS, *counts))


def _batch_axis(pair: _Pair) -> Iterator[Change]:
    """Dropping an input can do it, too: the one whose axis 0 was fixed."""
    words = {True: "batch", False: "no batch"}
    before = _is_batched(pair.engines.old, pair.old)
    after = _is_batched(pair.engines.new, pair.new)
    if before is not after and pair.engines.same_form:
        yield _change("inputs", (ChangeKind.BATCH_AXIS_CHANGED, words[before], words[after]))


def _inputs(pair: _Pair) -> Iterator[Change]:
    if pair.old.inputs is None or pair.new.inputs is None:
        return
    old = [as_read(field, pair.engines.old) for field in pair.old.inputs]
    new = [as_read(field, pair.engines.new) for field in pair.new.inputs]
    before, after = bool(pair.old.positional), bool(pair.new.positional)
    if before is not after:
        words = {True: "by place", False: "by name"}
        yield _change("inputs", (ChangeKind.NAMING_CHANGED, words[before], words[after]))
    elif before:
        yield from _placed_inputs(pair.engines, old, new)
    else:
        yield from _named_inputs(pair.engines, _by_name(old), _by_name(new))


def _outputs(pair: _Pair) -> Iterator[Change]:
    if pair.old.outputs is None or pair.new.outputs is None:
        return
    old, new = _by_name(pair.old.outputs), _by_name(pair.new.outputs)
    yield from _reordered("outputs", ChangeKind.OUTPUTS_REORDERED, list(old), list(new))
    for name in sorted(old.keys() | new.keys()):
        path = _path("outputs", name)
        if name not in new:
            yield _change(path, (ChangeKind.OUTPUT_DROPPED, type_text(old[name].type), None))
        elif name not in old:
            yield _change(path, (ChangeKind.OUTPUT_ADDED, None, type_text(new[name].type)))
        else:
            for difference in output_differences(pair.engines, old[name], new[name]):
                yield _change(path, difference)


def _classes(pair: _Pair) -> Iterator[Change]:
    """Many graphs of classifiers list no classes, so that of theirs nothing is compared."""
    old, new = pair.old.classes, pair.new.classes
    before, after = domain.category_set(old), domain.category_set(new)
    listed = _classes_text(old), _classes_text(new)
    if old is None or new is None:
        engine = pair.engines.old if old is None else pair.engines.new
        if old != new and engine is not EngineType.ONNX:
            yield _change("classes", (ChangeKind.CLASSES_UNKNOWN, *listed))
    elif before != after:
        texts = domain.categories_text(before, after), domain.categories_text(after, before)
        yield _change("classes", (ChangeKind.CLASSES_CHANGED, *texts))
    elif old != new and _is_order_visible(pair):
        yield _change("classes", (ChangeKind.CLASSES_REORDERED, *listed))


_CHECKS: tuple[Callable[[_Pair], Iterator[Change]], ...] = (
    _engine_types,
    _unknown_parts,
    _ambiguous_names,
    _batch_axis,
    _inputs,
    _outputs,
    _classes,
)


def _blind_spots(pair: _Pair) -> Iterator[Change]:
    """What neither side knows of an output: only an equal schema vouches for it."""
    new = _by_name(pair.new.outputs or ())
    for name, field in sorted(_by_name(pair.old.outputs or ()).items()):
        other = new.get(name)
        if other is None:
            continue
        if field.type is None and other.type is None:
            yield _change(_path("outputs", name), (ChangeKind.OUTPUT_TYPE_UNKNOWN, None, None))
        if field.shape is None and other.shape is None and not (field.by_class or other.by_class):
            yield _change(_path("outputs", name), (ChangeKind.OUTPUT_SHAPE_UNKNOWN, None, None))


# Inputs side by side


def _placed_inputs(
    engines: Engines, old: Sequence[InputField], new: Sequence[InputField]
) -> Iterator[Change]:
    before, after = ([field.name for field in side] for side in (old, new))
    if before != after:
        yield _order_change("inputs", ChangeKind.POSITIONS_CHANGED, before, after)
    for one, other in zip(old, new, strict=False):
        for difference in input_differences(engines, one, other):
            yield _change(_path("inputs", one.name), difference)


def _named_inputs(
    engines: Engines, old: Mapping[str, InputField], new: Mapping[str, InputField]
) -> Iterator[Change]:
    yield from _reordered("inputs", ChangeKind.FIELDS_REORDERED, list(old), list(new))
    for name in sorted(old.keys() & new.keys()):
        for difference in input_differences(engines, old[name], new[name]):
            yield _change(_path("inputs", name), difference)
    dropped = {name: old[name] for name in sorted(old.keys() - new.keys())}
    for name in sorted(new.keys() - old.keys()):
        former = _former_name(engines, new[name], dropped)
        if former is not None:
            del dropped[former]
        yield _change(_path("inputs", name), _addition(new[name], former))
    for name, gone in dropped.items():
        difference = (ChangeKind.FIELD_DROPPED, type_text(gone.type), None)
        yield _change(_path("inputs", name), difference)


def _addition(field: InputField, former: str | None) -> Difference:
    if former is not None:
        return ChangeKind.FIELD_RENAMED, former, field.name
    required = ChangeKind.REQUIRED_FIELD_ADDED
    kind = required if field.required else ChangeKind.OPTIONAL_FIELD_ADDED
    return kind, None, type_text(field.type)


def _former_name(
    engines: Engines, field: InputField, dropped: Mapping[str, InputField]
) -> str | None:
    """
    The dropped field that an added one seems to be.

    One that is spelled alike; or, where records may leave the added one out, so that nobody would
    notice, one that differs in nothing but its name.
    """
    for name in dropped:
        if _spelling(name) == _spelling(field.name):
            return name
    if not field.required:
        for name, gone in dropped.items():
            if not any(input_differences(engines, gone, field)):
                return name
    return None


def _spelling(name: str) -> str:
    """A name without case, separators and the ways to write one letter."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return "".join(letter for letter in folded if letter.isalnum()) or folded


# Questions about one schema


def _is_batched(engine_type: EngineType, schema: Schema) -> bool:
    return engine_type is EngineType.ONNX and has_batch_axis(schema.inputs or ())


def _digest(schema: Schema) -> str:
    """The digest of a schema, whatever the order of named fields."""
    inputs, outputs = schema.inputs, schema.outputs
    if inputs is not None and not schema.positional:
        inputs = tuple(sorted(inputs, key=lambda field: field.name))
    if outputs is not None:
        outputs = tuple(sorted(outputs, key=lambda field: field.name))
    return schema.model_copy(update={"inputs": inputs, "outputs": outputs}).digest()


def _is_order_visible(pair: _Pair) -> bool:
    """
    Whether callers of the old asset meet the order of its classes.

    They do where an answer lists something by class, and in XGBoost's class index. One value, or
    values named by class, say nothing of an order.
    """
    if pair.engines.old is EngineType.XGBOOST:
        return True
    batch = 1 if _is_batched(pair.engines.old, pair.old) else 0
    return any(
        field.shape is None or any(size != 1 for size in field.shape[batch:])
        for field in pair.old.outputs or ()
        if not field.by_class
    )


# Words


def _reordered(
    part: str, kind: ChangeKind, old: Sequence[str], new: Sequence[str]
) -> Iterator[Change]:
    common = set(old) & set(new)
    before, after = ([name for name in side if name in common] for side in (old, new))
    if before != after:
        yield _order_change(part, kind, before, after)


def _order_change(path: str, kind: ChangeKind, old: list[str], new: list[str]) -> Change:
    texts = json.dumps(old, ensure_ascii=False), json.dumps(new, ensure_ascii=False)
    return _change(path, (kind, *texts))


def _by_name(fields: Iterable[_Field]) -> dict[str, _Field]:
    return {field.name: field for field in fields}


def _classes_text(classes: tuple[Category, ...] | None) -> str | None:
    return None if classes is None else json.dumps(classes, ensure_ascii=False)


def _path(part: str, name: str) -> str:
    """``inputs.age``, or ``inputs['a b']``, as error answers of scoring have it."""
    if name.isascii() and name.isidentifier():
        return f"{part}.{name}"
    escaped = name.replace("\\", "\\\\").replace("'", "\\'")
    return f"{part}['{escaped}']"


def _change(path: str, difference: Difference) -> Change:
    kind, old, new = difference
    return Change(path=path, kind=kind.value, old=old, new=new)
