"""Engine type pmml: what each kind of model answers is what its derived schema says."""

from pathlib import Path
from typing import Any

import pytest

from mlz.errors import MlzError, Reason
from mlz.model.asset import EngineType
from mlz.scoring.engines.base import LoadOptions
from mlz.scoring.runtime import load_engine
from mlz.scoring.validation import compile_reader
from mlz.store.fetch import prepare_local

SPECIES = """<DataField name="y" optype="categorical" dataType="string">
<Value value="no"/><Value value="yes"/></DataField>"""
NUMBERED = """<DataField name="y" optype="categorical" dataType="double">
<Value value="0"/><Value value="1"/></DataField>"""
PRICE = '<DataField name="y" optype="continuous" dataType="double"/>'
MINING = """<MiningSchema><MiningField name="x"/>
<MiningField name="y" usageType="target"/></MiningSchema>"""

CLUSTERS = """
<ClusteringModel functionName="clustering" modelClass="centerBased" numberOfClusters="2">
<MiningSchema><MiningField name="x"/></MiningSchema>
<ComparisonMeasure kind="distance"><squaredEuclidean/></ComparisonMeasure>
<ClusteringField field="x" compareFunction="absDiff"/>
<Cluster name="low"><Array n="1" type="real">1</Array></Cluster>
<Cluster name="high"><Array n="1" type="real">9</Array></Cluster></ClusteringModel>"""
RULES = f"""<RuleSetModel functionName="classification">{MINING}
<RuleSet defaultScore="no"><RuleSelectionMethod criterion="firstHit"/>
<SimpleRule id="r" score="yes"><SimplePredicate field="x" operator="greaterThan" value="5"/>
</SimpleRule></RuleSet></RuleSetModel>"""


def machine(method: str) -> str:
    return f"""<SupportVectorMachineModel functionName="classification" {method}>{MINING}
<LinearKernelType/><VectorDictionary numberOfVectors="1"><VectorFields numberOfFields="1">
<FieldRef field="x"/></VectorFields><VectorInstance id="v"><Array n="1" type="real">1</Array>
</VectorInstance></VectorDictionary>
<SupportVectorMachine targetCategory="yes" alternateTargetCategory="no">
<SupportVectors numberOfSupportVectors="1"><SupportVector vectorId="v"/></SupportVectors>
<Coefficients numberOfCoefficients="1" absoluteValue="5"><Coefficient value="-1"/></Coefficients>
</SupportVectorMachine></SupportVectorMachineModel>"""


def tree(scores: str = "") -> str:
    return f"""<TreeModel functionName="classification" splitCharacteristic="binarySplit">{MINING}
<Node score="no"><True/><ScoreDistribution value="no" recordCount="7"/>
<Node score="no"><SimplePredicate field="x" operator="lessOrEqual" value="5"/>{scores}</Node>
<Node score="yes"><SimplePredicate field="x" operator="greaterThan" value="5"/>{scores}</Node>
</Node></TreeModel>"""


def chain(last: str) -> str:
    return f"""<MiningModel functionName="classification">{MINING}
<Segmentation multipleModelMethod="modelChain"><Segment><True/>{last}</Segment></Segmentation>
</MiningModel>"""


def logistic(output: str = "") -> str:
    return f"""<RegressionModel functionName="classification" normalizationMethod="logit">{MINING}
{output}<RegressionTable intercept="0" targetCategory="1"/>
<RegressionTable intercept="0" targetCategory="0"/></RegressionModel>"""


def line(output: str) -> str:
    return f"""<RegressionModel functionName="regression">{MINING}<Output>{output}</Output>
<RegressionTable intercept="1"><NumericPredictor name="x" coefficient="2"/></RegressionTable>
</RegressionModel>"""


COUNTS = """<ScoreDistribution value="no" recordCount="1"/>
<ScoreDistribution value="yes" recordCount="3"/>"""
PRICED = '<OutputField name="price" feature="predictedValue" dataType="double"/>'
RESIDUAL = '<OutputField name="rest" feature="residual" dataType="double"/>'
NO_AND_YES = {"probability(no)": 0.25, "probability(yes)": 0.75}


@pytest.mark.parametrize(
    ("target", "model", "answer"),
    [
        pytest.param("", CLUSTERS, {"prediction": "2"}, id="a cluster is its number"),
        pytest.param(SPECIES, RULES, {"prediction": "yes"}, id="rules have no probabilities"),
        pytest.param(
            SPECIES, machine(""), {"prediction": "yes"}, id="a vector machine, one against all"
        ),
        pytest.param(
            SPECIES,
            machine('classificationMethod="OneAgainstOne"'),
            {"prediction": "yes", "probability(no)": 0.0, "probability(yes)": 1.0},
            id="a vector machine that votes",
        ),
        pytest.param(
            SPECIES, tree(), {"prediction": "yes"}, id="a tree whose leaves have no distribution"
        ),
        pytest.param(
            SPECIES, tree(COUNTS), {"prediction": "yes", **NO_AND_YES}, id="a tree that counted"
        ),
        pytest.param(SPECIES, chain(tree()), {"prediction": "yes"}, id="such a tree ends a chain"),
        pytest.param(
            SPECIES,
            chain(tree(COUNTS)),
            {"prediction": "yes", **NO_AND_YES},
            id="a tree that counted ends a chain",
        ),
        pytest.param(
            NUMBERED,
            logistic(),
            {"prediction": 1.0, "probability(0)": 0.5, "probability(1)": 0.5},
            id="classes that are numbers",
        ),
        pytest.param(
            PRICE, line(PRICED + RESIDUAL), {"price": 19.0}, id="a residual beside the prediction"
        ),
    ],
)
def test_the_answer_is_what_the_schema_promises(
    target: str, model: str, answer: dict[str, Any], tmp_path: Path
) -> None:
    outputs, found = scored(pmml(target, model), tmp_path)

    assert found == answer
    assert outputs == list(answer)


def test_an_output_that_the_library_has_not_is_refused(tmp_path: Path) -> None:
    unsure = chain(tree()).replace(
        "<Segment><True/>",
        '<Segment><SimplePredicate field="x" operator="greaterThan" value="3"/>',
    )
    named = unsure.replace(
        "<Node score=",
        '<Output><OutputField name="told" feature="predictedValue"/></Output><Node score=',
        1,
    )

    with pytest.raises(MlzError, match="has an output 'told', PMML4S has predicted_y") as refused:
        scored(pmml(SPECIES, named), tmp_path)

    assert refused.value.reason is Reason.MODEL_LOAD_FAILED


def pmml(target: str, model: str) -> str:
    return f"""<?xml version="1.0"?><PMML version="4.4" xmlns="http://www.dmg.org/PMML-4_4"><Header/>
<DataDictionary><DataField name="x" optype="continuous" dataType="double"/>{target}
</DataDictionary>{model}</PMML>"""


def scored(text: str, folder: Path) -> tuple[list[str], Any]:
    """The names of the schema's outputs, and the answer to a record."""
    (folder / "model.pmml").write_text(text)
    asset = prepare_local(folder / "model.pmml", folder / "prepared", EngineType.PMML)
    engine = load_engine(folder / "prepared", asset, LoadOptions())
    rows = compile_reader(asset.model_schema, EngineType.PMML).read([{"x": 9}])
    names = [field.name for field in asset.model_schema.outputs or ()]
    return names, engine.score(rows).answers[0]
