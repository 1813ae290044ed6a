"""Whatever comes for a token or stands in a key set, nothing but a TokenError ever comes out."""

import os
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlz.tokens import Fault, Issuer, TokenError, verified
from unit.rest.identity.people import (
    NOW,
    an_issuer,
    claims_of,
    raw_token,
    signed,
)

# Bounded, so that it ends in some ten seconds; MLZ_FUZZ=100000 looks longer.
CASES = int(os.environ.get("MLZ_FUZZ", "4000"))

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["mlz", "https://issuer.test", "EdDSA", "RS256", "none", "JWT"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
HEADERS = st.fixed_dictionaries(
    {"alg": st.just("EdDSA")},
    optional=dict.fromkeys(("kid", "typ", "crit", "b64", "jwk", "jku", "x5c", "cty"), JSON),
)
CLAIMS = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("iss", "aud", "sub", "exp", "nbf", "iat", "role", "jti"), JSON)
)


@settings(max_examples=min(CASES // 16, 20_000))
@given(header=HEADERS, claims=CLAIMS)
def test_whatever_is_signed_is_taken_or_refused(header: Any, claims: Any) -> None:
    base: dict[str, Any] = {"iss": "https://issuer.test", "aud": "mlz", "sub": "a", "exp": NOW + 9}

    outcome = outcome_of(raw_token(header, {**base, **claims}), an_issuer())

    assert outcome in {*Fault, str({**base, **claims}["sub"])}


@settings(max_examples=min(CASES // 16, 20_000))
@given(token=st.text(max_size=40) | st.from_regex(r"[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*\.[\w-]*"))
def test_whatever_text_comes_is_refused(token: str) -> None:
    with pytest.raises(TokenError):
        verified(token, [an_issuer()], NOW)


@settings(max_examples=200)
@given(
    entry=st.dictionaries(st.sampled_from(["kty", "crv", "x", "y", "n", "e", "kid", "alg"]), JSON)
)
def test_whatever_is_in_a_key_set_is_read_or_left_out(entry: Any) -> None:
    for kind in ("OKP", "EC", "RSA"):
        issuer = an_issuer(keys={"keys": [{"kty": kind, **entry}]})

        assert outcome_of(signed(claims_of()), issuer) is Fault.FORGED


def test_no_other_string_than_the_token_itself_is_taken() -> None:
    dice = random.Random(20_301)
    tokens = [signed(claims_of(jti=str(number))) for number in range(8)]
    issuer = an_issuer()

    for _ in range(max(CASES, 100_000)):
        token = changed(dice.choice(tokens), dice)
        if token not in tokens:
            assert outcome_of(token, issuer) in set(Fault), token


def outcome_of(token: str, issuer: Issuer) -> Fault | str:
    try:
        return verified(token, [issuer], NOW).subject
    except TokenError as error:
        return error.kind


def changed(token: str, dice: random.Random) -> str:
    """A token with a few characters replaced, dropped, doubled, or parts of it exchanged."""
    letters = list(token)
    for _ in range(dice.randint(1, 3)):
        letters = letters or ["."]
        place = dice.randrange(len(letters))
        kind = dice.randrange(6)
        if kind == 0:
            letters[place] = chr(dice.randrange(0x250))
        elif kind == 1:
            letters[place] = dice.choice("AQgwBCDxyz019-_.=")
        elif kind == 2:
            del letters[place]
        elif kind == 3:
            letters.insert(place, letters[place])
        elif kind == 4:
            letters = letters[:place]
        else:
            letters = list(".".join(dice.sample("".join(letters).split("."), k=1) * 3))
    return "".join(letters)
