"""Small models as a pod serves them, without the server; each is made and loaded once."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlz.model.asset import EngineType
from mlz.model.schema import Schema
from mlz.scoring.doors import RecordsDoor
from mlz.scoring.engines.base import LoadOptions, Row
from mlz.scoring.runtime import load_engine
from mlz.scoring.scorer import Job, Scored, Scorer
from mlz.scoring.validation import compile_reader
from mlz.store.fetch import prepare_local
from unit.scoring.kit import some_settings
from zoo.small import Small, save


@dataclass
class Loaded:
    """A model as a pod serves it, without the server."""

    schema: Schema
    engine_type: EngineType
    door: RecordsDoor
    scorer: Scorer

    def score(self, body: bytes) -> list[dict[str, Any]] | None:
        """The answers, or None where there are none."""
        (outcome,) = self.scorer.run([Job(self.door, body, lambda outcome: None)])
        if not isinstance(outcome, Scored):
            return None
        answers: list[dict[str, Any]] = json.loads(outcome.body)
        return answers

    def rows(self, body: bytes) -> list[Row]:
        return self.door.read(body).rows


def loaded(model: Small, folder: Path) -> Loaded:
    folder.mkdir()
    asset = prepare_local(save(model, folder), folder / "prepared")
    engine = load_engine(folder / "prepared", asset, LoadOptions())
    reader = compile_reader(asset.model_schema, asset.engine_type)
    door = RecordsDoor(asset, reader, some_settings())
    return Loaded(asset.model_schema, asset.engine_type, door, Scorer(engine))


class Shelf:
    """Each model is made and loaded once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loaded: dict[Small, Loaded] = {}

    def get(self, model: Small) -> Loaded:
        if model not in self._loaded:
            self._loaded[model] = loaded(model, self._folder / str(len(self._loaded)))
        return self._loaded[model]
