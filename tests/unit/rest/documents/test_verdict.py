"""The verdict of a planned update: the same document as `mlz diff` prints."""

from typing import Any

from builders import a_deployment_body, a_schema, a_version_body
from mlz.model.asset import EngineType
from mlz.model.compat import Side, compare
from mlz.rest.documents.verdict import verdict


def a_version(features: int) -> dict[str, Any]:
    return a_version_body(status={"schema": a_schema(features).to_document()})


def test_it_is_the_verdict_of_the_update() -> None:
    old, new = (Side(EngineType.ONNX, a_schema(features)) for features in (2, 3))

    found = verdict(a_deployment_body(), a_version(2), a_version(3))

    assert found == compare(old, new).to_document()
    assert found["verdict"] == "Incompatible"
    assert {"verdict", "changes", "diffDigest"} == found.keys()


def test_identical_assets_have_nothing_to_acknowledge() -> None:
    assert verdict(a_deployment_body(), a_version(2), a_version(2)) == {
        "verdict": "Identical",
        "changes": [],
    }


def test_without_a_deployed_or_an_inspected_asset_it_is_unknown() -> None:
    assert verdict(a_deployment_body(), None, a_version(2))["verdict"] == "Unknown"
    assert verdict(a_deployment_body(), a_version(2), a_version_body())["verdict"] == "Unknown"
