"""What can be done with users."""

from collections.abc import Callable

import pytest

from mlz.errors import RejectedError
from mlz.rest.identity.account import Account
from mlz.rest.identity.roles import Role
from mlz.rest.identity.users import (
    NewUser,
    added,
    rehashed,
    removed,
    with_password,
    with_state,
)
from unit.rest.identity.people import NOW, a_user, an_account, hash_of

OTHER = hash_of("another password")
BOB = NewUser("bob", OTHER, Role.MLADM)


def test_a_new_user_has_a_role_a_hash_and_no_older_tokens() -> None:
    account = added(an_account(), BOB, NOW)

    assert account.users["bob"] == a_user(role="mladm", password_hash=OTHER, valid_from=NOW)
    assert account.users["alice"] == a_user()
    assert account.keys == an_account().keys


@pytest.mark.parametrize("name", ["alice", "Alice", "ALICE"])
def test_names_that_differ_in_case_at_most_are_one_name(name: str) -> None:
    with pytest.raises(RejectedError, match="there is a user 'alice' already"):
        added(an_account(), NewUser(name, OTHER, Role.MLADM), NOW)


@pytest.mark.parametrize("name", ["", "a b", "oidc:bob", "bob\n", "b" * 65, "böb", "../bob"])
def test_what_cannot_be_a_name_is_refused(name: str) -> None:
    with pytest.raises(RejectedError, match="1 to 64 letters"):
        added(an_account(), NewUser(name, OTHER, Role.MLADM), NOW)


def test_another_password_ends_the_tokens_so_far() -> None:
    user = with_password(an_account(), "alice", OTHER, NOW).users["alice"]

    assert user == a_user(password_hash=OTHER, valid_from=NOW)


@pytest.mark.parametrize("disabled", [True, False])
def test_a_user_is_disabled_and_enabled(disabled: bool) -> None:
    account = an_account(alice=a_user(disabled=not disabled))

    user = with_state(account, "alice", NOW, disabled=disabled).users["alice"]

    assert user == a_user(disabled=disabled, valid_from=NOW)


def test_a_user_is_removed() -> None:
    assert removed(an_account(alice=a_user(), bob=a_user()), "alice") == an_account(bob=a_user())


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda account: removed(account, "eve"), id="remove"),
        pytest.param(lambda account: with_password(account, "eve", OTHER, NOW), id="passwd"),
        pytest.param(lambda account: with_state(account, "eve", NOW, disabled=True), id="disable"),
    ],
)
def test_an_unknown_user_is_refused(change: Callable[[Account], Account]) -> None:
    with pytest.raises(RejectedError, match="there is no user 'eve'"):
        change(an_account())


@pytest.mark.parametrize(
    ("name", "old", "kept"),
    [
        pytest.param("alice", hash_of(), OTHER, id="the same password hashed anew"),
        pytest.param("alice", "a hash before", hash_of(), id="changed meanwhile"),
        pytest.param("eve", hash_of(), hash_of(), id="removed meanwhile"),
    ],
)
def test_a_rehash_never_brings_an_old_password_back(name: str, old: str, kept: str) -> None:
    account = rehashed(an_account(), name, old, OTHER)

    assert account == an_account(alice=a_user(password_hash=kept))
