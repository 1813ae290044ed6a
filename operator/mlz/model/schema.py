"""
The schema of a model: what a record must hold and what an answer will.

One document for all engine types, as users see it in status, in ``schema.json`` and from
``mlz inspect``. It is derived from the bytes of a model or declared by its owner.
"""

import hashlib
import json
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from mlz.model.document import Document

Category = bool | int | float | str
Dimension = Annotated[int, Field(ge=0)] | None


class FieldType(StrEnum):
    """The element type of a field, as ONNX names them where it has a name for it."""

    BOOLEAN = "boolean"
    INT8 = "int8"
    INT16 = "int16"
    INT32 = "int32"
    INT64 = "int64"
    UINT8 = "uint8"
    UINT16 = "uint16"
    UINT32 = "uint32"
    UINT64 = "uint64"
    FLOAT = "float"
    DOUBLE = "double"
    STRING = "string"

    @property
    def is_integer(self) -> bool:
        """Whether values are whole numbers; booleans are not numbers."""
        return "int" in self.value

    @property
    def is_number(self) -> bool:
        """Whether values are whole or floating-point numbers."""
        return self.is_integer or self in (FieldType.FLOAT, FieldType.DOUBLE)


class Invalid(StrEnum):
    """What becomes of a value outside the categories or the range of a field."""

    REFUSE = "refuse"
    ACCEPT = "accept"
    MISSING = "missing"
    REPLACE = "replace"


class Interval(Document):
    """A range of numbers; an absent end is open to infinity."""

    min: float | None = Field(None, description="Lower end; absent means none.")
    max: float | None = Field(None, description="Upper end; absent means none.")
    closed: Literal["both", "left", "right", "neither"] = Field(
        "both", description="Which ends belong to the range."
    )

    def holds(self, value: float) -> bool:
        """Whether a value lies inside."""
        if self.min is not None:
            inside = value >= self.min if self.closed in ("both", "left") else value > self.min
            if not inside:
                return False
        if self.max is None:
            return True
        return value <= self.max if self.closed in ("both", "right") else value < self.max


class InputField(Document):
    """One field of a record."""

    name: str = Field(description="Name of the field, as the model has it.")
    type: FieldType | None = Field(None, description="Element type; absent means unknown.")
    shape: tuple[Dimension, ...] | None = Field(
        None,
        description="Dimensions, axis 0 included; null is a free one, [] a scalar per record.",
    )
    required: bool | None = Field(None, description="Whether every record must hold it.")
    nullable: bool | None = Field(None, description="Whether null is a value (missing).")
    categories: tuple[Category, ...] | None = Field(
        None, description="The values allowed, for a categorical field."
    )
    range: tuple[Interval, ...] | None = Field(
        None, description="The ranges allowed, for a number; a value must lie in one of them."
    )
    invalid: Invalid | None = Field(
        None, description="What becomes of a value outside; absent means refuse."
    )


class OutputField(Document):
    """One field of an answer."""

    name: str = Field(description="Name of the field, as the model has it.")
    type: FieldType | None = Field(None, description="Element type; absent means unknown.")
    shape: tuple[Dimension, ...] | None = Field(
        None, description="Dimensions, axis 0 included; null is a free one."
    )
    by_class: bool | None = Field(
        None, description="True where values are named by class (a map), not placed in order."
    )


class Schema(Document):
    """
    The whole schema. Absent parts are unknown, never empty.

    ``positional``: features have no names; records are arrays, or objects with ``f0 f1 …``.
    """

    inputs: tuple[InputField, ...] | None = Field(None, description="Fields of a record.")
    outputs: tuple[OutputField, ...] | None = Field(None, description="Fields of an answer.")
    classes: tuple[Category, ...] | None = Field(
        None, description="Classes of a classifier, in the order of its probabilities."
    )
    positional: bool | None = Field(
        None, description="True where features are known by place only, not by name."
    )

    def to_document(self) -> dict[str, object]:
        """The document as users see it: camelCase, absent keys left out, floats kept floats."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    def digest(self) -> str:
        """``sha256:<hex>`` of the canonical document: equal schemas, equal digests."""
        document = _canonical(self.to_document())
        canonical = json.dumps(document, sort_keys=True, separators=(",", ":"))
        return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()


def has_batch_axis(inputs: Iterable[InputField]) -> bool:
    """
    Whether axis 0 of tensors is the batch: free in every input but scalars, and one is no scalar.

    Source: CONTRACT section 1, engine onnx; fields of other engine types are no tensors.
    """
    shaped = [field.shape for field in inputs if field.shape != ()]
    return bool(shaped) and all(shape and shape[0] is None for shape in shaped)


def _canonical(value: object) -> object:
    """Whole floats as integers: that is how the API server gives them back."""
    if isinstance(value, dict):
        return {key: _canonical(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_canonical(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
