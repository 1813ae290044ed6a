"""Leadership: two candidates, one lease, a clock of our own; nobody leads beside another."""

from collections.abc import Callable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from fakes.apiserver import FakeApiServer, Request
from fakes.clock import FakeClock
from mlz.cluster import kinds
from mlz.cluster.client import ApiConflictError, ApiOutageError
from mlz.controller.leader import (
    GIVE_UP_SECONDS,
    LEASE_SECONDS,
    RENEW_SECONDS,
    REQUEST_SECONDS,
    RETRY_SECONDS,
    Clocks,
    Leadership,
    identity_of,
)


class Candidate:
    """One process of the operator, with a clock of its own."""

    def __init__(self, server: FakeApiServer, name: str, clock: FakeClock | None = None) -> None:
        self.clock = clock or FakeClock()
        self.losses = 0
        self.leadership = Leadership(
            server,
            ("mlz-system", "mlz-operator"),
            name,
            Clocks(self.clock.wall, self.clock.monotonic),
            self._lost,
        )

    @property
    def leads(self) -> bool:
        return self.leadership.held.is_set()

    def step(self) -> float | None:
        return self.leadership.step()

    def _lost(self) -> None:
        self.losses += 1


@pytest.fixture
def server() -> FakeApiServer:
    return FakeApiServer()


def holder(server: FakeApiServer) -> str | None:
    lease = server.find("Lease", "mlz-operator", "mlz-system")
    return None if lease is None else lease["spec"]["holderIdentity"]


def edit(server: FakeApiServer, part: str, **fields: object) -> None:
    """Somebody changes the lease."""
    lease = server.find("Lease", "mlz-operator", "mlz-system")
    assert lease is not None
    lease[part].update(fields)
    server.replace(kinds.LEASE, lease)


def refuse(_: Request) -> None:
    raise ApiOutageError(0, "no answer")


def hang(clock: FakeClock) -> Callable[[Request], None]:
    """A server that is silent until the client gives up."""

    def wait(_: Request) -> None:
        clock.advance(REQUEST_SECONDS)
        raise ApiOutageError(0, "timed out")

    return wait


def test_the_first_candidate_leads_and_the_second_waits(server: FakeApiServer) -> None:
    first, second = Candidate(server, "first"), Candidate(server, "second")

    waits = first.step(), second.step()

    assert (first.leads, second.leads) == (True, False)
    assert waits == (RENEW_SECONDS, RETRY_SECONDS)
    assert holder(server) == "first"


@pytest.mark.parametrize(
    ("uid", "process_id", "same_again"),
    [
        pytest.param("uid-1", 1, True, id="the first process of a container, started again"),
        pytest.param("uid-1", 17, False, id="a process beside it, by hand"),
        pytest.param("", 1, False, id="a container that is no pod's"),
        pytest.param("", 4711, False, id="on a laptop"),
    ],
)
def test_only_a_restarted_container_is_who_it_was(
    uid: str, process_id: int, same_again: bool
) -> None:
    first, second = (identity_of("operator-x", uid, process_id, word) for word in ("a1", "b2"))

    assert (first == second) is same_again
    assert first.startswith("operator-x_")


def test_two_pods_are_never_the_same_even_of_one_name() -> None:
    assert identity_of("operator-0", "uid-1", 1, "a") != identity_of("operator-0", "uid-2", 1, "a")


def test_a_restarted_container_leads_at_once_and_another_pod_waits(server: FakeApiServer) -> None:
    pod, other = identity_of("a", "uid-1", 1, "r1"), identity_of("b", "uid-2", 1, "r2")
    dead = Candidate(server, pod)
    dead.step()
    restarted, elsewhere = Candidate(server, pod), Candidate(server, other)

    elsewhere.step()
    restarted.step()

    assert dead.leads  # it never knew
    assert (elsewhere.leads, restarted.leads) == (False, True)


def test_a_leader_that_renews_stays(server: FakeApiServer) -> None:
    clock = FakeClock()
    first, second = Candidate(server, "first", clock), Candidate(server, "second", clock)

    for _ in range(20):
        first.step()
        second.step()
        clock.advance(RENEW_SECONDS)

    assert (first.leads, second.leads) == (True, False)


def test_a_dead_leaders_lease_is_taken_when_it_has_run_out_and_not_before(
    server: FakeApiServer,
) -> None:
    clock = FakeClock()
    first, second = Candidate(server, "first", clock), Candidate(server, "second", clock)
    first.step()
    second.step()

    clock.advance(LEASE_SECONDS)
    second.step()
    in_time = second.leads
    clock.advance(0.1)
    second.step()

    assert not in_time
    assert second.leads
    lease = server.find("Lease", "mlz-operator", "mlz-system")
    assert lease is not None
    assert lease["spec"]["leaseTransitions"] == 1


def test_a_lease_that_is_given_back_is_taken_at_once(server: FakeApiServer) -> None:
    first, second = Candidate(server, "first"), Candidate(server, "second")
    first.leadership.start()
    assert first.leadership.held.wait(10)
    second.step()

    first.leadership.stop()
    second.step()

    assert (first.leads, second.leads) == (False, True)


def test_a_process_that_starts_again_under_its_name_goes_on(server: FakeApiServer) -> None:
    Candidate(server, "first").step()

    again = Candidate(server, "first")
    again.step()

    assert again.leads


def test_a_leader_whose_clock_is_wrong_is_not_robbed(server: FakeApiServer) -> None:
    """The times in the lease are another machine's: they are watched, never compared."""
    slow = FakeClock()
    ahead = FakeClock()
    ahead.advance(10_000)
    first, second = Candidate(server, "first", slow), Candidate(server, "second", ahead)
    first.step()

    second.step()

    assert not second.leads


def test_an_outage_ends_leadership_before_anybody_else_can_take_it(server: FakeApiServer) -> None:
    clock = FakeClock()
    leader = Candidate(server, "first", clock)
    leader.step()
    renewed = clock.seconds
    server.before = refuse

    while leader.leads:
        clock.advance(leader.step() or 0)

    assert leader.losses == 1
    assert GIVE_UP_SECONDS <= clock.seconds - renewed < LEASE_SECONDS


@pytest.mark.parametrize("into_the_wait", [0.0, 0.3, 0.6, 0.9, 1.0])
def test_a_server_that_hangs_does_not_outlast_the_lease(
    server: FakeApiServer, into_the_wait: float
) -> None:
    clock = FakeClock()
    leader = Candidate(server, "first", clock)
    leader.step()
    renewed = clock.seconds
    clock.advance(RENEW_SECONDS * into_the_wait)
    server.before = hang(clock)

    wait: float | None = RENEW_SECONDS * (1 - into_the_wait)
    while wait is not None:
        clock.advance(wait)
        wait = leader.step()

    assert not leader.leads
    assert clock.seconds - renewed < LEASE_SECONDS


def test_a_short_outage_is_survived(server: FakeApiServer) -> None:
    clock = FakeClock()
    leader = Candidate(server, "first", clock)
    leader.step()
    server.before = refuse
    clock.advance(RENEW_SECONDS)
    leader.step()
    server.before = lambda _: None

    clock.advance(RETRY_SECONDS)
    leader.step()

    assert leader.leads
    assert leader.losses == 0


def test_a_leader_that_was_robbed_stops_at_its_next_look(server: FakeApiServer) -> None:
    leader = Candidate(server, "first")
    leader.step()
    edit(server, "spec", holderIdentity="robber")

    waits = [leader.step(), leader.step()]

    assert waits == [RETRY_SECONDS, None]
    assert not leader.leads
    assert leader.losses == 1


def test_a_lease_that_somebody_edited_is_still_ours(server: FakeApiServer) -> None:
    leader = Candidate(server, "first")
    leader.step()
    edit(server, "metadata", labels={"a": "b"})

    leader.step()
    leader.step()

    assert leader.leads
    assert leader.losses == 0


def test_a_lease_that_somebody_deleted_is_made_again(server: FakeApiServer) -> None:
    leader = Candidate(server, "first")
    leader.step()
    server.remove("Lease", "mlz-operator", "mlz-system")

    for _ in range(2):
        leader.step()

    assert holder(server) == "first"


def test_who_waited_and_found_the_lease_deleted_survives_a_short_outage(
    server: FakeApiServer,
) -> None:
    clock = FakeClock()
    first, second = Candidate(server, "first", clock), Candidate(server, "second", clock)
    first.step()
    second.step()
    server.remove("Lease", "mlz-operator", "mlz-system")
    second.step()
    server.before = refuse

    second.step()

    assert second.leads


def test_of_two_that_create_at_once_one_waits(server: FakeApiServer) -> None:
    first, second = Candidate(server, "first"), Candidate(server, "second")

    def other_first(request: Request) -> None:
        if request.verb == "create":
            server.before = lambda _: None
            first.step()

    server.before = other_first
    second.step()

    assert (first.leads, second.leads) == (True, False)


def test_a_conflict_is_no_reason_to_stop(server: FakeApiServer) -> None:
    leader = Candidate(server, "first")
    leader.step()

    def conflict(_: Request) -> None:
        server.before = lambda _: None
        raise ApiConflictError(409, "modified")

    server.before = conflict
    leader.step()
    leader.step()

    assert leader.leads


class LeaseMachine(RuleBasedStateMachine):
    """Two candidates who run as they like, in outages as they come: never do two lead."""

    def __init__(self) -> None:
        super().__init__()
        self.server = FakeApiServer()
        self.clock = FakeClock()
        self.candidates = [self.new("a"), self.new("b")]
        self.next_step = [0.0, 0.0]

    def new(self, name: str) -> Candidate:
        return Candidate(self.server, name, self.clock)

    @rule(seconds=st.floats(0, 6))
    def pass_time(self, seconds: float) -> None:
        """Candidates step when their wait is over, as their threads would."""
        until = self.clock.seconds + seconds
        while min(self.next_step) <= until:
            number = self.next_step.index(min(self.next_step))
            self.clock.seconds = max(self.clock.seconds, self.next_step[number])
            wait = self.candidates[number].step()
            self.no_two_lead()
            if wait is None:
                self.candidates[number] = self.new(f"new-{self.clock.seconds}")
                wait = RETRY_SECONDS
            self.next_step[number] = self.clock.seconds + wait
        self.clock.seconds = max(self.clock.seconds, until)

    @rule()
    def outage_begins(self) -> None:
        self.server.before = refuse

    @rule()
    def server_hangs(self) -> None:
        self.server.before = hang(self.clock)

    @rule()
    def outage_ends(self) -> None:
        self.server.before = lambda _: None

    @invariant()
    def no_two_lead(self) -> None:
        assert sum(one.leads for one in self.candidates) <= 1


TestLeaseMachine = LeaseMachine.TestCase
TestLeaseMachine.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
