"""The Secret's content: read strictly, written back the same, and never shown."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlz.errors import RejectedError
from mlz.rest.identity.account import KEYS, USERS, Account, KeyState, account_data, read_account
from unit.rest.identity.people import a_jwk, a_key, a_user, an_account, hash_of


def encoded(value: object) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


def test_an_account_is_read_as_it_was_written() -> None:
    users = {"alice": a_user(), "bob@bank.test": a_user(role="sysadm", disabled=True)}
    keys = (a_key(KeyState.RETIRED, 1), a_key(), a_key(KeyState.NEXT, 2))
    account = Account(users=users, keys=keys)

    assert read_account(account_data(account)) == account


@pytest.mark.parametrize("data", [{}, {USERS: "", KEYS: ""}, {"other": "AAAA"}])
def test_an_empty_secret_is_an_empty_account(data: dict[str, str]) -> None:
    assert read_account(data) == Account()


def test_what_is_written_is_readable_and_has_stable_bytes() -> None:
    data = account_data(an_account(bob=a_user(), alice=a_user()))

    assert sorted(data) == [KEYS, USERS]
    users = json.loads(base64.b64decode(data[USERS]))["users"]
    assert list(users) == ["alice", "bob"]
    assert users["alice"]["role"] == "apiuser"
    assert users["alice"]["passwordHash"] == hash_of()
    assert account_data(read_account(data)) == data


def test_what_a_newer_facade_wrote_is_read() -> None:
    user = {"passwordHash": hash_of(), "role": "mladm", "favouriteColour": "blue"}

    account = read_account({USERS: encoded({"users": {"alice": user}, "more": 1})})

    assert account.users["alice"].role == "mladm"
    assert not account.users["alice"].disabled


@pytest.mark.parametrize(
    "user",
    [
        pytest.param({"passwordHash": hash_of(), "role": "root"}, id="a sixth role"),
        pytest.param({"passwordHash": hash_of()}, id="no role"),
        pytest.param({"role": "mladm"}, id="no hash"),
        pytest.param({"passwordHash": "hunter2-hunter2", "role": "mladm"}, id="a plain password"),
        pytest.param(
            {"passwordHash": hash_of().replace("m=8", "m=1000000"), "role": "mladm"},
            id="a gigabyte for each log-in",
        ),
        pytest.param(
            {"passwordHash": hash_of().replace("argon2id", "argon2i"), "role": "mladm"},
            id="another argon2",
        ),
        pytest.param({"passwordHash": hash_of() + "\n", "role": "mladm"}, id="a line end"),
        pytest.param(
            {"passwordHash": hash_of(), "role": "mladm", "disabled": "maybe"}, id="maybe disabled"
        ),
        pytest.param("x", id="no object"),
    ],
)
def test_a_wrong_user_is_refused_without_showing_anything(user: Any) -> None:
    with pytest.raises(RejectedError) as caught:
        read_account({USERS: encoded({"users": {"alice": user}})})

    assert USERS in caught.value.message
    for secret in ("hunter2", hash_of()[-20:]):
        assert secret not in f"{caught.value} {caught.value.__cause__!r}"
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("name", ["", "a b", "a:b", "ä", "a/b", "a" * 65, "a\n", "oidc:alice"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    user = {"passwordHash": hash_of(), "role": "mladm"}

    with pytest.raises(RejectedError):
        read_account({USERS: encoded({"users": {name: user}})})


@pytest.mark.parametrize("data", ["###", "eyJ", base64.b64encode(b"\xff{").decode(), "e30=x"])
@pytest.mark.parametrize("key", [USERS, KEYS])
def test_what_is_no_json_is_refused(key: str, data: str) -> None:
    with pytest.raises(RejectedError, match=key):
        read_account({key: data})


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"kty": "oct"}, id="a shared secret"),
        pytest.param({"crv": "Ed448"}, id="another curve"),
        pytest.param({"d": "AAAA"}, id="too short"),
        pytest.param({"d": "A" * 42 + "B"}, id="bits that mean nothing"),
        pytest.param({"x": "=" * 43}, id="no base64url"),
    ],
)
def test_a_wrong_key_is_refused_without_showing_it(change: dict[str, str]) -> None:
    key = a_key().model_dump(mode="json", by_alias=True)
    key["jwk"] |= change

    with pytest.raises(RejectedError) as caught:
        read_account({KEYS: encoded({"keys": [key]})})

    assert a_jwk().d not in str(caught.value)


def test_nothing_secret_is_in_a_repr() -> None:
    account = an_account()

    assert "argon2" not in repr(account)
    assert a_jwk().d not in repr(account)


def test_more_than_a_secret_can_hold_is_refused_before_the_api_server_does() -> None:
    account = an_account(**{f"user{number}": a_user() for number in range(6000)})

    with pytest.raises(RejectedError, match="6000 users take"):
        account_data(account)


@given(raw=st.binary(max_size=60))
def test_whatever_bytes_are_there_nothing_but_a_refusal_comes_out(raw: bytes) -> None:
    try:
        account = read_account({USERS: base64.b64encode(raw).decode()})
    except RejectedError:
        return

    assert account == Account()
