"""Engine type pmml: outputs by name, missing and invalid values, and a Java machine held short."""

import json
from pathlib import Path
from typing import Any

import pytest

from mlz.errors import MlzError, Reason
from mlz.model.asset import EngineType
from mlz.scoring.engines import pmml
from mlz.scoring.engines.base import LoadOptions
from mlz.scoring.runtime import load_engine
from mlz.scoring.validation import compile_reader
from mlz.store.fetch import prepare_local
from unit.scoring.kit import an_asset

MEBIBYTE = 1024 * 1024
HEADER = '<?xml version="1.0"?><PMML version="4.4" xmlns="http://www.dmg.org/PMML-4_4"><Header/>'
DICTIONARY = """
<DataDictionary>
<DataField name="age" optype="continuous" dataType="integer">
<Interval closure="closedClosed" leftMargin="18" rightMargin="99"/></DataField>
<DataField name="amount" optype="continuous" dataType="double"/>
<DataField name="home" optype="categorical" dataType="string">
<Value value="own"/><Value value="rent"/></DataField>
<DataField name="risk" optype="categorical" dataType="string">
<Value value="good"/><Value value="bad"/></DataField>
<DataField name="price" optype="continuous" dataType="double"/>
</DataDictionary>"""
OUTPUT = """<Output>
<OutputField name="P" feature="probability" value="good" dataType="double" optype="continuous"/>
<OutputField name="Label" feature="predictedValue" dataType="string" optype="categorical"/>
<OutputField name="Hidden" isFinalResult="false" feature="probability" value="bad"
 dataType="double" optype="continuous"/></Output>"""


def classifier(
    output: str = "", home: str = "", amount: str = 'missingValueReplacement="0"'
) -> str:
    return f"""{HEADER}{DICTIONARY}
<RegressionModel functionName="classification" normalizationMethod="softmax">
<MiningSchema><MiningField name="age"/><MiningField name="amount" {amount}/>
<MiningField name="home" {home}/><MiningField name="risk" usageType="target"/></MiningSchema>
{output}
<RegressionTable intercept="0.1" targetCategory="good">
<NumericPredictor name="age" coefficient="0.02"/>
<NumericPredictor name="amount" coefficient="-0.0001"/>
<CategoricalPredictor name="home" value="own" coefficient="0.5"/></RegressionTable>
<RegressionTable intercept="0" targetCategory="bad"/></RegressionModel></PMML>"""


def regression(function: str = "log") -> str:
    return f"""{HEADER}{DICTIONARY}
<RegressionModel functionName="regression"><MiningSchema><MiningField name="amount"/>
<MiningField name="price" usageType="target"/></MiningSchema>
<LocalTransformations><DerivedField name="f" optype="continuous" dataType="double">
<Apply function="{function}"><FieldRef field="amount"/></Apply></DerivedField>
</LocalTransformations>
<RegressionTable intercept="1"><NumericPredictor name="f" coefficient="1"/></RegressionTable>
</RegressionModel></PMML>"""


def loaded(text: str, folder: Path) -> tuple[Any, Any]:
    (folder / "model.pmml").write_text(text)
    asset = prepare_local(folder / "model.pmml", folder / "prepared")
    engine = load_engine(folder / "prepared", asset, LoadOptions())
    return engine, compile_reader(asset.model_schema, asset.engine_type)


def answers(text: str, records: list[Any], folder: Path) -> list[Any]:
    engine, reader = loaded(text, folder)
    return [dict(answer) for answer in engine.score(reader.read(records)).answers]


RECORD = {"age": 30, "amount": 2000.5, "home": "own"}


def test_without_an_output_element_the_names_are_ours(tmp_path: Path) -> None:
    (found,) = answers(classifier(), [RECORD], tmp_path)

    assert list(found) == ["prediction", "probability(good)", "probability(bad)"]
    assert found["prediction"] == "good"
    assert found["probability(good)"] == pytest.approx(0.7310487479197714)


def test_the_fields_of_an_output_element_are_the_answer(tmp_path: Path) -> None:
    (found,) = answers(classifier(OUTPUT), [RECORD], tmp_path)

    assert found == {"P": pytest.approx(0.7310487479197714), "Label": "good"}


def test_a_regression_answers_its_prediction(tmp_path: Path) -> None:
    assert answers(regression("exp"), [{"amount": 0}], tmp_path) == [{"prediction": 2.0}]


@pytest.mark.parametrize(
    "record",
    [
        pytest.param({"age": "30", "amount": "2000.5", "home": "own"}, id="numbers as text"),
        pytest.param({"age": 30.0, "amount": 2000.5, "home": "own"}, id="whole with a point"),
        pytest.param(RECORD | {"other": {"a": []}}, id="a field more"),
    ],
)
def test_forms_of_one_record_have_one_answer(record: dict[str, Any], tmp_path: Path) -> None:
    first, second = answers(classifier(), [RECORD, record], tmp_path)

    assert first == second


def test_what_is_missing_is_replaced_where_the_model_says_so(tmp_path: Path) -> None:
    without = {"age": 30, "home": "own"}

    found = answers(
        classifier(), [without, without | {"amount": None}, without | {"amount": 0}], tmp_path
    )

    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize(
    ("treatment", "same_as"),
    [
        pytest.param('invalidValueTreatment="asIs"', "rent", id="as it is: no category matches"),
        pytest.param(
            'invalidValueTreatment="asMissing" missingValueReplacement="own"',
            "own",
            id="as missing, which is replaced",
        ),
        pytest.param(
            'invalidValueTreatment="asValue" invalidValueReplacement="own"', "own", id="replaced"
        ),
    ],
)
def test_invalid_values_are_treated_as_the_model_says(
    treatment: str, same_as: str, tmp_path: Path
) -> None:
    first, second = answers(
        classifier(home=treatment),
        [RECORD | {"home": "castle"}, RECORD | {"home": same_as}],
        tmp_path,
    )

    assert first == second


def test_answers_that_are_not_finite_are_named_by_row(tmp_path: Path) -> None:
    engine, reader = loaded(regression("ln"), tmp_path)

    scores = engine.score(reader.read([{"amount": 1}, {"amount": 0}, {"amount": -1}]))

    assert set(scores.not_finite) == {1, 2}
    assert scores.answers[0] == {"prediction": 1.0}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("no xml", id="no XML"),
        pytest.param(f"{HEADER}</PMML>", id="no model in it"),
        pytest.param(
            '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>' + HEADER + "&e;</PMML>",
            id="an outside entity, had the gate let it pass",
        ),
    ],
)
def test_what_cannot_be_loaded_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "content").mkdir()
    (tmp_path / "content" / "model").write_text(text)

    with pytest.raises(MlzError) as refused:
        load_engine(tmp_path, an_asset(engine_type=EngineType.PMML), LoadOptions())

    assert refused.value.reason is Reason.MODEL_LOAD_FAILED
    assert Path("/etc/hostname").read_text().strip() not in refused.value.message


@pytest.mark.parametrize(
    ("memory", "heap"),
    [
        pytest.param(None, 1024 * MEBIBYTE, id="no limit is known"),
        pytest.param(1024 * MEBIBYTE, 704 * MEBIBYTE, id="room is left for the rest"),
        pytest.param(400 * MEBIBYTE, 100 * MEBIBYTE, id="a small pod: a quarter"),
        pytest.param(100 * MEBIBYTE, 64 * MEBIBYTE, id="never less than Java needs"),
    ],
)
def test_the_heap_leaves_room_in_the_container(memory: int | None, heap: int) -> None:
    assert pmml.heap_bytes(memory) == heap


def test_the_java_machine_neither_takes_our_signals_nor_fetches_what_xml_names() -> None:
    options = pmml.java_options(LoadOptions(threads=2, memory_bytes=1024 * MEBIBYTE))

    assert {
        "-Xmx704m",
        "-Xrs",
        "-XX:ActiveProcessorCount=2",
        "-Djavax.xml.accessExternalDTD=",
    } <= set(options)


def test_letters_of_any_script_go_through(tmp_path: Path) -> None:
    text = (
        classifier()
        .replace("own", "Eigentum ü€𝄞")
        .replace("home", "Wohnung \N{OGHAM LETTER FEARN}")
    )
    record = {"age": 30, "amount": 1, "Wohnung \N{OGHAM LETTER FEARN}": "Eigentum ü€𝄞"}

    (found,) = answers(text, [record], tmp_path)

    assert json.loads(json.dumps(found))["prediction"] == "good"
    assert found["probability(good)"] > 0.75
