"""Live objects as types: whatever an API server let in, parsing answers and never raises."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import (
    EARLIER_TEXT,
    a_condition,
    a_deployment,
    a_deployment_body,
    a_failure,
    a_model_body,
    a_service_body,
    a_status,
    a_version_body,
    an_active_asset,
)
from mlz.api import names, parsing
from mlz.api.conditions import ConditionType, condition
from mlz.errors import Reason

PARSERS = [
    pytest.param(parsing.deployment, a_deployment_body, id="a deployment"),
    pytest.param(parsing.model_version, a_version_body, id="a model version"),
    pytest.param(parsing.model, a_model_body, id="a model"),
    pytest.param(parsing.scoring_service, a_service_body, id="a scoring service"),
]
GOOD: dict[str, dict[str, Any]] = {
    "everything a user may say": {
        "displayName": "Churn",
        "description": "who leaves",
        "author": {"name": "A", "email": "a@example.com"},
        "guid": "6f2a8f0e-3c39-4b5e-9a50-7d0f0f9f3b11",
        "servingId": "churn_1",
        "zaiu": True,
        "telum2": False,
        "replicas": 3,
        "resources": {"requests": {"cpu": "50m"}, "limits": {"cpu": 1}},
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "a", "operator": "Exists", "effect": "NoExecute"}],
        "env": [{"name": "A", "value": "1"}],
        "suspend": False,
    },
    "an asset by URI": {"asset": {"uri": "s3://b/m.onnx", "sha256": "a" * 64}},
}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
known_fields = st.sampled_from(
    [
        "type",
        "asset",
        "engineType",
        "scoringService",
        "replicas",
        "resources",
        "env",
        "tolerations",
        "guid",
        "active",
        "engines",
        "artifact",
        "schema",
        "model",
        "conditions",
        "state",
        "failure",
        "observedGeneration",
        "provider",
        "digest",
    ]
)
documents = json_values | st.dictionaries(known_fields, json_values, max_size=6)


@pytest.mark.parametrize(("parse", "build"), PARSERS)
@given(spec=documents, status=documents)
def test_parsing_never_raises(parse: Any, build: Any, spec: Any, status: Any) -> None:
    body = build() | {"spec": spec, "status": status}

    found = parse(body)

    assert (found.spec is None) is (found.fault is not None)


@pytest.mark.parametrize(("parse", "build"), PARSERS)
def test_an_object_without_status_has_an_empty_one(parse: Any, build: Any) -> None:
    found = parse(build())

    assert found.fault is None
    assert found.status.observed_generation is None


@pytest.mark.parametrize("fields", GOOD.values(), ids=GOOD)
def test_what_is_said_is_read(fields: dict[str, Any]) -> None:
    spec = a_deployment(**fields).spec

    assert spec is not None
    said = spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert said | fields == said


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        pytest.param({"engineType": "spark"}, "spec.engineType: ", id="a type of another release"),
        pytest.param({"type": "batch"}, "spec.type: ", id="a kind of another release"),
        pytest.param({"asset": None}, "spec.asset: ", id="a field is missing"),
        pytest.param({"batching": {}}, "spec.batching: ", id="a field of a newer operator"),
        pytest.param({"replicas": 0}, "spec.replicas: ", id="a number out of range"),
        pytest.param({"env": [{"name": "1"}]}, "spec.env.0.name: ", id="deep inside"),
        pytest.param({"resources": {"limits": {"cpu": 0.5}}}, "spec.resources.limits.cpu", id="a"),
    ],
)
def test_a_fault_names_its_field(fields: dict[str, Any], fault: str) -> None:
    found = a_deployment(**fields)

    assert found.spec is None
    assert found.fault is not None
    assert fault in found.fault


def test_every_fault_is_named() -> None:
    found = a_deployment(engineType="spark", type="batch", replicas=-1)

    assert found.fault is not None
    assert [part.partition(":")[0] for part in found.fault.split("; ")] == [
        "spec.type",
        "spec.engineType",
        "spec.replicas",
    ]


def test_a_spec_with_a_thousand_faults_still_fits_a_condition() -> None:
    found = a_deployment(**{f"unknown{number}": 1 for number in range(1000)})

    told = condition(ConditionType.READY, False, Reason.INVALID_SPEC, found.fault or "")

    assert told.message.startswith("spec.unknown0: ")


@pytest.mark.parametrize(
    "status",
    [
        pytest.param({"conditions": "none"}, id="of another shape"),
        pytest.param({"conditions": [{"type": "Ready"}]}, id="with half a condition"),
        pytest.param([], id="that is a list"),
        pytest.param({"asset": {"active": {"digest": 7}}}, id="with a number for a digest"),
    ],
)
def test_a_status_that_cannot_be_read_is_an_empty_one(status: Any) -> None:
    found = parsing.deployment(a_deployment_body() | {"status": status})

    assert found.status == type(found.status)()


def test_what_a_newer_operator_wrote_into_a_status_is_left_aside() -> None:
    status = a_status("ACTIVE", active=an_active_asset(), lineage=[{"asset": 1}])

    found = a_deployment(status=status)

    assert found.status.state == "ACTIVE"


def test_a_status_is_read_as_it_was_written() -> None:
    status = a_status(
        "ready",
        active=an_active_asset(),
        failure=a_failure("WarmUpFailed"),
        conditions=[a_condition("Ready", "True", "Serving", "it does")],
        provider="cpu",
        replicas=2,
        readyReplicas=1,
        schema={"verdict": "Compatible", "changes": []},
        history=[{"version": "churn-v1", "outcome": "Promoted", "time": EARLIER_TEXT}],
    )

    found = a_deployment(status=status).status

    assert found.model_dump(mode="json", by_alias=True, exclude_none=True) == status


@pytest.mark.parametrize(
    ("meta", "deleting", "paused"),
    [
        pytest.param({}, False, False, id="an object like any other"),
        pytest.param({"deletionTimestamp": "2030-01-01T12:00:00Z"}, True, False, id="going"),
        pytest.param({"annotations": {names.ANNOTATION_PAUSED: "true"}}, False, True, id="paused"),
        pytest.param({"annotations": {names.ANNOTATION_PAUSED: "no"}}, False, False, id="not so"),
        pytest.param({"annotations": None}, False, False, id="no annotations at all"),
    ],
)
def test_metadata(meta: dict[str, Any], deleting: bool, paused: bool) -> None:
    found = a_deployment(meta=meta).meta

    assert (found.deleting, found.paused) == (deleting, paused)
