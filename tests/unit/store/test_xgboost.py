"""XGBoost: the schema that inspection finds, on models trained here and on real ones."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xgboost

from mlz.errors import Reason, RejectedError
from mlz.model.schema import FieldType, OutputField
from mlz.store.xgboost_format import inspect_xgboost
from unit.store.boosters import BINARY, ROWS, frame, inspected, train
from zoo.models import Zoo

THREE = np.digitize(ROWS[:, 0], [-0.5, 0.5])
PREDICTION = OutputField(name="prediction", type=FieldType.FLOAT, shape=())
CLASS = OutputField(name="prediction", type=FieldType.INT64, shape=())


def probability(count: int) -> OutputField:
    return OutputField(name="probability", type=FieldType.FLOAT, shape=(count,))


@pytest.mark.parametrize("form", ["json", "ubj"])
@pytest.mark.parametrize(
    ("labels", "options", "outputs", "classes"),
    [
        (BINARY, {"objective": "binary:logistic"}, (CLASS, probability(2)), (0, 1)),
        (BINARY, {"objective": "binary:hinge"}, (CLASS,), (0, 1)),
        (BINARY, {"objective": "binary:logitraw"}, (PREDICTION,), None),
        (
            THREE,
            {"objective": "multi:softprob", "num_class": 3},
            (CLASS, probability(3)),
            (0, 1, 2),
        ),
        (THREE, {"objective": "multi:softmax", "num_class": 3}, (CLASS,), (0, 1, 2)),
        (BINARY, {"objective": "reg:squarederror"}, (PREDICTION,), None),
        (BINARY, {"objective": "reg:logistic"}, (PREDICTION,), None),
        (BINARY, {"objective": "count:poisson"}, (PREDICTION,), None),
        (BINARY, {"objective": "rank:pairwise"}, (PREDICTION,), None),
        (BINARY + 1, {"objective": "survival:cox"}, (PREDICTION,), None),
        (BINARY, {"booster": "gblinear"}, (PREDICTION,), None),
        (BINARY, {"booster": "dart", "rate_drop": 0.5}, (PREDICTION,), None),
        (BINARY, {"grow_policy": "lossguide", "max_leaves": 9}, (PREDICTION,), None),
        (BINARY, {"tree_method": "exact", "gamma": 0.2, "max_depth": 6}, (PREDICTION,), None),
        (
            THREE,
            {"objective": "multi:softprob", "num_class": 3, "num_parallel_tree": 2},
            (CLASS, probability(3)),
            (0, 1, 2),
        ),
        (
            np.stack([BINARY, THREE], 1),
            {"tree_method": "hist", "multi_strategy": "multi_output_tree"},
            (OutputField(name="prediction", type=FieldType.FLOAT, shape=(2,)),),
            None,
        ),
        (
            BINARY,
            {"objective": "reg:quantileerror", "quantile_alpha": [0.1, 0.9]},
            (OutputField(name="prediction", type=FieldType.FLOAT, shape=(2,)),),
            None,
        ),
        (
            np.stack([BINARY, 1 - BINARY], 1),
            {"objective": "binary:logistic"},
            (
                OutputField(name="prediction", type=FieldType.INT64, shape=(2,)),
                OutputField(name="probability", type=FieldType.FLOAT, shape=(2,)),
            ),
            (0, 1),
        ),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else "",
)
@pytest.mark.filterwarnings("ignore")
def test_answers_follow_the_objective(
    *, labels: Any, options: dict[str, Any], outputs: Any, classes: Any, form: str, tmp_path: Path
) -> None:
    found = inspected(train(labels, **options), tmp_path, form)

    assert found.outputs == outputs
    assert found.classes == classes
    assert found.positional is True
    assert [field.name for field in found.inputs or ()] == ["f0", "f1", "f2", "f3"]


def test_features_have_the_types_and_categories_they_were_learned_with(tmp_path: Path) -> None:
    data = xgboost.DMatrix(frame(["car", "home", "other"]), BINARY, enable_categorical=True)

    found = inspected(xgboost.train({"nthread": 1}, data, 2), tmp_path)

    assert found.positional is None
    assert [(f.name, f.type, f.categories) for f in found.inputs or ()] == [
        ("amount", FieldType.FLOAT, None),
        ("count", FieldType.INT64, None),
        ("flag", FieldType.BOOLEAN, None),
        ("grade", FieldType.INT64, (7, 5, 9)),
        ("purpose", FieldType.STRING, ("car", "home", "other")),
    ]
    assert all(f.required and f.nullable and f.shape == () for f in found.inputs or ())


def test_categories_without_names_are_codes(tmp_path: Path) -> None:
    codes = np.resize([0.0, 1.0, 2.0], (200, 1))
    data = xgboost.DMatrix(
        codes, BINARY, feature_names=["kind"], feature_types=["c"], enable_categorical=True
    )

    found = inspected(xgboost.train({"nthread": 1}, data, 2), tmp_path)

    field = (found.inputs or ())[0]
    assert (field.type, field.categories) == (FieldType.INT64, None)


@pytest.mark.parametrize("words", [["a", "übrig", "z"], ["üa", "ab", "aa"], ["a", "b€"]])
def test_categories_that_the_library_cut_are_refused(words: list[str], tmp_path: Path) -> None:
    """
    XGBoost 3.2 counts letters where it should count bytes, and loses the rest.

    The second list would come out as ü, aa, ba: a record with "aa" would be scored as "ab".
    """
    data = xgboost.DMatrix(frame(words), BINARY, enable_categorical=True)

    with pytest.raises(RejectedError, match="pandas") as caught:
        inspected(xgboost.train({"nthread": 1}, data, 2), tmp_path)

    assert caught.value.reason is Reason.MODEL_INVALID


def test_the_zoo_s_model_has_the_data_s_categories(zoo: Zoo) -> None:
    for model in (zoo.credit_xgboost, zoo.credit_xgboost_json):
        facts = inspect_xgboost(model.path)

        fields = {field.name: field for field in facts.schema.inputs or ()}
        for name, column in zoo.credit.iloc[:, :-1].items():
            field = fields[str(name)]
            if column.dtype == object:
                assert set(field.categories or ()) == set(column.unique())
            else:
                assert field.type is FieldType.INT64
        assert facts.framework is not None
        assert facts.framework.version == xgboost.__version__
