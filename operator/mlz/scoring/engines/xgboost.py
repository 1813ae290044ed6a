"""
Engine type xgboost: tree and linear boosters on one thread-safe library handle.

Text categories become the model's own codes here; a missing value is NaN. The answer's form follows
the objective (CONTRACT section 1). Objectives whose prediction is no class and no probability
(``binary:logitraw``, ranking, survival, custom ones) answer the number that the library gives.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np

from mlz.errors import Reason, RejectedError
from mlz.model.asset import Asset
from mlz.model.schema import InputField
from mlz.scoring.engines.base import Answer, LoadOptions, Row, ScoreError, Scores, load_failed
from mlz.scoring.engines.libxgboost import Booster, Matrix, XgboostError

# Objectives whose prediction is the class itself, without probabilities.
_CLASS_ONLY = frozenset(("multi:softmax", "binary:hinge"))
_THRESHOLD = 0.5

Codes = Mapping[object, float]
Form = Callable[[Matrix], list[Answer]]


class _Encoding(msgspec.Struct):
    offsets: list[int] | None = None
    values: list[int | float | str] = []


class _Categories(msgspec.Struct):
    enc: list[_Encoding] = []


class _Trees(msgspec.Struct):
    cats: _Categories | None = None


class _GradientBooster(msgspec.Struct):
    model: _Trees | None = None
    gbtree: "_GradientBooster | None" = None


class _Learner(msgspec.Struct):
    gradient_booster: _GradientBooster


class _Document(msgspec.Struct):
    learner: _Learner


def load(folder: Path, asset: Asset, options: LoadOptions) -> "XgboostEngine":
    """
    Load the model.

    Raises:
        RejectedError: there is no library, it cannot load the model, or another model than the
            schema's is in the file.
    """
    raw = (folder / asset.model_file).read_bytes()
    inputs = asset.model_schema.inputs or ()
    try:
        booster = Booster(raw, options.threads)
        return XgboostEngine(booster, inputs, _columns(booster, inputs))
    except OSError as error:
        raise RejectedError(Reason.ENGINE_NOT_AVAILABLE, str(error)) from error
    except (XgboostError, KeyError, msgspec.MsgspecError) as error:
        raise load_failed(error) from error


class XgboostEngine:
    """One booster."""

    merges = True
    exact = True
    warm_after = 3

    def __init__(
        self, booster: Booster, inputs: Sequence[InputField], columns: Sequence[int]
    ) -> None:
        """
        Args:
            inputs: the fields of the schema, in its order.
            columns: the place of each of the model's columns in a row.
        """
        self._booster = booster
        self._columns = None if list(columns) == list(range(len(inputs))) else list(columns)
        self._codes = _codes(booster, inputs, columns)
        learner = booster.config()["learner"]
        self._answers = _form(learner["objective"]["name"])

    def score(self, rows: Sequence[Row]) -> Scores:
        """
        Raises:
            ScoreError: XGBoost refuses the rows.
        """
        if not rows:
            return Scores([])
        try:
            predicted = self._booster.predict(self._matrix(rows))
        except XgboostError as error:
            raise ScoreError(str(error)) from error
        finite = np.isfinite(predicted.reshape(len(rows), -1)).all(axis=1)
        bad = {int(row): "prediction" for row in np.flatnonzero(~finite)}
        return Scores(self._answers(np.nan_to_num(predicted) if bad else predicted), bad)

    def close(self) -> None:
        """Nothing to do: the booster is freed when its last call has returned."""

    def _matrix(self, rows: Sequence[Row]) -> Matrix:
        coded = [self._coded(row) for row in rows] if self._codes else rows
        matrix = np.array(coded, dtype=np.float32)
        return matrix if self._columns is None else np.ascontiguousarray(matrix[:, self._columns])

    def _coded(self, row: Row) -> list[object]:
        values: list[object] = list(row)
        for place, codes in self._codes.items():
            if values[place] is not None:
                values[place] = codes[values[place]]
        return values


def _columns(booster: Booster, inputs: Sequence[InputField]) -> list[int]:
    """Where each of the model's columns is in the schema; by place where it has no names."""
    fields = [field.name for field in inputs]
    names = booster.feature_names() or fields
    if sorted(names) != sorted(fields) or booster.feature_count() != len(fields):
        raise RejectedError(
            Reason.MODEL_LOAD_FAILED,
            f"the model has {booster.feature_count()} features, its schema {len(fields)},"
            " or they have other names",
        )
    return [fields.index(name) for name in names]


def _codes(
    booster: Booster, inputs: Sequence[InputField], columns: Sequence[int]
) -> dict[int, Codes]:
    """
    The model's code of each category, by the field's place in a row.

    They are read from the model: the order of a schema's categories means nothing.
    """
    if not any(field.categories for field in inputs):
        return {}
    learner = msgspec.json.decode(booster.document(), type=_Document).learner
    trees = learner.gradient_booster.gbtree or learner.gradient_booster
    encodings = trees.model.cats.enc if trees.model and trees.model.cats else []
    found = {
        columns[column]: {category: float(code) for code, category in enumerate(_decoded(encoding))}
        for column, encoding in enumerate(encodings)
        if encoding.values
    }
    return {
        place: found.get(place) or {code: float(code) for code in field.categories or ()}
        for place, field in enumerate(inputs)
        if field.categories
    }


def _decoded(encoding: _Encoding) -> list[object]:
    """Text is kept as the bytes of all categories, one after another, and where each begins."""
    if encoding.offsets is None:
        return list(encoding.values)
    raw = bytes(int(value) & 0xFF for value in encoding.values)
    bounds = zip(encoding.offsets, encoding.offsets[1:], strict=False)
    return [raw[start:end].decode() for start, end in bounds]


def _form(objective: str) -> Form:
    if objective == "multi:softprob":
        return _probabilities
    if objective == "binary:logistic":
        return _binary
    return _classes if objective in _CLASS_ONLY else _numbers


def _probabilities(predicted: Matrix) -> list[Answer]:
    best = predicted.argmax(axis=1).tolist()
    return [
        {"prediction": prediction, "probability": probability}
        for prediction, probability in zip(best, predicted.tolist(), strict=True)
    ]


def _binary(predicted: Matrix) -> list[Answer]:
    if predicted.ndim == 1:
        return [
            {"prediction": int(one > _THRESHOLD), "probability": [1.0 - one, one]}
            for one in predicted.tolist()
        ]
    # Several labels at once: of each whether it holds, and the probability that it does.
    return [
        {"prediction": [int(one > _THRESHOLD) for one in row], "probability": row}
        for row in predicted.tolist()
    ]


def _classes(predicted: Matrix) -> list[Answer]:
    return [{"prediction": int(one)} for one in predicted.reshape(-1).tolist()]


def _numbers(predicted: Matrix) -> list[Answer]:
    return [{"prediction": one} for one in predicted.tolist()]
