"""
What can be done with users, as functions from one account to the next; nothing is written here.

A name that is given away again brings along what its former user owned: owners are names.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from mlz.errors import Reason, RejectedError
from mlz.rest.identity.account import NAME_PATTERN, Account, User
from mlz.rest.identity.roles import Role


@dataclass(frozen=True, slots=True)
class NewUser:
    """A user who is to be added."""

    name: str
    password_hash: str = field(repr=False)
    role: Role


def added(account: Account, new: NewUser, now: float) -> Account:
    """
    The account with one user more.

    Raises:
        RejectedError: InvalidSpec; the name is none, or there is one that differs in case at most.
    """
    check_name(new.name)
    for known in account.users:
        if known.casefold() == new.name.casefold():
            raise RejectedError(Reason.INVALID_SPEC, f"there is a user '{known}' already")
    user = User(password_hash=new.password_hash, role=new.role, valid_from=now)
    return _with(account, {**account.users, new.name: user})


def with_password(account: Account, name: str, password_hash: str, now: float) -> Account:
    """
    The account with another password for a user, whose tokens so far count no more.

    Raises:
        RejectedError: InvalidSpec; there is no such user.
    """
    return _changed(account, name, {"password_hash": password_hash, "valid_from": now})


def with_state(account: Account, name: str, now: float, *, disabled: bool) -> Account:
    """
    The account with a user who may not log in, or may again.

    Raises:
        RejectedError: InvalidSpec; there is no such user.
    """
    return _changed(account, name, {"disabled": disabled, "valid_from": now})


def removed(account: Account, name: str) -> Account:
    """
    The account without a user.

    Raises:
        RejectedError: InvalidSpec; there is no such user.
    """
    _known(account, name)
    return _with(account, {key: one for key, one in account.users.items() if key != name})


def rehashed(account: Account, name: str, old_hash: str, new_hash: str) -> Account:
    """The account with the same password hashed anew, unless it was changed meanwhile."""
    user = account.users.get(name)
    if user is None or user.password_hash != old_hash:
        return account
    return _changed(account, name, {"password_hash": new_hash})


def check_name(name: str) -> None:
    """
    Refuse what cannot be a user's name.

    Raises:
        RejectedError: InvalidSpec.
    """
    if re.fullmatch(NAME_PATTERN, name) is None:
        raise RejectedError(
            Reason.INVALID_SPEC,
            f"a user's name has 1 to 64 letters, digits and '._@-', found {name[:80]!r}",
        )


def _changed(account: Account, name: str, update: Mapping[str, object]) -> Account:
    user = _known(account, name).model_copy(update=update)
    return _with(account, {**account.users, name: user})


def _known(account: Account, name: str) -> User:
    user = account.users.get(name)
    if user is None:
        raise RejectedError(Reason.INVALID_SPEC, f"there is no user {name[:80]!r}")
    return user


def _with(account: Account, users: Mapping[str, User]) -> Account:
    return account.model_copy(update={"users": dict(users)})
