"""
The work queue's contract, client-go's: once waiting, once in work, nothing lost, nobody starves.

The machine at the end runs without threads: it takes a key only when one is waiting.
"""

import threading

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    precondition,
    rule,
)

from fakes.clock import FakeClock
from mlz.controller.queue import Priority, WorkQueue

KEYS = st.sampled_from("abcdef")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def queue(clock: FakeClock) -> WorkQueue[str]:
    return WorkQueue(clock.monotonic, lambda: 1.0)


def taken(queue: WorkQueue[str]) -> list[str | None]:
    """Every key that waits now, each worked on and done."""
    found = []
    while queue.depth():
        key = queue.take()
        found.append(key)
        if key is not None:
            queue.done(key)
    return found


def test_a_key_waits_once_however_often_it_is_added(queue: WorkQueue[str]) -> None:
    for _ in range(3):
        queue.add("a")

    assert taken(queue) == ["a"]


def test_a_key_added_in_work_comes_again_and_not_before_it_is_done(queue: WorkQueue[str]) -> None:
    queue.add("a")
    queue.take()

    queue.add("a")
    meanwhile = queue.depth()
    queue.done("a")

    assert meanwhile == 0
    assert taken(queue) == ["a"]


def test_urgent_keys_go_first_and_in_order(queue: WorkQueue[str]) -> None:
    queue.add("a")
    queue.add("b", Priority.URGENT)
    queue.add("c", Priority.URGENT)

    assert taken(queue) == ["b", "c", "a"]


def test_a_waiting_key_becomes_urgent_and_never_less_so(queue: WorkQueue[str]) -> None:
    for key in "ab":
        queue.add(key)
    queue.add("b", Priority.URGENT)
    queue.add("b", Priority.NORMAL)

    assert taken(queue) == ["b", "a"]


def test_a_key_in_work_keeps_the_most_urgent_wish(queue: WorkQueue[str]) -> None:
    queue.add("a")
    queue.take()
    queue.add("b")
    queue.add("a", Priority.URGENT)
    queue.add("a", Priority.NORMAL)

    queue.done("a")

    assert taken(queue) == ["a", "b"]


def test_nothing_starves_while_urgent_keys_never_end(
    queue: WorkQueue[str], clock: FakeClock
) -> None:
    queue.add("patient")
    order = []
    for number in range(20):
        clock.advance(1)
        queue.add(f"urgent-{number}", Priority.URGENT)
        queue.add(f"urgent-too-{number}", Priority.URGENT)
        order.append(queue.take())

    assert "patient" in order[:10]


# Later


@pytest.mark.parametrize(
    ("waits", "ripe_after"),
    [
        pytest.param([5.0], 5.0, id="after its seconds"),
        pytest.param([5.0, 2.0], 2.0, id="of two wishes the earlier"),
        pytest.param([2.0, 5.0], 2.0, id="whichever came first"),
        pytest.param([5.0, 5.0], 5.0, id="the same wish twice"),
    ],
)
def test_a_key_ripens(
    queue: WorkQueue[str], clock: FakeClock, waits: list[float], ripe_after: float
) -> None:
    for seconds in waits:
        queue.add_later("a", seconds)
    queue.add("b")

    clock.advance(ripe_after - 0.1)
    before = queue.take()
    clock.advance(0.1)
    after = queue.take()

    assert (before, after) == ("b", "a")
    assert queue.depth() == 0


def test_a_key_added_meanwhile_does_not_come_a_second_time_for_its_old_wish(
    queue: WorkQueue[str], clock: FakeClock
) -> None:
    queue.add_later("a", 5)
    queue.add("a")
    first = taken(queue)

    clock.advance(10)
    queue.add("b")

    assert first == ["a"]
    assert taken(queue) == ["b"]


# Failures


def test_failures_back_off_by_key_up_to_five_minutes(queue: WorkQueue[str]) -> None:
    waits = [queue.retry("a") for _ in range(30)]

    assert waits[:4] == [0.2, 0.4, 0.8, 1.6]
    assert waits == sorted(waits)
    assert waits[-1] == 300
    assert queue.retry("b") == 0.2


def test_a_success_forgives(queue: WorkQueue[str]) -> None:
    for _ in range(5):
        queue.retry("a")

    queue.forgive("a")

    assert queue.retry("a") == 0.2


def test_failures_do_not_march_in_step() -> None:
    factors = iter([0.8, 1.2])
    queue: WorkQueue[str] = WorkQueue(FakeClock().monotonic, lambda: next(factors))

    assert queue.retry("a") < queue.retry("b")


def test_a_failed_key_does_not_wait_when_something_changes(queue: WorkQueue[str]) -> None:
    queue.retry("a")

    queue.add("a")

    assert taken(queue) == ["a"]


# Waiting and closing


def test_the_age_of_the_queue_is_that_of_the_longest_waiting_key(
    queue: WorkQueue[str], clock: FakeClock
) -> None:
    empty = queue.oldest_seconds()
    queue.add("a")
    clock.advance(3)
    queue.add("b", Priority.URGENT)
    queue.add("a", Priority.URGENT)
    clock.advance(2)

    assert empty == 0
    assert queue.oldest_seconds() == 5


def test_closing_lets_every_worker_go() -> None:
    queue: WorkQueue[str] = WorkQueue(FakeClock().monotonic, lambda: 1.0)
    answers: list[str | None] = []
    workers = [threading.Thread(target=lambda: answers.append(queue.take())) for _ in range(3)]
    for worker in workers:
        worker.start()

    queue.close()

    for worker in workers:
        worker.join(10)
    assert answers == [None, None, None]


def test_a_closed_queue_hands_out_nothing(queue: WorkQueue[str]) -> None:
    queue.add("a")

    queue.close()

    assert queue.take() is None


def test_many_workers_never_meet_and_lose_nothing() -> None:
    queue: WorkQueue[int] = WorkQueue(FakeClock().monotonic, lambda: 1.0)
    in_work: set[int] = set()
    met: list[int] = []
    counts = dict.fromkeys(range(20), 0)
    lock = threading.Lock()
    drained = threading.Event()

    def work() -> None:
        while (key := queue.take()) is not None:
            with lock:
                met.extend([key] if key in in_work else [])
                in_work.add(key)
                counts[key] += 1
            again = counts[key] < 20
            if again:
                queue.add(key)
            with lock:
                in_work.discard(key)
            queue.done(key)
            if all(count == 20 for count in counts.values()):
                drained.set()

    workers = [threading.Thread(target=work, daemon=True) for _ in range(8)]
    for worker in workers:
        worker.start()
    for key in counts:
        queue.add(key)
    assert drained.wait(30)
    queue.close()
    for worker in workers:
        worker.join(10)

    assert met == []
    assert counts == dict.fromkeys(range(20), 20)


class QueueMachine(RuleBasedStateMachine):
    """The queue beside the plainest model of what it owes."""

    in_work = Bundle("in_work")

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.queue: WorkQueue[str] = WorkQueue(self.clock.monotonic, lambda: 1.0)
        self.owed: set[str] = set()
        self.working: set[str] = set()
        self.due: dict[str, float] = {}
        self.hand_outs_while_waiting: dict[str, int] = {}

    @rule(key=KEYS, priority=st.sampled_from(Priority))
    def add(self, key: str, priority: Priority) -> None:
        self.queue.add(key, priority)
        self.owed.add(key)
        self.due.pop(key, None)

    @rule(key=KEYS, seconds=st.sampled_from([0.0, 1.0, 5.0]))
    def add_later(self, key: str, seconds: float) -> None:
        self.queue.add_later(key, seconds)
        due = self.clock.seconds + seconds
        self.due[key] = min(due, self.due.get(key, due))

    @rule(key=KEYS)
    def retry(self, key: str) -> None:
        seconds = self.queue.retry(key)
        due = self.clock.seconds + seconds
        self.due[key] = min(due, self.due.get(key, due))
        assert 0 < seconds <= 300

    @rule(key=KEYS)
    def forgive(self, key: str) -> None:
        self.queue.forgive(key)

    @rule(seconds=st.sampled_from([0.1, 1.0, 10.0]))
    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def ripen(self) -> None:
        for key in [key for key, due in self.due.items() if due <= self.clock.seconds]:
            del self.due[key]
            self.owed.add(key)

    @precondition(lambda self: self.can_take())
    @rule(target=in_work)
    def take(self) -> str:
        self.ripen()
        key = self.queue.take()

        assert key is not None
        assert key in self.owed, "nothing is handed out that nobody asked for"
        assert key not in self.working, "never two at once"
        self.owed.discard(key)
        self.working.add(key)
        self.hand_outs_while_waiting.pop(key, None)
        for other in self.owed - self.working:
            passed_over = self.hand_outs_while_waiting.get(other, 0) + 1
            self.hand_outs_while_waiting[other] = passed_over
            assert passed_over <= 10 * 6, "nothing starves"
        return key

    def can_take(self) -> bool:
        ripe = {key for key, due in self.due.items() if due <= self.clock.seconds}
        return bool((self.owed | ripe) - self.working)

    @rule(key=consumes(in_work))
    def done(self, key: str) -> None:
        self.queue.done(key)
        self.working.discard(key)
        if key in self.owed:
            self.due.pop(key, None)  # it waits now, so it need not come once more later

    @invariant()
    def what_is_owed_and_not_in_work_is_waiting(self) -> None:
        assert self.queue.depth() == len(self.owed - self.working)

    def teardown(self) -> None:
        """Nothing is lost: when the rest is done, all that is owed comes."""
        self.clock.advance(1000)
        self.ripen()
        for key in list(self.working):
            self.done(key)
        while self.owed:
            key = self.queue.take()
            assert key in self.owed
            self.owed.discard(key)
            self.queue.done(key)
        assert self.queue.depth() == 0


TestQueueMachine = QueueMachine.TestCase
TestQueueMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
