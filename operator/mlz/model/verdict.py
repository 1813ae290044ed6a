"""
The verdict on a new asset, as everybody meets it: in status, in events and from ``mlz diff``.

Here are its words: the closed set of changes, what each means to callers, and the document they
make together. How changes are found is in ``compat``.
"""

import hashlib
import json
from collections.abc import Iterable
from enum import StrEnum

from pydantic import Field

from mlz.model.document import StatusDocument

# Longer values are cut where people see them; the digest is made of the whole ones.
SHOWN_CHARACTERS = 300


class Verdict(StrEnum):
    """Whether a new asset fits the callers of the old one."""

    IDENTICAL = "Identical"
    COMPATIBLE = "Compatible"
    INCOMPATIBLE = "Incompatible"
    UNKNOWN = "Unknown"

    @property
    def is_match(self) -> bool:
        """Whether the asset may be swapped without asking anybody."""
        return self in (Verdict.IDENTICAL, Verdict.COMPATIBLE)


class ChangeKind(StrEnum):
    """
    What is different, in one CamelCase word.

    These words are public, as reasons are: none is ever renamed. ``KINDS`` says of each which
    verdict it makes, and what it means.
    """

    # The whole.
    SCHEMA_UNKNOWN = "SchemaUnknown"
    INPUTS_UNKNOWN = "InputsUnknown"
    OUTPUTS_UNKNOWN = "OutputsUnknown"
    NAME_AMBIGUOUS = "NameAmbiguous"
    ENGINE_TYPE_CHANGED = "EngineTypeChanged"
    RECORD_FORM_CHANGED = "RecordFormChanged"
    NUMBERS_AS_TEXT_REFUSED = "NumbersAsTextRefused"
    BATCH_AXIS_CHANGED = "BatchAxisChanged"
    NAMING_CHANGED = "NamingChanged"
    POSITIONS_CHANGED = "PositionsChanged"
    # Fields of a record.
    FIELDS_REORDERED = "FieldsReordered"
    FIELD_DROPPED = "FieldDropped"
    OPTIONAL_FIELD_ADDED = "OptionalFieldAdded"
    REQUIRED_FIELD_ADDED = "RequiredFieldAdded"
    FIELD_RENAMED = "FieldRenamed"
    FIELD_MADE_OPTIONAL = "FieldMadeOptional"
    FIELD_MADE_REQUIRED = "FieldMadeRequired"
    NULL_ALLOWED = "NullAllowed"
    NULL_REFUSED = "NullRefused"
    TYPE_WIDENED = "TypeWidened"
    TYPE_CHANGED = "TypeChanged"
    TYPE_UNKNOWN = "TypeUnknown"
    DIMENSION_FREED = "DimensionFreed"
    SHORT_FORM_LOST = "ShortFormLost"
    SHAPE_CHANGED = "ShapeChanged"
    CATEGORIES_WIDENED = "CategoriesWidened"
    CATEGORIES_CHANGED = "CategoriesChanged"
    RANGE_WIDENED = "RangeWidened"
    RANGE_CHANGED = "RangeChanged"
    INVALID_VALUES_ALLOWED = "InvalidValuesAllowed"
    INVALID_VALUES_CHANGED = "InvalidValuesChanged"
    # Fields of an answer.
    OUTPUTS_REORDERED = "OutputsReordered"
    OUTPUT_ADDED = "OutputAdded"
    OUTPUT_DROPPED = "OutputDropped"
    OUTPUT_TYPE_CHANGED = "OutputTypeChanged"
    OUTPUT_TYPE_UNKNOWN = "OutputTypeUnknown"
    OUTPUT_DIMENSION_FIXED = "OutputDimensionFixed"
    OUTPUT_SHAPE_CHANGED = "OutputShapeChanged"
    OUTPUT_SHAPE_UNKNOWN = "OutputShapeUnknown"
    OUTPUT_FORM_CHANGED = "OutputFormChanged"
    # Classes.
    CLASSES_CHANGED = "ClassesChanged"
    CLASSES_REORDERED = "ClassesReordered"
    CLASSES_UNKNOWN = "ClassesUnknown"


_FITS, _BREAKS, _HIDDEN = Verdict.COMPATIBLE, Verdict.INCOMPATIBLE, Verdict.UNKNOWN

KINDS: dict[ChangeKind, tuple[Verdict, str]] = {
    ChangeKind.SCHEMA_UNKNOWN: (_HIDDEN, "One side has no schema."),
    ChangeKind.INPUTS_UNKNOWN: (_HIDDEN, "One side does not say what a record holds."),
    ChangeKind.OUTPUTS_UNKNOWN: (_HIDDEN, "One side does not say what an answer holds."),
    ChangeKind.NAME_AMBIGUOUS: (_HIDDEN, "One side has several fields of this name."),
    ChangeKind.ENGINE_TYPE_CHANGED: (_FITS, "Another engine type, which reads records alike."),
    ChangeKind.RECORD_FORM_CHANGED: (
        _BREAKS,
        "Another engine type, whose records and answers look different: tensors, or plain values.",
    ),
    ChangeKind.NUMBERS_AS_TEXT_REFUSED: (
        _BREAKS,
        "Another engine type, which takes no numbers written as text.",
    ),
    ChangeKind.BATCH_AXIS_CHANGED: (
        _BREAKS,
        "Axis 0 became the batch, or is it no more: all values have a dimension less, or more.",
    ),
    ChangeKind.NAMING_CHANGED: (_BREAKS, "Features are known by place instead of name, or back."),
    ChangeKind.POSITIONS_CHANGED: (
        _BREAKS,
        "Features known by place are more, fewer or in another order.",
    ),
    ChangeKind.FIELDS_REORDERED: (_FITS, "The schema lists the fields in another order."),
    ChangeKind.FIELD_DROPPED: (_FITS, "The field is not read any more; records may still have it."),
    ChangeKind.OPTIONAL_FIELD_ADDED: (_FITS, "A field was added that records may leave out."),
    ChangeKind.REQUIRED_FIELD_ADDED: (_BREAKS, "A field was added that every record must have."),
    ChangeKind.FIELD_RENAMED: (
        _BREAKS,
        "The field seems to have another name; what comes under the old one would be ignored.",
    ),
    ChangeKind.FIELD_MADE_OPTIONAL: (_FITS, "Records may leave the field out."),
    ChangeKind.FIELD_MADE_REQUIRED: (_BREAKS, "Records may not leave the field out any more."),
    ChangeKind.NULL_ALLOWED: (_FITS, "Null is a value of the field."),
    ChangeKind.NULL_REFUSED: (_BREAKS, "Null is not a value of the field any more."),
    ChangeKind.TYPE_WIDENED: (_FITS, "The type holds every value of the old one exactly."),
    ChangeKind.TYPE_CHANGED: (_BREAKS, "The type does not hold every value of the old one."),
    ChangeKind.TYPE_UNKNOWN: (_HIDDEN, "One side does not say the field's type."),
    ChangeKind.DIMENSION_FREED: (_FITS, "A dimension may have any size that was fixed."),
    ChangeKind.SHORT_FORM_LOST: (
        _BREAKS,
        "More dimensions are free, so a plain value or a flat list cannot be read any more.",
    ),
    ChangeKind.SHAPE_CHANGED: (_BREAKS, "Values of the old shape are not taken any more."),
    ChangeKind.CATEGORIES_WIDENED: (_FITS, "There are categories that were refused before."),
    ChangeKind.CATEGORIES_CHANGED: (
        _BREAKS,
        "Categories are gone, or values outside, which were taken, are categories now.",
    ),
    ChangeKind.RANGE_WIDENED: (_FITS, "The range holds numbers that were refused before."),
    ChangeKind.RANGE_CHANGED: (
        _BREAKS,
        "The range is narrower, or numbers outside, which were taken, are in it now.",
    ),
    ChangeKind.INVALID_VALUES_ALLOWED: (_FITS, "Values outside were refused and are taken."),
    ChangeKind.INVALID_VALUES_CHANGED: (_BREAKS, "Values outside are treated otherwise."),
    ChangeKind.OUTPUTS_REORDERED: (_FITS, "The schema lists the outputs in another order."),
    ChangeKind.OUTPUT_ADDED: (_FITS, "Answers have another field more."),
    ChangeKind.OUTPUT_DROPPED: (_BREAKS, "Answers do not have the field any more."),
    ChangeKind.OUTPUT_TYPE_CHANGED: (_BREAKS, "The output has another type."),
    ChangeKind.OUTPUT_TYPE_UNKNOWN: (_HIDDEN, "The output's type is not known on both sides."),
    ChangeKind.OUTPUT_DIMENSION_FIXED: (_FITS, "A dimension of the output has one size now."),
    ChangeKind.OUTPUT_SHAPE_CHANGED: (_BREAKS, "The output has another, or a freer, shape."),
    ChangeKind.OUTPUT_SHAPE_UNKNOWN: (_HIDDEN, "The output's shape is not known on both sides."),
    ChangeKind.OUTPUT_FORM_CHANGED: (_BREAKS, "Values are named by class instead of placed."),
    ChangeKind.CLASSES_CHANGED: (_BREAKS, "The set of classes is another."),
    ChangeKind.CLASSES_REORDERED: (_BREAKS, "Answers list the classes in another order."),
    ChangeKind.CLASSES_UNKNOWN: (
        _HIDDEN,
        "One side does not say its classes; with an onnx asset without any, none are compared.",
    ),
}

_MEANINGS = {kind.value: meaning for kind, meaning in KINDS.items()}
# How a schema happens to be listed is part of no difference that one could acknowledge.
_ORDER_ONLY = frozenset({ChangeKind.FIELDS_REORDERED, ChangeKind.OUTPUTS_REORDERED})
_WORST_FIRST = (_BREAKS, _HIDDEN, _FITS)


class Change(StatusDocument):
    """
    One difference: a path has one for each kind.

    ``kind`` is text, for a newer operator may have written one that this one does not know.
    """

    path: str = Field(
        description="What changed: engineType, schema, inputs, inputs.NAME, outputs, outputs.NAME "
        "or classes; a name that is no identifier is written ['NAME']."
    )
    kind: str = Field(description="How, in one word; the reference 'verdict' lists them.")
    old: str | None = Field(None, description="What it was; absent where there was nothing.")
    new: str | None = Field(None, description="What it is; absent where there is nothing.")

    @property
    def verdict(self) -> Verdict:
        """What this change alone would make; Unknown for a kind of a newer operator."""
        return _MEANINGS.get(self.kind, (Verdict.UNKNOWN, ""))[0]

    @property
    def meaning(self) -> str:
        """What it means to callers."""
        return _MEANINGS.get(self.kind, (Verdict.UNKNOWN, self.kind))[1]

    @property
    def sentence(self) -> str:
        """The change for people, in one line."""
        values = " -> ".join(value for value in (self.old, self.new) if value is not None)
        return (
            f"{self.path} ({values}): {self.meaning}" if values else f"{self.path}: {self.meaning}"
        )


class Comparison(StatusDocument):
    """What comparing two assets found; the document of ``mlz diff -o json``."""

    verdict: Verdict = Field(description="Identical, Compatible, Incompatible or Unknown.")
    changes: tuple[Change, ...] = Field((), description="All differences, in the order of paths.")
    diff_digest: str | None = Field(
        None,
        description="sha256:<hex> of the differences, whatever the order of fields; what "
        "mlz.dev/acknowledge-schema-change names. Absent where nothing differs.",
    )

    @classmethod
    def of(cls, changes: Iterable[Change]) -> "Comparison":
        """The verdict is the worst of the changes; none at all is Identical."""
        found = tuple(changes)
        if not found:
            return cls(verdict=Verdict.IDENTICAL)
        verdicts = {change.verdict for change in found}
        return cls(
            verdict=next(one for one in _WORST_FIRST if one in verdicts),
            changes=tuple(_cut(change) for change in found),
            diff_digest=_digest(found),
        )

    @property
    def is_match(self) -> bool:
        """Whether the asset may be swapped without asking anybody."""
        return self.verdict.is_match

    def to_document(self) -> dict[str, object]:
        """The document as users see it: camelCase, absent keys left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


def _digest(changes: Iterable[Change]) -> str:
    rows = sorted(
        [change.path, change.kind, change.old or "", change.new or ""]
        for change in changes
        if change.kind not in _ORDER_ONLY
    )
    canonical = json.dumps(rows, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()


def _cut(change: Change) -> Change:
    return change.model_copy(update={"old": _shown(change.old), "new": _shown(change.new)})


def _shown(value: str | None) -> str | None:
    if value is None or len(value) <= SHOWN_CHARACTERS:
        return value
    return value[: SHOWN_CHARACTERS - 1] + "…"
