"""
What tests of the documents over HTTP begin with: models, versions, and IBM's create, sent once.

A file of tests takes the fixtures with ``from controlplane.documents import ...``.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from controlplane.facades import Caller
from controlplane.operators import Manifest
from controlplane.rest_stage import ANOTHER_SCHEMA, SCHEMA, RestStage, Version
from mlz.errors import Reason
from mlz.model.asset import Inspection
from unit.rest.documents.examples import a_create_body

MODELS = "/v3/ml_assets/models"
BROKEN = Inspection(reason=Reason.MODEL_INVALID, message="the file is cut off")


@pytest.fixture(scope="module", autouse=True)
def versions(stage: RestStage) -> dict[str, Version]:
    """Models and versions of all tests, made at once so that they are inspected at once."""
    stage.model("churn", description="")
    stage.model("fraud", displayName="Fraud in cards", labelColumn="isFraud")
    found = [
        stage.version(name, "churn")
        for name in ("churn-1", "churn-2", "churn-3", "churn-4", "churn-5", "churn-6", "churn-7")
    ]
    found += [stage.version(name, "fraud") for name in ("fraud-1", "fraud-2", "fraud-3")]
    found += [
        stage.version("churn-wide", "churn", ANOTHER_SCHEMA),
        stage.version("churn-wide-2", "churn", ANOTHER_SCHEMA),
        stage.version("fraud-wide", "fraud", ANOTHER_SCHEMA),
        stage.version("churn-onnx", "churn", SCHEMA, "onnx"),
        stage.version("churn-broken", "churn", BROKEN),
    ]
    return {one.name: one for one in found}


@pytest.fixture(scope="module")
def ada(stage: RestStage) -> Caller:
    return stage.as_("ada")


@pytest.fixture(scope="module")
def create_body(stage: RestStage, versions: dict[str, Version]) -> Manifest:
    """IBM's request example."""
    href = versions["churn-1"].href
    return a_create_body(scoringGroupId=stage.group, artifactVersionHref=href)


@pytest.fixture(scope="module")
def created(stage: RestStage, versions: dict[str, Version], create_body: Manifest) -> Any:
    """The answer to IBM's request example, sent by the user of IBM's response example."""
    return stage.as_("wmlz11")("POST", versions["churn-1"].deployments, json=create_body)


@pytest.fixture(scope="module")
def path(created: Any, versions: dict[str, Version]) -> str:
    return f"{versions['churn-1'].deployments}/{created.json()['metadata']['guid']}"


@pytest.fixture
def gone(ada: Caller) -> Iterator[list[str]]:
    """Paths of deployments that a test wants deleted after it."""
    paths: list[str] = []
    yield paths
    for one in paths:
        ada("DELETE", one)


def v4_path(path: str) -> str:
    return f"/ml/v4/deployments/{path.rpartition('/')[2]}"


def asset_patch(version: Version) -> list[Manifest]:
    """IBM's patch; its listing shows paths with a blank."""
    path = " /deploy_info/artifactVersionHref"
    return [{"op": "replace", "path": path, "value": version.href}]


def inspected(ada: Caller, version: Version) -> bool:
    entity = ada("GET", version.href).json()["entity"]
    return bool(entity["inspection"]["state"] == "accepted")
