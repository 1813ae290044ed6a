"""Another asset of the same schema for each real model: its answers are others."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2e.alone import answer_alone
from e2e.models import Models, Pushed

_FLOAT = 1  # onnx.TensorProto.FLOAT


@dataclass(frozen=True)
class Pair:
    """The files of a model of the zoo and of its variant."""

    files: tuple[Path, Path]
    engine_type: str

    def pushed(self, models: Models) -> tuple[Pushed, Pushed]:
        """Both in the registry."""
        first, second = (models.push(file, self.engine_type) for file in self.files)
        return first, second

    def answers(self, records: list[Any]) -> dict[str, Any]:
        """What each of them answers, by digest."""
        return dict(answer_alone(file, self.engine_type, records) for file in self.files)


def pair(models: Models, name: str) -> Pair:
    """Of an engine type's real model, or of ``tabular``."""
    model = models.made(name)
    suffix = ".json" if name == "xgboost" else model.path.suffix
    path = model.path.with_name(f"other-{model.path.stem}{suffix}")
    if not path.exists():
        _MAKERS[name](model.path, path)
    return Pair((model.path, path), "onnx" if name == "tabular" else name)


def _other_base(path: Path, other: Path) -> None:
    """Every margin begins elsewhere. A part of the trees alone would lose its categories."""
    import xgboost

    document = json.loads(xgboost.Booster(model_file=path).save_raw("json"))
    document["learner"]["learner_model_param"]["base_score"] = "[4E-1]"
    other.write_text(json.dumps(document))


def _other_scores(path: Path, other: Path) -> None:
    """Every leaf of every tree."""
    scores = re.compile(r'(<Node [^>]*score=")(-?[\d.]+(?:e-?\d+)?)(")')
    text = scores.sub(lambda m: f"{m[1]}{float(m[2]) * 0.9!r}{m[3]}", path.read_text())
    other.write_text(text)


def _other_weights(path: Path, other: Path) -> None:
    import onnx

    model = onnx.load(path)
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.name == "coefficients":
                halved = [weight / 2 for weight in attribute.floats]
                del attribute.floats[:]
                attribute.floats.extend(halved)
    onnx.save(model, other)


def _softer(path: Path, other: Path) -> None:
    """Half the weights of the last layer: the same file types, less sure."""
    import onnx

    model = onnx.load(path)
    weights = {one.name: one for one in model.graph.initializer}
    last = next(
        name
        for node in reversed(model.graph.node)
        for name in node.input
        if name in weights and _is_matrix(weights[name])
    )
    halved = onnx.numpy_helper.to_array(weights[last]) / 2
    weights[last].CopyFrom(onnx.numpy_helper.from_array(halved, last))
    onnx.save(model, other)


def _is_matrix(weight: Any) -> bool:
    return len(weight.dims) > 1 and weight.data_type == _FLOAT


_MAKERS = {
    "onnx": _softer,
    "xgboost": _other_base,
    "pmml": _other_scores,
    "tabular": _other_weights,
}
