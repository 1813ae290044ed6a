"""Facts from what is watched: absence is None, a refusal is a value, only an outage raises."""

from typing import Any

import pytest

from builders import (
    HEX,
    NOW,
    OTHER_DIGEST,
    a_deployment,
    a_deployment_body,
    a_service_body,
    a_status,
    a_version_body,
    an_active_asset,
)
from mlz.api import names
from mlz.cluster.observe import claim_of, workload_facts
from mlz.model.asset import Provider
from unit.cluster.watched import (
    Manifest,
    Place,
    a_pod_body,
    a_workload_body,
    owned_by,
)


def test_a_version_that_was_made_again_with_other_bytes_is_not_the_one_that_serves() -> None:
    place = Place(a_version_body("churn-v0"))
    serving = a_status("ACTIVE", active=an_active_asset("churn-v0", OTHER_DIGEST))

    assert place.facts(status=serving).active_version is None


def test_before_anything_serves_the_version_on_its_way_counts() -> None:
    place = Place(a_version_body("churn-v0"))
    starting = a_status("INITIALIZING", asset={"target": an_active_asset("churn-v0")})

    found = place.facts(status=starting).active_version

    assert found is not None
    assert found.meta.name == "churn-v0"


def test_of_a_new_deployment_nothing_is_known() -> None:
    facts = Place().facts()

    assert (facts.scoring_service, facts.version, facts.active_version) == (None, None, None)
    assert facts.workload is None
    assert facts.pods == ()
    assert facts.engine_image


def test_what_is_watched_is_found_by_name_owner_and_label() -> None:
    place = Place(
        a_service_body(),
        a_version_body(),
        a_version_body("churn-v0"),
        a_workload_body(),
        a_pod_body(),
        a_pod_body("churn-2"),
        a_pod_body("stranger", labels={}),
    )

    facts = place.facts(status=a_status("ACTIVE", active=an_active_asset("churn-v0")))

    assert facts.scoring_service is not None
    assert facts.version is not None
    assert facts.version.meta.name == "churn-v1"
    assert facts.active_version is not None
    assert facts.active_version.meta.name == "churn-v0"
    assert facts.workload is not None
    assert [pod.name for pod in facts.pods] == ["churn-1", "churn-2"]
    assert place.server.requests == []


def test_an_asset_by_uri_is_looked_up_under_the_name_that_it_gets() -> None:
    asset = {"uri": "https://host/churn.onnx", "sha256": HEX}
    name = names.version_name("churn", asset["uri"], HEX, None, "onnx")
    place = Place(a_version_body(name))

    facts = place.facts(asset=asset)

    assert facts.version is not None
    assert facts.version.meta.name == name


@pytest.mark.parametrize(
    ("defaults", "fields", "known"),
    [
        pytest.param({}, {}, True, id="the chart has one"),
        pytest.param({"images": {"onnx": ""}}, {}, False, id="the chart has none"),
        pytest.param({"engines": {}}, {}, False, id="the chart knows no engines"),
        pytest.param({"engines": {}}, {"engineType": "spark"}, True, id="not the matter here"),
    ],
)
def test_whether_an_image_is_known(defaults: Any, fields: Any, known: bool) -> None:
    assert Place(**defaults).facts(**fields).engine_image is known


@pytest.mark.parametrize(
    "meta",
    [
        pytest.param(owned_by("somebody-else"), id="of another owner"),
        pytest.param({"ownerReferences": None}, id="of nobody"),
        pytest.param({"deletionTimestamp": "2030-01-01T00:00:00Z"}, id="on its way out"),
    ],
)
def test_a_workload_that_is_not_ours_to_keep_is_none(meta: Manifest) -> None:
    assert Place(a_workload_body(**meta)).facts().workload is None


@pytest.mark.parametrize(
    ("status", "observed", "counts"),
    [
        pytest.param({}, False, (0, 0, 0), id="its controller has not seen it"),
        pytest.param({"observedGeneration": 1, "replicas": 9}, False, (9, 0, 0), id="old counts"),
        pytest.param(
            {"observedGeneration": 2, "replicas": 3, "updatedReplicas": 2, "readyReplicas": 1},
            True,
            (3, 2, 1),
            id="what it says of our last write",
        ),
    ],
)
def test_a_workload_is_what_its_controller_says(
    status: Manifest, observed: bool, counts: tuple[int, ...]
) -> None:
    facts = workload_facts(a_workload_body(status))

    assert (facts.asset, facts.wanted, facts.observed) == ("a" * 16, 3, observed)
    assert (facts.total, facts.updated, facts.ready) == counts


@pytest.mark.parametrize(
    ("annotation", "provider"),
    [
        pytest.param({}, Provider.CPU, id="the CPU where nothing is said"),
        pytest.param({names.ANNOTATION_PROVIDER: "zaiu"}, Provider.ZAIU, id="as said"),
        pytest.param({names.ANNOTATION_PROVIDER: "gpu"}, Provider.CPU, id="or spoilt"),
        pytest.param(None, Provider.CPU, id="or removed"),
    ],
)
def test_the_provider_is_in_an_annotation(annotation: Any, provider: Provider) -> None:
    facts = workload_facts(a_workload_body(annotations=annotation))

    assert facts.provider is provider


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        pytest.param('pods "x" is forbidden: exceeded quota: small', "QuotaExceeded", id="a quota"),
        pytest.param("failed quota: q: must specify limits.cpu", "QuotaExceeded", id="asks"),
        pytest.param("violates PodSecurity restricted:latest", "PodRefused", id="admission"),
    ],
)
def test_why_pods_cannot_be_made(words: str, reason: str) -> None:
    failed = {"type": "ReplicaFailure", "status": "True", "message": words}

    facts = workload_facts(a_workload_body({"conditions": [failed]}))

    assert facts.finding is not None
    assert (facts.finding.reason, facts.finding.message) == (reason, words)


def test_pods_that_can_be_made_again_are_no_finding() -> None:
    healed = {"type": "ReplicaFailure", "status": "False"}

    assert workload_facts(a_workload_body({"conditions": [healed]})).finding is None


# Rivals


OLDER = {"meta": {"creationTimestamp": "2030-01-01T10:00:00Z", "uid": "z"}}
YOUNGER = {"meta": {"creationTimestamp": "2030-01-01T11:30:00Z"}}


@pytest.mark.parametrize(
    ("other", "ours", "reason"),
    [
        pytest.param({"servingId": "one"}, {"servingId": "one"}, "DuplicateServingId", id="id"),
        pytest.param({}, {}, "DuplicateDeployment", id="the same version in the same service"),
        pytest.param(
            {"displayName": "churn", "asset": {"modelVersion": "v9"}},
            {},
            "DuplicateDisplayName",
            id="our name as its display name",
        ),
        pytest.param(
            {"servingId": "one", "scoringService": "b", "asset": {"modelVersion": "v9"}},
            {"servingId": "one"},
            None,
            id="the same servingId in another service",
        ),
        pytest.param({"scoringService": "b"}, {}, None, id="the same version in another service"),
        pytest.param(
            {"asset": {"uri": "https://h/m", "sha256": HEX}},
            {"asset": {"uri": "https://h/m", "sha256": HEX}},
            None,
            id="the same bytes by URI are two versions",
        ),
        pytest.param({"engineType": "spark"}, {}, None, id="an unreadable one holds nothing"),
    ],
)
def test_the_older_deployment_holds_what_it_asks_for(
    other: Manifest, ours: Manifest, reason: str | None
) -> None:
    place = Place(a_deployment_body("older", **other, **OLDER))

    rivals = place.facts(**ours).rivals

    assert [one.reason for one in rivals] == ([] if reason is None else [reason])
    assert all("'older'" in one.message for one in rivals)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(a_deployment_body("younger", **YOUNGER), id="a younger one"),
        pytest.param(
            a_deployment_body("same-age", meta={"uid": "uid-of-d"}), id="of two of an age the uid"
        ),
        pytest.param(
            a_deployment_body(
                "going",
                meta={**OLDER["meta"], "deletionTimestamp": "2030-01-01T12:00:00Z"},
            ),
            id="one on its way out",
        ),
        pytest.param(
            a_deployment_body("far", meta={**OLDER["meta"], "namespace": "other"}),
            id="one of another namespace",
        ),
        pytest.param(a_deployment_body(), id="the deployment itself"),
    ],
)
def test_who_is_no_rival(other: Manifest) -> None:
    assert Place(other).facts().rivals == ()


def test_of_two_deployments_exactly_one_wins() -> None:
    one, other = a_deployment("a"), a_deployment("b")
    bodies = (a_deployment_body("a"), a_deployment_body("b"))

    losers = [
        deployment.meta.name
        for deployment in (one, other)
        if Place(*bodies).observer.deployment_facts(deployment, NOW).rivals
    ]

    assert losers == ["b"]
    assert claim_of(one, other) is not None
