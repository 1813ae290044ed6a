"""A mirror of a collection: what is listed, watched, missed and found again."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import NAMESPACE, a_deployment_body
from fakes.apiserver import FakeApiServer, Request, outage
from mlz.cluster import kinds
from mlz.cluster.cache import Cache
from mlz.cluster.client import ApiRefusalError
from mlz.cluster.reflector import Collection, Mirror, Reflector, list_anew

Manifest = dict[str, Any]

WHERE = Collection(kinds.DEPLOYMENT, NAMESPACE)


class Client:
    """
    The server, but for a list of long ago, or for another way to watch.

    It has as much of the protocol of ``KubeClient`` as a reflector uses.
    """

    def __init__(
        self,
        server: FakeApiServer,
        lists: Callable[..., Manifest] | None = None,
        watches: Callable[..., Iterator[Manifest]] | None = None,
    ) -> None:
        self.list_page = lists or server.list_page
        self.watch = watches or server.watch


def a_reflector(client: Any, mirror: Mirror, where: Collection = WHERE) -> Reflector:
    return Reflector(client, mirror, where, lambda: 0.5)


def names_in(mirror: Mirror) -> list[str]:
    found = mirror.cache.in_namespace(kinds.DEPLOYMENT, NAMESPACE)
    return [body["metadata"]["name"] for body in found]


def renamed(body: Manifest) -> None:
    body["spec"]["displayName"] = "other"


@pytest.fixture
def server() -> FakeApiServer:
    made = FakeApiServer()
    made.put(a_deployment_body("churn", meta={"uid": "uid-churn"}))
    return made


@pytest.fixture
def mirror() -> Mirror:
    return Mirror(Cache())


def test_it_is_ready_when_all_is_listed(server: FakeApiServer, mirror: Mirror) -> None:
    server.page_size = 1
    server.put(a_deployment_body("fraud"))
    reflector = a_reflector(server, mirror)
    ready_before = reflector.is_ready

    reflector.turn()

    assert not ready_before
    assert reflector.is_ready
    assert names_in(mirror) == ["churn", "fraud"]


def test_a_watch_goes_on_where_the_list_ended(server: FakeApiServer, mirror: Mirror) -> None:
    reflector = a_reflector(server, mirror)
    reflector.turn()
    server.requests.clear()
    server.put(a_deployment_body("fraud"))
    server.remove("MLzDeployment", "churn")

    reflector.turn()

    assert names_in(mirror) == ["fraud"]
    assert [one.verb for one in server.requests] == ["watch"], "no second list"


def test_a_bookmark_moves_the_version_on(server: FakeApiServer, mirror: Mirror) -> None:
    reflector = a_reflector(server, mirror)
    reflector.turn()
    for _ in range(5):
        server.edit("MLzDeployment", "churn", renamed)
        server.edit("MLzDeployment", "churn", lambda body: body["spec"].pop("displayName"))
    reflector.turn()
    last = server.all("MLzDeployment")[0]["metadata"]["resourceVersion"]

    reflector.turn()

    assert server.requests[-1] == Request("watch", "MLzDeployment", last)


def test_a_version_that_is_too_old_is_answered_by_a_list(
    server: FakeApiServer, mirror: Mirror
) -> None:
    reflector = a_reflector(server, mirror)
    reflector.turn()
    server.put(a_deployment_body("fraud"))
    server.remove("MLzDeployment", "churn")
    forget_history(server)

    reflector.turn()
    reflector.turn()

    assert names_in(mirror) == ["fraud"], "what vanished unseen is gone"


@pytest.mark.parametrize(
    ("failures", "least", "most"),
    [
        pytest.param(1, 0.1, 0.3, id="soon, the first time"),
        pytest.param(4, 0.8, 2.4, id="later, the fourth time"),
        pytest.param(50, 5, 15, id="not ever later"),
    ],
)
def test_a_failure_is_followed_by_a_growing_pause(
    server: FakeApiServer, mirror: Mirror, failures: int, least: float, most: float
) -> None:
    server.before = outage
    reflector = a_reflector(server, mirror)

    pauses = [reflector.turn() for _ in range(failures)]

    assert least <= pauses[-1] <= most
    assert not reflector.is_current


def test_what_was_known_outlives_an_outage(server: FakeApiServer, mirror: Mirror) -> None:
    reflector = a_reflector(server, mirror)
    reflector.turn()
    server.before = outage

    reflector.turn()

    assert names_in(mirror) == ["churn"]
    assert reflector.is_ready
    assert not reflector.is_current


def test_after_an_outage_it_is_current_again(server: FakeApiServer, mirror: Mirror) -> None:
    reflector = a_reflector(server, mirror)
    server.before = outage
    reflector.turn()
    server.before = lambda _: None

    pause = reflector.turn()

    assert reflector.is_current
    assert pause == 0


def test_a_watch_that_ends_at_once_is_not_asked_again_at_once(
    server: FakeApiServer, mirror: Mirror
) -> None:
    reflector = a_reflector(Client(server, watches=lambda *_: iter(())), mirror)

    assert reflector.turn() > 0


def test_a_single_object_is_listed_and_watched_by_its_name(
    server: FakeApiServer, mirror: Mirror
) -> None:
    server.put(a_deployment_body("fraud"))
    reflector = a_reflector(server, mirror, Collection(kinds.DEPLOYMENT, NAMESPACE, name="churn"))
    reflector.turn()
    server.edit("MLzDeployment", "churn", renamed)
    server.edit("MLzDeployment", "fraud", renamed)

    reflector.turn()

    assert names_in(mirror) == ["churn"]


def test_a_list_of_one_object_spares_the_others(server: FakeApiServer, mirror: Mirror) -> None:
    server.put(a_deployment_body("fraud"))
    list_anew(server, mirror, WHERE)

    list_anew(server, mirror, Collection(kinds.DEPLOYMENT, NAMESPACE, name="churn"))

    assert names_in(mirror) == ["churn", "fraud"]


def test_our_own_write_outlives_a_list_that_began_before(
    server: FakeApiServer, mirror: Mirror
) -> None:
    page = server.list_page(kinds.DEPLOYMENT, NAMESPACE, {})
    mirror.put(server.put(a_deployment_body("fraud")))

    list_anew(Client(server, lists=lambda *_, **__: page), mirror, WHERE)

    assert names_in(mirror) == ["churn", "fraud"]


def test_what_is_deleted_never_comes_back(server: FakeApiServer, mirror: Mirror) -> None:
    list_anew(server, mirror, WHERE)
    page = server.list_page(kinds.DEPLOYMENT, NAMESPACE, {})
    server.remove("MLzDeployment", "churn")
    mirror.bury(a_deployment_body("churn", meta={"uid": "uid-churn"}))

    list_anew(Client(server, lists=lambda *_, **__: page), mirror, WHERE)

    assert names_in(mirror) == []


def test_a_successor_of_the_same_name_lives(server: FakeApiServer, mirror: Mirror) -> None:
    list_anew(server, mirror, WHERE)
    mirror.bury(a_deployment_body("churn", meta={"uid": "uid-churn"}))

    mirror.put(a_deployment_body("churn", meta={"uid": "another"}))

    assert names_in(mirror) == ["churn"]


def test_listeners_hear_of_news_alone(mirror: Mirror) -> None:
    heard: list[str] = []
    mirror.listen(lambda body: heard.append(body["metadata"]["resourceVersion"]))

    mirror.put(a_deployment_body(meta={"resourceVersion": "2"}))
    mirror.put(a_deployment_body(meta={"resourceVersion": "1"}))
    mirror.put(a_deployment_body(meta={"resourceVersion": "2"}))
    mirror.bury(a_deployment_body(meta={"resourceVersion": "3"}))
    mirror.bury(a_deployment_body(meta={"resourceVersion": "3"}))

    assert heard == ["2", "3"]


def test_a_page_that_has_expired_starts_the_list_over(mirror: Mirror) -> None:
    server = FakeApiServer(page_size=1)
    for name in ("a", "b", "c"):
        server.put(a_deployment_body(name))
    failures = iter([False, True])

    def lists(*args: Any, **options: Any) -> Manifest:
        if next(failures, False):
            raise ApiRefusalError(410, "the continue token has expired")
        return server.list_page(*args, **options)

    list_anew(Client(server, lists=lists), mirror, WHERE)

    assert names_in(mirror) == ["a", "b", "c"]


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["make", "change", "remove", "turn", "fail", "forget"]),
        st.sampled_from(["a", "b", "c"]),
    ),
    max_size=40,
)


@given(EVENTS)
def test_whatever_happens_the_mirror_is_right_in_the_end(events: list[tuple[str, str]]) -> None:
    server, mirror = FakeApiServer(), Mirror(Cache())
    reflector = a_reflector(server, mirror)

    for event, name in events:
        _do(event, name, server, reflector)
    server.before = lambda _: None
    for _ in range(3):
        reflector.turn()

    wanted = {body["metadata"]["name"]: body for body in server.all("MLzDeployment", NAMESPACE)}
    found = {
        body["metadata"]["name"]: body
        for body in mirror.cache.in_namespace(kinds.DEPLOYMENT, NAMESPACE)
    }
    assert found == wanted


def test_a_thread_keeps_up_and_ends(server: FakeApiServer, mirror: Mirror) -> None:
    reflector = a_reflector(Client(server, watches=_slowly(server.watch)), mirror)
    heard = threading.Event()
    mirror.listen(lambda body: heard.set() if body["metadata"]["name"] == "fraud" else None)

    reflector.start()
    assert reflector.wait_until_ready(10)
    server.put(a_deployment_body("fraud"))
    in_time = heard.wait(10)
    reflector.stop(10)

    assert in_time
    assert "reflector-mlzdeployments" not in {one.name for one in threading.enumerate()}


def test_one_that_was_never_started_stops(server: FakeApiServer, mirror: Mirror) -> None:
    a_reflector(server, mirror).stop(1)


# What the tests need


def _slowly(watch: Callable[..., Iterator[Manifest]]) -> Callable[..., Iterator[Manifest]]:
    def watched(*args: Any) -> Iterator[Manifest]:
        time.sleep(0.01)
        yield from watch(*args)

    return watched


def forget_history(server: FakeApiServer) -> None:
    last = server.history[-1]
    while not server.oldest:
        server.history.append(last)


def _do(event: str, name: str, server: FakeApiServer, reflector: Reflector) -> None:
    known = server.find("MLzDeployment", name)
    server.before = outage if event == "fail" else lambda _: None
    if event == "make" and known is None:
        server.put(a_deployment_body(name, meta={"uid": f"uid-{server.told}-{name}"}))
    elif event == "change" and known is not None:
        server.edit("MLzDeployment", name, lambda body: body["spec"].update(replicas=server.told))
    elif event == "remove" and known is not None:
        server.remove("MLzDeployment", name)
    elif event in ("turn", "fail"):
        reflector.turn()
    elif event == "forget" and server.history:
        forget_history(server)
