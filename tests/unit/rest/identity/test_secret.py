"""The one Secret in a cluster: nobody's change is lost, whoever else writes."""

from typing import Any

import pytest

from fakes.apiserver import FakeApiServer, Request
from mlz.cluster.client import ApiConflictError, ApiError, ApiRefusalError
from mlz.cluster.kinds import Kind
from mlz.errors import RejectedError
from mlz.rest.identity.account import KEYS, USERS, Account
from mlz.rest.identity.roles import Role
from mlz.rest.identity.secret import ATTEMPTS, Change, Manifest, Place, load, update
from mlz.rest.identity.users import NewUser, added, removed
from unit.rest.identity.people import NOW, an_account, hash_of


def place_in(server: FakeApiServer) -> Place:
    return Place(server, "mlz-system", "mlz-rest")


def with_user(name: str) -> Change:
    return lambda account: added(account, NewUser(name, hash_of(), Role.MLADM), NOW)


def no_pause(seconds: float) -> None:
    assert seconds > 0


def stored(server: FakeApiServer) -> dict[str, Any]:
    found = server.find("Secret", "mlz-rest", "mlz-system")
    assert found is not None
    return found


def test_where_there_is_no_secret_the_account_is_empty() -> None:
    assert load(place_in(FakeApiServer())) == Account()


def test_the_secret_is_made_where_there_is_none() -> None:
    server = FakeApiServer()

    after = update(place_in(server), with_user("bob"), no_pause)

    assert list(after.users) == ["bob"]
    assert load(place_in(server)) == after
    assert stored(server)["type"] == "Opaque"


@pytest.mark.parametrize("data", [{}, {"data": None}, {"data": {}}])
def test_the_empty_secret_of_the_chart_is_filled(data: dict[str, Any]) -> None:
    server = FakeApiServer()
    server.put(a_secret(labels={"app.kubernetes.io/component": "rest"}) | data)

    update(place_in(server), with_user("bob"), no_pause)

    assert sorted(stored(server)["data"]) == [KEYS, USERS]
    assert stored(server)["metadata"]["labels"] == {"app.kubernetes.io/component": "rest"}


def test_what_is_not_ours_stays() -> None:
    server = FakeApiServer()
    server.put(a_secret() | {"data": {"other": "eA=="}})

    update(place_in(server), with_user("bob"), no_pause)

    assert stored(server)["data"]["other"] == "eA=="


def test_no_change_is_no_write() -> None:
    server = FakeApiServer()
    update(place_in(server), lambda _: an_account(), no_pause)
    before = len(server.requests)

    update(place_in(server), lambda account: account, no_pause)

    assert [one.verb for one in server.requests[before:]] == ["get"]


class Overtaken:
    """A client to whom it happens, after each of its first reads, that somebody else writes."""

    def __init__(self, server: FakeApiServer, *rivals: str) -> None:
        self._server = server
        self._rivals = list(rivals)

    def get(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        found = self._server.get(kind, namespace, name)
        if self._rivals:
            update(place_in(self._server), with_user(self._rivals.pop()), no_pause)
        return found

    def create(self, kind: Kind, manifest: Manifest) -> Manifest:
        return self._server.create(kind, manifest)

    def replace(self, kind: Kind, manifest: Manifest) -> Manifest:
        return self._server.replace(kind, manifest)


@pytest.mark.parametrize("exists", [True, False])
def test_of_those_who_change_at_once_all_get_their_way(exists: bool) -> None:
    server = FakeApiServer()
    if exists:
        server.put(a_secret())
    client = Overtaken(server, "rival1", "rival2")

    after = update(Place(client, "mlz-system", "mlz-rest"), with_user("bob"), no_pause)

    assert sorted(after.users) == ["bob", "rival1", "rival2"]
    assert load(place_in(server)) == after


def test_a_secret_that_is_deleted_meanwhile_is_made_anew() -> None:
    server = FakeApiServer()
    server.put(a_secret())

    def change(account: Account) -> Account:
        if server.find("Secret", "mlz-rest", "mlz-system") and len(server.requests) == 1:
            server.remove("Secret", "mlz-rest", "mlz-system")
        return with_user("bob")(account)

    update(place_in(server), change, no_pause)

    assert list(load(place_in(server)).users) == ["bob"]


def test_who_is_always_too_late_gives_up() -> None:
    server, pauses = FakeApiServer(), list[float]()

    def refuse(request: Request) -> None:
        if request.is_write:
            raise ApiConflictError(409, "again")

    server.before = refuse

    with pytest.raises(ApiConflictError):
        update(place_in(server), with_user("bob"), pauses.append)

    assert len(pauses) == ATTEMPTS - 1
    assert sum(one.is_write for one in server.requests) == ATTEMPTS


@pytest.mark.parametrize("status", [403, 422])
def test_what_the_api_server_refuses_is_not_tried_again(status: int) -> None:
    server = FakeApiServer()
    server.put(a_secret())

    def refuse(request: Request) -> None:
        if request.is_write:
            raise ApiRefusalError(status, "no")

    server.before = refuse

    with pytest.raises(ApiError):
        update(place_in(server), with_user("bob"), no_pause)

    assert sum(one.is_write for one in server.requests) == 1


def test_a_change_that_is_refused_writes_nothing() -> None:
    server = FakeApiServer()

    with pytest.raises(RejectedError):
        update(place_in(server), lambda account: removed(account, "bob"), no_pause)

    assert not any(one.is_write for one in server.requests)


def test_a_broken_secret_is_never_overwritten() -> None:
    server = FakeApiServer()
    server.put(a_secret() | {"data": {USERS: "bm8ganNvbg=="}})

    with pytest.raises(RejectedError, match=r"users\.json"):
        update(place_in(server), with_user("bob"), no_pause)

    assert stored(server)["data"] == {USERS: "bm8ganNvbg=="}


def a_secret(**meta: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "mlz-rest", "namespace": "mlz-system", **meta},
        "type": "Opaque",
    }
