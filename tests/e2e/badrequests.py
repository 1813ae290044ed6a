"""A thousand requests that are wrong, each with what its refusal must say."""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Record = dict[str, Any]

HUGE = 10**400
TOO_MANY = 10_001


@dataclass(frozen=True)
class Bad:
    """
    One bad body.

    Attributes:
        faults: one of these must be told of the field; empty where no field can be named.
        field: the field, or None.
    """

    kind: str
    body: bytes
    statuses: tuple[int, ...] = (400,)
    faults: tuple[str, ...] = ()
    field: str | None = None


def bad_requests(records: list[Record], engine_type: str, count: int) -> list[Bad]:
    """The first ``count`` of an endless mixture, the same in every run."""
    chance = random.Random(7)
    makers = [*_of_bodies(), *_of_fields(engine_type)]
    return [makers[n % len(makers)](dict(chance.choice(records)), chance) for n in range(count)]


Maker = Callable[[Record, random.Random], Bad]


def _of_bodies() -> Iterator[Maker]:
    """What is wrong with the body as a whole, where no record can be named."""
    for kind, body in (
        ("empty", b""),
        ("not JSON", b"age=41&amount=100"),
        ("cut off", b'[{"a": 1}, {"b"'),
        ("two documents", b"[] []"),
        ("not UTF-8", b'[{"a": "\xff\xfe"}]'),
        ("an object", b'{"a": 1}'),
        ("a number", b"42"),
        ("null", b"null"),
        ("a literal that JSON has not", b'[{"a": Infinity}]'),
    ):
        yield _always(Bad(kind, body))
    yield _always(Bad("deep", b"[" * 5000 + b"]" * 5000))
    yield _always(Bad("too many records", json.dumps([{}] * TOO_MANY).encode(), (413,)))
    for value in (7, "text", None, True):
        body = json.dumps([value]).encode()
        yield _always(Bad(f"a record that is {value!r}", body, faults=("type", "null")))


def _always(bad: Bad) -> Maker:
    return lambda record, chance: bad


def _of_fields(engine_type: str) -> Iterator[Maker]:
    """What is wrong with one field of one record among fine ones."""
    yield _missing
    yield lambda record, chance: _field("an object", record, chance, {"a": 1}, ("type", "shape"))
    yield lambda record, chance: _field("true", record, chance, True, ("type", "shape"))
    yield lambda record, chance: _number("huge", record, chance, HUGE, ("overflow", "range"))
    yield lambda record, chance: _number("2**70", record, chance, 2**70, ("overflow", "range"))
    yield lambda record, chance: _number("text", record, chance, "many", ("type", "shape"))
    yield _nan
    if engine_type != "xgboost":  # there null is a missing value, and a tree knows its way
        yield lambda record, chance: _field("null", record, chance, None, ("null",))
    if engine_type == "onnx":
        yield lambda record, chance: _bytes("too short", record, record["bytes"][:-1], "shape")
        yield lambda record, chance: _bytes("nested", record, [[1]] * 2048, "shape")
        yield lambda record, chance: _bytes("fraction", record, [0.5] * 2048, "type")
        yield lambda record, chance: _bytes("hole", record, [*record["bytes"][1:], None], "null")
        return
    yield lambda record, chance: _field("a list", record, chance, [1], ("type", "shape"))
    yield lambda record, chance: _text("no category", record, chance, "so la la", "category")
    yield lambda record, chance: _text("a number for text", record, chance, 5, "type")
    if engine_type == "pmml":
        yield lambda record, chance: _number("out of range", record, chance, -999_999, ("range",))


def _field(
    kind: str, record: Record, chance: random.Random, value: Any, faults: tuple[str, ...]
) -> Bad:
    name = chance.choice(sorted(record))
    return _one(kind, record | {name: value}, faults, name)


def _number(
    kind: str, record: Record, chance: random.Random, value: Any, faults: tuple[str, ...]
) -> Bad:
    if "bytes" in record:
        return _bytes(kind, record, [*record["bytes"][1:], value], *faults)
    name = chance.choice(sorted(key for key in record if not isinstance(record[key], str)))
    return _one(kind, record | {name: value}, faults, name)


def _text(kind: str, record: Record, chance: random.Random, value: Any, *faults: str) -> Bad:
    name = chance.choice(sorted(key for key in record if isinstance(record[key], str)))
    return _one(kind, record | {name: value}, faults, name)


def _bytes(kind: str, record: Record, value: Any, *faults: str) -> Bad:
    return _one(kind, record | {"bytes": value}, faults, "bytes")


def _missing(record: Record, chance: random.Random) -> Bad:
    name = chance.choice(sorted(record))
    record.pop(name)
    return _one("missing", record, ("missing",), name)


def _nan(record: Record, chance: random.Random) -> Bad:
    name = chance.choice(sorted(record))
    text = json.dumps([record | {name: float("nan")}])
    return Bad("NaN", text.encode())


def _one(kind: str, record: Record, faults: tuple[str, ...], field: str) -> Bad:
    return Bad(kind, json.dumps([record]).encode(), faults=faults, field=field)
