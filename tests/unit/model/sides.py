"""Two sides of a comparison of schemas, in few words, and a row of the table of verdicts."""

from typing import Any

import pytest

from mlz.model.asset import EngineType
from mlz.model.compat import Side
from mlz.model.schema import FieldType, InputField, Interval, OutputField, Schema
from mlz.model.verdict import Verdict

ONNX, PMML, XGBOOST = EngineType.ONNX, EngineType.PMML, EngineType.XGBOOST
IDENTICAL, COMPATIBLE = Verdict.IDENTICAL, Verdict.COMPATIBLE
INCOMPATIBLE, UNKNOWN = Verdict.INCOMPATIBLE, Verdict.UNKNOWN
FLOAT, DOUBLE = FieldType.FLOAT, FieldType.DOUBLE
STRING, INT64 = FieldType.STRING, FieldType.INT64


def field(name: str = "age", kind: FieldType | None = DOUBLE, **more: Any) -> InputField:
    return InputField(**{"name": name, "type": kind, "shape": (), "required": True} | more)


def tensor(*shape: int | None, name: str = "x", kind: FieldType = FLOAT) -> InputField:
    return InputField(name=name, type=kind, shape=shape, required=True, nullable=False)


def output(name: str = "p", kind: FieldType | None = DOUBLE, **more: Any) -> OutputField:
    return OutputField(**{"name": name, "type": kind, "shape": ()} | more)


def schema(*inputs: InputField, **more: Any) -> Schema:
    return Schema(**{"inputs": inputs, "outputs": (output(),)} | more)


def table(*inputs: InputField, **more: Any) -> Side:
    return Side(PMML, schema(*inputs, **more))


def trees(*inputs: InputField, **more: Any) -> Side:
    return Side(XGBOOST, schema(*inputs, **more))


def graph(*inputs: InputField, **more: Any) -> Side:
    outputs = (output("p", FLOAT, shape=(None, 2)),)
    return Side(ONNX, schema(*inputs, **{"outputs": outputs} | more))


def within(low: float | None, high: float | None, closed: str = "both", **more: Any) -> InputField:
    return field(range=(Interval.model_validate({"min": low, "max": high, "closed": closed}),),
                 **more)  # fmt: skip


def home(*categories: Any, kind: FieldType = STRING, **more: Any) -> InputField:
    return field("home", kind, categories=categories, **more)


def placed(*kinds: FieldType) -> Side:
    inputs = [field(f"f{place}", kind) for place, kind in enumerate(kinds)]
    return trees(*inputs, positional=True)


def answering(*outputs: OutputField, **more: Any) -> Side:
    return table(field(), outputs=outputs, **more)


def classes(*labels: Any, **more: Any) -> Side:
    return graph(tensor(None, 4), classes=labels or None, **more)


BY_CLASS = {"outputs": (output("label", STRING, shape=(None,)),
                        output("p", FLOAT, shape=None, by_class=True))}  # fmt: skip
OPTIONAL = {"required": False, "nullable": True}


def row(sentence: str, old: Side, new: Side, verdict: Verdict, *kinds: str) -> Any:
    return pytest.param(old, new, verdict, kinds, id=sentence)
