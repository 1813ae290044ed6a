"""
The keys that sign tokens: how they are made, when one takes over from another, who sees which.

A key is published before it signs and until its last token has expired::

    next ──(seen for `overlap`, and the active key is old enough)──► active ──► retired ──► gone

Others may know our keys with a delay: a replica its Secret, a scoring pod its mounted key set. All
is well while every such delay is shorter than ``overlap``. Tokens of the very first key are known
to others only after that delay. A key that is known to be stolen is deleted from the Secret, and
all its tokens die with it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from joserfc.jwk import OKPKey

from mlz.rest.identity.account import Account, Jwk, KeyState, SigningKey
from mlz.tokens import LEEWAY_SECONDS

ALGORITHM = "EdDSA"

Keys = tuple[SigningKey, ...]
Generate = Callable[[], Jwk]


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """
    How long things last, in seconds.

    Args:
        token: a token.
        active: how long a key signs before the next one takes over.
        overlap: longest delay with which others know our keys.
    """

    token: float = 3600
    active: float = 30 * 24 * 3600
    overlap: float = 600

    @property
    def retired(self) -> float:
        """
        How long a key is published after it has last signed.

        Another replica may go on signing with it for ``overlap``; clocks may differ by the leeway.
        """
        return self.token + self.overlap + 2 * LEEWAY_SECONDS


@dataclass(frozen=True, slots=True)
class Plan:
    """
    The keys as they should be now, and when to look again.

    ``keys`` equals what was given where nothing is due; else it is to be written to the Secret, and
    by one replica only: the write is refused to whoever has read an older Secret.
    """

    keys: Keys
    next_due: float


def plan(keys: Sequence[SigningKey], now: float, lifetimes: Lifetimes, generate: Generate) -> Plan:
    """
    What becomes of the keys at a moment; afterwards there is exactly one active and one next.

    Args:
        keys: in any order and state, also none: the first start, or a Secret edited by hand.
        now: seconds since 1970; where it goes back, rotation only comes later.
        generate: makes a private key.
    """
    kept = [one for one in keys if not _is_over(one, now, lifetimes)]
    active = _newest(kept, KeyState.ACTIVE)
    coming = _newest(kept, KeyState.NEXT)
    if active is None or _is_due(active, coming, now, lifetimes):
        active, coming = coming and _entered(coming, KeyState.ACTIVE, now), None
    active = active or _made(KeyState.ACTIVE, now, generate)
    coming = coming or _made(KeyState.NEXT, now, generate)
    others = [one for one in kept if one.kid not in (active.kid, coming.kid)]
    wanted = (*(_entered(one, KeyState.RETIRED, now) for one in others), active, coming)
    return Plan(wanted if set(wanted) != set(keys) else tuple(keys), _due(wanted, lifetimes))


def rotated(account: Account, now: float, lifetimes: Lifetimes, generate: Generate) -> Account:
    """The account with its keys as they should be now."""
    return account.model_copy(update={"keys": plan(account.keys, now, lifetimes, generate).keys})


def active_key(keys: Sequence[SigningKey]) -> SigningKey | None:
    """The key that signs; None before the first plan was carried out."""
    return _newest(keys, KeyState.ACTIVE)


def jwks(keys: Sequence[SigningKey]) -> dict[str, list[dict[str, str]]]:
    """The public key set. Source: RFC 7517, RFC 8037."""
    return {"keys": [_public(one) for one in keys]}


def new_jwk() -> Jwk:
    """A private key from the system's randomness."""
    return Jwk.model_validate(OKPKey.generate_key("Ed25519").as_dict(private=True))


def private_key(key: SigningKey) -> OKPKey:
    """What signs."""
    members: dict[str, Any] = key.jwk.model_dump()
    return OKPKey.import_key(members)


def _is_over(key: SigningKey, now: float, lifetimes: Lifetimes) -> bool:
    return key.state is KeyState.RETIRED and now >= key.since + lifetimes.retired


def _is_due(
    active: SigningKey, coming: SigningKey | None, now: float, lifetimes: Lifetimes
) -> bool:
    """Nobody may be asked to trust a key that he cannot have seen yet."""
    return coming is not None and now >= _takes_over(active, coming, lifetimes)


def _takes_over(active: SigningKey, coming: SigningKey, lifetimes: Lifetimes) -> float:
    return max(active.since + lifetimes.active, coming.since + lifetimes.overlap)


def _due(keys: Keys, lifetimes: Lifetimes) -> float:
    active, coming = keys[-2:]
    ends = [one.since + lifetimes.retired for one in keys[:-2]]
    return min([_takes_over(active, coming, lifetimes), *ends])


def _newest(keys: Sequence[SigningKey], state: KeyState) -> SigningKey | None:
    found = [one for one in keys if one.state is state]
    return max(found, key=lambda one: (one.since, one.kid), default=None)


def _entered(key: SigningKey, state: KeyState, now: float) -> SigningKey:
    """The key in that state; its time there goes on where it is in it already."""
    if key.state is state:
        return key
    return key.model_copy(update={"state": state, "since": now})


def _made(state: KeyState, now: float, generate: Generate) -> SigningKey:
    jwk = generate()
    kid = OKPKey.import_key(_public_members(jwk)).thumbprint()
    return SigningKey(kid=kid, state=state, created=now, since=now, jwk=jwk)


def _public(key: SigningKey) -> dict[str, str]:
    members = {"kid": key.kid, "use": "sig", "alg": ALGORITHM}
    return {name: str(value) for name, value in (_public_members(key.jwk) | members).items()}


def _public_members(jwk: Jwk) -> dict[str, Any]:
    return {"kty": jwk.kty, "crv": jwk.crv, "x": jwk.x}
