"""The cluster as the facade sees it: what it finds, what it writes, what it does on failures."""

from collections.abc import Callable
from typing import Any

import pytest

from builders import (
    NAMESPACE,
    a_deployment_body,
    a_model_body,
    a_service_body,
    a_version_body,
)
from fakes.apiserver import FakeApiServer, Request, outage
from fakes.facade import Replica
from mlz.api import names
from mlz.cluster import kinds
from mlz.cluster.client import ApiConflictError, ApiOutageError, ApiRefusalError
from mlz.rest.documents.bodies import annotation
from mlz.rest.problems import Code, Refusal
from mlz.rest.world import TakenError

Manifest = dict[str, Any]
LATER = "2031-01-01T00:00:00Z"
GUID = "11111111-2222-3333-4444-555555555555"


def a_manifest(name: str = "churn", **spec: Any) -> Manifest:
    """As the facade makes it: nothing that the API server fills in."""
    body = a_deployment_body(name, **spec)
    annotations = {names.ANNOTATION_CREATED_BY: "ada"}
    return body | {"metadata": {"name": name, "namespace": NAMESPACE, "annotations": annotations}}


def described(text: str) -> Callable[[Any], Manifest]:
    return lambda _: {"spec": {"description": text}}


def once(*errors: Exception) -> Callable[[Request], None]:
    """Each write meets the next of these errors; in the end all goes well."""
    left = list(errors)

    def meet(request: Request) -> None:
        if request.is_write and left:
            raise left.pop(0)

    return meet


def managers(server: FakeApiServer, name: str = "churn") -> list[str]:
    body = server.find("MLzDeployment", name)
    assert body is not None
    fields = [one["fieldsV1"] for one in body["metadata"].get("managedFields", ())]
    return [key for one in fields for key in one]


@pytest.fixture
def server() -> FakeApiServer:
    return FakeApiServer()


# Reads


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
        pytest.param(
            lambda server: server.edit(
                "MLzDeployment",
                "churn",
                lambda body: body["metadata"].update(deletionTimestamp="2030-01-01T12:00:00Z"),
            ),
            id="it waits for a finalizer",
        ),
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


# Creation


def test_what_was_made_is_known_at_once_and_owned_by_nobody(server: FakeApiServer) -> None:
    world = Replica(server).world

    made = world.create(kinds.DEPLOYMENT, a_manifest())

    known = world.deployment(made["metadata"]["uid"])
    assert known == made
    assert annotation(made, names.ANNOTATION_CREATED_BY) == "ada"
    assert annotation(made, names.ANNOTATION_REQUEST) is None
    assert "managedFields" not in made["metadata"]
    assert managers(server) == ["f:metadata"], "our notes stay ours, and nothing else"


def test_a_creation_is_three_requests_at_most(server: FakeApiServer) -> None:
    world = Replica(server).world
    server.requests.clear()

    world.create(kinds.DEPLOYMENT, a_manifest())

    assert [one.verb for one in server.requests] == ["create", "patch"]


def test_kubectl_may_apply_what_the_facade_has_made(server: FakeApiServer) -> None:
    world = Replica(server).world
    world.create(kinds.DEPLOYMENT, a_manifest())
    world.change(kinds.DEPLOYMENT, "churn", described("ours"))
    theirs = a_deployment_body("churn", description="theirs", replicas=2)
    theirs["metadata"] = {"name": "churn", "namespace": NAMESPACE}

    applied = server.apply(kinds.DEPLOYMENT, theirs, manager="kubectl", force=False)

    assert applied["spec"]["description"] == "theirs"


def test_the_facade_may_change_what_kubectl_applied_and_the_reverse(server: FakeApiServer) -> None:
    theirs = a_deployment_body("churn", description="theirs")
    theirs["metadata"] = {"name": "churn", "namespace": NAMESPACE}
    server.apply(kinds.DEPLOYMENT, theirs, manager="kubectl", force=False)
    world = Replica(server).world

    changed = world.change(kinds.DEPLOYMENT, "churn", described("ours"))
    applied = server.apply(kinds.DEPLOYMENT, theirs, manager="kubectl", force=False)

    assert changed is not None
    assert changed["spec"]["description"] == "ours"
    assert applied["spec"]["description"] == "theirs"


def test_a_name_that_is_taken_is_told_with_what_has_it(server: FakeApiServer) -> None:
    server.put(a_deployment_body("churn"))
    world = Replica(server).world

    with pytest.raises(TakenError) as caught:
        world.create(kinds.DEPLOYMENT, a_manifest())

    assert caught.value.body is not None
    assert caught.value.body["metadata"]["uid"] == "uid-of-churn"


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(ApiOutageError(0, "reset"), id="the connection is cut"),
        pytest.param(ApiOutageError(429, "later"), id="too many requests"),
        pytest.param(ApiOutageError(500, "oops"), id="a fault of the server"),
    ],
)
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_lost_answer_makes_no_second_one_and_no_duplicate(
    server: FakeApiServer, error: Exception, moment: str
) -> None:
    world = Replica(server).world
    setattr(server, moment, once(error, error))

    made = world.create(kinds.DEPLOYMENT, a_manifest())

    assert len(server.all("MLzDeployment")) == 1
    assert world.deployment(made["metadata"]["uid"]) == made
    assert annotation(made, names.ANNOTATION_REQUEST) is None


def test_a_conflict_over_something_else_is_tried_again(server: FakeApiServer) -> None:
    """As a ResourceQuota does when its own count is written twice at a time."""
    world = Replica(server).world
    server.before = once(ApiConflictError(409, "Operation cannot be fulfilled on resourcequotas"))

    world.create(kinds.DEPLOYMENT, a_manifest())

    assert server.find("MLzDeployment", "churn") is not None


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        pytest.param(ApiOutageError(503, "no"), Code.UNAVAILABLE, 503, id="an outage"),
        pytest.param(ApiRefusalError(422, "spec.type: no"), Code.INVALID_FIELD, 400, id="invalid"),
        pytest.param(ApiRefusalError(403, "quota"), Code.UNAVAILABLE, 503, id="not allowed"),
        pytest.param(ApiConflictError(409, "no"), Code.CONFLICT, 409, id="conflicts without end"),
    ],
)
def test_what_the_server_will_not_do_is_refused(
    server: FakeApiServer, error: Exception, code: Code, status: int
) -> None:
    replica = Replica(server)
    server.before = once(*[error] * 100)

    with pytest.raises(Refusal) as caught:
        replica.world.create(kinds.DEPLOYMENT, a_manifest())

    assert (caught.value.code, caught.value.status) == (code, status)
    assert len(replica.pauses) <= 12
    assert ("Retry-After" in caught.value.headers) == (status == 503)


def test_fields_that_cannot_be_given_up_now_are_given_up_later(server: FakeApiServer) -> None:
    world = Replica(server).world

    def fail(request: Request) -> None:
        if request.verb == "patch":
            outage(request)

    server.before = fail
    made = world.create(kinds.DEPLOYMENT, a_manifest())
    server.before = lambda _: None
    before = managers(server)
    world.release(kinds.DEPLOYMENT, made)

    assert set(before) == {"f:spec", "f:metadata"}
    assert managers(server) == ["f:metadata"]


def test_leftovers_are_given_up_but_for_what_is_not_finished(server: FakeApiServer) -> None:
    world = Replica(server).world
    world.place(kinds.DEPLOYMENT, a_manifest("under-way"))
    for name in ("one", "two"):
        server.create(kinds.DEPLOYMENT, a_manifest(name), manager=names.REST_MANAGER)

    found = world.release_leftovers(kinds.DEPLOYMENT, LATER)

    assert found == 2
    assert managers(server, "one") == managers(server, "two") == ["f:metadata"]
    assert set(managers(server, "under-way")) == {"f:metadata", "f:spec"}
    assert world.release_leftovers(kinds.DEPLOYMENT, LATER) == 0


@pytest.mark.parametrize(
    ("made_before", "found"),
    [
        pytest.param("2030-01-01T12:00:00Z", 0, id="somebody may still be at it"),
        pytest.param("2030-01-01T12:00:01Z", 1, id="nobody is at it any more"),
    ],
)
def test_a_mark_on_what_needs_no_claim_goes_in_the_end(
    server: FakeApiServer, made_before: str, found: int
) -> None:
    world = Replica(server).world
    model = a_model_body("churn") | {"metadata": {"name": "churn", "namespace": NAMESPACE}}
    world.place(kinds.MODEL, model)

    assert world.release_leftovers(kinds.MODEL, made_before) == found


# Changes


def test_a_change_is_known_at_once(server: FakeApiServer) -> None:
    server.put(a_deployment_body("churn"))
    world = Replica(server).world

    changed = world.change(kinds.DEPLOYMENT, "churn", described("new"))

    known = world.named(kinds.DEPLOYMENT, "churn")
    assert known == changed
    assert known is not None
    assert known["spec"]["description"] == "new"


def test_a_change_that_changes_nothing_is_no_write(server: FakeApiServer) -> None:
    server.put(a_deployment_body("churn", description="same"))
    world = Replica(server).world

    world.change(kinds.DEPLOYMENT, "churn", described("same"))

    assert server.writes() == []


def test_what_somebody_else_changed_meanwhile_is_taken_into_account(server: FakeApiServer) -> None:
    server.put(a_deployment_body("churn", replicas=1))
    world = Replica(server).world
    rivals = iter([5, 7])

    def more(body: Any) -> Manifest:
        rival = next(rivals, None)
        patch = {"spec": {"replicas": body["spec"]["replicas"] + 1}}
        if rival is not None:
            server.edit("MLzDeployment", "churn", lambda one: one["spec"].update(replicas=rival))
        return patch

    changed = world.change(kinds.DEPLOYMENT, "churn", more)

    assert changed is not None
    assert changed["spec"]["replicas"] == 8


def test_a_refusal_of_what_computes_is_passed_on(server: FakeApiServer) -> None:
    server.put(a_deployment_body("churn"))
    world = Replica(server).world

    def refuse(_: Any) -> Manifest:
        raise Refusal(Code.PRECONDITION_FAILED, "another one by now")

    with pytest.raises(Refusal, match="another one by now"):
        world.change(kinds.DEPLOYMENT, "churn", refuse)


def test_if_match_is_judged_by_what_is_now_not_by_an_old_mirror(server: FakeApiServer) -> None:
    server.put(a_deployment_body("churn"))
    world = Replica(server).world
    server.edit("MLzDeployment", "churn", lambda body: body["spec"].update(replicas=3))

    seen: list[Any] = []
    world.change(
        kinds.DEPLOYMENT, "churn", lambda body: seen.append(body["spec"].get("replicas")) or {}
    )

    assert seen == [3]


def test_a_change_whose_answer_was_lost_is_not_refused_for_itself(server: FakeApiServer) -> None:
    """The try that got through must not look like somebody else's change to If-Match."""
    first = server.put(a_deployment_body("churn"))["metadata"]["resourceVersion"]
    world = Replica(server).world
    server.after = once(ApiOutageError(0, "reset"))

    def if_match(body: Any) -> Manifest:
        if body["metadata"]["resourceVersion"] != first:
            raise Refusal(Code.PRECONDITION_FAILED, "another one by now")
        return {"spec": {"description": "new"}}

    changed = world.change(kinds.DEPLOYMENT, "churn", if_match)

    assert changed is not None
    assert changed["spec"]["description"] == "new"
    assert managers(server) == []


@pytest.mark.parametrize(
    "vanish",
    [
        pytest.param(lambda server: server.remove("MLzDeployment", "churn"), id="gone"),
        pytest.param(
            lambda server: server.edit(
                "MLzDeployment",
                "churn",
                lambda body: body["metadata"].update(deletionTimestamp="2030-01-01T12:00:00Z"),
            ),
            id="going",
        ),
    ],
)
@pytest.mark.parametrize("moment", ["before it began", "in the middle"])
def test_what_is_gone_is_not_changed(
    server: FakeApiServer, vanish: Callable[[FakeApiServer], None], moment: str
) -> None:
    server.put(a_deployment_body("churn"))
    world = Replica(server).world

    def compute(_: Any) -> Manifest:
        vanish(server)
        return {"spec": {"description": "new"}}

    if moment == "before it began":
        vanish(server)
    changed = world.change(kinds.DEPLOYMENT, "churn", compute)

    assert changed is None
    assert world.named(kinds.DEPLOYMENT, "churn") is None


# Deletion


def test_what_was_deleted_is_gone_at_once_and_for_good(server: FakeApiServer) -> None:
    server.put(a_deployment_body("churn"))
    replica = Replica(server)
    server.edit("MLzDeployment", "churn", lambda body: body["spec"].update(replicas=3))
    body = replica.world.named(kinds.DEPLOYMENT, "churn")
    assert body is not None

    replica.world.delete(kinds.DEPLOYMENT, body)
    replica.hear(1)  # a late word of what it was

    assert server.find("MLzDeployment", "churn") is None
    assert replica.world.named(kinds.DEPLOYMENT, "churn") is None


def test_a_successor_is_not_deleted(server: FakeApiServer) -> None:
    server.put(a_deployment_body("churn"))
    world = Replica(server).world
    body = world.named(kinds.DEPLOYMENT, "churn")
    assert body is not None
    server.remove("MLzDeployment", "churn")
    server.put(a_deployment_body("churn", meta={"uid": "another"}))

    world.delete(kinds.DEPLOYMENT, body)

    assert server.find("MLzDeployment", "churn") is not None


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(ApiOutageError(429, "later"), id="too many requests"),
        pytest.param(ApiOutageError(0, "reset"), id="the connection is cut"),
    ],
)
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_deletion_outlasts_what_is_in_its_way(
    server: FakeApiServer, error: Exception, moment: str
) -> None:
    server.put(a_deployment_body("churn"))
    world = Replica(server).world
    body = world.named(kinds.DEPLOYMENT, "churn")
    assert body is not None
    setattr(server, moment, once(error))

    world.delete(kinds.DEPLOYMENT, body)

    assert server.find("MLzDeployment", "churn") is None


def test_a_deletion_that_was_not_done_is_done_again(server: FakeApiServer) -> None:
    """A conflict reads as "another object by now", and may be about something else."""
    server.put(a_deployment_body("churn"))
    world = Replica(server).world
    body = world.named(kinds.DEPLOYMENT, "churn")
    assert body is not None
    server.before = once(ApiConflictError(409, "some other write"))

    world.delete(kinds.DEPLOYMENT, body)

    assert server.find("MLzDeployment", "churn") is None


def test_two_replicas_see_each_others_writes_when_they_hear_of_them(server: FakeApiServer) -> None:
    one, other = Replica(server, "one"), Replica(server, "other")

    made = one.world.create(kinds.DEPLOYMENT, a_manifest())
    before = other.world.deployment(made["metadata"]["uid"])
    other.hear()

    assert before is None
    assert other.world.deployment(made["metadata"]["uid"]) == made
