"""Models, versions and scoring services: documents and the bodies that make and change them."""

import pytest

from builders import a_condition, a_model_body, a_schema, a_service_body, a_version_body
from mlz.rest.documents import models, services
from mlz.rest.documents.related import AssetBodies
from mlz.rest.problems import Code, Refusal
from unit.rest.documents.examples import (
    BASE,
    HREF,
    MODEL,
    SERVICE,
    VERSION,
    Json,
    the_model,
    the_service,
    the_version,
)

READY = a_condition("Ready", "True", "Inspected", "the asset may serve")
INSPECTED = {
    "conditions": [READY],
    "digest": "sha256:" + "a" * 64,
    "framework": {"name": "JPMML-SkLearn", "version": "1.7"},
    "schema": a_schema().to_document(),
}


def a_model(**spec: object) -> Json:
    return the_model() | {"spec": {"displayName": "Churn", **spec}}


# Models


def test_a_model_is_shown_with_its_latest_version() -> None:
    model = a_model(description="who leaves", labelColumn="churn", predictionColumn="p")

    document = models.model(AssetBodies(the_version(status=INSPECTED), model), BASE)

    assert document == {
        "metadata": {
            "guid": MODEL,
            "url": f"{BASE}/v3/ml_assets/models/{MODEL}",
            "created_at": "2022-12-23T04:57:16.000Z",
            "modified_at": "2022-12-23T04:57:16.000Z",
        },
        "entity": {
            "author": {"name": "wmlz11"},
            "description": "who leaves",
            "digest": "sha256:" + "a" * 64,
            "engineType": "pmml",
            "framework": {
                "name": "JPMML-SkLearn",
                "version": "1.7",
                "runtimes": [{"name": "pmml"}],
            },
            "inspection": {"state": "accepted"},
            "label_column": "churn",
            "model_type": "standard",
            "model_url": f"{BASE}/v3/ml_assets/models/{MODEL}",
            "model_version": {"guid": VERSION, "url": HREF, "versionSeq": "1"},
            "name": "Churn",
            "prediction_column": "p",
            "versionSeq": "1",
        },
    }


def test_a_version_has_its_own_ids_and_its_schema() -> None:
    document = models.version(AssetBodies(the_version(status=INSPECTED), a_model()), BASE)

    assert document["metadata"]["guid"] == VERSION
    assert document["metadata"]["url"] == f"{BASE}{HREF}"
    assert document["entity"]["name"] == "Churn"
    assert document["entity"]["schema"] == a_schema().to_document()


def test_a_model_without_versions_is_shown_without_them() -> None:
    entity = models.model(AssetBodies(None, a_model()), BASE)["entity"]

    assert entity["name"] == "Churn"
    assert "model_version" not in entity


def test_a_version_without_a_model_is_a_model_of_its_own() -> None:
    document = models.model(AssetBodies(the_version(model=None)), BASE)

    assert document["metadata"]["guid"] == VERSION
    assert document["entity"]["name"] == "churn-v1"
    assert document["entity"]["model_version"]["url"] == (
        f"/v3/ml_assets/models/{VERSION}/versions/{VERSION}"
    )


def test_a_framework_that_nobody_knows_is_the_engine_type() -> None:
    entity = models.version(AssetBodies(the_version(), a_model()), BASE)["entity"]

    assert entity["framework"] == {"name": "pmml", "runtimes": [{"name": "pmml"}]}


@pytest.mark.parametrize(
    ("conditions", "told"),
    [
        pytest.param([], {"state": "pending"}, id="nobody has looked yet"),
        pytest.param(
            [
                a_condition("Ready", "Unknown", "Inspecting"),
                a_condition("Stalled", "True", "StoreUnreachable", "no answer"),
            ],
            {"state": "pending", "reason": "StoreUnreachable", "message": "no answer"},
            id="it cannot be fetched for now",
        ),
        pytest.param([READY], {"state": "accepted"}, id="it may serve"),
        pytest.param(
            [a_condition("Ready", "False", "ModelUnsafe", "it holds a DTD")],
            {"state": "refused", "reason": "ModelUnsafe", "message": "it holds a DTD"},
            id="it is refused",
        ),
    ],
)
def test_what_inspection_made_of_a_version(conditions: list[Json], told: Json) -> None:
    assert models.inspection_of(the_version(status={"conditions": conditions})) == told


def test_the_latest_version_is_the_one_that_the_model_names_else_the_youngest() -> None:
    old = a_version_body("old", meta={"creationTimestamp": "2030-01-01T00:00:00Z"})
    new = a_version_body("new", meta={"creationTimestamp": "2030-01-02T00:00:00Z"})
    named = a_model_body(status={"latestVersion": "old"})

    assert models.latest_version(named, [old, new]) is old
    assert models.latest_version(a_model_body(), [old, new]) is new
    assert models.latest_version(a_model_body(), []) is None


def test_model_name_is_the_display_name() -> None:
    assert models.has_name(a_model(), "Churn")
    assert models.has_name(a_model(), None)
    assert not models.has_name(a_model(), "churn")


# Scoring services


def test_a_scoring_service_is_shown_with_the_guid_that_deployments_name() -> None:
    document = services.scoring_service(the_service(replicas=2), BASE)

    assert document["metadata"]["guid"] == SERVICE
    assert document["metadata"]["url"] == f"{BASE}/v3/deployments/scoring/{SERVICE}"
    assert document["entity"] == {
        "name": "default",
        "type": "standard",
        "active": True,
        "replicas": 2,
    }


def test_a_scoring_service_is_made_as_asked() -> None:
    wanted = services.creation({"name": "risk", "type": "cluster", "active": False, "replicas": 3})

    assert services.manifest(wanted, "mlz-models") == {
        "apiVersion": "mlz.dev/v1alpha1",
        "kind": "MLzScoringService",
        "metadata": {"name": "risk", "namespace": "mlz-models"},
        "spec": {"type": "cluster", "active": False, "replicas": 3},
    }


def test_a_scoring_service_is_standard_unless_it_says_otherwise() -> None:
    assert services.creation({"name": "risk"}).fields == {"type": "standard"}


@pytest.mark.parametrize(
    ("document", "code"),
    [
        pytest.param([], Code.PARSING_ERROR, id="an array"),
        pytest.param({}, Code.INVALID_FIELD, id="no name"),
        pytest.param({"name": "Risk"}, Code.INVALID_FIELD, id="a name that is none of Kubernetes"),
        pytest.param({"name": "r", "type": "cics"}, Code.INVALID_FIELD, id="cics is not offered"),
        pytest.param({"name": "r", "type": 1}, Code.INVALID_FIELD, id="type is a number"),
        pytest.param({"name": "r", "type": ""}, Code.INVALID_FIELD, id="type is empty"),
        pytest.param({"name": "r", "type": {}}, Code.INVALID_FIELD, id="type is an empty object"),
        pytest.param({"name": "r", "active": "yes"}, Code.INVALID_FIELD, id="active is a text"),
        pytest.param({"name": "r", "replicas": 0}, Code.INVALID_FIELD, id="no replicas"),
        pytest.param({"name": "r", "replicas": 1001}, Code.INVALID_FIELD, id="too many"),
        pytest.param({"name": "r", "replicas": True}, Code.INVALID_FIELD, id="true is no number"),
    ],
)
def test_a_scoring_service_is_refused_with_the_code_of_its_first_fault(
    document: object, code: Code
) -> None:
    with pytest.raises(Refusal) as caught:
        services.creation(document)

    assert caught.value.code is code


@pytest.mark.parametrize(
    ("operations", "patch"),
    [
        pytest.param(
            [{"op": "replace", "path": "/active", "value": False}],
            {"spec": {"active": False}},
            id="deactivate",
        ),
        pytest.param(
            [{"op": "add", "path": "/replicas", "value": 4}], {"spec": {"replicas": 4}}, id="scale"
        ),
        pytest.param(
            [{"op": "remove", "path": "/replicas"}], {"spec": {"replicas": None}}, id="unscale"
        ),
        pytest.param([{"op": "replace", "path": "/type", "value": "standard"}], {}, id="the same"),
    ],
)
def test_a_scoring_service_is_changed_by_a_merge_patch(operations: list[Json], patch: Json) -> None:
    assert services.merge_patch(operations, the_service(replicas=2)) == patch


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "replace", "path": "/name", "value": "other"},
        {"op": "remove", "path": "/type"},
        {"op": "replace", "path": "/type", "value": "cics"},
        {"op": "replace", "path": "/replicas", "value": "2"},
    ],
    ids=lambda one: f"{one['op']} {one['path']}",
)
def test_what_a_scoring_service_cannot_become_is_refused(operation: Json) -> None:
    with pytest.raises(Refusal):
        services.merge_patch([operation], the_service())


def test_only_an_active_scoring_service_takes_deployments() -> None:
    services.check_is_active(a_service_body())
    services.check_is_active(a_service_body(active=True))

    with pytest.raises(Refusal) as caught:
        services.check_is_active(a_service_body(active=False))

    assert caught.value.code is Code.INACTIVE_SCORING_SERVICE
    assert services.unknown_service("x" * 1000).code is Code.UNKNOWN_SCORING_SERVICE
