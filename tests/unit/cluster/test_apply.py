"""Writes: skipped where they would change nothing, forced on ours, never on a stranger's."""

from contextlib import nullcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import NAMESPACE, a_deployment, a_deployment_body, a_service_body
from fakes.apiserver import FakeApiServer
from mlz.api import names
from mlz.cluster import kinds
from mlz.cluster.apply import Writer, holds, stamped
from mlz.cluster.cache import Cache
from mlz.cluster.client import ApiRefusalError
from mlz.cluster.safety import LEAST_DELETIONS, SAME_APPLIES, Brakes
from mlz.errors import MlzError, Reason, RetryableError
from mlz.resources import network, service
from mlz.resources.manifest import Manifest, owned


class Cluster:
    """A server, a cache that hears of every event, and a writer."""

    def __init__(self) -> None:
        self.time = 0.0
        self.server = FakeApiServer()
        self.cache = Cache()
        self.writer = Writer(self.server, self.cache, Brakes(lambda: self.time))
        self.server.put(a_deployment_body())

    def hear(self) -> None:
        for change, body in self.server.events:
            if change == "DELETED":
                self.cache.drop(body)
            else:
                self.cache.put(body)
        self.server.events.clear()

    def writes(self) -> list[str]:
        return [f"{one.verb} {one.kind}" for one in self.server.writes()]


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


def a_manifest(**spec: Any) -> Manifest:
    manifest = service.build(a_deployment())
    manifest["spec"] |= spec
    return manifest


# What holds


HELD = [
    pytest.param({"a": 1}, {"a": 1, "b": 2}, id="other people's fields do not matter"),
    pytest.param({"cpu": "1000m"}, {"cpu": "1"}, id="a quantity in other words"),
    pytest.param({"memory": "1Gi"}, {"memory": "1024Mi"}, id="a quantity in other units"),
    pytest.param({"cpu": 2}, {"cpu": "2"}, id="a quantity given as a number"),
    pytest.param([{"name": "a", "v": 1}], [{"name": "b"}, {"name": "a", "v": 1}], id="by name"),
    pytest.param([{"port": 1}], [{"port": 1, "protocol": "TCP"}], id="items with defaults"),
    pytest.param({"a": {}}, {"a": {"b": 1}}, id="an empty mapping asks for nothing"),
    pytest.param([], [], id="an empty list"),
    pytest.param(None, None, id="nothing"),
]
NOT_HELD = [
    pytest.param({"a": 1}, {}, id="a field is gone"),
    pytest.param({"a": 1}, {"a": 2}, id="a field has another value"),
    pytest.param({"a": True}, {"a": False}, id="a flag is turned"),
    pytest.param({"a": {"b": 1}}, {"a": None}, id="a mapping is gone"),
    pytest.param({"a": {"b": 1}}, {"a": "b"}, id="a mapping became a text"),
    pytest.param([{"name": "a"}], [{"name": "b"}], id="a named item is gone"),
    pytest.param([{"name": "a", "v": "1"}], [{"name": "a", "v": "2"}], id="a named item differs"),
    pytest.param([1, 2], [1], id="an item is gone"),
    pytest.param([1], [1, 2], id="an item was added to a list without names"),
    pytest.param([1, 2], [2, 1], id="items in another order"),
    pytest.param([1], None, id="a list is gone"),
    pytest.param({"cpu": "1"}, {"cpu": "2"}, id="another quantity"),
    pytest.param({"cpu": "1"}, {"cpu": "one"}, id="a quantity that is none"),
    pytest.param("a", None, id="a text is gone"),
]


@pytest.mark.parametrize(("wanted", "observed"), HELD)
def test_what_is_so_already(wanted: Any, observed: Any) -> None:
    assert holds(observed, wanted)


@pytest.mark.parametrize(("wanted", "observed"), NOT_HELD)
def test_what_is_not_so(wanted: Any, observed: Any) -> None:
    assert not holds(observed, wanted)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=10,
)


@given(json_values)
def test_everything_holds_itself(value: Any) -> None:
    assert holds(value, value)


@given(json_values, json_values)
def test_comparing_never_raises(one: Any, other: Any) -> None:
    holds(one, other)


# Applying


def test_an_object_is_made_once(cluster: Cluster) -> None:
    for _ in range(3):
        cluster.writer.apply_all([a_manifest()])

    assert cluster.writes() == ["apply Service"]


def test_what_was_written_is_known_before_any_event_tells_of_it(cluster: Cluster) -> None:
    cluster.writer.apply_all([a_manifest()])

    assert cluster.cache.get(kinds.SERVICE, NAMESPACE, "churn") is not None


def test_a_field_that_is_no_longer_wanted_is_removed(cluster: Cluster) -> None:
    cluster.writer.apply_all([a_manifest(sessionAffinity="ClientIP")])

    cluster.writer.apply_all([a_manifest()])

    found = cluster.server.find("Service", "churn")
    assert found is not None
    assert "sessionAffinity" not in found["spec"]


@pytest.mark.parametrize(
    "drift",
    [
        pytest.param(lambda body: body["spec"].update(type="NodePort"), id="another value"),
        pytest.param(lambda body: body["spec"].pop("selector"), id="a field removed"),
        pytest.param(lambda body: body["spec"]["ports"].clear(), id="an item removed"),
        pytest.param(lambda body: body["metadata"]["labels"].clear(), id="labels removed"),
        pytest.param(
            lambda body: body["metadata"]["annotations"].clear(), id="our annotations removed"
        ),
        pytest.param(lambda body: body["metadata"].pop("ownerReferences"), id="cut from its owner"),
    ],
)
def test_drift_is_repaired(cluster: Cluster, drift: Any) -> None:
    cluster.writer.apply_all([a_manifest()])
    before = cluster.server.find("Service", "churn")
    cluster.cache.put(cluster.server.edit("Service", "churn", drift))

    cluster.writer.apply_all([a_manifest()])

    after = cluster.server.find("Service", "churn")
    assert before is not None
    assert after is not None
    assert holds(after, {key: before[key] for key in ("spec",)})
    assert after["metadata"]["labels"] == before["metadata"]["labels"]
    assert after["metadata"]["ownerReferences"] == before["metadata"]["ownerReferences"]


def test_a_deleted_child_is_made_again(cluster: Cluster) -> None:
    cluster.writer.apply_all([a_manifest()])
    cluster.server.remove("Service", "churn")
    cluster.hear()

    cluster.writer.apply_all([a_manifest()])

    assert cluster.server.find("Service", "churn") is not None


def test_other_peoples_fields_are_left_alone(cluster: Cluster) -> None:
    cluster.writer.apply_all([a_manifest()])
    cluster.cache.put(
        cluster.server.edit(
            "Service", "churn", lambda body: body["metadata"]["labels"].update(team="a")
        )
    )

    cluster.writer.apply_all([a_manifest()])

    found = cluster.server.find("Service", "churn")
    assert found is not None
    assert found["metadata"]["labels"]["team"] == "a"
    assert cluster.writes() == ["apply Service"]


def test_a_strangers_object_is_not_taken_over(cluster: Cluster) -> None:
    stranger = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "churn", "namespace": NAMESPACE},
        "spec": {"type": "NodePort"},
    }
    cluster.server.put(stranger)
    cluster.server.edit("Service", "churn", lambda body: body["spec"].update(type="LoadBalancer"))

    with pytest.raises(RetryableError, match="Service 'churn' is needed and belongs to") as caught:
        cluster.writer.apply_all([a_manifest()])

    found = cluster.server.find("Service", "churn")
    assert caught.value.reason is Reason.NAME_CONFLICT
    assert found is not None
    assert found["spec"] == {"type": "LoadBalancer"}


@pytest.mark.parametrize(
    ("status", "words", "reason"),
    [
        pytest.param(422, "limits must be ≥ requests", Reason.OBJECT_REFUSED, id="not valid"),
        pytest.param(403, "denied by policy", Reason.OBJECT_REFUSED, id="admission says no"),
        pytest.param(403, "exceeded quota: small", Reason.QUOTA_EXCEEDED, id="a quota says no"),
        pytest.param(403, "must specify limits.cpu", Reason.QUOTA_EXCEEDED, id="a quota asks"),
    ],
)
def test_a_refused_object_is_told_of(
    cluster: Cluster, status: int, words: str, reason: Reason
) -> None:
    def refuse(_: object) -> None:
        raise ApiRefusalError(status, words)

    cluster.server.before = refuse

    with pytest.raises(MlzError, match=words) as caught:
        cluster.writer.apply_all([a_manifest()])

    assert caught.value.reason is reason


def test_a_fight_over_an_object_ends_and_is_told_of(cluster: Cluster) -> None:
    def round_of_the_fight() -> None:
        cluster.writer.apply_all([a_manifest()])
        edited = cluster.server.edit(
            "Service", "churn", lambda body: body["spec"].update(type="NodePort")
        )
        cluster.cache.put(edited)

    for _ in range(SAME_APPLIES):
        round_of_the_fight()
    with pytest.raises(RetryableError) as caught:
        round_of_the_fight()
    cluster.time += 61
    round_of_the_fight()

    assert caught.value.reason is Reason.WRITE_CONFLICT


# Pruning


def test_what_is_not_wanted_goes_by_its_uid(cluster: Cluster) -> None:
    wanted = [a_manifest(), network.build(a_deployment())]
    cluster.writer.apply_all(wanted)

    cluster.writer.prune(cluster.cache.owned_by("uid-of-churn"), wanted[:1])

    assert cluster.server.find("Service", "churn") is not None
    assert cluster.server.find("NetworkPolicy", "churn") is None


def test_what_is_on_its_way_out_is_not_deleted_again(cluster: Cluster) -> None:
    cluster.writer.apply_all([a_manifest()])
    going = cluster.server.edit(
        "Service",
        "churn",
        lambda body: body["metadata"].update(deletionTimestamp="2030-01-01T00:00:00Z"),
    )
    cluster.cache.put(going)

    cluster.writer.prune(cluster.cache.owned_by("uid-of-churn"), [])

    assert cluster.writes() == ["apply Service"]


@pytest.mark.parametrize("kind", ["Service", "Pod"])
def test_what_was_deleted_is_not_deleted_again(cluster: Cluster, kind: str) -> None:
    """Though no event has told of it yet, and whether it goes at once or in a while."""
    cluster.cache.put(cluster.server.put(owned("v1", kind, "churn", a_deployment())))

    for _ in range(2):
        cluster.writer.prune(cluster.cache.owned_by("uid-of-churn"), [])

    assert cluster.writes() == [f"delete {kind}"]


def test_an_object_that_took_the_name_of_a_deleted_one_is_spared(cluster: Cluster) -> None:
    cluster.writer.apply_all([a_manifest()])
    cluster.server.remove("Service", "churn")
    cluster.server.put(a_manifest())

    cluster.writer.prune(cluster.cache.owned_by("uid-of-churn"), [])

    assert cluster.server.find("Service", "churn") is not None


@pytest.mark.parametrize(
    ("status", "braked"),
    [
        pytest.param({"readyReplicas": 1}, True, id="workloads that answer are braked"),
        pytest.param({"readyReplicas": 0}, False, id="who never answered is not missed"),
        pytest.param({}, False, id="nor who has not even begun"),
    ],
)
def test_many_deletions_within_a_minute(cluster: Cluster, status: Manifest, braked: bool) -> None:
    for number in range(LEAST_DELETIONS + 1):
        body = owned("apps/v1", "Deployment", f"churn-{number}", a_deployment())
        cluster.cache.put(cluster.server.put(body | {"status": status}))
    going = cluster.cache.owned_by("uid-of-churn")

    with pytest.raises(RetryableError) if braked else nullcontext():
        cluster.writer.prune(going, [])

    assert len(cluster.server.all("Deployment")) == (1 if braked else 0)


# Status


def test_an_equal_status_is_not_written(cluster: Cluster) -> None:
    body = cluster.server.put(a_service_body())
    status = {"observedGeneration": 1, "conditions": []}

    first = cluster.writer.write_status(kinds.SCORING_SERVICE, body, status)
    known = cluster.cache.get(kinds.SCORING_SERVICE, NAMESPACE, "default")
    assert known is not None
    second = cluster.writer.write_status(kinds.SCORING_SERVICE, known, status)

    assert (first, second) == (True, False)
    assert cluster.writes() == ["apply MLzScoringService"]


def test_a_status_never_changes_the_generation(cluster: Cluster) -> None:
    body = cluster.server.put(a_service_body())

    cluster.writer.write_status(kinds.SCORING_SERVICE, body, {"observedGeneration": 1})

    found = cluster.server.find("MLzScoringService", "default")
    assert found is not None
    assert found["metadata"]["generation"] == body["metadata"]["generation"]


def test_an_object_made_anew_does_not_get_the_status_of_the_old_one(cluster: Cluster) -> None:
    old = cluster.server.put(a_service_body())
    cluster.server.remove("MLzScoringService", "default")
    cluster.server.put(a_service_body(meta={"uid": "another"}))

    with pytest.raises(ApiRefusalError, match="uid mismatch"):
        cluster.writer.write_status(kinds.SCORING_SERVICE, old, {"observedGeneration": 1})

    found = cluster.server.find("MLzScoringService", "default")
    assert found is not None
    assert "status" not in found


def test_a_stamp_tells_manifests_apart_and_leaves_them_as_they_are() -> None:
    manifest = a_manifest()

    one, other = stamped(manifest), stamped(a_manifest(type="NodePort"))

    stamps = [
        stamp["metadata"]["annotations"][names.ANNOTATION_APPLIED_HASH] for stamp in (one, other)
    ]
    assert stamps[0] != stamps[1]
    assert "annotations" not in manifest["metadata"]
