"""Requests that the schema of a model suggests, good ones and odd ones."""

import json
import math
import random
from collections.abc import Sequence

from contract.shelf import Loaded
from mlz.model.asset import EngineType
from mlz.model.schema import FieldType, InputField
from mlz.scoring.fields import integer_range

LETTERS = ("a", "b", "c", "", "own")
TEXTS = ("1", "2.5", "-3", "1e2", "x")
FLOATS = (0.5, 1.0, -2.0, 0, 3.25)
HUGE_FLOATS = (2.0**100, 2.0**130, 1e300)


def element(dice: random.Random, kind: FieldType | None, huge: bool = True) -> object:
    """``huge``: also what makes a sum of exponents overflow, so that an answer is not finite."""
    if kind is FieldType.STRING:
        return dice.choice(LETTERS)
    if kind is FieldType.BOOLEAN:
        return dice.random() < 0.5
    if kind is not None and kind.is_integer:
        if dice.random() < 0.5 or not huge:
            return dice.choice((dice.randrange(5), float(dice.randrange(5))))
        allowed = integer_range(kind)
        return dice.choice((allowed[0], allowed[-1], allowed[-2], allowed[-1] + dice.randrange(2)))
    return dice.choice(FLOATS + HUGE_FLOATS if huge else FLOATS)


def odd(dice: random.Random) -> object:
    return dice.choice((None, True, "a", "1", 1, 1.5, ["a"], [1], {}, -(2**70)))


def nested(dice: random.Random, kind: FieldType | None, sizes: Sequence[int]) -> object:
    if not sizes:
        return element(dice, kind)
    return [nested(dice, kind, sizes[1:]) for _ in range(sizes[0])]


def tensor(dice: random.Random, field: InputField, batched: bool) -> object:
    shape = field.shape
    if shape is None:
        shape = (None,) * dice.randrange(3)
    wanted = shape[1:] if batched else shape
    sizes = [dice.randint(0, 3) if size is None else size for size in wanted]
    form = dice.random()
    if form < 0.55:
        return nested(dice, field.type, sizes)
    if form < 0.8:
        return nested(dice, field.type, [math.prod(sizes)])
    return element(dice, field.type)


def scalar(dice: random.Random, field: InputField, huge: bool) -> object:
    if field.categories and dice.random() < 0.8:
        return dice.choice(field.categories)
    if field.range and dice.random() < 0.8:
        ends = [end for one in field.range for end in (one.min, one.max) if end is not None]
        around = [end + step for end in ends or [0] for step in (-1, -0.5, 0, 0.5, 1)]
        return dice.choice((dice.choice(around), int(dice.choice(around))))
    if field.type is not None and field.type.is_number and dice.random() < 0.2:
        return dice.choice(TEXTS)
    return element(dice, field.type, huge)


def request(dice: random.Random, old: Loaded, batched: bool) -> bytes:
    """One to three records, or arrays where the model is positional."""
    records: list[object] = []
    for _ in range(dice.choice((1, 1, 2, 3))):
        record: dict[str, object] = {}
        for field in old.schema.inputs or ():
            if dice.random() < 0.05:
                continue
            if dice.random() < 0.05:
                record[field.name] = odd(dice)
            elif old.engine_type is EngineType.ONNX:
                record[field.name] = tensor(dice, field, batched)
            else:
                record[field.name] = scalar(dice, field, old.engine_type is EngineType.XGBOOST)
        as_array = old.schema.positional and dice.random() < 0.5
        records.append(list(record.values()) if as_array else record)
    if old.engine_type is EngineType.ONNX and isinstance(records[0], dict):
        shared = {f.name: records[0].get(f.name) for f in old.schema.inputs or () if f.shape == ()}
        records = [record | shared for record in records if isinstance(record, dict)]
    return json.dumps(records).encode()
