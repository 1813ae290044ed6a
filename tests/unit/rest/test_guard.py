"""Who bears a token: kept for a moment, and never longer than it is true."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from mlz.rest.guard import Guard
from mlz.rest.identity.account import Account, KeyState, SigningKey, User
from mlz.rest.identity.keys import new_jwk
from mlz.rest.identity.roles import Caller, Role
from mlz.rest.identity.tokens import Terms, issue, our_issuer
from mlz.rest.problems import Refusal
from mlz.tokens import Issuer

TERMS = Terms("https://mlz.test", lifetime_seconds=100)
ADA = Caller("ada", Role.MLADM, "mlz")
HASH = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRoZXJl$" + "A" * 43


def key(kid: str) -> SigningKey:
    return SigningKey(kid=kid, state=KeyState.ACTIVE, created=0, since=0, jwk=new_jwk())


@dataclass
class FixedKeyring:
    """What a test says that the Secret holds."""

    account: Account
    terms: Terms = TERMS
    issuer: Issuer = field(init=False)

    def __post_init__(self) -> None:
        self.issuer = our_issuer(self.account.keys, self.terms)


@dataclass
class Stage:
    """A guard, its keyring and the time of day."""

    keyring: FixedKeyring
    guard: Guard
    now: list[float]
    token: str

    def ask(self) -> Caller:
        return asyncio.run(self.guard.caller(f"Bearer {self.token}"))


@pytest.fixture
def stage() -> Stage:
    signing = key("one")
    users = {"ada": User(password_hash=HASH, role=Role.MLADM)}
    keyring, now = FixedKeyring(Account(users=users, keys=(signing,))), [1000.0]
    guard = Guard(keyring, None, lambda: now[0])  # type: ignore[arg-type]  # as far as it is used
    return Stage(keyring, guard, now, issue(ADA, signing, TERMS, now[0], "1"))


def changed(stage: Stage, change: Callable[[Account], Account]) -> None:
    stage.keyring.account = change(stage.keyring.account)
    stage.keyring.__post_init__()


def test_a_good_token_says_who_asks(stage: Stage) -> None:
    assert (stage.ask().name, stage.ask().role) == ("ada", Role.MLADM)


def test_a_kept_token_expires_at_its_own_time(stage: Stage) -> None:
    stage.now[0] = 1000 + TERMS.lifetime_seconds - 1
    stage.ask()
    stage.now[0] += 60

    with pytest.raises(Refusal) as refused:
        stage.ask()

    assert refused.value.code == "ALNB103E"


def test_a_kept_token_dies_with_its_key(stage: Stage) -> None:
    stage.ask()
    changed(stage, lambda account: account.model_copy(update={"keys": (key("two"),)}))

    with pytest.raises(Refusal) as refused:
        stage.ask()

    assert refused.value.code == "ALNB102E"


@pytest.mark.parametrize(
    "users",
    [
        pytest.param({}, id="removed"),
        pytest.param(
            {"ada": User(password_hash=HASH, role=Role.MLADM, disabled=True)}, id="disabled"
        ),
        pytest.param({"ada": User(password_hash=HASH, role=Role.APPUSER)}, id="another role"),
    ],
)
def test_a_kept_token_dies_with_its_user(stage: Stage, users: dict[str, User]) -> None:
    stage.ask()
    changed(stage, lambda account: account.model_copy(update={"users": users}))

    with pytest.raises(Refusal) as refused:
        stage.ask()

    assert refused.value.code == "ALNB102E"


@pytest.mark.parametrize("header", [None, "", "Basic YTpi", "Bearer", "Bearer a.b.c"])
def test_without_a_token_nobody_asks(stage: Stage, header: str | None) -> None:
    with pytest.raises(Refusal) as refused:
        asyncio.run(stage.guard.caller(header))

    assert refused.value.code == "ALNB102E"
