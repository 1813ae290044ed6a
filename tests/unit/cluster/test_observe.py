"""Facts from what is watched: absence is None, a refusal is a value, only an outage raises."""

from typing import Any

import pytest

from builders import (
    HEX,
    NAMESPACE,
    NOW,
    OTHER_DIGEST,
    a_deployment,
    a_deployment_body,
    a_model_body,
    a_schema,
    a_service_body,
    a_status,
    a_version_body,
    an_active_asset,
    an_inspection,
    some_defaults,
)
from fakes.apiserver import FakeApiServer, outage
from mlz.api import names, parsing
from mlz.cluster.cache import Cache
from mlz.cluster.client import ApiOutageError
from mlz.cluster.observe import Observer, claim_of, workload_facts
from mlz.errors import Reason
from mlz.lifecycle.facts import DeploymentFacts, VersionFacts
from mlz.model.asset import Provider
from mlz.model.report import to_log_line, to_message
from mlz.settings import OperatorSettings

Manifest = dict[str, Any]


class Place:
    """A cache and what an observer makes of it."""

    def __init__(self, *bodies: Manifest, **defaults: Any) -> None:
        self.server = FakeApiServer()
        self.cache = Cache()
        for body in bodies:
            self.cache.put(body)
        self.observer = Observer(
            self.cache, self.server, some_defaults(**defaults), OperatorSettings()
        )

    def facts(self, **deployment: Any) -> DeploymentFacts:
        return self.observer.deployment_facts(a_deployment(**deployment), NOW)

    def version_facts(self, body: Manifest) -> VersionFacts:
        return self.observer.version_facts(parsing.model_version(body), NOW)


def owned_by(uid: str, **meta: Any) -> Manifest:
    owner = {"uid": uid, "kind": "MLzDeployment", "name": "churn", "controller": True}
    return {"ownerReferences": [owner], **meta}


def a_workload_body(status: Manifest | None = None, **meta: Any) -> Manifest:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "churn",
            "namespace": NAMESPACE,
            "uid": "uid-of-workload",
            "generation": 2,
            "resourceVersion": "5",
            **owned_by("uid-of-churn"),
            **meta,
        },
        "spec": {
            "replicas": 3,
            "template": {"metadata": {"labels": {names.LABEL_ASSET: "a" * 16}}},
        },
        "status": status or {},
    }


def a_pod_body(name: str = "churn-1", status: Manifest | None = None, **meta: Any) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "uid": f"uid-of-{name}",
            "resourceVersion": "5",
            "creationTimestamp": "2030-01-01T11:00:00Z",
            "labels": {names.LABEL_DEPLOYMENT: "churn", names.LABEL_ASSET: "a" * 16},
            **meta,
        },
        "spec": {"restartPolicy": "Never"},
        "status": status or {},
    }


def an_inspection_body(message: str, **meta: Any) -> Manifest:
    ended = {"exitCode": 0, "finishedAt": "2030-01-01T11:59:00Z", "message": message}
    status = {
        "phase": "Succeeded",
        "containerStatuses": [{"name": "inspect", "state": {"terminated": ended}}],
    }
    fields = {**owned_by("uid-of-churn-v1"), "labels": {}, **meta}
    return a_pod_body("churn-v1-inspect", status, **fields)


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
            {"observedGeneration": 2, "replicas": 3, "updatedReplicas": 2, "availableReplicas": 1},
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
    assert (facts.total, facts.updated, facts.available) == counts


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


# Versions


def test_an_inspection_pod_belongs_to_the_very_version() -> None:
    message = to_message(an_inspection())
    ours = Place(an_inspection_body(message))
    theirs = Place(an_inspection_body(message, **owned_by("another-uid")))

    assert ours.version_facts(a_version_body()).pod is not None
    assert theirs.version_facts(a_version_body()).pod is None


def test_a_schema_in_the_message_needs_no_log() -> None:
    place = Place(an_inspection_body(to_message(an_inspection())))

    facts = place.version_facts(a_version_body())

    assert facts.pod is not None
    assert facts.pod.outcome == an_inspection()
    assert place.server.requests == []


def test_a_schema_that_did_not_fit_is_read_from_the_log() -> None:
    huge = a_schema(3000)
    place = Place(an_inspection_body(to_message(an_inspection(model_schema=huge))))
    place.server.logs[NAMESPACE, "churn-v1-inspect"] = f"words\n{to_log_line(huge)}\n"

    facts = place.version_facts(a_version_body())

    assert facts.pod is not None
    assert facts.pod.outcome is not None
    assert facts.pod.outcome.model_schema == huge


def test_a_log_without_the_schema_is_a_finding() -> None:
    place = Place(an_inspection_body(to_message(an_inspection(model_schema=a_schema(3000)))))

    facts = place.version_facts(a_version_body())

    assert facts.pod is not None
    assert facts.pod.outcome is None
    assert facts.pod.finding is not None
    assert facts.pod.finding.reason is Reason.ENGINE_CRASHED


def test_a_log_that_cannot_be_read_now_is_an_outage() -> None:
    place = Place(an_inspection_body(to_message(an_inspection(model_schema=a_schema(3000)))))
    place.server.before = outage

    with pytest.raises(ApiOutageError):
        place.version_facts(a_version_body())


def test_siblings_are_numbered_versions_of_the_same_model() -> None:
    def numbered(name: str, number: int, **fields: Any) -> Manifest:
        return a_version_body(name, {"versionSeq": number}, **fields)

    place = Place(
        a_model_body(),
        a_version_body(),
        numbered("churn-v2", 2),
        numbered("churn-v3", 3),
        numbered("fraud-v9", 9, model="fraud"),
        a_version_body("churn-v4"),
    )

    assert sorted(place.version_facts(a_version_body()).siblings) == [2, 3]
    assert place.version_facts(a_version_body(model=None)).siblings == ()
    assert place.observer.latest_version(NAMESPACE, "churn") == "churn-v3"


def test_a_version_needs_the_image_of_its_engine_type() -> None:
    known = Place().version_facts(a_version_body())
    unknown = Place(images={"pmml": ""}).version_facts(a_version_body(engineType="pmml"))

    assert known.engine_image
    assert not unknown.engine_image
