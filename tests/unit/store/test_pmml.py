"""PMML: gates and schema, in agreement with what PMML4S itself reports."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlz.errors import Reason, RejectedError
from mlz.model.schema import Category, FieldType, InputField, Interval, Invalid, Schema
from mlz.store.pmml_format import inspect_pmml
from zoo.models import Zoo

TREE = (
    '<Node id="0" score="yes"><True/><ScoreDistribution value="yes" recordCount="3"/>'
    '<ScoreDistribution value="no" recordCount="1"/></Node>'
)


def pmml(
    dictionary: str = '<DataField name="x" optype="continuous" dataType="double"/>',
    mining: str = '<MiningField name="x"/>',
    **parts: str,
) -> str:
    """A tree of one node; each part can be another."""
    given = {
        "version": "4.4",
        "target": '<DataField name="y" optype="categorical" dataType="string">'
        '<Value value="yes"/><Value value="no"/></DataField>',
        "function": "classification",
        "output": "",
        "before": "",
        "model": TREE,
        "attributes": "",
    } | parts
    return (
        f'<?xml version="1.0"?>{given["before"]}<PMML xmlns="http://www.dmg.org/PMML-4_4" '
        f'version="{given["version"]}"><Header><Application name="maker" version="1"/></Header>'
        f"<DataDictionary>{dictionary}{given['target']}</DataDictionary>"
        f'<TreeModel functionName="{given["function"]}" {given["attributes"]}><MiningSchema>'
        f'{mining}<MiningField name="y" usageType="target"/></MiningSchema>{given["output"]}'
        f"{given['model']}</TreeModel></PMML>"
    )


def schema(text: str, folder: Path) -> Schema:
    (folder / "m.pmml").write_text(text)
    return inspect_pmml(folder / "m.pmml").schema


def refusal(content: str | bytes, folder: Path) -> RejectedError:
    (folder / "m.pmml").write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(RejectedError) as caught:
        inspect_pmml(folder / "m.pmml")
    return caught.value


def only(found: Schema) -> InputField:
    assert found.inputs is not None
    assert len(found.inputs) == 1
    return found.inputs[0]


@pytest.mark.parametrize(
    ("data_type", "wanted"),
    [
        ("integer", FieldType.INT64),
        ("float", FieldType.FLOAT),
        ("double", FieldType.DOUBLE),
        ("boolean", FieldType.BOOLEAN),
        ("string", FieldType.STRING),
    ],
)
def test_types(data_type: str, wanted: FieldType, tmp_path: Path) -> None:
    field = f'<DataField name="x" optype="continuous" dataType="{data_type}"/>'

    assert only(schema(pmml(field), tmp_path)).type is wanted


@pytest.mark.parametrize(
    "data_type", ["date", "time", "dateTime", "dateDaysSince[1970]", "timeSeconds"]
)
def test_a_date_is_refused_for_the_library_would_score_it_as_missing(
    data_type: str, tmp_path: Path
) -> None:
    field = f'<DataField name="x" optype="continuous" dataType="{data_type}"/>'

    found = refusal(pmml(field), tmp_path)

    assert found.reason is Reason.MODEL_INVALID
    assert f"active field 'x' of type {data_type}" in found.message


@pytest.mark.parametrize(
    ("attributes", "optional"),
    [
        pytest.param("", False, id="nothing said"),
        pytest.param('missingValueTreatment="asIs"', False, id="asIs does not make it optional"),
        pytest.param('missingValueTreatment="returnInvalid"', False, id="nor does returnInvalid"),
        pytest.param('missingValueReplacement="1"', True, id="a replacement"),
        pytest.param('missingValueTreatment="asMean"', True, id="the mean"),
        pytest.param('missingValueTreatment="asMode"', True, id="the mode"),
        pytest.param('missingValueTreatment="asMedian"', True, id="the median"),
        pytest.param('missingValueTreatment="asValue"', True, id="a value"),
    ],
)
def test_a_field_is_optional_where_the_model_fills_it(
    attributes: str, optional: bool, tmp_path: Path
) -> None:
    field = only(schema(pmml(mining=f'<MiningField name="x" {attributes}/>'), tmp_path))

    assert (field.required, field.nullable) == (not optional, optional)


@pytest.mark.parametrize(
    ("treatment", "wanted"),
    [
        ("", None),
        ("returnInvalid", None),
        ("asIs", Invalid.ACCEPT),
        ("asMissing", Invalid.MISSING),
        ("asValue", Invalid.REPLACE),
    ],
)
def test_what_becomes_of_values_outside(
    treatment: str, wanted: Invalid | None, tmp_path: Path
) -> None:
    field = (
        '<DataField name="x" optype="categorical" dataType="string"><Value value="a"/></DataField>'
    )
    mining = f'<MiningField name="x" invalidValueTreatment="{treatment}"/>'

    assert only(schema(pmml(field, mining), tmp_path)).invalid is wanted


@pytest.mark.parametrize(
    ("data_type", "values", "wanted"),
    [
        ("string", ["b", "a"], ("b", "a")),
        ("integer", ["1", "-2", "3.0"], (1, -2, 3)),
        ("double", ["1", "2.5e1"], (1.0, 25.0)),
        ("boolean", ["true", "0"], (True, False)),
    ],
)
def test_categories_have_the_field_s_type(
    data_type: str, values: list[str], wanted: tuple[Category, ...], tmp_path: Path
) -> None:
    listed = "".join(f'<Value value="{value}"/>' for value in values)
    field = (
        f'<DataField name="x" optype="categorical" dataType="{data_type}">{listed}'
        '<Value value="gone" property="missing"/>'
        '<Value value="bad" property="invalid"/></DataField>'
    )

    found = only(schema(pmml(field), tmp_path)).categories

    assert found == wanted
    assert list(map(type, found or ())) == list(map(type, wanted))


@pytest.mark.parametrize(
    ("closure", "wanted"),
    [
        ("closedClosed", "both"),
        ("closedOpen", "left"),
        ("openClosed", "right"),
        ("openOpen", "neither"),
    ],
)
def test_intervals(closure: str, wanted: Any, tmp_path: Path) -> None:
    field = (
        '<DataField name="x" optype="continuous" dataType="double">'
        f'<Interval closure="{closure}" leftMargin="0" rightMargin="10"/>'
        f'<Interval closure="{closure}" leftMargin="20"/></DataField>'
    )

    assert only(schema(pmml(field), tmp_path)).range == (
        Interval(min=0, max=10, closed=wanted),
        Interval(min=20, max=None, closed=wanted),
    )


def test_only_active_fields_are_inputs(tmp_path: Path) -> None:
    fields = "".join(
        f'<DataField name="{name}" optype="continuous" dataType="double"/>' for name in "xsw"
    )
    mining = (
        '<MiningField name="s" usageType="supplementary"/><MiningField name="x"/>'
        '<MiningField name="w" usageType="analysisWeight"/>'
    )

    assert only(schema(pmml(fields, mining), tmp_path)).name == "x"


def outputs(found: Schema) -> list[tuple[str, FieldType | None]]:
    return [(field.name, field.type) for field in found.outputs or ()]


def test_without_an_output_element_the_answer_has_our_names(tmp_path: Path) -> None:
    found = schema(pmml(), tmp_path)

    assert outputs(found) == [
        ("prediction", FieldType.STRING),
        ("probability(yes)", FieldType.DOUBLE),
        ("probability(no)", FieldType.DOUBLE),
    ]
    assert found.classes == ("yes", "no")


def test_the_output_element_names_the_answer(tmp_path: Path) -> None:
    output = (
        '<Output><OutputField name="p" feature="probability" value="yes"/>'
        '<OutputField name="inner" feature="predictedValue" isFinalResult="false"/>'
        '<OutputField name="label" feature="predictedValue"/>'
        '<OutputField name="code" feature="transformedValue" dataType="integer"/></Output>'
    )

    assert outputs(schema(pmml(output=output), tmp_path)) == [
        ("p", FieldType.DOUBLE),
        ("label", FieldType.STRING),
        ("code", FieldType.INT64),
    ]


def segment(number: int, output: str) -> str:
    return (
        f'<Segment id="{number}"><True/><TreeModel functionName="regression"><MiningSchema>'
        f'<MiningField name="x"/></MiningSchema><Output><OutputField name="{output}" '
        f'dataType="double"/></Output>{TREE}</TreeModel></Segment>'
    )


@pytest.mark.parametrize(
    ("method", "wanted"),
    [
        pytest.param("modelChain", ["last"], id="a chain answers with its last segment"),
        pytest.param("majorityVote", ["prediction"], id="a vote has no field of a part"),
    ],
)
def test_the_answer_of_a_chain_is_its_last_segment_s(
    method: str, wanted: list[str], tmp_path: Path
) -> None:
    segments = "".join(segment(n, name) for n, name in enumerate(["first", "middle", "last"]))
    chain = f'<Segmentation multipleModelMethod="{method}">{segments}</Segmentation>'
    text = pmml(model=chain, function="regression").replace("<TreeModel", "<MiningModel", 1)
    text = re.sub(r"</TreeModel></PMML>$", "</MiningModel></PMML>", text)

    assert [name for name, _ in outputs(schema(text, tmp_path))] == wanted


def test_classes_come_from_the_distributions_where_the_target_lists_none(tmp_path: Path) -> None:
    target = '<DataField name="y" optype="categorical" dataType="string"/>'

    assert schema(pmml(target=target), tmp_path).classes == ("yes", "no")


def test_a_regression_has_no_classes(tmp_path: Path) -> None:
    target = '<DataField name="y" optype="continuous" dataType="double"/>'

    found = schema(pmml(target=target, function="regression"), tmp_path)

    assert found.classes is None
    assert outputs(found) == [("prediction", FieldType.DOUBLE)]


DTD = '<!DOCTYPE PMML [<!ENTITY e SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(pmml(before="<!DOCTYPE PMML>"), id="an empty DTD"),
        pytest.param(pmml(before=DTD), id="an external entity"),
        pytest.param(pmml(before='<!DOCTYPE PMML SYSTEM "http://evil/x.dtd">'), id="a far DTD"),
        pytest.param(pmml(before='<!DOCTYPE x [<!ENTITY a "&b;">]>'), id="an entity bomb"),
        pytest.param(pmml(model="<Node>" * 300 + "</Node>" * 300), id="a tree too deep"),
        pytest.param(pmml(before=DTD).encode("utf-16"), id="a DTD in another encoding"),
    ],
)
def test_what_may_harm_is_unsafe(content: str | bytes, tmp_path: Path) -> None:
    assert refusal(content, tmp_path).reason is Reason.MODEL_UNSAFE


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("<PMML", id="broken XML"),
        pytest.param("<html></html>", id="other XML"),
        pytest.param(pmml()[:-3], id="truncated"),
        pytest.param("<PMML version='4.4'/>", id="no model"),
        pytest.param("<PMML/>", id="no version"),
        pytest.param(pmml(attributes='isScorable="false"'), id="a model not to be scored"),
        pytest.param(
            pmml().replace("TreeModel", "TimeSeriesModel"), id="a model the engine does not know"
        ),
        pytest.param(pmml(mining='<MiningField name="z"/>'), id="a field of no dictionary"),
        pytest.param(pmml(mining='<MiningField name="x"/>' * 2), id="a field twice"),
        pytest.param(
            pmml(
                '<DataField name="x" optype="categorical" dataType="integer">'
                '<Value value="a"/></DataField>'
            ),
            id="a category of another type",
        ),
        pytest.param(
            pmml(
                '<DataField name="x" optype="continuous" dataType="double">'
                '<Interval leftMargin="1"/></DataField>'
            ),
            id="an interval without its closure",
        ),
        pytest.param('<?xml version="1.0" encoding="klingon"?><PMML/>', id="an unknown encoding"),
    ],
)
def test_what_is_no_scorable_model_is_invalid(content: str, tmp_path: Path) -> None:
    assert refusal(content, tmp_path).reason is Reason.MODEL_INVALID


@pytest.mark.parametrize("version", ["3.2", "4.2", "4.4.1"])
def test_known_versions_are_read(version: str, tmp_path: Path) -> None:
    assert schema(pmml(version=version), tmp_path).inputs


@pytest.mark.parametrize("version", ["4.5", "5.0"])
def test_newer_versions_are_refused(version: str, tmp_path: Path) -> None:
    error = refusal(pmml(version=version), tmp_path)

    assert error.reason is Reason.FRAMEWORK_VERSION_UNSUPPORTED


def test_what_wrote_the_file_is_known(tmp_path: Path) -> None:
    (tmp_path / "m.pmml").write_text(pmml())

    framework = inspect_pmml(tmp_path / "m.pmml").framework

    assert framework is not None
    assert (framework.name, framework.version) == ("maker", "1")


ASK_PMML4S = """
import json, pathlib, sys
from pypmml import Model, PMMLContext
PMMLContext.getOrCreate(gateway="jpype", java_opts=["-Xmx256m"])
model = Model.fromBytes(pathlib.Path(sys.argv[1]).read_bytes())
names = [model.inputNames, model.outputNames, model.classes]
print(json.dumps([[str(name) for name in part] for part in names]))
"""


def test_the_engine_s_library_sees_the_same_fields(zoo: Zoo) -> None:
    """In a process of its own: a Java machine keeps the options of who starts it first."""
    command = [sys.executable, "-c", ASK_PMML4S, str(zoo.credit_pmml.path)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    inputs, outputs, classes = json.loads(answer.stdout)

    found = inspect_pmml(zoo.credit_pmml.path).schema

    assert [field.name for field in found.inputs or ()] == inputs
    assert [field.name for field in found.outputs or ()] == outputs
    assert set(found.classes or ()) == set(classes)
    ranges = [field.range for field in found.inputs or ()]
    categories = [field.categories for field in found.inputs or ()]
    assert sum(range_ is not None for range_ in ranges) == 7
    assert sum(values is not None for values in categories) == 13


WHOLE = pmml().encode()


@given(place=st.integers(0, len(WHOLE) - 1), noise=st.binary(min_size=1, max_size=8))
def test_a_damaged_model_is_read_or_refused(
    place: int, noise: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.pmml"
    path.write_bytes(WHOLE[:place] + noise + WHOLE[place + len(noise) :])
    try:
        inspect_pmml(path)
    except RejectedError as error:
        assert error.reason  # noqa: PT017 - either outcome is right


@given(content=st.binary(max_size=200).map(lambda tail: b"<" + tail))
def test_any_bytes_are_read_or_refused(
    content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.pmml"
    path.write_bytes(content)
    try:
        inspect_pmml(path)
    except RejectedError as error:
        assert error.reason  # noqa: PT017 - either outcome is right
