"""
The REST API over HTTP: the real facade and the real operator, each with the chart's rights, on a
real API server. Nothing runs: a kubelet that is none says that pods are ready.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cluster.controlplane import ControlPlane
from controlplane.facades import Caller, FacadeProcess, installed_facades, logged_in
from controlplane.operators import (
    HEX,
    Installation,
    Kubelet,
    installed,
    resource,
    until,
)


@pytest.fixture(scope="module")
def home(
    control_plane: ControlPlane,
    kubectl: Callable[..., Any],
    crds: list[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Installation]:
    """An operator that leads, and a kubelet, in a namespace of its own."""
    kubectl("create", "namespace", "rest")
    folder = tmp_path_factory.mktemp("operator")
    with (
        installed(control_plane, kubectl, "rest", folder) as made,
        Kubelet(made.admin),
    ):
        made.start()
        until(made.leader, "somebody leads")
        yield made


@pytest.fixture(scope="module")
def facade(
    home: Installation,
    control_plane: ControlPlane,
    kubectl: Callable[..., Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[FacadeProcess]:
    """One facade, with a user of each role."""
    folder = tmp_path_factory.mktemp("rest")
    with installed_facades(control_plane, kubectl, "rest", folder) as made:
        made.add_user("ada", "mladm")
        yield made.start()


@pytest.fixture(scope="module")
def ada(facade: FacadeProcess) -> Iterator[Caller]:
    with logged_in(facade, "ada") as caller:
        yield caller


def test_a_deployment_is_made_read_and_deleted(home: Installation, ada: Caller) -> None:
    model = home.admin.apply(resource("MLzModel", "churn", {"displayName": "Churn"}))
    artifact = {"uri": "https://store.example.com/churn.onnx", "sha256": HEX}
    spec = {"model": "churn", "artifact": artifact, "engineType": "onnx"}
    version = home.admin.apply(resource("MLzModelVersion", "churn-1", spec))
    guid, version_guid = model["metadata"]["uid"], version["metadata"]["uid"]
    group = ada("GET", "/v3/deployments/scoring").json()["resources"][0]["metadata"]["guid"]
    info = {
        "scoringGroupId": group,
        "engineType": "onnx",
        "artifactVersionHref": f"/v3/ml_assets/models/{guid}/versions/{version_guid}",
    }

    made = ada(
        "POST",
        f"/v3/published_models/{guid}/deployments",
        json={"type": "online", "name": "CVT-online", "deploy_info": info},
    )

    assert made.status_code == 201, made.text
    assert made.json()["entity"]["status"] == "ACTIVE"
    path = f"/v3/published_models/{guid}/deployments/{made.json()['metadata']['guid']}"
    assert ada("GET", path).json()["entity"]["name"] == "CVT-online"
    assert ada("DELETE", path).status_code == 204
    assert ada("GET", path).status_code == 404
