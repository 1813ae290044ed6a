"""Our own tokens: what is in them, and which refusal each bad one gets."""

import json
import os
from base64 import urlsafe_b64decode
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlz.rest.identity.account import KeyState
from mlz.rest.identity.roles import Caller, Role
from mlz.rest.identity.tokens import Terms, issue, no_token, our_issuer, verify
from mlz.rest.problems import Code, Refusal
from unit.rest.identity.people import (
    ALICE,
    NOW,
    TERMS,
    a_key,
    an_issuer,
    claims_of,
    raw_token,
    signed,
)

CASES = int(os.environ.get("MLZ_FUZZ", "4000")) // 16
KEYS = (a_key(), a_key(KeyState.NEXT, 1))
OURS = our_issuer(KEYS, TERMS)


def part(token: str, number: int) -> Any:
    text = token.split(".")[number]
    return json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def refusal_of(token: str, now: float = NOW, **issuer: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        verify(token, an_issuer(**issuer), now)
    return caught.value


def test_a_token_has_these_claims_and_no_others() -> None:
    token = issue(ALICE, KEYS[0], TERMS, NOW + 0.7, "some-id")

    assert part(token, 0) == {"typ": "JWT", "alg": "EdDSA", "kid": "key-0"}
    assert part(token, 1) == {
        "iss": "https://mlz.test",
        "aud": "mlz",
        "sub": "alice",
        "role": "apiuser",
        "iat": 2_000_000_000,
        "nbf": 2_000_000_000,
        "exp": 2_000_003_600,
        "jti": "some-id",
    }


@pytest.mark.parametrize("role", Role)
def test_whoever_a_token_is_made_for_is_its_bearer(role: Role) -> None:
    caller = Caller("bob@bank.test", role, "mlz", NOW)

    assert verify(issue(caller, KEYS[0], TERMS, NOW, "id"), OURS, NOW) == caller


def test_a_token_lives_as_long_as_its_terms_say() -> None:
    terms = Terms(TERMS.issuer, 60)
    token = issue(ALICE, KEYS[0], terms, NOW, "id")

    verify(token, OURS, NOW + 89)

    with pytest.raises(Refusal) as caught:
        verify(token, OURS, NOW + 90)
    assert (caught.value.code, caught.value.status) == (Code.EXPIRED_TOKEN, 401)


@pytest.mark.parametrize(
    ("token", "code", "status"),
    [
        pytest.param("rubbish", "ALNB102E", 401, id="malformed"),
        pytest.param(signed(claims_of(), {"kid": "x"}), "ALNB102E", 401, id="an unknown key"),
        pytest.param(signed(claims_of(aud="x")), "ALNB102E", 401, id="another audience"),
        pytest.param(signed(claims_of(iss="x")), "ALNB102E", 401, id="another issuer"),
        pytest.param(signed(claims_of(nbf=NOW + 99)), "ALNB102E", 401, id="not valid yet"),
        pytest.param(signed(claims_of(exp=NOW - 99)), "ALNB103E", 401, id="expired"),
        pytest.param(signed(claims_of(sub="oidc:alice")), "ALNB102E", 401, id="no name of ours"),
        pytest.param(signed(claims_of(sub="a b")), "ALNB102E", 401, id="no name at all"),
        pytest.param(signed(claims_of(role=None)), "ALNB101E", 403, id="no role"),
        pytest.param(signed(claims_of(role="root")), "ALNB101E", 403, id="an unknown role"),
        pytest.param(
            signed(claims_of(role="SYSADM")), "ALNB101E", 403, id="roles have small print"
        ),
        pytest.param(signed(claims_of(role=["sysadm"])), "ALNB101E", 403, id="a list of roles"),
        pytest.param(signed(claims_of(role={})), "ALNB101E", 403, id="a role of another shape"),
    ],
)
def test_which_refusal_a_token_gets(token: str, code: str, status: int) -> None:
    refusal = refusal_of(token)

    assert (refusal.code, refusal.status) == (code, status)
    assert token not in refusal.message


@pytest.mark.parametrize("token", ["rubbish", signed(claims_of(exp=NOW - 99))])
def test_a_401_challenges_for_a_bearer_token(token: str) -> None:
    assert refusal_of(token).headers["WWW-Authenticate"].startswith("Bearer ")
    assert "error" not in no_token().headers["WWW-Authenticate"]
    assert (no_token().code, no_token().status) == (Code.INVALID_TOKEN, 401)


def test_a_token_of_a_key_that_is_next_or_retired_counts() -> None:
    for state in KeyState:
        keys = (a_key(state, 5), *KEYS)
        token = issue(ALICE, keys[0], TERMS, NOW, "id")
        assert verify(token, our_issuer(keys, TERMS), NOW) == ALICE


JSON = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)


@settings(max_examples=CASES)
@given(
    claims=st.dictionaries(
        st.sampled_from(["sub", "role", "iat", "nbf", "exp", "aud", "iss", "jti"]),
        JSON | st.lists(JSON, max_size=2) | st.sampled_from(list(Role)),
    )
)
def test_of_whatever_is_signed_come_a_caller_or_a_refusal(claims: dict[str, Any]) -> None:
    token = raw_token({"alg": "EdDSA"}, claims_of() | claims)

    try:
        caller = verify(token, an_issuer(), NOW)
    except Refusal as refusal:
        code: str = refusal.code
    else:
        assert caller.role in set(Role)
        code = ""

    assert code in ("", "ALNB101E", "ALNB102E", "ALNB103E")
