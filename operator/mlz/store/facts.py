"""What the inspection of a model file finds out."""

from dataclasses import dataclass

from mlz.model.asset import EngineType, Framework
from mlz.model.schema import Schema

# What MLzModelVersion holds of a version, and enough of a name.
_LONGEST = 253


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """The engine type by content, what wrote the file, and the derived schema."""

    engine_type: EngineType
    framework: Framework | None
    schema: Schema


def framework_of(name: str, version: str, unnamed: str) -> Framework:
    """
    What a file says of the library that wrote it: one line each, cut to what a status holds.

    Libraries write anything there; CatBoost all that it knows of its own build.
    """
    return Framework(name=_line(name) or unnamed, version=_line(version) or None)


def _line(text: str) -> str:
    return " ".join(text.split())[:_LONGEST].rstrip()
