"""Other display names for deployments: nobody gets one that another has, or is about to get."""

from typing import Any

import pytest

from builders import NAMESPACE, a_deployment_body
from fakes.apiserver import FakeApiServer, Request
from fakes.facade import Replica
from mlz.api import names
from mlz.cluster import kinds
from mlz.rest.documents.bodies import display_name
from mlz.rest.problems import Code, Refusal
from mlz.rest.titles import Titles

Manifest = dict[str, Any]


def renaming(title: str) -> Any:
    return lambda _: {"spec": {"displayName": title}}


def a_manifest(name: str) -> Manifest:
    return a_deployment_body(name) | {"metadata": {"name": name, "namespace": NAMESPACE}}


def title(server: FakeApiServer, name: str) -> str:
    body = server.find("MLzDeployment", name)
    assert body is not None
    return display_name(body)


def label(server: FakeApiServer, name: str) -> str | None:
    body = server.find("MLzDeployment", name)
    assert body is not None
    found: str | None = (body["metadata"].get("labels") or {}).get(names.LABEL_RENAMED)
    return found


@pytest.fixture
def server() -> FakeApiServer:
    made = FakeApiServer()
    made.put(a_deployment_body("churn"))
    return made


def test_a_deployment_gets_another_name_and_keeps_its_resource(server: FakeApiServer) -> None:
    titles = Titles(Replica(server).world)

    body = titles.rename("churn", "Churn of 2030", renaming("Churn of 2030"))

    assert body is not None
    assert display_name(body) == "Churn of 2030"
    assert [one["metadata"]["name"] for one in server.all("MLzDeployment")] == ["churn"]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(a_deployment_body("fraud"), id="its resource has the name"),
        pytest.param(a_deployment_body("other", displayName="fraud"), id="it is called so"),
    ],
)
@pytest.mark.parametrize("heard", [True, False], ids=["heard of", "not heard of yet"])
def test_a_name_that_another_has_is_refused(
    server: FakeApiServer, other: Manifest, heard: bool
) -> None:
    replica = Replica(server)
    if other["metadata"]["name"] == "other":
        server.put(a_deployment_body("other"))
        replica.list_all()
        Titles(Replica(server).world).rename("other", "fraud", renaming("fraud"))
    else:
        server.put(other)
    if heard:
        replica.list_all()

    with pytest.raises(Refusal) as caught:
        Titles(replica.world).rename("churn", "fraud", renaming("fraud"))

    assert caught.value.code is Code.DUPLICATE_DEPLOYMENT_NAME
    assert title(server, "churn") == "churn"
    assert label(server, "churn") is None


def test_the_name_one_had_before_is_free_for_oneself(server: FakeApiServer) -> None:
    titles = Titles(Replica(server).world)
    titles.rename("churn", "other", renaming("other"))

    titles.rename("churn", "churn", renaming("churn"))

    assert title(server, "churn") == "churn"


def test_what_is_not_there_gets_no_name(server: FakeApiServer) -> None:
    assert Titles(Replica(server).world).rename("nobody", "x", renaming("x")) is None


def test_a_wish_of_one_that_died_is_no_obstacle(server: FakeApiServer) -> None:
    server.put(
        a_deployment_body(
            "dead", meta={"labels": {names.LABEL_RENAMED: names.full_hash("fraud")[:16]}}
        )
    )
    titles = Titles(Replica(server).world)

    titles.rename("churn", "fraud", renaming("fraud"))

    assert title(server, "churn") == "fraud"
    assert label(server, "dead") is None


def test_who_is_created_meanwhile_keeps_the_name(server: FakeApiServer) -> None:
    """The creation comes after we looked, takes our label off, and our write fails."""
    titles, other = Titles(Replica(server).world), Replica(server, "b")

    def create(request: Request) -> None:
        if request.verb == "patch" and label(server, "churn") is not None:
            server.before = lambda _: None
            made = other.world.place(kinds.DEPLOYMENT, a_manifest("fraud"))
            Titles(other.world).settle(made)

    server.before = create

    with pytest.raises(Refusal) as caught:
        titles.rename("churn", "fraud", renaming("fraud"))

    assert caught.value.code is Code.DUPLICATE_DEPLOYMENT_NAME
    assert title(server, "churn") == "churn"


def test_who_was_renamed_meanwhile_keeps_the_name(server: FakeApiServer) -> None:
    """The new name was given after a creation looked, and before it wrote."""
    world = Replica(server).world
    Titles(Replica(server, "b").world).rename("churn", "fraud", renaming("fraud"))
    made = world.place(kinds.DEPLOYMENT, a_manifest("fraud"))

    with pytest.raises(Refusal) as caught:
        Titles(world).settle(made)

    assert caught.value.code is Code.DUPLICATE_DEPLOYMENT_NAME


def test_one_whose_wish_is_taken_off_again_and_again_gives_up(server: FakeApiServer) -> None:
    titles = Titles(Replica(server).world)

    def take_off(request: Request) -> None:
        if request.verb == "list" and label(server, "churn") is not None:
            server.edit("MLzDeployment", "churn", lambda body: body["metadata"].pop("labels"))

    server.before = take_off

    with pytest.raises(Refusal) as caught:
        titles.rename("churn", "fraud", renaming("fraud"))

    assert caught.value.code is Code.CONFLICT
