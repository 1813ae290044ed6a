"""The model version that a deployment makes of its own asset."""

from typing import Any

import pytest

from builders import a_deployment
from mlz.api.parsing import Deployment
from mlz.resources import versions
from unit.resources.inputs import SECRET


@pytest.mark.parametrize(
    ("deployment", "name"),
    [
        pytest.param(a_deployment(), "churn-v1", id="a version that exists by itself"),
        pytest.param(a_deployment(engineType="spark"), None, id="an unreadable spec"),
    ],
)
def test_a_named_version_is_not_made(deployment: Deployment, name: str | None) -> None:
    assert versions.name_of(deployment) == name
    assert versions.build(deployment) is None


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"asset": SECRET | {"uri": "s3://bucket/other.onnx"}}, id="another URI"),
        pytest.param({"asset": SECRET | {"sha256": "c" * 64}}, id="another digest"),
        pytest.param({"asset": SECRET | {"secretRef": {"name": "b"}}}, id="another Secret"),
        pytest.param({"engineType": "pmml", "asset": SECRET}, id="another engine type"),
    ],
)
def test_another_asset_is_another_version(fields: dict[str, Any]) -> None:
    """A version is immutable, so what is in it is in its name."""
    one, other = versions.build(a_deployment(asset=SECRET)), versions.build(a_deployment(**fields))

    assert one is not None
    assert other is not None
    assert one["metadata"]["name"] != other["metadata"]["name"]


def test_an_asset_by_uri_becomes_a_version_that_says_the_same() -> None:
    found = versions.build(a_deployment(asset=SECRET))

    assert found is not None
    assert found["spec"] == {"artifact": SECRET, "engineType": "onnx"}
    assert found["metadata"]["name"] == versions.name_of(a_deployment(asset=SECRET))
