"""The cluster as the facade sees it: what it finds, in its mirror and beside it."""

from collections.abc import Callable

import pytest

from builders import a_deployment_body, a_model_body, a_service_body, a_version_body
from fakes.apiserver import FakeApiServer, Request, outage
from fakes.facade import Replica
from mlz.cluster import kinds
from unit.rest.writing import a_manifest, leave, server

__all__ = ["server"]

GUID = "11111111-2222-3333-4444-555555555555"


def test_resources_are_found_by_their_public_ids(server: FakeApiServer) -> None:
    server.put(a_deployment_body("churn", servingId="CHURN", displayName="Churn!"))
    server.put(a_deployment_body("chosen", guid=GUID, meta={"uid": "uid-chosen"}))
    server.put(a_model_body("churn", meta={"uid": "uid-model"}))
    server.put(a_version_body("churn-v1", meta={"uid": "uid-version"}))
    server.put(a_service_body("default", meta={"uid": "uid-service"}))
    world = Replica(server).world

    found = {
        "deployment": world.deployment(GUID),
        "its uid is not its guid": world.deployment("uid-chosen"),
        "model": world.model("uid-model"),
        "version": world.version("uid-version"),
        "service": world.service("uid-service"),
        "an id of another kind": world.model("uid-version"),
        "by name": world.named(kinds.DEPLOYMENT, "churn"),
    }

    named = {key: one and one["metadata"]["name"] for key, one in found.items()}
    assert named == {
        "deployment": "chosen",
        "its uid is not its guid": None,
        "model": "churn",
        "version": "churn-v1",
        "service": "default",
        "an id of another kind": None,
        "by name": "churn",
    }
    lists = {
        "title": world.titled(kinds.DEPLOYMENT, "Churn!"),
        "servingId": world.by_serving_id("CHURN"),
        "of version": world.deployments_of("churn-v1"),
        "in service": world.deployments_in("default"),
        "versions": world.versions_of("churn"),
        "all": world.all(kinds.DEPLOYMENT),
    }
    assert {key: [one["metadata"]["name"] for one in found] for key, found in lists.items()} == {
        "title": ["churn"],
        "servingId": ["churn"],
        "of version": ["chosen", "churn"],
        "in service": ["chosen", "churn"],
        "versions": ["churn-v1"],
        "all": ["chosen", "churn"],
    }


def test_reads_ask_nobody(server: FakeApiServer) -> None:
    world = Replica(server).world
    server.requests.clear()

    world.deployment("nobody's")
    world.all(kinds.DEPLOYMENT)

    assert server.requests == []


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda server: server.remove("MLzDeployment", "churn"), id="it is deleted"),
        pytest.param(leave, id="it waits for a finalizer"),
        pytest.param(
            lambda server: server.edit(
                "MLzDeployment", "churn", lambda body: body["spec"].update(displayName="other")
            ),
            id="it has another name by now",
        ),
    ],
)
def test_what_a_resource_was_called_once_finds_nothing(
    server: FakeApiServer, change: Callable[[FakeApiServer], None]
) -> None:
    server.put(a_deployment_body("churn", displayName="Churn!"))
    replica = Replica(server)
    change(server)

    replica.hear()

    assert replica.world.titled(kinds.DEPLOYMENT, "Churn!") == []


def test_of_two_with_the_same_guid_the_older_one_has_it(server: FakeApiServer) -> None:
    server.put(a_deployment_body("young", guid=GUID))
    older = {"creationTimestamp": "2020-01-01T00:00:00Z", "uid": "uid-old"}
    server.put(a_deployment_body("zold", guid=GUID, meta=older))
    world = Replica(server).world

    found = world.deployment(GUID)

    assert found is not None
    assert found["metadata"]["name"] == "zold"


def test_a_live_read_sees_what_no_event_has_told_of(server: FakeApiServer) -> None:
    server.put(a_deployment_body("churn"))
    server.put(a_deployment_body("gone"))
    world = Replica(server).world
    server.remove("MLzDeployment", "gone")
    server.edit("MLzDeployment", "churn", lambda body: body["spec"].update(replicas=3))
    server.put(a_deployment_body("new"))

    live = {name: world.live(kinds.DEPLOYMENT, name) for name in ("churn", "gone", "new")}

    assert live["churn"] is not None
    assert live["churn"]["spec"]["replicas"] == 3
    assert live["gone"] is None
    assert live["new"] is not None
    assert [one["metadata"]["name"] for one in world.all(kinds.DEPLOYMENT)] == ["churn", "new"]


def test_a_refresh_finds_what_came_and_what_went(server: FakeApiServer) -> None:
    server.put(a_deployment_body("gone"))
    world = Replica(server).world
    server.remove("MLzDeployment", "gone")
    server.put(a_deployment_body("new"))

    world.refresh(kinds.DEPLOYMENT)

    assert [one["metadata"]["name"] for one in world.all(kinds.DEPLOYMENT)] == ["new"]


def test_a_read_outlasts_an_outage(server: FakeApiServer) -> None:
    server.put(a_deployment_body("churn"))
    replica = Replica(server)
    failures = iter([True, True])

    def fail(request: Request) -> None:
        if next(failures, False):
            outage(request)

    server.before = fail

    assert replica.world.live(kinds.DEPLOYMENT, "churn") is not None
    assert len(replica.pauses) == 2


def test_two_replicas_see_each_others_writes_when_they_hear_of_them(server: FakeApiServer) -> None:
    one, other = Replica(server, "one"), Replica(server, "other")

    made = one.world.create(kinds.DEPLOYMENT, a_manifest())
    before = other.world.deployment(made["metadata"]["uid"])
    other.hear()

    assert before is None
    assert other.world.deployment(made["metadata"]["uid"]) == made
