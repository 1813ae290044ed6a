"""Users, keys and tokens to test with; all times are in seconds since 1970."""

import base64
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from argon2 import Parameters, Type
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

from mlz.rest.identity.account import Account, Jwk, KeyState, SigningKey, User
from mlz.rest.identity.passwords import Passwords
from mlz.rest.identity.roles import Caller, Role
from mlz.rest.identity.tokens import Terms
from mlz.tokens import REGISTRY, Issuer

NOW = 2_000_000_000.0
TERMS = Terms("https://mlz.test")
PASSWORD = "correct horse battery"
CHEAP = Parameters(
    type=Type.ID,
    version=19,
    salt_len=16,
    hash_len=32,
    time_cost=1,
    memory_cost=8,
    parallelism=1,
)
ALICE = Caller("alice", Role.APIUSER, "mlz", NOW)


def cheap_passwords() -> Passwords:
    """Hashes that cost nothing."""
    return Passwords(salt, CHEAP)


def salt(size: int) -> bytes:
    """The same bytes each time."""
    return bytes(range(size))


@cache
def hash_of(password: str = PASSWORD) -> str:
    """The hash of a password."""
    return cheap_passwords().hashed(password, "nobody at all")


def a_user(**overrides: Any) -> User:
    """An apiuser with the password above."""
    values = {"password_hash": hash_of(), "role": Role.APIUSER, "valid_from": NOW - 100}
    return User.model_validate({**values, **overrides})


@cache
def a_jwk(number: int = 0) -> Jwk:
    """A private key; the same for the same number."""
    seed = base64.urlsafe_b64encode(bytes([number % 256, number // 256] * 16)).rstrip(b"=").decode()
    probe = OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": seed, "d": seed})
    public = OKPKey.import_key(probe.as_pem(private=False)).as_dict(private=False)
    return Jwk.model_validate({**public, "d": seed})


def a_key(state: KeyState = KeyState.ACTIVE, number: int = 0, **overrides: Any) -> SigningKey:
    """A signing key that has long been in its state."""
    since = NOW - 1000
    values = {
        "kid": f"key-{number}",
        "state": state,
        "created": since,
        "since": since,
        "jwk": a_jwk(number),
    }
    return SigningKey.model_validate({**values, **overrides})


def an_account(**users: User) -> Account:
    """Users and an active key; alice unless others are given."""
    return Account(users=users or {"alice": a_user()}, keys=(a_key(),))


@cache
def outside_key(algorithm: str) -> RSAKey | ECKey | OKPKey:
    """A private key for an algorithm; its kid is the algorithm's name."""
    parameters: Any = {"kid": algorithm}
    if algorithm[:2] in ("RS", "PS"):
        return RSAKey.generate_key(2048, parameters)
    if algorithm[:2] == "ES":
        curve: Any = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}[algorithm]
        return ECKey.generate_key(curve, parameters)
    return OKPKey.generate_key("Ed25519", parameters)


def public(key: RSAKey | ECKey | OKPKey) -> dict[str, Any]:
    """What stands in a key set."""
    return dict(key.as_dict(private=False))


def claims_of(**overrides: Any) -> dict[str, Any]:
    """Claims that are right at NOW; None leaves one out."""
    values = {
        "iss": "https://issuer.test",
        "aud": "mlz",
        "sub": "alice",
        "role": "apiuser",
        "iat": NOW,
        "nbf": NOW,
        "exp": NOW + 3600,
        **overrides,
    }
    return {name: value for name, value in values.items() if value is not None}


def signed(
    claims: Mapping[str, Any], header: Mapping[str, Any] | None = None, algorithm: str = "EdDSA"
) -> str:
    """A token of the outside key of that algorithm, with whatever is wanted in it."""
    wanted = {"alg": algorithm, "kid": algorithm, **(header or {})}
    wanted = {name: value for name, value in wanted.items() if value is not None}
    key = outside_key(algorithm)
    return jwt.encode(wanted, dict(claims), key, registry=REGISTRY)


def raw_token(header: object, payload: object, algorithm: str = "EdDSA") -> str:
    """A rightly signed token of parts that no library would write; bytes stay as they are."""
    parts = [b64(one if isinstance(one, bytes) else dumped(one)) for one in (header, payload)]
    message = ".".join(parts).encode()
    signature = REGISTRY.algorithms[algorithm].sign(message, outside_key(algorithm))
    return ".".join((*parts, b64(signature)))


def dumped(value: object) -> bytes:
    """JSON, with NaN and all."""
    return json.dumps(value).encode()


def b64(raw: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def an_issuer(*algorithms: str, **overrides: Any) -> Issuer:
    """The issuer whose tokens ``signed`` makes."""
    used = algorithms or ("EdDSA",)
    values = {
        "issuer": "https://issuer.test",
        "audience": "mlz",
        "keys": {"keys": [public(outside_key(one)) for one in used]},
        "algorithms": used,
        **overrides,
    }
    return Issuer(**values)
