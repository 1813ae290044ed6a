"""What the facade makes in the cluster, whatever goes wrong, and gives up to others at once."""

import pytest

from builders import NAMESPACE, a_deployment_body, a_model_body
from fakes.apiserver import FakeApiServer, Request, outage
from fakes.facade import Replica
from mlz.api import names
from mlz.cluster import kinds
from mlz.cluster.client import ApiConflictError, ApiOutageError, ApiRefusalError
from mlz.rest.documents.bodies import annotation
from mlz.rest.problems import Code, Refusal
from mlz.rest.world import TakenError
from unit.rest.writing import a_manifest, described, managers, once, server

__all__ = ["server"]

LATER = "2031-01-01T00:00:00Z"


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
