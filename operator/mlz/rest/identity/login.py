"""
Logging in: from a name and a password to a token, or to one and the same refusal.

Whether the user is unknown, disabled, or the password wrong: answer and work are equal.
"""

import re
from dataclasses import dataclass, field

from mlz.rest.identity.account import NAME_PATTERN, Account
from mlz.rest.identity.keys import active_key
from mlz.rest.identity.limiter import Limiter
from mlz.rest.identity.passwords import Passwords
from mlz.rest.identity.roles import Caller
from mlz.rest.identity.tokens import Terms, invalid_token, issue
from mlz.rest.problems import Code, Refusal, retry_after

_NAME = re.compile(NAME_PATTERN)
_NO_NAME = ""  # what cannot be a name shares one bucket of the limiter


@dataclass(frozen=True, slots=True)
class Attempt:
    """Who says to be whom, from where; ``token_id`` is what the token will be known by."""

    name: str
    password: str = field(repr=False)
    address: str
    token_id: str


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """
    A right password.

    ``new_hash`` is one of today's parameters, to be kept for the user; None where the old is fine.
    """

    caller: Caller
    token: str = field(repr=False)
    new_hash: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Door:
    """What it takes to log in, apart from the users themselves."""

    passwords: Passwords
    limiter: Limiter
    terms: Terms


def log_in(door: Door, account: Account, attempt: Attempt, now: float) -> LoggedIn:
    """
    A token for the right name and password.

    It takes some 50 ms and 19 MiB: callers run it in a thread, and not more than
    ``passwords.CONCURRENT_CHECKS`` at once.

    Args:
        account: users and keys as they are now.
        now: seconds since 1970.

    Raises:
        Refusal: too_many_attempts, invalid_credentials; unavailable, there is no key yet.
    """
    key = active_key(account.keys)
    if key is None:
        raise retry_after(Code.UNAVAILABLE, "there is no key to sign tokens with yet", 1)
    name = attempt.name if _NAME.fullmatch(attempt.name) else _NO_NAME
    door.limiter.begin(name, attempt.address, now)
    user = account.users.get(name)
    known = None if user is None else user.password_hash
    is_right = door.passwords.is_right(attempt.password, known)
    if user is None or not is_right or user.disabled:
        raise Refusal(Code.INVALID_CREDENTIALS, "user name or password are wrong")
    door.limiter.succeeded(name, attempt.address, now)
    caller = Caller(name, user.role, "mlz", float(int(now)))
    token = issue(caller, key, door.terms, now, attempt.token_id)
    return LoggedIn(caller, token, door.passwords.rehashed(attempt.password, user.password_hash))


def check_current(caller: Caller, account: Account) -> None:
    """
    Refuse the token of a user who was removed, disabled or changed since it was made.

    A scoring pod does not know the users: there such a token counts until it expires.

    Raises:
        Refusal: ALNB102E.
    """
    if caller.kind != "mlz":
        return
    user = account.users.get(caller.name)
    is_current = (
        user is not None
        and not user.disabled
        and user.role is caller.role
        and caller.issued >= int(user.valid_from)
    )
    if not is_current:
        raise invalid_token("its user has changed since; log in again at POST /auth/generateToken")
