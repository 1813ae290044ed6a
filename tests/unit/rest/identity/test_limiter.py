"""How often somebody may try, told in tables of moments."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlz.rest.identity.limiter import Buckets, Limiter, Rate, Rates, network
from mlz.rest.problems import Code, Refusal

RATES = Rates(address=Rate(5, 1), user=Rate(4, 10), pair=Rate(2, 10))


def attempts(limiter: Limiter, *tries: tuple[float, str, str]) -> list[str]:
    """``ok``, or what Retry-After says, for each (moment, name, address)."""
    return [attempt(limiter, *one) for one in tries]


def attempt(limiter: Limiter, now: float, name: str, address: str) -> str:
    try:
        limiter.begin(name, address, now)
    except Refusal as refusal:
        return refusal.headers["Retry-After"]
    return "ok"


def test_a_user_from_one_address_waits_after_the_burst() -> None:
    tries = [(moment, "alice", "10.0.0.1") for moment in (0, 0, 0, 5, 9.5, 10, 10)]

    assert attempts(Limiter(RATES), *tries) == ["ok", "ok", "10", "5", "1", "ok", "10"]


def test_who_is_attacked_from_one_address_gets_in_from_another() -> None:
    limiter = Limiter(RATES)
    attempts(limiter, *[(0, "alice", "10.6.6.6")] * 50)

    assert attempts(limiter, (0, "alice", "10.0.0.1")) == ["ok"]


def test_the_refusal_is_a_429() -> None:
    limiter = Limiter(RATES)
    attempts(limiter, *[(0, "alice", "10.0.0.1")] * 2)

    with pytest.raises(Refusal) as caught:
        limiter.begin("alice", "10.0.0.1", 0)

    assert (caught.value.code, caught.value.status) == (Code.TOO_MANY_ATTEMPTS, 429)


def test_many_addresses_do_not_get_around_the_limit_of_a_user() -> None:
    tries = [(0, "alice", f"10.0.0.{number}") for number in range(6)]

    assert attempts(Limiter(RATES), *tries) == ["ok"] * 4 + ["10"] * 2


def test_many_names_do_not_get_around_the_limit_of_an_address() -> None:
    tries = [(0, f"user{number}", "10.0.0.1") for number in range(7)]

    assert attempts(Limiter(RATES), *tries) == ["ok"] * 5 + ["1"] * 2


def test_an_attempt_that_is_refused_does_not_count() -> None:
    limiter = Limiter(RATES)

    refused = attempts(limiter, *[(0, "alice", "10.0.0.1")] * 100)

    assert refused[2:] == ["10"] * 98
    assert attempts(limiter, (10, "alice", "10.0.0.1")) == ["ok"]


def test_a_right_password_gives_its_attempt_back() -> None:
    limiter = Limiter(RATES)

    for number in range(40):
        assert attempt(limiter, number, "alice", "10.0.0.1") == "ok"
        limiter.succeeded("alice", "10.0.0.1", number)


def test_right_passwords_do_not_pile_up() -> None:
    limiter = Limiter(RATES)
    for _ in range(10):
        limiter.succeeded("alice", "10.0.0.1", 0)

    assert attempts(limiter, *[(0, "alice", "10.0.0.1")] * 3) == ["ok", "ok", "10"]


def test_a_clock_that_goes_back_neither_gives_attempts_nor_locks_out() -> None:
    limiter = Limiter(RATES)
    attempts(limiter, *[(1000, "alice", "10.0.0.1")] * 2)

    tries = [(moment, "alice", "10.0.0.1") for moment in (0, 5, 10)]

    assert attempts(limiter, *tries) == ["10", "5", "ok"]


def test_memory_is_bounded_and_the_oldest_goes_first() -> None:
    buckets = Buckets(Rate(1, 100), capacity=3)

    for moment, key in enumerate("abcd"):
        buckets.take(key, moment)

    assert len(buckets) == 3
    assert [buckets.wait_seconds(key, 4) > 0 for key in "abcd"] == [False, True, True, True]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        pytest.param("10.0.0.1", "10.0.0.1", id="IPv4"),
        pytest.param("::ffff:10.0.0.1", "10.0.0.1", id="IPv4 in IPv6"),
        pytest.param("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", id="a customer's network"),
        pytest.param("2001:db8:1:2::", "2001:db8:1:2::/64", id="another address of it"),
        pytest.param("fe80::1%eth0", "fe80::/64", id="with a zone"),
        pytest.param("unix:", "unix:", id="no address"),
        pytest.param("", "", id="unknown"),
        pytest.param("x" * 999, "x" * 64, id="a long nonsense"),
    ],
)
def test_whom_an_address_stands_for(address: str, expected: str) -> None:
    assert network(address) == expected


@given(steps=st.lists(st.floats(0, 30), max_size=60))
def test_never_more_than_the_burst_and_what_was_refilled(steps: list[float]) -> None:
    limiter, now, allowed = Limiter(RATES), 0.0, 0

    for step in steps:
        now += step
        allowed += attempt(limiter, now, "alice", "10.0.0.1") == "ok"

    assert allowed <= RATES.pair.burst + now / RATES.pair.refill_seconds + 1e-6
