"""
PMML: from DataDictionary, MiningSchema and Output to our schema.

Source: PMML 4.4 (dmg.org), "Data Dictionary", "Mining Schema", "Output"; CONTRACT section 1 where
the specification leaves something to the consumer.
"""

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from xml.etree.ElementTree import Element

from mlz.errors import Reason, RejectedError
from mlz.model.asset import EngineType, Framework
from mlz.model.schema import (
    Category,
    FieldType,
    InputField,
    Interval,
    Invalid,
    OutputField,
    Schema,
)
from mlz.store.facts import ModelFacts, framework_of
from mlz.store.pmml_document import MODELS, UNSUPPORTED, PmmlDocument, read_pmml

_HIGHEST_VERSION = (4, 4)
_TYPES = {
    "integer": FieldType.INT64,
    "float": FieldType.FLOAT,
    "double": FieldType.DOUBLE,
    "boolean": FieldType.BOOLEAN,
}  # everything else is text to us
_FILLED = frozenset({"asMean", "asMode", "asMedian", "asValue"})
_INVALID = {
    "asIs": Invalid.ACCEPT,
    "asMissing": Invalid.MISSING,
    "asValue": Invalid.REPLACE,
}
_CLOSURES = {
    "openOpen": "neither",
    "openClosed": "right",
    "closedOpen": "left",
    "closedClosed": "both",
}
_TARGETS = ("target", "predicted")
# The type of what a model without a target predicts; of a cluster the name or number, as text.
_UNTOLD = {"regression": FieldType.DOUBLE, "clustering": FieldType.STRING}
_INTEGER = re.compile(r"([-+]?[0-9]{1,18})(\.0*)?")
_NUMBER = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")


def inspect_pmml(path: Path) -> ModelFacts:
    """
    Check a file and derive its schema.

    Raises:
        RejectedError: ModelInvalid, ModelUnsafe, FrameworkVersionUnsupported.
    """
    document = read_pmml(path)
    _check_version(document.root.get("version", ""))
    model = _model(document.root)
    fields = {
        field.get("name", ""): field
        for dictionary in document.root.findall("DataDictionary")
        for field in dictionary.findall("DataField")
    }
    target = _target(model, fields)
    classes = _classes(model, target, document)
    schema = Schema(
        inputs=tuple(_inputs(model, fields)),
        outputs=_outputs(model, target, classes, document),
        classes=classes,
    )
    return ModelFacts(EngineType.PMML, _framework(document.root), schema)


def _check_version(text: str) -> None:
    match = re.match(r"(\d{1,4})(?:\.(\d{1,4}))?", text)
    if match is None:
        raise _invalid("no version in <PMML version=…>")
    if (int(match[1]), int(match[2] or 0)) > _HIGHEST_VERSION:
        raise RejectedError(
            Reason.FRAMEWORK_VERSION_UNSUPPORTED,
            f"the file is PMML {text[:20]}, the engine reads up to 4.4; export it as 4.4",
        )


def _model(root: Element) -> Element:
    for element in root:
        if element.tag in UNSUPPORTED:
            raise _invalid(f"a {element.tag}, which the engine cannot score")
        if element.tag in MODELS:
            if element.get("isScorable", "true") in ("false", "0"):
                raise _invalid(f'a {element.tag} with isScorable="false"')
            return element
    raise _invalid("no model in it")


def _inputs(model: Element, fields: Mapping[str, Element]) -> Iterator[InputField]:
    seen: set[str] = set()
    for mining in model.iterfind("MiningSchema/MiningField"):
        if mining.get("usageType", "active") != "active":
            continue
        name = mining.get("name", "")
        if name not in fields or name in seen:
            raise _invalid(f"active field {name[:80]!r} twice, or without a DataField")
        seen.add(name)
        yield _input(name, mining, fields[name])


def _input(name: str, mining: Element, data: Element) -> InputField:
    if data.get("dataType", "").startswith(("date", "time")):
        # Found by trial: PMML4S accepts any text there, and scores it as missing.
        raise _invalid(
            f"active field {name[:80]!r} of type {data.get('dataType', '')[:40]}, which the engine "
            "reads as missing whatever it is; give the model a number or a text instead"
        )
    kind = _TYPES.get(data.get("dataType", ""), FieldType.STRING)
    filled = (
        mining.get("missingValueReplacement") is not None
        or mining.get("missingValueTreatment") in _FILLED
    )
    continuous = mining.get("optype", data.get("optype")) == "continuous"
    categories = None if continuous else _categories(data, kind)
    ranges = _ranges(data)
    treatment = _INVALID.get(mining.get("invalidValueTreatment", ""))
    return InputField(
        name=name,
        type=kind,
        shape=(),
        required=not filled,
        nullable=filled,
        categories=categories,
        range=ranges,
        invalid=treatment if categories or ranges else None,
    )


def _categories(data: Element, kind: FieldType) -> tuple[Category, ...] | None:
    values = [
        _typed(value.get("value", ""), kind)
        for value in data.findall("Value")
        if value.get("property", "valid") == "valid"
    ]
    return tuple(dict.fromkeys(values)) or None


def _ranges(data: Element) -> tuple[Interval, ...] | None:
    found = []
    for interval in data.findall("Interval"):
        closure = _CLOSURES.get(interval.get("closure", ""))
        if closure is None:
            raise _invalid(f"an Interval with closure {interval.get('closure')!r}")
        found.append(
            Interval.model_validate(
                {
                    "min": _end(interval.get("leftMargin")),
                    "max": _end(interval.get("rightMargin")),
                    "closed": closure,
                }
            )
        )
    return tuple(found) or None


def _end(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        number = float(text)
    except ValueError as error:
        raise _invalid(f"{text[:40]!r} as the end of an Interval") from error
    if math.isnan(number):
        raise _invalid("NaN as the end of an Interval")
    return None if math.isinf(number) else number


def _typed(text: str, kind: FieldType) -> Category:
    """A value as its field's type has it."""
    found: Category | None = None
    if kind is FieldType.STRING:
        found = text
    elif kind is FieldType.BOOLEAN:
        found = {"true": True, "1": True, "false": False, "0": False}.get(text)
    elif kind is FieldType.INT64:
        match = _INTEGER.fullmatch(text)
        found = int(match[1]) if match else None
    elif _NUMBER.fullmatch(text) and math.isfinite(float(text)):
        found = float(text)
    if found is None:
        raise _invalid(f"{text[:40]!r} as a value of a field of type {kind}")
    return found


def _target(model: Element, fields: Mapping[str, Element]) -> Element | None:
    for mining in model.iterfind("MiningSchema/MiningField"):
        if mining.get("usageType") in _TARGETS:
            return fields.get(mining.get("name", ""))
    return None


def _classes(
    model: Element, target: Element | None, document: PmmlDocument
) -> tuple[Category, ...] | None:
    if model.get("functionName") != "classification":
        return None
    kind = _type_of(target)
    values = _categories(target, kind) if target is not None else None
    if values is None:
        named = [value.get("value", "") for value in model.iterfind("Targets/Target/TargetValue")]
        texts = [text for text in named if text] or list(document.scored)
        values = tuple(_typed(text, kind) for text in texts) or None
    return values


def _outputs(
    model: Element,
    target: Element | None,
    classes: tuple[Category, ...] | None,
    document: PmmlDocument,
) -> tuple[OutputField, ...]:
    answering = _answering(model)
    declared = _final_outputs(answering)
    if declared:
        return tuple(_output(field, target) for field in declared)
    untold = _UNTOLD.get(model.get("functionName", ""))
    kind = untold if target is None else _type_of(target)
    prediction = OutputField(name="prediction", type=kind, shape=())
    known = classes or () if _gives_probabilities(answering, document) else ()
    probabilities = tuple(
        OutputField(name=f"probability({_text(label)})", type=FieldType.DOUBLE, shape=())
        for label in known
    )
    return (prediction, *probabilities)


def _answering(model: Element) -> Element:
    """The model whose outputs are the answer: of a chain without its own, the last segment's."""
    segmentation = model.find("Segmentation")
    if (
        _final_outputs(model)
        or segmentation is None
        or segmentation.get("multipleModelMethod") != "modelChain"
    ):
        return model
    last = segmentation.find("Segment")  # only the last one was kept
    inner = None if last is None else next((m for m in last if m.tag in MODELS), None)
    return model if inner is None else _answering(inner)


def _final_outputs(model: Element) -> list[Element]:
    """What an Output names, but for residuals, since no record has the true value."""
    final = [
        field
        for field in model.iterfind("Output/OutputField")
        if field.get("isFinalResult", "true") not in ("false", "0")
    ]
    # Nothing but residuals is left as it is, for the warm-up to refuse.
    return [field for field in final if field.get("feature") != "residual"] or final


def _gives_probabilities(model: Element, document: PmmlDocument) -> bool:
    """Whether PMML4S has probabilities for a model without an Output, found by trial."""
    if model.tag == "TreeModel":
        return document.leaf_scores
    if model.tag == "SupportVectorMachineModel":
        return model.get("classificationMethod") == "OneAgainstOne"
    return model.tag != "RuleSetModel"


def _output(field: Element, target: Element | None) -> OutputField:
    feature = field.get("feature", "predictedValue")
    kind = None
    if field.get("dataType"):
        kind = _TYPES.get(field.get("dataType", ""), FieldType.STRING)
    elif feature == "probability":
        kind = FieldType.DOUBLE
    elif feature == "predictedValue" and target is not None:
        kind = _type_of(target)
    return OutputField(name=field.get("name", ""), type=kind, shape=())


def _type_of(field: Element | None) -> FieldType:
    return _TYPES.get("" if field is None else field.get("dataType", ""), FieldType.STRING)


def _text(label: Category) -> str:
    """As PMML4S writes a class: whole numbers without a fraction, whatever their type."""
    if isinstance(label, bool):
        return str(label).lower()
    return str(int(label)) if isinstance(label, float) and label.is_integer() else str(label)


def _framework(root: Element) -> Framework:
    application = root.find("Header/Application")
    name = "" if application is None else application.get("name", "")
    version = "" if application is None else application.get("version", "")
    return framework_of(name, version or root.get("version", ""), "PMML")


def _invalid(found: str) -> RejectedError:
    return RejectedError(
        Reason.MODEL_INVALID, f"wanted a PMML file with a scorable model, found {found}"
    )
