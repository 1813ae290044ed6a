"""The queue: bounded, in two lanes, with deadlines, and one worker."""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable

import pytest

from mlz.scoring.dataplane import Dataplane, PlaneLimits, Worker
from mlz.scoring.doors import RecordsDoor
from mlz.scoring.problems import Problem, RequestError
from mlz.scoring.scorer import Outcome, Scored, Scorer
from mlz.scoring.validation import compile_reader
from unit.scoring.kit import DEADLINE, Adder, an_asset, some_settings

ASSET = an_asset()
DOOR = RecordsDoor(ASSET, compile_reader(ASSET.model_schema, ASSET.engine_type), some_settings())


def run(
    engine: Adder,
    limits: PlaneLimits,
    scenario: Callable[["Waiter", Dataplane], Awaitable[None]],
) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        worker = Worker(loop)
        await scenario(Waiter(loop), Dataplane(loop, Scorer(engine, 2), worker, limits))
        worker.stop()

    asyncio.run(main())


class Waiter:
    """Submits jobs and awaits their outcomes."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def submit(self, plane: Dataplane, *values: float, pad: int = 0) -> asyncio.Future[Outcome]:
        future: asyncio.Future[Outcome] = self._loop.create_future()
        body = json.dumps([{"x": value} for value in values]).encode() + b" " * pad
        plane.submit(DOOR, body, future.set_result)
        return future


def sums(outcome: Outcome) -> list[float]:
    assert isinstance(outcome, Scored), outcome
    return [answer["sum"] for answer in json.loads(outcome.body)]


@pytest.mark.parametrize(
    ("quick", "pad"),
    [
        pytest.param(True, 0, id="in the loop"),
        pytest.param(True, 10_000, id="a large body of a quick model: in the worker"),
        pytest.param(False, 0, id="a slow model: in the worker"),
    ],
)
def test_every_job_gets_its_own_outcome(quick: bool, pad: int) -> None:
    async def scenario(waiter: Waiter, plane: Dataplane) -> None:
        outcomes = await asyncio.gather(*(waiter.submit(plane, x, pad=pad) for x in range(200)))

        assert [sums(outcome) for outcome in outcomes] == [[x] for x in range(200)]
        assert plane.waiting == 0

    run(Adder(), PlaneLimits(queue_limit=300, quick=quick), scenario)


def test_what_comes_in_one_turn_of_the_loop_is_one_call() -> None:
    engine = Adder()

    async def scenario(waiter: Waiter, plane: Dataplane) -> None:
        await asyncio.gather(*(waiter.submit(plane, x) for x in (1, 2)))

    run(engine, PlaneLimits(queue_limit=10, quick=True), scenario)

    assert engine.calls == [2]


def test_what_waits_for_the_worker_goes_together_when_it_is_free() -> None:
    engine = Adder(gate=threading.Event())

    async def scenario(waiter: Waiter, plane: Dataplane) -> None:
        first = waiter.submit(plane, 1)
        await asyncio.to_thread(engine.entered.wait, DEADLINE)
        others = [waiter.submit(plane, x) for x in (2, 3)]
        assert plane.waiting == 2
        opened(engine)
        await asyncio.gather(first, *others)

    run(engine, PlaneLimits(queue_limit=10), scenario)

    assert engine.calls == [1, 2]


def opened(engine: Adder) -> None:
    assert engine.gate is not None
    engine.gate.set()


def test_a_full_queue_refuses_and_recovers() -> None:
    engine = Adder(gate=threading.Event())

    async def scenario(waiter: Waiter, plane: Dataplane) -> None:
        working = waiter.submit(plane, 1)
        waiting = [waiter.submit(plane, x) for x in (2, 3)]
        with pytest.raises(RequestError) as refused:
            waiter.submit(plane, 4)
        opened(engine)
        await asyncio.gather(working, *waiting)

        assert refused.value.problem is Problem.OVERLOADED
        assert sums(await waiter.submit(plane, 5)) == [5]

    run(engine, PlaneLimits(queue_limit=2), scenario)


def test_a_job_is_answered_at_its_deadline_whatever_the_worker_does() -> None:
    engine = Adder(gate=threading.Event())

    async def scenario(waiter: Waiter, plane: Dataplane) -> None:
        working, waiting = waiter.submit(plane, *range(10)), waiter.submit(plane, 2)
        late = await asyncio.gather(working, waiting)
        opened(engine)

        assert [one.problem for one in late if isinstance(one, RequestError)] == [
            Problem.SCORING_TIMEOUT
        ] * 2

    run(engine, PlaneLimits(queue_limit=10, timeout_seconds=0.05), scenario)

    assert engine.calls == [2]  # the rest of the first job and all of the second were dropped


def test_an_error_in_the_worker_is_raised_where_it_is_awaited() -> None:
    async def main() -> None:
        worker = Worker(asyncio.get_running_loop())
        with pytest.raises(ZeroDivisionError):
            await worker.call(lambda: 1 // 0)
        assert await worker.call(lambda: 5) == 5
        worker.stop()

    asyncio.run(main())
