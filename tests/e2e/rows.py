"""
Real rows for each model, and what its library itself answers to them.

``MLZ_E2E_FILES`` says how many files magika is asked about: it takes 20 ms for each on one core, so
more than the default are for a person who has the time.
"""

import os
import sysconfig
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from e2e.models import Models
from zoo.models import TARGET

FILES = int(os.environ.get("MLZ_E2E_FILES", "60"))
_HALF = 1024  # of magika's input: so many bytes of a file's beginning and of its end
_PADDING = 256
_PROBABILITIES = ("probability_bad", "probability_good")

Record = dict[str, Any]
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """
    Rows of one model.

    Attributes:
        library: the library's numbers, a row each, for some of the rows asked at once.
        numbers: the same numbers out of an answer of ours.
    """

    records: list[Record]
    library: Callable[[int, int], Numbers]
    numbers: Callable[[Record], list[float]]


def real_rows(model: str, models: Models) -> Rows:
    """The rows; the libraries run in this process, on the very file that was pushed."""
    path = models.made(model).path
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the libraries
        if model == "onnx":
            return _files(path)
        table = models.credit.drop(columns=[TARGET])
        return _APPLICATIONS[model](path, table)


def _files(path: Path) -> Rows:
    """Python's own source files, by magika."""
    sources = sorted(Path(sysconfig.get_path("stdlib")).rglob("*.py"))[:FILES]
    features = np.array([_features(one.read_bytes()) for one in sources], dtype=np.int32)
    session = _session(path)

    def library(start: int, stop: int) -> Numbers:
        found = session.run(None, {"bytes": features[start:stop]})[0]
        return np.asarray(found, dtype=np.float64)

    records = [{"bytes": one} for one in features.tolist()]
    return Rows(records, library, lambda answer: list(answer["target_label"]["data"]))


def _features(content: bytes) -> list[int]:
    head, tail = content.strip()[:_HALF], content.strip()[-_HALF:]
    gap = _HALF - len(head)
    return [*head, *[_PADDING] * gap, *[_PADDING] * gap, *tail]


def _by_onnxruntime(path: Path, table: Any) -> Rows:
    session = _session(path)
    types = {given.name: given.type for given in session.get_inputs()}
    columns = {
        name: table[[name]].to_numpy(np.float32 if "float" in kind else object)
        for name, kind in types.items()
    }

    def library(start: int, stop: int) -> Numbers:
        feed = {name: values[start:stop] for name, values in columns.items()}
        maps = session.run(["output_probability"], feed)[0]
        return np.array([[one["bad"], one["good"]] for one in maps], dtype=np.float64)

    def numbers(answer: Record) -> list[float]:
        return [answer["output_probability"][name] for name in ("bad", "good")]

    return Rows(table.to_dict("records"), library, numbers)


def _by_xgboost(path: Path, table: Any) -> Rows:
    import xgboost

    text = [name for name in table.columns if table[name].dtype == object]
    coded = table.astype(dict.fromkeys(text, "category"))
    booster = xgboost.Booster(model_file=str(path))

    def library(start: int, stop: int) -> Numbers:
        data = xgboost.DMatrix(coded[start:stop], enable_categorical=True)
        bad = booster.predict(data).astype(np.float64)
        return np.stack([1 - bad, bad], axis=1)

    return Rows(table.to_dict("records"), library, lambda answer: list(answer["probability"]))


def _by_pmml4s(path: Path, table: Any) -> Rows:
    from pypmml import Model

    model = Model.load(str(path))

    def library(start: int, stop: int) -> Numbers:
        found = model.predict(table[start:stop])
        return np.asarray(found[list(_PROBABILITIES)], dtype=np.float64)

    def numbers(answer: Record) -> list[float]:
        return [answer[name] for name in _PROBABILITIES]

    return Rows(table.to_dict("records"), library, numbers)


def _session(path: Path) -> Any:
    import onnxruntime

    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


_APPLICATIONS = {"tabular": _by_onnxruntime, "xgboost": _by_xgboost, "pmml": _by_pmml4s}
