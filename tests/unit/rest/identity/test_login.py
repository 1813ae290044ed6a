"""Logging in: one answer to whatever is wrong, and what a token is worth afterwards."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from mlz.rest.identity.account import Account
from mlz.rest.identity.limiter import Limiter
from mlz.rest.identity.login import Attempt, Door, LoggedIn, check_current, log_in
from mlz.rest.identity.passwords import Passwords
from mlz.rest.identity.roles import Caller, Role
from mlz.rest.identity.tokens import our_issuer, verify
from mlz.rest.problems import Code, Refusal
from unit.rest.identity.people import (
    CHEAP,
    NOW,
    PASSWORD,
    TERMS,
    a_key,
    a_user,
    an_account,
    cheap_passwords,
    hash_of,
    salt,
)


class CountingPasswords(Passwords):
    """Notes what is checked against what."""

    def __init__(self) -> None:
        super().__init__(salt, CHEAP)
        self.checked: list[str | None] = []

    def is_right(self, password: str, known: str | None) -> bool:
        self.checked.append(known)
        return super().is_right(password, known)


@dataclass
class Desk:
    """A facade that one can log in at."""

    account: Account = field(default_factory=an_account)
    passwords: Passwords = field(default_factory=CountingPasswords)
    limiter: Limiter = field(default_factory=Limiter)

    def log_in(self, name: str = "alice", password: str = PASSWORD, now: float = NOW) -> LoggedIn:
        door = Door(self.passwords, self.limiter, TERMS)
        return log_in(door, self.account, Attempt(name, password, "10.0.0.1", "an-id"), now)

    def refusal(self, **attempt: Any) -> Refusal:
        with pytest.raises(Refusal) as caught:
            self.log_in(**attempt)
        return caught.value


def test_a_right_password_gets_a_token() -> None:
    desk = Desk()

    found = desk.log_in()

    assert verify(found.token, our_issuer(desk.account.keys, TERMS), NOW) == found.caller
    assert found.caller == Caller("alice", Role.APIUSER, "mlz", NOW)
    assert found.new_hash is None


@pytest.mark.parametrize(
    ("name", "password", "checked"),
    [
        pytest.param("alice", "wrong password", hash_of(), id="a wrong password"),
        pytest.param("alice", "", hash_of(), id="no password"),
        pytest.param("nobody", PASSWORD, None, id="an unknown user"),
        pytest.param("Alice", PASSWORD, None, id="another case"),
        pytest.param("mallory", PASSWORD, hash_of(), id="a disabled user with the right password"),
        pytest.param("mallory", "wrong password", hash_of(), id="a disabled user with a wrong one"),
        pytest.param("", PASSWORD, None, id="no name"),
        pytest.param("a" * 100_000, PASSWORD, None, id="a huge name"),
        pytest.param("alice\n", PASSWORD, None, id="a line end"),
        pytest.param("\ud800", PASSWORD, None, id="half a character"),
        pytest.param("__class__", PASSWORD, None, id="a name of Python"),
    ],
)
def test_whatever_is_wrong_the_answer_and_the_work_are_the_same(
    name: str, password: str, checked: str | None
) -> None:
    passwords = CountingPasswords()
    users = {"alice": a_user(), "mallory": a_user(disabled=True)}
    desk = Desk(an_account(**users), passwords)

    refusal = desk.refusal(name=name, password=password)

    assert (refusal.code, refusal.status) == (Code.INVALID_CREDENTIALS, 401)
    assert refusal.message == "user name or password are wrong"
    assert refusal.headers == {}
    assert passwords.checked == [checked]


@pytest.mark.parametrize("name", ["alice", "nobody"])
def test_too_many_attempts_are_refused_before_the_password_is_looked_at(name: str) -> None:
    passwords = CountingPasswords()
    desk = Desk(passwords=passwords)
    codes = [desk.refusal(name=name, password="wrong").code for _ in range(8)]

    assert codes == [Code.INVALID_CREDENTIALS] * 6 + [Code.TOO_MANY_ATTEMPTS] * 2
    assert len(passwords.checked) == 6
    assert desk.refusal(name=name).headers["Retry-After"] == "12"


def test_names_that_are_none_share_one_limit_so_they_cannot_fill_the_memory() -> None:
    desk = Desk()

    codes = [desk.refusal(name="?" * (number + 1)).code for number in range(7)]

    assert codes[-1] is Code.TOO_MANY_ATTEMPTS


def test_a_pipeline_may_log_in_as_often_as_it_likes() -> None:
    desk = Desk()

    for _ in range(40):
        desk.log_in()


def test_a_hash_of_older_parameters_is_answered_with_a_new_one() -> None:
    desk = Desk(passwords=Passwords(salt))

    found = desk.log_in()

    assert found.new_hash is not None
    assert found.new_hash.startswith("$argon2id$v=19$m=19456,")


def test_without_a_key_nobody_can_log_in_yet() -> None:
    desk = Desk(Account(users={"alice": a_user()}))

    refusal = desk.refusal()

    assert (refusal.code, refusal.status) == (Code.UNAVAILABLE, 503)
    assert refusal.headers["Retry-After"] == "1"


def test_nothing_secret_is_in_a_repr() -> None:
    found = Desk().log_in()

    assert found.token not in repr(found)
    assert PASSWORD not in repr(Attempt("alice", PASSWORD, "", ""))
    assert PASSWORD not in repr(cheap_passwords())


@pytest.mark.parametrize(
    ("user", "counts"),
    [
        pytest.param(a_user(), True, id="nothing has changed"),
        pytest.param(a_user(valid_from=NOW + 0.4), True, id="changed in the very same second"),
        pytest.param(a_user(valid_from=NOW + 1), False, id="the password was changed since"),
        pytest.param(a_user(disabled=True), False, id="disabled since"),
        pytest.param(a_user(role="appuser"), False, id="of another role since"),
        pytest.param(None, False, id="removed since"),
    ],
)
def test_a_token_counts_as_long_as_its_user_does(user: Any, counts: bool) -> None:
    caller = Desk().log_in().caller
    account = Account(users={} if user is None else {"alice": user}, keys=(a_key(),))

    if counts:
        check_current(caller, account)
        return
    with pytest.raises(Refusal) as caught:
        check_current(caller, account)
    assert (caught.value.code, caught.value.status) == (Code.INVALID_TOKEN, 401)


def test_users_of_an_outside_issuer_are_not_ours_to_check() -> None:
    check_current(Caller("oidc:alice", Role.MLADM, "oidc"), Account())
