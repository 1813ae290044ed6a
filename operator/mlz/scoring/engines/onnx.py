"""
Engine type onnx: ONNX Runtime on the CPU.

Axis 0 is the batch where it is free in every input that has axes (CONTRACT section 1); otherwise a
row is one call. Batches of several requests are merged only where no input is a scalar. Rows whose
free dimensions have other sizes make no tensor together: those of equal shapes are one call.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from mlz.errors import MlzError, Reason, RejectedError
from mlz.model.asset import Asset
from mlz.model.schema import InputField, has_batch_axis
from mlz.scoring.engines.base import Answer, LoadOptions, Row, ScoreError, Scores, load_failed

# ONNX Runtime has no error class for it: these are its words for a model newer than itself.
_TOO_NEW = ("max supported IR version", "is under development and support for this is limited")
_FATAL_ONLY = 4

Array = NDArray[Any]
# Of the inputs whose shapes are not fixed.
Shapes = tuple[tuple[int, ...], ...]


def load(folder: Path, asset: Asset, options: LoadOptions) -> "OnnxEngine":
    """
    Load the model; never a file beside it, so external data is refused by the library.

    Raises:
        RejectedError: not loadable, newer than the library, or not the model of the schema.
    """
    raw = (folder / asset.model_file).read_bytes()
    try:
        session = onnxruntime.InferenceSession(
            raw, _session_options(options), providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # the library raises Exception itself
        raise _refusal(error) from error
    inputs = asset.model_schema.inputs or ()
    names = [given.name for given in session.get_inputs()]
    if sorted(names) != sorted(field.name for field in inputs):
        raise RejectedError(
            Reason.MODEL_LOAD_FAILED,
            f"the model has the inputs {names}, its schema {[field.name for field in inputs]}",
        )
    return OnnxEngine(session, inputs)


class OnnxEngine:
    """One session; ``run`` is safe from many threads."""

    warm_after = 3

    def __init__(self, session: Any, inputs: Sequence[InputField]) -> None:
        self._session = session
        self._options = onnxruntime.RunOptions()
        self._inputs = [(field.name, field.shape == ()) for field in inputs]
        self._outputs = [output.name for output in session.get_outputs()]
        self._free = [
            place for place, field in enumerate(inputs) if None in (field.shape or ())[1:]
        ]
        self._batched = has_batch_axis(inputs)
        self.merges = self._batched and not any(scalar for _, scalar in self._inputs)
        # A batch may be multiplied by another kernel than a row: only scoring tells (warmup).
        self.exact = not self._batched

    def score(self, rows: Sequence[Row]) -> Scores:
        """
        Raises:
            ScoreError: ONNX Runtime refuses the values.
        """
        if not rows:
            return Scores([])
        if not self._batched:
            return _joined([self._score_one(row) for row in rows])
        groups = self._groups(rows)
        if len(groups) == 1:
            return self._score_batch(rows)
        return _in_order(
            groups, [self._score_batch([rows[number] for number in group]) for group in groups]
        )

    def close(self) -> None:
        """Stop running calls between two nodes of the graph; later ones fail."""
        self._options.terminate = True

    def _groups(self, rows: Sequence[Row]) -> list[Sequence[int]]:
        """The numbers of the rows that make tensors together: those of equal shapes."""
        if not self._free:
            return [range(len(rows))]
        groups: dict[Shapes, list[int]] = {}
        for number, row in enumerate(rows):
            parts: list[Any] = [row[place] for place in self._free]
            groups.setdefault(tuple(part.shape for part in parts), []).append(number)
        return list(groups.values())

    def _score_batch(self, rows: Sequence[Row]) -> Scores:
        scores = self._split(self._run(self._feed(rows)), len(rows))
        if scores is not None:
            return scores
        self.merges = False
        return _joined([self._score_alone(row) for row in rows])

    def _feed(self, rows: Sequence[Row]) -> dict[str, Any]:
        columns: dict[str, Any] = {}
        for place, (name, scalar) in enumerate(self._inputs):
            parts: list[Any] = [row[place] for row in rows]
            columns[name] = parts[0] if scalar else _column(parts)
        return columns

    def _score_one(self, row: Row) -> Scores:
        """A row that is a whole call."""
        feed = {name: row[place] for place, (name, _) in enumerate(self._inputs)}
        return _whole_answer(self._outputs, self._run(feed))

    def _score_alone(self, row: Row) -> Scores:
        """A batch of one, for a model that does not answer a batch row by row."""
        outputs = self._run(self._feed([row]))
        return self._split(outputs, 1) or _whole_answer(self._outputs, outputs)

    def _run(self, feed: dict[str, Any]) -> list[Any]:
        try:
            return list(self._session.run(self._outputs, feed, self._options))
        except Exception as error:  # the library raises Exception itself
            raise ScoreError(str(error)) from error

    def _split(self, outputs: list[Any], count: int) -> Scores | None:
        """One answer a row; None where an output has no part for each row."""
        answers: list[dict[str, object]] = [{} for _ in range(count)]
        not_finite: dict[int, str] = {}
        for name, value in zip(self._outputs, outputs, strict=True):
            parts = _parts(value, count)
            if parts is None:
                return None
            for number, (part, finite) in enumerate(parts):
                answers[number][name] = part
                if not finite:
                    not_finite.setdefault(number, name)
        return Scores(list(answers), not_finite)


def _session_options(options: LoadOptions) -> Any:
    session_options = onnxruntime.SessionOptions()
    session_options.intra_op_num_threads = options.threads
    session_options.inter_op_num_threads = 1
    # Spinning threads burn the pod's CPU limit between requests.
    session_options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session_options.log_severity_level = _FATAL_ONLY
    return session_options


def _refusal(error: Exception) -> MlzError:
    if any(words in str(error) for words in _TOO_NEW):
        return RejectedError(
            Reason.FRAMEWORK_VERSION_UNSUPPORTED,
            f"ONNX Runtime {onnxruntime.__version__} is older than the model: {error}",
        )
    return load_failed(error)


def _column(parts: Sequence[Any]) -> Array:
    """Values of equal shapes as one tensor; one text of no axes may come as ``str``."""
    arrays = [np.asarray(part, object) if isinstance(part, str) else part for part in parts]
    return np.stack(arrays) if len(arrays) > 1 else arrays[0][np.newaxis]


def _whole_answer(names: Sequence[str], outputs: Sequence[Any]) -> Scores:
    values = dict(zip(names, outputs, strict=True))
    bad = next((name for name, value in values.items() if not _is_finite(value)), None)
    answer = {name: _whole(value) for name, value in values.items()}
    return Scores([answer], {} if bad is None else {0: bad})


def _parts(value: Any, count: int) -> list[tuple[object, bool]] | None:
    """Each row's part of an output and whether it is finite; None where rows have no parts."""
    if not isinstance(value, np.ndarray):
        if not isinstance(value, list) or len(value) != count:
            return None
        return [(_whole(part), _is_finite(part)) for part in value]
    if value.ndim == 0 or value.shape[0] != count:
        return None
    dims = list(value.shape[1:])
    flat = value if value.ndim == 2 else value.reshape(count, math.prod(dims))
    rows = zip(flat.tolist(), _rows_are_finite(flat), strict=True)
    return [({"dims": dims, "data": row}, finite) for row, finite in rows]


def _rows_are_finite(flat: Any) -> list[bool]:
    if flat.dtype.kind != "f" or np.isfinite(flat).all():
        return [True] * len(flat)
    finite: list[bool] = np.isfinite(flat).all(axis=1).tolist()
    return finite


def _whole(value: Any) -> object:
    """An output in its JSON form; a map's keys become text."""
    if isinstance(value, np.ndarray):
        return {"dims": list(value.shape), "data": value.reshape(-1).tolist()}
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return _whole(value[0]) if len(value) == 1 else [_whole(part) for part in value]
    return _plain(value)


def _plain(value: Any) -> object:
    return value.item() if isinstance(value, np.generic) else value


def _is_finite(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.dtype.kind != "f" or bool(np.isfinite(value).all())
    if isinstance(value, dict):
        return all(_is_finite(part) for part in value.values())
    if isinstance(value, list):
        return all(_is_finite(part) for part in value)
    return not isinstance(value, float) or bool(np.isfinite(value))


def _joined(scores: list[Scores]) -> Scores:
    answers: list[Answer] = [answer for one in scores for answer in one.answers]
    bad = {number: one.not_finite[0] for number, one in enumerate(scores) if one.not_finite}
    return Scores(answers, bad)


def _in_order(groups: Sequence[Sequence[int]], scores: Sequence[Scores]) -> Scores:
    """The scores of groups of rows, by the numbers of the rows."""
    answers: dict[int, Answer] = {}
    bad: dict[int, str] = {}
    for group, one in zip(groups, scores, strict=True):
        answers.update(zip(group, one.answers, strict=True))
        bad.update({group[row]: name for row, name in one.not_finite.items()})
    return Scores([answers[number] for number in sorted(answers)], bad)
