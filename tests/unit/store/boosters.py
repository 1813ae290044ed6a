"""Boosters that tests train, what inspection finds of one, and documents that are tampered with."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xgboost

from mlz.model.schema import Schema
from mlz.store.xgboost_format import inspect_xgboost

ROWS = np.random.default_rng(0).normal(size=(200, 4)).astype("float32")
BINARY = (ROWS[:, 0] + ROWS[:, 1] > 0).astype(int)


def train(labels: Any = BINARY, rounds: int = 3, **options: Any) -> xgboost.Booster:
    defaults = {"max_depth": 3, "nthread": 1, "verbosity": 0}
    return xgboost.train(defaults | options, xgboost.DMatrix(ROWS, labels), rounds)


def inspected(booster: xgboost.Booster, folder: Path, form: str = "ubj") -> Schema:
    path = folder / f"model.{form}"
    path.write_bytes(bytes(booster.save_raw(form)))
    return inspect_xgboost(path).schema


def frame(words: list[str]) -> pd.DataFrame:
    size = len(BINARY)
    return pd.DataFrame(
        {
            "amount": ROWS[:, 0],
            "count": np.arange(size),
            "flag": BINARY > 0,
            "grade": pd.Categorical(np.resize([7, 5, 9], size), categories=[7, 5, 9]),
            "purpose": pd.Categorical(np.resize(words, size), categories=words),
        }
    )


@cache
def document() -> str:
    labels = np.resize([1, 0, 0], len(BINARY))  # what the purpose says
    data = xgboost.DMatrix(frame(["car", "home", "other"]), labels, enable_categorical=True)
    booster = xgboost.train({"nthread": 1, "max_depth": 4, "max_cat_to_onehot": 1}, data, 4)
    return bytes(booster.save_raw("json")).decode()


def tampered(change: Callable[[Any, Any], None]) -> str:
    found = json.loads(document())
    model = found["learner"]["gradient_booster"]["model"]
    change(found, model)
    return json.dumps(found)
