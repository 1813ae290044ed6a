"""
XGBoost: version gate, then from the document's own words to our schema.

Answers are those of CONTRACT section 1: a classifier answers a class index, with probabilities
where its objective gives them; everything else answers numbers.
"""

import itertools
import re
from array import array
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from mlz.errors import Reason, RejectedError
from mlz.model.asset import EngineType, Framework
from mlz.model.schema import FieldType, InputField, OutputField, Schema
from mlz.store.facts import ModelFacts
from mlz.store.ubjson import Value
from mlz.store.xgboost_document import (
    Section,
    integers,
    invalid,
    items,
    number,
    read_document,
    section,
    texts,
)
from mlz.store.xgboost_gate import Booster, check_booster

HIGHEST_KNOWN = (3, 2)  # where no library is installed: a machine that only inspects
_MAX_FEATURES = 1_000_000
_MAX_CLASSES = 100_000
_DISTRIBUTIONS = ("xgboost-cpu", "xgboost")
_TYPES = {
    "int": FieldType.INT64,
    "i": FieldType.BOOLEAN,  # XGBoost's "indicator": what it makes of a boolean column
    "float": FieldType.FLOAT,
    "q": FieldType.FLOAT,
}


def inspect_xgboost(path: Path) -> ModelFacts:
    """
    Check a file and derive its schema.

    Raises:
        RejectedError: ModelInvalid, ModelUnsafe, FrameworkVersionUnsupported.
    """
    document = read_document(path)
    learner = section(document, "learner", "$")
    version = _version(document)
    _check_version(version)
    parameters = section(learner, "learner_model_param", "learner")
    num_feature = number(parameters, "num_feature", "learner_model_param")
    if not 0 < num_feature <= _MAX_FEATURES:
        raise invalid("learner_model_param.num_feature", "1 to 1,000,000 features", num_feature)
    classes = number(parameters, "num_class", "learner_model_param", 0)
    targets = number(parameters, "num_target", "learner_model_param", 1)
    if not (0 <= classes <= _MAX_CLASSES and 0 <= targets <= _MAX_CLASSES):
        raise invalid("learner_model_param.num_class", "a usual number of classes", classes)
    check_booster(learner, Booster(num_feature, max(classes, targets, 1)))
    framework = Framework(name="xgboost", version=".".join(map(str, version)))
    schema = Schema(
        inputs=_inputs(learner, num_feature),
        outputs=_outputs(_objective(learner), classes, targets),
        classes=_classes(_objective(learner), classes),
        positional=True if not texts(learner, "feature_names", "learner") else None,
    )
    return ModelFacts(EngineType.XGBOOST, framework, schema)


def library_version() -> tuple[int, int]:
    """Major and minor version of the library in this image, or the highest known one."""
    for name in _DISTRIBUTIONS:
        try:
            found = re.match(r"(\d+)\.(\d+)", metadata.version(name))
        except metadata.PackageNotFoundError:
            continue
        if found:
            return int(found[1]), int(found[2])
    return HIGHEST_KNOWN


def _version(document: Section) -> tuple[int, ...]:
    found = integers(document, "version", "$")
    if len(found) != 3 or any(not 0 <= part < 10_000 for part in found):
        raise invalid("$.version", "three numbers", found)
    return tuple(found)


def _check_version(version: tuple[int, ...]) -> None:
    """An older library reads a newer file without a word and scores it wrongly (measured)."""
    library = library_version()
    if version[:2] > library:
        raise RejectedError(
            Reason.FRAMEWORK_VERSION_UNSUPPORTED,
            f"the model was saved by XGBoost {'.'.join(map(str, version))}, this image has "
            f"{library[0]}.{library[1]}; save it with that version or use a newer image",
        )


def _objective(learner: Section) -> str:
    name = section(learner, "objective", "learner").get("name")
    if not isinstance(name, str):
        raise invalid("learner.objective.name", "text", name)
    return name


def _inputs(learner: Section, count: int) -> tuple[InputField, ...]:
    names = texts(learner, "feature_names", "learner") or [f"f{i}" for i in range(count)]
    types = texts(learner, "feature_types", "learner") or ["float"] * count
    if len(names) != count or len(types) != count or len(set(names)) != count:
        raise invalid("learner.feature_names", f"{count} different names and types", names)
    categories = _categories(learner, count)
    return tuple(
        _input(name, kind, known)
        for name, kind, known in zip(names, types, categories, strict=True)
    )


def _input(name: str, kind: str, known: Sequence[str | int | float]) -> InputField:
    if kind == "c":
        values = tuple(known) or None
        return InputField(
            name=name,
            type=_type_of(known),
            shape=(),
            required=True,
            nullable=True,
            categories=values,
        )
    if kind not in _TYPES:
        raise invalid("learner.feature_types", "int, float, i, q or c", kind)
    return InputField(name=name, type=_TYPES[kind], shape=(), required=True, nullable=True)


def _type_of(known: Sequence[str | int | float]) -> FieldType:
    """Without the categories themselves (before 3.1) a record holds their codes."""
    if known and isinstance(known[0], str):
        return FieldType.STRING
    if any(isinstance(value, float) for value in known):
        return FieldType.DOUBLE
    return FieldType.INT64


def _categories(learner: Section, count: int) -> list[Sequence[str | int | float]]:
    """The categories of each feature, in the order of their codes; empty where none are kept."""
    machine = section(learner, "gradient_booster", "learner")
    model = machine.get("model")
    if model is None and isinstance(machine.get("gbtree"), dict):  # dart
        model = section(machine, "gbtree", "gradient_booster").get("model")
    kept = model.get("cats") if isinstance(model, dict) else None
    columns = items(kept, "enc", "cats") if isinstance(kept, dict) else []
    if not columns:
        return [()] * count
    if len(columns) != count:
        raise invalid("cats.enc", f"{count} entries", columns)
    return [_column(column, f"cats.enc[{i}]") for i, column in enumerate(columns)]


def _column(column: Value, where: str) -> Sequence[str | int | float]:
    if not isinstance(column, dict):
        raise invalid(where, "an object", column)
    values = items(column, "values", where)
    if "offsets" not in column:
        return _numbers(values, where)
    offsets = integers(column, "offsets", where)
    raw = bytes(byte % 256 for byte in integers(column, "values", where))  # saved as signed bytes
    edges = list(itertools.pairwise(offsets))
    if any(not 0 <= start <= end <= len(raw) for start, end in edges):
        raise invalid(f"{where}.offsets", "ascending places in values", offsets)
    if not raw.isascii():
        # Up to 3.2 it counts characters, not bytes, where it learned from a pandas frame: names are
        # cut and shifted, so a record could be scored as another category. From Arrow they are
        # right, but the file does not say which it was.
        raise RejectedError(
            Reason.MODEL_INVALID,
            f"the categories at {where} have letters outside ASCII, which XGBoost "
            f"{'.'.join(map(str, HIGHEST_KNOWN))} saves wrongly from pandas; train with category "
            "names in ASCII",
        )
    found = tuple(raw[start:end].decode() for start, end in edges)
    if len(set(found)) != len(found):
        raise invalid(where, "different categories", values)
    return found


def _numbers(values: Sequence[Value], where: str) -> Sequence[int | float]:
    if isinstance(values, array):
        return tuple(values)
    if not set(map(type, values)) <= {int, float}:
        raise invalid(f"{where}.values", "numbers", values)
    return tuple(value for value in values if isinstance(value, int | float))


def _outputs(objective: str, classes: int, targets: int) -> tuple[OutputField, ...]:
    if objective == "binary:logistic" and targets > 1:  # several labels, each holds or not
        return (
            OutputField(name="prediction", type=FieldType.INT64, shape=(targets,)),
            OutputField(name="probability", type=FieldType.FLOAT, shape=(targets,)),
        )
    if objective in ("binary:logistic", "multi:softprob"):
        return (
            OutputField(name="prediction", type=FieldType.INT64, shape=()),
            OutputField(name="probability", type=FieldType.FLOAT, shape=(max(classes, 2),)),
        )
    if objective in ("multi:softmax", "binary:hinge"):
        return (OutputField(name="prediction", type=FieldType.INT64, shape=()),)
    shape = (targets,) if targets > 1 else ()
    return (OutputField(name="prediction", type=FieldType.FLOAT, shape=shape),)


def _classes(objective: str, classes: int) -> tuple[int, ...] | None:
    if objective in ("binary:logistic", "binary:hinge"):
        return (0, 1)
    return tuple(range(classes)) if objective.startswith("multi:") else None
