"""Which resources a change concerns: never fewer than it touches."""

from typing import Any

import pytest

from builders import (
    HEX,
    a_condition,
    a_deployment_body,
    a_model_body,
    a_service_body,
    a_status,
    a_version_body,
)
from mlz.api import names
from mlz.cluster.cache import Cache
from mlz.controller.wakeups import keys_of


def a_child(kind: str, owner_kind: str = "MLzDeployment", **labels: str) -> dict[str, Any]:
    owner = {"kind": owner_kind, "name": "owner", "uid": "u", "controller": True}
    meta = {"name": "child", "namespace": "models", "labels": labels, "ownerReferences": [owner]}
    return {"kind": kind, "metadata": meta}


def woken(body: dict[str, Any], *known: dict[str, Any]) -> list[str]:
    cache = Cache()
    for one in known:
        cache.put(one)
    return [f"{key.kind.removeprefix('MLz')}/{key.name}" for key in keys_of(body, cache)]


def stalled(reason: str, **spec: Any) -> dict[str, Any]:
    conditions = [a_condition("Stalled", "True", reason)]
    return a_deployment_body("waiting", a_status(conditions=conditions), **spec)


OWNED = {"ownerReferences": a_child("x")["metadata"]["ownerReferences"]}
OWN = {"asset": {"uri": "https://h/m", "sha256": HEX}}


@pytest.mark.parametrize(
    ("body", "known", "keys"),
    [
        pytest.param(a_deployment_body(), [], ["Deployment/churn"], id="a deployment wakes itself"),
        pytest.param(
            a_child("Deployment"), [], ["Deployment/owner"], id="a child wakes its controller"
        ),
        pytest.param(
            a_child("Pod", "MLzModelVersion"),
            [],
            ["ModelVersion/owner"],
            id="an inspection pod wakes its version",
        ),
        pytest.param(
            a_child("Pod", "ReplicaSet", **{names.LABEL_DEPLOYMENT: "churn"}),
            [],
            ["Deployment/churn"],
            id="a scoring pod wakes its deployment by its label",
        ),
        pytest.param(
            a_child("Service", "Gateway", **{names.LABEL_DEPLOYMENT: "churn"}),
            [],
            ["Deployment/churn"],
            id="a child that was cut from its owner wakes it by its label",
        ),
        pytest.param(
            a_child("Service", **{names.LABEL_DEPLOYMENT: "owner"}),
            [],
            ["Deployment/owner"],
            id="a child wakes its deployment once",
        ),
        pytest.param(
            a_child("Gateway", "Gateway", **{names.LABEL_DEPLOYMENT: "churn"}),
            [],
            [],
            id="an object of somebody else wakes nobody",
        ),
        pytest.param(
            {"kind": "Pod", "metadata": {"name": "p", "namespace": "models"}},
            [],
            [],
            id="a pod of nobody wakes nobody",
        ),
        pytest.param(
            a_service_body(),
            [
                a_deployment_body("a"),
                a_deployment_body("b", scoringService="other"),
                a_deployment_body("c"),
            ],
            ["ScoringService/default", "Deployment/a", "Deployment/c"],
            id="a scoring service wakes who refers to it",
        ),
        pytest.param(
            a_version_body(),
            [a_deployment_body("a"), a_deployment_body("b", **OWN)],
            ["ModelVersion/churn-v1", "Model/churn", "Deployment/a"],
            id="a version wakes its model and who refers to it",
        ),
        pytest.param(
            a_version_body("v", model=None, meta=OWNED),
            [],
            ["ModelVersion/v", "Deployment/owner"],
            id="a deployment's own version wakes it",
        ),
        pytest.param(a_model_body(), [a_deployment_body()], ["Model/churn"], id="a model itself"),
        pytest.param(
            a_model_body(),
            [
                a_version_body("churn-v1"),
                a_version_body("other-v1", model="other"),
                a_deployment_body("a"),
                a_deployment_body("b", asset={"modelVersion": "other-v1"}),
                a_deployment_body("c", **OWN),
            ],
            ["Model/churn", "Deployment/a"],
            id="a model wakes who runs a version of it: its owner may score there",
        ),
        pytest.param(
            a_deployment_body(),
            [a_deployment_body(), a_deployment_body("rival", displayName="churn", **OWN)],
            ["Deployment/churn", "Deployment/rival"],
            id="a deployment wakes its rivals for a name",
        ),
        pytest.param(
            a_deployment_body(servingId="one", **OWN),
            [a_deployment_body("rival", servingId="one", **OWN), a_deployment_body("third", **OWN)],
            ["Deployment/churn", "Deployment/rival"],
            id="and for a servingId, and nobody else",
        ),
        pytest.param(
            a_deployment_body(displayName="given up", **OWN),
            [stalled("DuplicateDisplayName", displayName="churn", asset={"modelVersion": "v9"})],
            ["Deployment/churn", "Deployment/waiting"],
            id="what is given up wakes who waits for it",
        ),
        pytest.param(
            a_deployment_body(displayName="given up", **OWN),
            [stalled("Unschedulable", displayName="churn", asset={"modelVersion": "v9"})],
            ["Deployment/churn"],
            id="who waits for something else sleeps on",
        ),
        pytest.param(
            a_deployment_body(),
            [a_deployment_body("far", meta={"namespace": "other"}, displayName="churn")],
            ["Deployment/churn"],
            id="names of another namespace are no matter",
        ),
    ],
)
def test_keys_of(body: dict[str, Any], known: list[dict[str, Any]], keys: list[str]) -> None:
    assert woken(body, *known) == keys


@pytest.mark.parametrize("spec", [None, {}, {"asset": None}])
def test_a_resource_with_hardly_any_spec_wakes_itself(spec: Any) -> None:
    body = a_deployment_body() | {"spec": spec}

    assert woken(body, body) == ["Deployment/churn"]
