"""Waiting in the event loop: woken by news, by a look each second, and by the deadline."""

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

import pytest

from builders import a_deployment_body
from fakes.apiserver import FakeApiServer, outage
from fakes.facade import Replica
from mlz.cluster import kinds
from mlz.rest.problems import Code, Refusal
from mlz.rest.waiting import Lookups, Waited, Waiters

Manifest = dict[str, Any]


class Scene:
    """One deployment, one replica."""

    def __init__(self) -> None:
        self.server = FakeApiServer()
        self.body = self.server.put(a_deployment_body("churn"))
        self.replica = Replica(self.server)

    def report(self, state: str, *, heard: bool = True) -> None:
        self.server.edit(
            "MLzDeployment", "churn", lambda body: body.update(status={"state": state})
        )
        if heard:
            self.replica.hear()


@pytest.fixture
def scene() -> Scene:
    return Scene()


def state(body: Any) -> str | None:
    found: str | None = (body.get("status") or {}).get("state")
    return found


def run(story: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(story)


async def waits(scene: Scene, seconds: float = 30) -> Waited[str]:
    waiters = Waiters(scene.replica.world)
    deadline = asyncio.get_running_loop().time() + seconds
    return await waiters.until(kinds.DEPLOYMENT, scene.body, state, deadline)


async def settled() -> None:
    """Everybody who can go on has gone on."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_what_is_so_already_needs_no_wait(scene: Scene) -> None:
    scene.report("ACTIVE")

    found = run(waits(scene, seconds=0))

    assert found.outcome == "ACTIVE"


def test_news_wake_a_waiter_at_once(scene: Scene) -> None:
    async def story() -> tuple[Waited[str], float]:
        task = asyncio.create_task(waits(scene))
        await settled()
        before = time.monotonic()
        await asyncio.to_thread(scene.report, "ACTIVE")
        return await task, time.monotonic() - before

    found, seconds = run(story())

    assert found.outcome == "ACTIVE"
    assert found.body["status"] == {"state": "ACTIVE"}
    assert seconds < 0.9, "not only by the look each second"


def test_a_deadline_answers_what_is_there(scene: Scene) -> None:
    found = run(waits(scene, seconds=0.05))

    assert found.outcome is None
    assert found.body["metadata"]["name"] == "churn"


def test_a_past_deadline_looks_once(scene: Scene) -> None:
    assert run(waits(scene, seconds=-5)).body is not None


@pytest.mark.parametrize(
    "successor", [False, True], ids=["nothing is left", "another has the name"]
)
def test_a_deletion_ends_the_wait(scene: Scene, successor: bool) -> None:
    async def story() -> Waited[str]:
        task = asyncio.create_task(waits(scene))
        await settled()
        scene.server.remove("MLzDeployment", "churn")
        if successor:
            scene.server.put(a_deployment_body("churn", {"state": "ACTIVE"}, meta={"uid": "new"}))
        scene.replica.hear()
        return await task

    assert run(story()) == Waited(None, None)


def test_without_any_event_it_looks_each_second(scene: Scene) -> None:
    async def story() -> Waited[str]:
        task = asyncio.create_task(waits(scene))
        await settled()
        scene.report("ACTIVE", heard=False)
        scene.replica.mirror.cache.put(scene.server.all("MLzDeployment")[0])
        return await task

    assert run(story()).outcome == "ACTIVE"


def test_a_thousand_waiters_cost_no_requests_and_leave_nothing(scene: Scene) -> None:
    async def story() -> tuple[list[Waited[str]], int]:
        waiters = Waiters(scene.replica.world)
        deadline = asyncio.get_running_loop().time() + 30
        tasks = [
            asyncio.create_task(waiters.until(kinds.DEPLOYMENT, scene.body, state, deadline))
            for _ in range(1000)
        ]
        await settled()
        scene.server.requests.clear()
        scene.report("ACTIVE")
        found = await asyncio.gather(*tasks)
        return found, waiters.count

    found, left = run(story())

    assert {one.outcome for one in found} == {"ACTIVE"}
    assert scene.server.requests == []
    assert left == 0


def test_a_waiter_that_goes_away_leaves_nothing(scene: Scene) -> None:
    async def story() -> int:
        waiters = Waiters(scene.replica.world)
        deadline = asyncio.get_running_loop().time() + 30
        task = asyncio.create_task(waiters.until(kinds.DEPLOYMENT, scene.body, state, deadline))
        await settled()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return waiters.count

    assert run(story()) == 0


def test_news_after_the_loop_has_ended_do_no_harm(scene: Scene) -> None:
    run(waits(scene, seconds=0))

    scene.report("ACTIVE")


# Lookups


def lists(scene: Scene) -> int:
    return sum(one.verb == "list" for one in scene.server.requests)


def test_a_known_guid_asks_nobody(scene: Scene) -> None:
    scene.server.requests.clear()

    async def story() -> Any:
        lookups = Lookups(scene.replica.world)
        return await lookups.by_guid(kinds.DEPLOYMENT, scene.body["metadata"]["uid"])

    assert run(story()) is not None
    assert scene.server.requests == []


def test_a_guid_of_another_replica_is_found_before_any_event(scene: Scene) -> None:
    made = scene.server.put(a_deployment_body("new", meta={"uid": "uid-new"}))

    async def story() -> Any:
        return await Lookups(scene.replica.world).by_guid(kinds.DEPLOYMENT, "uid-new")

    assert run(story())["metadata"]["name"] == made["metadata"]["name"]


def test_unknown_ids_cost_one_list_for_all_who_ask(scene: Scene) -> None:
    scene.server.requests.clear()

    async def story() -> list[Any]:
        lookups = Lookups(scene.replica.world)
        asked = [lookups.by_guid(kinds.DEPLOYMENT, f"no-{number}") for number in range(100)]
        return list(await asyncio.gather(*asked))

    assert set(run(story())) == {None}
    assert lists(scene) == 1


def test_the_longer_a_list_takes_the_later_comes_the_next(scene: Scene) -> None:
    """Whether or not it is answered."""
    began: list[float] = []

    def slow(kind: Any) -> None:
        began.append(time.monotonic())
        time.sleep(0.1)
        raise Refusal(Code.UNAVAILABLE, "too slow")

    async def story() -> None:
        lookups = Lookups(scene.replica.world)
        scene.replica.world.refresh = slow  # type: ignore[method-assign]
        for _ in range(2):
            with pytest.raises(Refusal):
                await lookups.by_guid(kinds.DEPLOYMENT, "nobody")

    run(story())

    assert 1.0 <= began[1] - began[0] < 30


def test_who_comes_while_a_list_is_under_way_waits_for_the_next(scene: Scene) -> None:
    """That list may have begun before what is asked for was made."""
    made: list[Manifest] = []

    async def story() -> Any:
        lookups = Lookups(scene.replica.world)
        refresh = scene.replica.world.refresh

        def slow(kind: Any) -> None:
            refresh(kind)
            if not made:
                made.append(scene.server.put(a_deployment_body("late", meta={"uid": "uid-late"})))
                asyncio.run_coroutine_threadsafe(ask(), loop).result()

        async def ask() -> None:
            asked.append(asyncio.create_task(lookups.by_guid(kinds.DEPLOYMENT, "uid-late")))

        asked: list[asyncio.Task[Any]] = []
        loop = asyncio.get_running_loop()
        scene.replica.world.refresh = slow  # type: ignore[method-assign]
        first = await lookups.by_guid(kinds.DEPLOYMENT, "nobody")
        return first, await asked[0]

    first, late = run(story())

    assert first is None
    assert late is not None


def test_a_silent_cluster_is_told_and_asked_again_later(scene: Scene) -> None:
    scene.server.before = outage

    async def story() -> Any:
        lookups = Lookups(scene.replica.world)
        with pytest.raises(Refusal):
            await lookups.by_guid(kinds.DEPLOYMENT, "uid-new")
        scene.server.before = lambda _: None
        scene.server.put(a_deployment_body("new", meta={"uid": "uid-new"}))
        return await lookups.by_guid(kinds.DEPLOYMENT, "uid-new")

    assert run(story()) is not None
