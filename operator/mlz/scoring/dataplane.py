"""
Where requests wait for the engine: a bounded queue, two lanes, and deadlines.

The quick lane runs in the event loop: what became readable in one turn of the loop is one run of
the engine (no timer, so a lone request waits for nobody). It takes small requests to models that
answer within a millisecond. Everything else goes to the one worker thread, so the loop stays free.
All methods belong to the loop's thread.
"""

import asyncio
import math
import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from mlz.scoring.problems import Problem, RequestError
from mlz.scoring.scorer import Door, Job, Outcome, Scorer

T = TypeVar("T")

WORKER_THREAD = "mlz-worker"
QUICK_BODY_BYTES = 8 * 1024
_JOBS_A_RUN = 64
_STOP_SECONDS = 1.0
_BYTES_A_RUN = 512 * 1024


@dataclass(frozen=True, slots=True)
class PlaneLimits:
    """
    Limits of the queue.

    Args:
        queue_limit: jobs waiting, in both lanes together.
        timeout_seconds: from arrival to answer; None means no limit.
        quick: whether small requests may run in the event loop.
        stuck_call_seconds: a call of the library that lasts longer will not return.
    """

    queue_limit: int
    timeout_seconds: float | None = None
    quick: bool = False
    stuck_call_seconds: float = math.inf


@dataclass(frozen=True, slots=True)
class Stuck:
    """A call of the library that does not return, and the requests that are in it."""

    seconds: float
    request_ids: tuple[str, ...]


class Worker:
    """One daemon thread that runs one call after another."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=WORKER_THREAD, daemon=True)
        self._thread.start()

    def submit(self, call: Callable[[], object], done: Callable[[object], None]) -> None:
        """Run ``call`` in the thread, then ``done`` with its result in the loop."""
        self._calls.put(lambda: self._post(done, call()))

    async def call(self, call: Callable[[], T]) -> T:
        """Run ``call`` in the thread and await its result; its exception is raised here."""
        future: asyncio.Future[T] = self._loop.create_future()

        def settle(result: object) -> None:
            if not future.done():
                result()  # type: ignore[operator] # one of the two lambdas of attempt

        def attempt() -> object:
            try:
                value = call()
            except BaseException as error:  # noqa: BLE001 - raised again by who awaits
                failure = error
                return lambda: future.set_exception(failure)
            return lambda: future.set_result(value)

        self.submit(attempt, settle)
        return await future

    def stop(self, wait_seconds: float = _STOP_SECONDS) -> None:
        """End the thread; a call that does not return in time is left behind."""
        self._calls.put(None)
        self._thread.join(wait_seconds)

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            call()

    def _post(self, done: Callable[[object], None], result: object) -> None:
        # The loop may be gone when a call outlives the server; nobody waits for it then.
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(done, result)


class Dataplane:
    """The queue before one scorer."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        scorer: Scorer,
        worker: Worker,
        limits: PlaneLimits,
    ) -> None:
        self._loop = loop
        self._scorer = scorer
        self._worker = worker
        self._limits = limits
        self._quick: deque[Job] = deque()
        self._slow: deque[Job] = deque()
        self._working: Sequence[Job] = ()

    @property
    def waiting(self) -> int:
        """Jobs in the queue."""
        return len(self._quick) + len(self._slow)

    @property
    def stuck(self) -> Stuck | None:
        """The call that has lasted too long; None where there is none."""
        seconds = self._scorer.call_seconds
        if seconds <= self._limits.stuck_call_seconds:
            return None
        return Stuck(seconds, tuple(job.request_id for job in self._working))

    def submit(self, door: Door, body: bytes, reply: Callable[[Outcome], None]) -> Job:
        """
        Queue a request; ``reply`` is called once, later, in the loop.

        Returns:
            The job, to be marked as dropped when nobody waits for it any more.

        Raises:
            RequestError: the queue is full.
        """
        if self.waiting >= self._limits.queue_limit:
            raise RequestError(
                Problem.OVERLOADED, f"{self.waiting} requests are waiting already; try again later"
            )
        job = Job(door, body, reply)
        if self._limits.timeout_seconds is not None:
            self._watch(job, self._limits.timeout_seconds)
        self._enqueue(job)
        return job

    def _enqueue(self, job: Job) -> None:
        if self._limits.quick and len(job.body) <= QUICK_BODY_BYTES:
            if not self._quick:
                self._loop.call_soon(self._run_quick)
            self._quick.append(job)
            return
        self._slow.append(job)
        self._feed_worker()

    def _watch(self, job: Job, seconds: float) -> None:
        """Answer at the deadline whatever the worker does; it drops the rest of the job."""
        reply = job.reply
        timer = self._loop.call_later(seconds, lambda: self._expire(job, reply))

        def reply_in_time(outcome: Outcome) -> None:
            timer.cancel()
            if not job.dropped:
                reply(outcome)

        job.reply = reply_in_time

    def _expire(self, job: Job, reply: Callable[[Outcome], None]) -> None:
        if job.dropped:
            return
        job.dropped = True
        milliseconds = int((self._limits.timeout_seconds or 0) * 1000)
        reply(
            RequestError(Problem.SCORING_TIMEOUT, f"the score took longer than {milliseconds} ms")
        )

    def _run_quick(self) -> None:
        jobs = [self._quick.popleft() for _ in range(min(len(self._quick), _JOBS_A_RUN))]
        if self._quick:
            self._loop.call_soon(self._run_quick)
        _reply_all(jobs, self._scorer.run(jobs))

    def _feed_worker(self) -> None:
        if self._working or not self._slow:
            return
        jobs = self._next_batch()
        self._working = jobs
        self._worker.submit(
            lambda: self._scorer.run(jobs), lambda outcomes: self._worked(jobs, outcomes)
        )

    def _next_batch(self) -> list[Job]:
        """What waits when the worker is free goes together; alone where deadlines run."""
        jobs = [self._slow.popleft()]
        size = len(jobs[0].body)
        if not self._scorer.merges or self._limits.timeout_seconds is not None:
            return jobs
        while self._slow and len(jobs) < _JOBS_A_RUN:
            size += len(self._slow[0].body)
            if size > _BYTES_A_RUN:
                break
            jobs.append(self._slow.popleft())
        return jobs

    def _worked(self, jobs: Sequence[Job], outcomes: object) -> None:
        self._working = ()
        self._feed_worker()
        if isinstance(outcomes, list):
            _reply_all(jobs, outcomes)


def _reply_all(jobs: Sequence[Job], outcomes: Sequence[Outcome]) -> None:
    for job, outcome in zip(jobs, outcomes, strict=True):
        job.reply(outcome)
