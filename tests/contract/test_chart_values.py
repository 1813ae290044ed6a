"""What the chart makes of its values: settings that are read, and typos that are refused."""

import json
import re

import pytest
import yaml

from charts import CHART, Json, helm, render
from contract.rendering import EVERYTHING, named, operator_environment, pod_templates
from mlz.model.asset import EngineType
from mlz.settings import Defaults, OperatorSettings, RestSettings


def test_the_operators_environment_is_its_settings() -> None:
    environment = operator_environment(render())

    assert set(environment) == {f"MLZ_{name.upper()}" for name in OperatorSettings.model_fields}
    settings = OperatorSettings.from_environment(
        {name: value for name, value in environment.items() if value is not None}
    )
    assert settings == OperatorSettings()


def test_the_facades_environment_is_of_its_settings() -> None:
    objects = render({"rest": {"enabled": True}, "registry": {"enabled": True}})
    (container,) = named(objects, "Deployment", "mlz-rest")["spec"]["template"]["spec"][
        "containers"
    ]
    environment = {one["name"]: one["value"] for one in container["env"]}

    assert set(environment) <= {f"MLZ_{name.upper()}" for name in RestSettings.model_fields}
    settings = RestSettings.from_environment(environment)
    assert settings.registry == "mlz-registry.mlz-system.svc:5000"
    assert settings.issuer == "https://mlz-rest.mlz-system.svc"


@pytest.mark.parametrize(
    ("values", "mode"),
    [
        pytest.param({}, "None", id="without REST there is nobody to log in at"),
        pytest.param({"rest": {"enabled": True}}, "Required", id="REST brings log-ins"),
        pytest.param(
            {"rest": {"enabled": True}, "authentication": {"mode": "None"}}, "None", id="as said"
        ),
        pytest.param({"authentication": {"mode": "Required"}}, "Required", id="accounts alone"),
    ],
)
def test_scoring_asks_for_tokens_by_default_where_rest_is(values: Json, mode: str) -> None:
    defaults = Defaults.model_validate_json(
        named(render(values), "ConfigMap", "mlz-operator-defaults")["data"]["defaults.json"]
    )

    assert defaults.authentication.mode == mode
    assert (defaults.authentication.facade is None) is ("rest" not in values)


def test_defaults_are_what_the_operator_reads() -> None:
    defaults = Defaults.model_validate_json(
        named(render(EVERYTHING), "ConfigMap", "mlz-operator-defaults")["data"]["defaults.json"]
    )

    assert set(defaults.engines) == set(EngineType)
    assert defaults.image_pull_secrets == ("mine",)
    assert defaults.fetch == Defaults().fetch
    for engine in defaults.engines.values():
        assert engine.image
        assert set(engine.resources["limits"]) == {"memory"}
        assert engine.resources["requests"]["cpu"] == "50m"


def test_other_defaults_restart_the_operator() -> None:
    checksums = {
        template["metadata"]["annotations"]["checksum/defaults"]
        for values in ({}, {"images": {"onnx": "example.com/onnx:2"}})
        for template in pod_templates(render(values))
    }

    assert len(checksums) == 2


def test_every_value_is_explained_by_the_schema() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())

    assert set(schema["properties"]) - {"global"} == set(values)
    assert set(schema["properties"]["engines"]["properties"]) == set(EngineType)


TYPOS = [
    ("a misspelt value", {"oprator": {}}, "'oprator' not allowed"),
    ("a misspelt value further down", {"operator": {"replica": 2}}, "'replica' not allowed"),
    ("three operators", {"operator": {"replicas": 3}}, "/operator/replicas"),
    ("an unknown log level", {"operator": {"logLevel": "LOUD"}}, "/operator/logLevel"),
    ("too many workers", {"operator": {"workers": 65}}, "/operator/workers"),
    ("an unknown engine", {"engines": {"spark": {}}}, "'spark' not allowed"),
    ("an unknown provider", {"engines": {"onnx": {"providers": {"gpu": {}}}}}, "'gpu' not allowed"),
    ("a provider of pmml", {"engines": {"pmml": {"providers": {}}}}, "'providers' not allowed"),
    ("a number as quantity", {"registry": {"resources": {"limits": {"cpu": 1}}}}, "limits/cpu"),
    ("an image in two words", {"images": {"onnx": "a b"}}, "/images/onnx"),
    ("no operator image", {"images": {"operator": ""}}, "/images/operator"),
    ("an unknown image", {"images": {"spark": "x"}}, "'spark' not allowed"),
    ("one namespace, not a list", {"watchNamespaces": "a"}, "/watchNamespaces"),
    ("a namespace twice", {"watchNamespaces": ["a", "a"]}, "/watchNamespaces"),
    ("a switch in words", {"crds": {"keep": "yes"}}, "/crds/keep"),
    ("a scoring service of type cics", {"scoringService": {"spec": {"type": "cics"}}}, "spec/type"),
    ("no size", {"fetch": {"maxAssetBytes": 0}}, "/fetch/maxAssetBytes"),
    ("an interval without a unit", {"serviceMonitor": {"interval": "30"}}, "interval"),
]


@pytest.mark.parametrize(
    ("values", "message"), [pytest.param(values, text, id=name) for name, values, text in TYPOS]
)
def test_a_typo_in_the_values_is_refused(values: Json, message: str) -> None:
    answer = helm("template", "mlz", str(CHART), values=values)

    assert answer.returncode != 0
    assert message in answer.stderr


def test_the_chart_names_no_registry_of_ours() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())

    assert all(re.match(r"localhost/mlz-[a-z-]+:", one) for one in values["images"].values())
