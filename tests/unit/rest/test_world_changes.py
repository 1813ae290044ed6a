"""What the facade changes and deletes in the cluster, whatever goes wrong meanwhile."""

from collections.abc import Callable
from typing import Any

import pytest

from builders import a_deployment_body
from fakes.apiserver import FakeApiServer
from fakes.facade import Replica
from mlz.cluster import kinds
from mlz.cluster.client import ApiConflictError, ApiOutageError
from mlz.rest.problems import Code, Refusal
from unit.rest.writing import Manifest, described, leave, managers, once, server

__all__ = ["server"]


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
        pytest.param(leave, id="going"),
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
