"""Which versions a deployment may have at all."""

from typing import Any

import pytest

from mlz.rest.documents.related import check_is_no_others
from mlz.rest.problems import Code, Refusal
from unit.rest.documents.examples import DEPLOYMENT, the_deployment, the_version


def a_version_of(kind: str, uid: str) -> dict[str, Any]:
    owner = {"apiVersion": "mlz.dev/v1alpha1", "kind": kind, "name": "by-uri", "uid": uid}
    return the_version(meta={"ownerReferences": [owner]})


@pytest.mark.parametrize(
    "version",
    [
        pytest.param(the_version(), id="nobody's"),
        pytest.param(a_version_of("MLzModel", "1"), id="a model's"),
        pytest.param(a_version_of("MLzDeployment", DEPLOYMENT), id="its own"),
    ],
)
def test_a_deployment_may_have_a_version_that_is(version: dict[str, Any]) -> None:
    check_is_no_others(version, the_deployment())


@pytest.mark.parametrize("deployment", [the_deployment(), None])
def test_another_deployments_own_version_is_refused(deployment: dict[str, Any] | None) -> None:
    with pytest.raises(Refusal) as caught:
        check_is_no_others(a_version_of("MLzDeployment", "another"), deployment)

    assert caught.value.code is Code.INVALID_FIELD
    assert "'by-uri'" in caught.value.message
