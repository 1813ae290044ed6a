"""Engine type xgboost: every family of objectives as the library has it, and categories."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import xgboost

from mlz.errors import MlzError, Reason
from mlz.model.asset import EngineType
from mlz.model.schema import FieldType, InputField, Schema
from mlz.scoring.engines.base import LoadOptions
from mlz.scoring.engines.libxgboost import Booster, version
from mlz.scoring.runtime import load_engine
from mlz.scoring.validation import compile_reader
from mlz.store.fetch import prepare_local
from unit.scoring.kit import a_field, an_asset

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(200, 3)).astype(np.float32)
LABELS = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)


# In a process of its own: threads that the library has made once stay.
_THREADS_AFTER = """
import os, pathlib, sys
import numpy as np
from mlz.scoring.engines.libxgboost import Booster

booster = Booster(pathlib.Path(sys.argv[1]).read_bytes(), int(sys.argv[2]))
before = len(os.listdir("/proc/self/task"))
for rows in map(int, sys.argv[3:]):
    booster.predict(np.zeros((rows, booster.feature_count()), np.float32))
    print(len(os.listdir("/proc/self/task")) - before)
"""


def trained(objective: str, labels: Any, **parameters: Any) -> xgboost.Booster:
    data = xgboost.DMatrix(X, label=labels)
    if objective.startswith("rank:"):
        data.set_group([len(X)])
    return xgboost.train({"objective": objective, "nthread": 1} | parameters, data, 4)


def answers(booster: xgboost.Booster, records: list[Any], folder: Path) -> list[Any]:
    booster.save_model(folder / "model.ubj")
    asset = prepare_local(folder / "model.ubj", folder / "prepared")
    engine = load_engine(folder / "prepared", asset, LoadOptions())
    rows = compile_reader(asset.model_schema, asset.engine_type).read(records)
    found = [dict(answer) for answer in engine.score(rows).answers]
    engine.close()
    return found


@pytest.mark.parametrize(
    ("objective", "parameters"),
    [
        pytest.param("multi:softprob", {"num_class": 3}, id="classes and their probabilities"),
        pytest.param("multi:softprob", {"num_class": 3, "booster": "dart"}, id="with dart"),
    ],
)
def test_a_classifier_answers_class_and_probabilities(
    objective: str, parameters: dict[str, Any], tmp_path: Path
) -> None:
    booster = trained(objective, LABELS, **parameters)
    expected = booster.inplace_predict(X)

    found = answers(booster, X.tolist(), tmp_path)

    assert [one["prediction"] for one in found] == expected.argmax(axis=1).tolist()
    assert np.allclose([one["probability"] for one in found], expected, atol=1e-6)


def test_a_binary_classifier_has_the_threshold_one_half(tmp_path: Path) -> None:
    booster = trained("binary:logistic", LABELS > 0)
    expected = booster.inplace_predict(X)

    found = answers(booster, X.tolist(), tmp_path)

    assert [one["prediction"] for one in found] == (expected > 0.5).astype(int).tolist()
    assert np.allclose([one["probability"][1] for one in found], expected, atol=1e-6)
    assert all(sum(one["probability"]) == pytest.approx(1) for one in found)


@pytest.mark.parametrize(
    ("objective", "labels", "parameters"),
    [
        pytest.param("multi:softmax", LABELS, {"num_class": 3}, id="softmax has no probabilities"),
        pytest.param("binary:hinge", LABELS > 0, {}, id="nor has hinge"),
    ],
)
def test_a_classifier_without_probabilities_answers_the_class(
    objective: str, labels: Any, parameters: dict[str, Any], tmp_path: Path
) -> None:
    booster = trained(objective, labels, **parameters)
    expected = booster.inplace_predict(X).astype(int).tolist()

    assert answers(booster, X.tolist(), tmp_path) == [{"prediction": one} for one in expected]


@pytest.mark.parametrize(
    ("objective", "labels", "parameters"),
    [
        pytest.param("reg:squarederror", X[:, 0], {}, id="regression"),
        pytest.param("reg:squarederror", X[:, 0], {"booster": "gblinear"}, id="a linear booster"),
        pytest.param("reg:squarederror", X[:, :2], {}, id="two targets"),
        pytest.param("reg:logistic", LABELS > 0, {}, id="a logistic regression is a number"),
        pytest.param("count:poisson", LABELS, {}, id="counts"),
        pytest.param(
            "reg:quantileerror", X[:, 0], {"quantile_alpha": [0.1, 0.9]}, id="two quantiles"
        ),
        pytest.param("survival:cox", LABELS + 1, {}, id="survival"),
        pytest.param("rank:pairwise", LABELS, {}, id="ranking"),
        pytest.param("binary:logitraw", LABELS > 0, {}, id="a raw margin is no class"),
    ],
)
def test_everything_else_answers_the_librarys_number(
    objective: str, labels: Any, parameters: dict[str, Any], tmp_path: Path
) -> None:
    booster = trained(objective, labels, **parameters)
    data = xgboost.DMatrix(X)

    found = answers(booster, X.tolist(), tmp_path)

    assert all(one.keys() == {"prediction"} for one in found)
    assert np.allclose([one["prediction"] for one in found], booster.predict(data), atol=1e-6)


def test_null_is_a_missing_value(tmp_path: Path) -> None:
    booster = trained("reg:squarederror", X[:, 0])
    expected = booster.inplace_predict(np.array([[np.nan, 1, 2]], np.float32))

    found = answers(booster, [[None, 1, 2], {"f0": None, "f1": 1, "f2": 2}], tmp_path)

    assert [one["prediction"] for one in found] == pytest.approx([float(expected[0])] * 2)


@pytest.mark.parametrize(
    "categories",
    [
        pytest.param(["a", "b b", "ccc"], id="text"),
        pytest.param([10, 20, 70], id="whole numbers"),
    ],
)
def test_categories_are_the_models_own_codes(categories: list[Any], tmp_path: Path) -> None:
    values = [categories[number % 3] for number in range(len(X))]
    frame = pandas.DataFrame({"x": X[:, 0], "c": pandas.Categorical(values)})
    labels = (frame["c"] == categories[1]).astype(int)
    data = xgboost.DMatrix(frame, label=labels, enable_categorical=True)
    booster = xgboost.train({"objective": "binary:logistic", "nthread": 1}, data, 5)
    records = [{"c": value, "x": float(x)} for value, x in zip(values, X[:, 0], strict=True)]

    found = answers(booster, records, tmp_path)

    expected = booster.inplace_predict(frame)
    assert np.allclose([one["probability"][1] for one in found], expected, atol=1e-6)
    assert found[1]["prediction"] == 1


def test_the_order_of_a_schemas_fields_and_categories_means_nothing(tmp_path: Path) -> None:
    frame = pandas.DataFrame({"x": X[:, 0], "c": pandas.Categorical(["u", "v"] * 100)})
    data = xgboost.DMatrix(frame, label=frame["c"] == "v", enable_categorical=True)
    xgboost.train({"objective": "binary:logistic"}, data, 5).save_model(tmp_path / "model.json")
    inputs = (
        InputField(name="c", type=FieldType.STRING, categories=("v", "u")),
        InputField(name="x", type=FieldType.FLOAT),
    )
    asset = an_asset(model_file="model.json", model_schema=Schema(inputs=inputs))

    engine = load_engine(tmp_path, asset, LoadOptions())

    assert [one["prediction"] for one in engine.score([("u", 1.0), ("v", 1.0)]).answers] == [0, 1]


def test_answers_that_are_not_finite_are_named_by_row(tmp_path: Path) -> None:
    booster = trained("count:poisson", LABELS, booster="gblinear", eta=1.0)
    booster.save_model(tmp_path / "model.json")
    inputs = tuple(a_field(f"f{number}", type=FieldType.FLOAT) for number in range(3))
    asset = an_asset(model_file="model.json", model_schema=Schema(inputs=inputs))
    engine = load_engine(tmp_path, asset, LoadOptions())

    scores = engine.score([(1.0, 1.0, 1.0), (3e38, 3e38, 3e38), (-3e38, -3e38, -3e38)])

    assert set(scores.not_finite) <= {1, 2}
    assert scores.not_finite


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        pytest.param(b"{}", Reason.MODEL_LOAD_FAILED, id="an empty document"),
        pytest.param(b"abc", Reason.MODEL_LOAD_FAILED, id="no document"),
        pytest.param(
            bytes(trained("reg:squarederror", X[:, 0]).save_raw("json")),
            Reason.MODEL_LOAD_FAILED,
            id="another model than the schema's",
        ),
    ],
)
def test_what_cannot_be_loaded_is_refused(raw: bytes, reason: Reason, tmp_path: Path) -> None:
    (tmp_path / "model.json").write_bytes(raw)

    with pytest.raises(MlzError) as refused:
        load_engine(tmp_path, an_asset(model_file="model.json"), LoadOptions())

    assert refused.value.reason is reason


def test_the_library_is_called_without_its_python_package(tmp_path: Path) -> None:
    booster = trained("reg:squarederror", X[:, 0])

    ours = Booster(bytes(booster.save_raw("ubj")), threads=1)

    assert version() == xgboost.__version__
    assert ours.feature_count() == 3
    assert ours.feature_names() == []
    assert ours.predict(X).tolist() == booster.inplace_predict(X).tolist()
    assert EngineType.XGBOOST.value in str(xgboost.__file__)


def test_few_rows_are_scored_by_their_caller_many_by_all_threads(tmp_path: Path) -> None:
    model = tmp_path / "model.ubj"
    trained("reg:squarederror", X[:, 0]).save_model(model)

    def threads_made(threads: int) -> list[int]:
        command = [sys.executable, "-c", _THREADS_AFTER, model, str(threads), "1", "64", "4096"]
        said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        return [int(line) for line in said.stdout.split()]

    assert threads_made(1) == [0, 0, 0]
    assert threads_made(2) == [0, 0, min(2, len(os.sched_getaffinity(0))) - 1]
