"""What the inspection of a model file finds out."""

from dataclasses import dataclass

from mlz.model.asset import EngineType, Framework
from mlz.model.schema import Schema


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """The engine type by content, what wrote the file, and the derived schema."""

    engine_type: EngineType
    framework: Framework | None
    schema: Schema
