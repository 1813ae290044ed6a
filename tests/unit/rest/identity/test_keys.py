"""Rotation: one key signs at any time, and no token ever meets somebody who lacks its key."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlz.rest.identity.account import Account, Jwk, KeyState, SigningKey
from mlz.rest.identity.keys import (
    Keys,
    Lifetimes,
    active_key,
    jwks,
    new_jwk,
    plan,
    rotated,
)
from mlz.rest.identity.tokens import Terms, issue, our_issuer
from mlz.tokens import LEEWAY_SECONDS, verified
from unit.rest.identity.people import ALICE, NOW, TERMS, a_jwk, a_key

LIFETIMES = Lifetimes(token=3600, active=86_400, overlap=600)
NEXT, ACTIVE, RETIRED = KeyState.NEXT, KeyState.ACTIVE, KeyState.RETIRED


def counted() -> Iterator[Jwk]:
    return (a_jwk(number) for number in count(100))


def planned(*keys: SigningKey, now: float = NOW) -> Keys:
    made = counted()
    return plan(keys, now, LIFETIMES, lambda: next(made)).keys


def states(keys: Keys) -> list[str]:
    return sorted(one.state for one in keys)


def state_of(keys: Keys, number: int) -> str:
    return next((one.state for one in keys if one.kid == f"key-{number}"), "gone")


def test_the_first_start_makes_a_key_to_sign_with_and_the_one_after_it() -> None:
    assert states(planned()) == ["active", "next"]


def test_nothing_changes_while_nothing_is_due() -> None:
    keys = planned()

    again = plan(keys, NOW + 3600, LIFETIMES, new_jwk)

    assert again.keys == keys
    assert again.next_due == NOW + LIFETIMES.active


@pytest.mark.parametrize(
    ("next_age", "active_age", "expected"),
    [
        pytest.param(86_400, 86_400, ("next", "active"), id="it is time"),
        pytest.param(600, 86_400, ("next", "active"), id="it has been seen just long enough"),
        pytest.param(599, 86_400, ("active", "next"), id="not everybody has seen the next one"),
        pytest.param(86_400, 86_399, ("active", "next"), id="not old enough"),
        pytest.param(900_000, 900_000, ("next", "active"), id="nobody was there for days"),
        pytest.param(-50, 86_400, ("active", "next"), id="made by a clock that was ahead"),
    ],
)
def test_the_next_key_takes_over(
    next_age: float, active_age: float, expected: tuple[str, str]
) -> None:
    active = a_key(ACTIVE, 1, since=NOW - active_age)
    coming = a_key(NEXT, 2, since=NOW - next_age)

    keys = planned(active, coming)

    took_over = expected == ("next", "active")
    assert state_of(keys, 1) == ("retired" if took_over else "active")
    assert state_of(keys, 2) == ("active" if took_over else "next")
    assert states(keys).count("active") == states(keys).count("next") == 1


def test_a_retired_key_stays_until_its_last_token_has_expired_everywhere() -> None:
    end = LIFETIMES.token + LIFETIMES.overlap + 2 * LEEWAY_SECONDS
    rest = a_key(ACTIVE, 2), a_key(NEXT, 3)

    before = planned(a_key(RETIRED, 1, since=NOW - end + 1), *rest)
    after = planned(a_key(RETIRED, 1, since=NOW - end), *rest)

    assert state_of(before, 1) == "retired"
    assert state_of(after, 1) == "gone"


@pytest.mark.parametrize(
    ("keys", "active"),
    [
        pytest.param([a_key(ACTIVE, 1)], 1, id="the next one is missing"),
        pytest.param([a_key(NEXT, 1)], 1, id="none signs: better an unseen key than none"),
        pytest.param(
            [a_key(ACTIVE, 1, since=NOW - 9), a_key(ACTIVE, 2, since=NOW - 5)],
            2,
            id="two sign: the newer one goes on",
        ),
        pytest.param(
            [a_key(ACTIVE, 1), a_key(NEXT, 2), a_key(NEXT, 3)], 1, id="two are next"
        ),
        pytest.param([a_key(RETIRED, 1)], None, id="all are retired: a new one"),
    ],
)  # fmt: skip
def test_an_edited_secret_is_put_right(keys: list[SigningKey], active: int | None) -> None:
    found = planned(*keys)

    assert states(found).count("active") == states(found).count("next") == 1
    assert {one.kid for one in keys} <= {one.kid for one in found}
    if active is not None:
        assert state_of(found, active) == "active"


def test_next_due_is_the_end_of_a_retired_key_where_that_is_sooner() -> None:
    keys = a_key(RETIRED, 1, since=NOW - 100), a_key(ACTIVE, 2), a_key(NEXT, 3)

    assert plan(keys, NOW, LIFETIMES, new_jwk).next_due == NOW - 100 + LIFETIMES.retired


def test_the_public_key_set_has_no_private_part() -> None:
    keys = planned()

    document = jwks(keys)

    assert [set(one) for one in document["keys"]] == [{"kty", "crv", "x", "kid", "use", "alg"}] * 2
    assert not any(key.jwk.d in str(document) for key in keys)
    assert {one["alg"] for one in document["keys"]} == {"EdDSA"}


def test_keys_are_random_and_named_by_their_thumbprint() -> None:
    made = plan((), NOW, LIFETIMES, new_jwk).keys

    assert len({one.jwk.d for one in made} | {one.kid for one in made}) == 4
    assert all(len(one.kid) == 43 for one in made)


def test_users_stay_when_keys_are_rotated() -> None:
    account = rotated(Account(), NOW, LIFETIMES, new_jwk)

    assert states(account.keys) == ["active", "next"]
    assert active_key(account.keys) is not None
    assert active_key(()) is None


# Every token, whoever made it, at everybody's, at any time


@dataclass
class Secret:
    """The keys over time, as somebody with a delay has them."""

    states: list[tuple[float, Keys]] = field(default_factory=list)

    def at(self, moment: float) -> Keys:
        """As it was at a moment; before the beginning as it began."""
        past = [keys for since, keys in self.states if since <= moment]
        return past[-1] if past else self.states[0][1]


STEPS = st.lists(st.sampled_from([1, 60, 120, 300, 599, 600, 900, 3000]), min_size=9, max_size=40)
# Short lives, so that much happens; an overlap that is longer than a key's active time, too.
LIVES = st.builds(
    Lifetimes,
    token=st.sampled_from([600, 1800]),
    active=st.sampled_from([300, 1500, 4000]),
    overlap=st.just(600),
)


@settings(max_examples=70)
@given(steps=STEPS, delays=st.tuples(*[st.sampled_from([0, 60, 599])] * 2), lives=LIVES)
def test_every_token_is_verified_by_everybody_until_it_expires(
    steps: list[int], delays: tuple[int, int], lives: Lifetimes
) -> None:
    """A replica reads the Secret late, a pod gets the key set late; both within the overlap."""
    secret, made, now = Secret(), counted(), NOW
    terms = Terms(TERMS.issuer, lives.token)
    tokens: dict[str, float] = {}
    secret.states.append((now, plan((), now, lives, lambda: next(made)).keys))
    now += lives.overlap  # before that, nobody else can know the first key

    for step in steps:
        keys = plan(secret.at(now), now, lives, lambda: next(made)).keys
        secret.states.append((now, keys))
        assert states(keys).count("active") == 1
        signer = active_key(secret.at(now - delays[0]))
        assert signer is not None
        tokens[issue(ALICE, signer, terms, now, "id")] = now
        now += step
        seen = our_issuer(secret.at(now - delays[1]), terms)
        tokens = {one: since for one, since in tokens.items() if since + lives.token > now}
        assert all(verified(one, [seen], now - 14).subject == "alice" for one in tokens)


@settings(max_examples=60)
@given(steps=STEPS, lives=LIVES)
def test_a_key_never_signs_before_others_could_have_seen_it(
    steps: list[int], lives: Lifetimes
) -> None:
    made, now = counted(), NOW
    keys = plan((), now, lives, lambda: next(made)).keys
    first = {one.kid for one in keys if one.state is ACTIVE}
    born = {one.kid: now for one in keys}

    for step in steps:
        now += step
        keys = plan(keys, now, lives, lambda: next(made)).keys
        born = {one.kid: now for one in keys} | born
        active = active_key(keys)
        assert active is not None
        assert active.kid in first or now - born[active.kid] >= lives.overlap


@given(
    keys=st.lists(
        st.builds(
            a_key,
            st.sampled_from(KeyState),
            st.integers(0, 9),
            since=st.floats(NOW - 1e6, NOW + 1e6),
        ),
        max_size=6,
        unique_by=lambda one: one.kid,
    )
)
def test_whatever_the_secret_holds_one_plan_puts_it_right_for_good(keys: list[SigningKey]) -> None:
    made = counted()

    once = plan(keys, NOW, LIFETIMES, lambda: next(made))
    twice = plan(once.keys, NOW, LIFETIMES, lambda: next(made))

    assert states(once.keys).count("active") == states(once.keys).count("next") == 1
    assert set(twice.keys) == set(once.keys)
    assert twice.next_due == once.next_due
    assert once.next_due > NOW
