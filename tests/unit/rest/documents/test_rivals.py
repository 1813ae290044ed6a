"""What another deployment has already cannot be had again."""

import pytest

from builders import a_deployment_body
from mlz.rest.documents.rivals import check_is_free, patched
from mlz.rest.problems import Code, Refusal
from unit.rest.documents.examples import Json

WANTED = a_deployment_body("new", servingId="churn_id")
ASSET = {"modelVersion": "churn-v2"}


@pytest.mark.parametrize(
    ("other", "code"),
    [
        pytest.param(
            a_deployment_body("old", displayName="new", asset=ASSET),
            Code.DUPLICATE_DEPLOYMENT_NAME,
            id="its display name",
        ),
        pytest.param(
            a_deployment_body("new", scoringService="other", meta={"uid": "another"}),
            Code.DUPLICATE_DEPLOYMENT_NAME,
            id="its name, wherever",
        ),
        pytest.param(a_deployment_body("old"), Code.DUPLICATE_DEPLOYMENT, id="its version"),
        pytest.param(
            a_deployment_body("old", servingId="churn_id", asset=ASSET),
            Code.DUPLICATE_SERVING_ID,
            id="its servingId",
        ),
        pytest.param(
            a_deployment_body("old", displayName="new", servingId="churn_id"),
            Code.DUPLICATE_DEPLOYMENT_NAME,
            id="all of it: the name is told first",
        ),
    ],
)
def test_what_another_has_is_refused_with_its_code(other: Json, code: Code) -> None:
    with pytest.raises(Refusal) as caught:
        check_is_free(WANTED, [a_deployment_body("third", asset={"modelVersion": "x"}), other])

    assert caught.value.code is code


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(WANTED, id="it is itself"),
        pytest.param(
            a_deployment_body("old", servingId="churn_id", scoringService="other"),
            id="the same version and servingId in another scoring service",
        ),
        pytest.param(a_deployment_body("old", asset=ASSET), id="another version of the model"),
        pytest.param(
            a_deployment_body("old", meta={"deletionTimestamp": "2030-01-01T00:00:00Z"}),
            id="one that is on its way out",
        ),
    ],
)
def test_what_nobody_else_has_is_free(other: Json) -> None:
    check_is_free(WANTED, [other])


def test_a_new_deployment_has_no_uid_and_is_no_other() -> None:
    wanted = {"metadata": {"name": "new"}, "spec": WANTED["spec"]}

    with pytest.raises(Refusal):
        check_is_free(wanted, [a_deployment_body("old")])


def test_a_patched_deployment_is_compared_as_it_will_be() -> None:
    patch = {"spec": {"displayName": "old", "servingId": None}}

    after = patched(WANTED, patch)

    assert after["spec"]["displayName"] == "old"
    assert "servingId" not in after["spec"]
    assert after["metadata"]["uid"] == WANTED["metadata"]["uid"]
