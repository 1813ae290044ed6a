"""
Bearer tokens: whether a signed token is one of the issuers that we trust, and what it says.

A pure check of one JWT against key sets that the caller has, shared by the REST facade and the
scoring pods. Where keys come from, who may do what and how tokens are made is decided elsewhere.
Only asymmetric signatures exist here: `none`, HMAC and encrypted tokens are unknown words.
"""

import binascii
import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwa import EdDSAAlgorithm
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from joserfc.jws import JWSRegistry, deserialize_compact

MAX_TOKEN_BYTES = 8 * 1024
LEEWAY_SECONDS = 30.0
ALGORITHMS = (
    *("RS256", "RS384", "RS512"),
    *("PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512"),
    *("EdDSA", "Ed25519"),
)

_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)", re.ASCII)
# RFC 8725 section 3.11: a token of another kind (log-out, DPoP proof, event) is not a bearer token.
_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})
_MAX_SUBJECT = 256
_MAX_MOMENT = 2.0**53  # beyond, seconds are no longer exact; it also keeps infinity out
_RSA_BITS = range(2048, 8192 + 1)  # NIST SP 800-131A forbids less; more only costs us time
_CURVES = frozenset({"P-256", "P-384", "P-521"})


class Fault(StrEnum):
    """Why a token is refused."""

    MALFORMED = "malformed"
    FORGED = "forged"
    EXPIRED = "expired"
    EARLY = "early"
    AUDIENCE = "audience"
    ISSUER = "issuer"


class TokenError(Exception):
    """A token is refused; the message never holds a part of the token."""

    def __init__(self, kind: Fault, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


class UnknownKeyError(TokenError):
    """No key fits a token: it is forged, or its issuer has a newer key than we know."""

    def __init__(self) -> None:
        super().__init__(Fault.FORGED, "no known key fits the token's algorithm and key id")


class _EdDsa(EdDSAAlgorithm):
    """
    RFC 8037's `EdDSA`, which more gateways know than RFC 9864's `Ed25519`.

    The library warns of the older word because it leaves the curve open; here only Ed25519 keys are
    ever read.
    """

    security_warning: str | None = None  # type: ignore[assignment]  # the base forgets the None


class _Registry(JWSRegistry):
    """The asymmetric algorithms; not one of the others can be looked up."""

    max_header_length = MAX_TOKEN_BYTES
    max_payload_length = MAX_TOKEN_BYTES

    def __init__(self) -> None:
        # Unknown header members are ignored, as RFC 7515 section 4 wants it; `crit` we refuse.
        super().__init__(algorithms=ALGORITHMS, strict_check_header=False)
        known = JWSRegistry.algorithms | {"EdDSA": _EdDsa()}
        self.algorithms = {name: known[name] for name in ALGORITHMS}


REGISTRY = _Registry()


@dataclass(frozen=True, slots=True)
class Issuer:
    """
    Somebody whose tokens we take.

    Args:
        issuer: what `iss` must be, character for character.
        audience: what `aud` must be or hold.
        keys: a JWKS document; keys in it that cannot verify a signature here are left out.
        algorithms: the values of `alg` that are taken of this issuer.
    """

    issuer: str
    audience: str
    keys: Mapping[str, Any]
    algorithms: tuple[str, ...]
    _known: tuple["_PublicKey", ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_known", _public_keys(self.keys))

    def key(self, algorithm: str, key_id: str | None) -> Key:
        """
        The one key that may have signed a token.

        Raises:
            TokenError: FORGED; an algorithm this issuer never uses, no such key, or more than one.
        """
        if algorithm not in self.algorithms or algorithm not in REGISTRY.algorithms:
            raise TokenError(Fault.FORGED, "the token's algorithm is not one this issuer uses")
        found = [
            one.key for one in self._known if one.fits(algorithm) and key_id in (None, one.key_id)
        ]
        if not found:
            raise UnknownKeyError
        if len(found) > 1:
            raise TokenError(
                Fault.FORGED, "more than one key fits the token's algorithm and key id"
            )
        return found[0]


@dataclass(frozen=True, slots=True)
class Claims:
    """
    What a verified token says.

    ``subject`` is printable and 1 to 256 characters; ``expires`` is in seconds since 1970;
    ``claims`` is the whole payload, of which only `iss sub aud exp nbf iat` have been checked.
    """

    issuer: str
    subject: str
    expires: float
    claims: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _PublicKey:
    key: Key
    key_id: str | None
    algorithm: str | None  # the only one the key is meant for; None means any of its type

    def fits(self, algorithm: str) -> bool:
        if self.algorithm not in (None, algorithm):
            return False
        try:
            REGISTRY.algorithms[algorithm].check_key(self.key)
        except JoseError:
            return False
        return True


def verified(
    token: str, issuers: Sequence[Issuer], now: float, leeway_seconds: float = LEEWAY_SECONDS
) -> Claims:
    """
    What a token says, if it is authentic, for us, and of this moment.

    Args:
        token: a JWT in compact form, at most 8 KiB.
        issuers: whose tokens are taken; several may have one name and differ in audience.
        now: seconds since 1970.
        leeway_seconds: how far the issuer's clock and ours may be apart.

    Raises:
        TokenError: it is not; nothing else is ever raised, whatever the token is. A fault of time
            or audience is told only of an authentic token.
    """
    header, claims = _parts(token)
    named = [one for one in issuers if one.issuer == claims["iss"]]
    fault = TokenError(Fault.ISSUER, "the token is of an issuer that is not trusted here")
    for issuer in named:
        try:
            _check_signature(token, issuer.key(header["alg"], header.get("kid")))
            _check_audience(claims["aud"], issuer.audience)
        except TokenError as error:
            fault = error
        else:
            return _current(claims, now, leeway_seconds)
    raise fault


def _parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims with all types checked; nothing of it can be trusted yet."""
    if len(token) > MAX_TOKEN_BYTES:
        raise _malformed(f"it is longer than {MAX_TOKEN_BYTES} bytes")
    match = _COMPACT.fullmatch(token)
    if match is None:
        raise _malformed("it has not three parts in base64url")
    return _header(_object(match[1])), _claims(_object(match[2]))


def _object(part: str) -> dict[str, Any]:
    try:
        text = urlsafe_b64decode(part + "=" * (-len(part) % 4)).decode("utf-8")
        found = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (binascii.Error, ValueError, RecursionError) as error:
        raise _malformed("a part of it is no JSON") from error
    if not isinstance(found, dict):
        raise _malformed("a part of it is no JSON object")
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two readers may take different ones of equal names. Source: RFC 8725, section 2.4."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice")
    return found


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


def _header(header: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(header.get("alg"), str):
        raise _malformed("its header has no `alg`")
    if not isinstance(header.get("kid", ""), str):
        raise _malformed("the `kid` in its header is no string")
    if "crit" in header or "b64" in header:
        raise _malformed("its header demands extensions, of which none is known here")
    kind = header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise _malformed("the `typ` in its header is not that of a bearer token")
    return header


def _claims(claims: dict[str, Any]) -> dict[str, Any]:
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if not audiences or not all(isinstance(one, str) for one in audiences):
        raise _malformed("it has no `aud`, or one that is neither a string nor strings")
    if not isinstance(claims.get("iss"), str):
        raise _malformed("it has no `iss`")
    subject = claims.get("sub")
    # A name that is not printable could forge a line of the audit log.
    if not isinstance(subject, str) or not subject.isprintable():
        raise _malformed("it has no printable `sub`")
    if not 0 < len(subject) <= _MAX_SUBJECT:
        raise _malformed(f"its `sub` has not 1 to {_MAX_SUBJECT} characters")
    for name in ("exp", "nbf", "iat"):
        if not _is_moment(claims.get(name, 0)):
            raise _malformed(f"its `{name}` is no time")
    if "exp" not in claims:
        raise _malformed("it has no `exp`")
    return claims


def _is_moment(value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and 0 <= value < _MAX_MOMENT  # type: ignore[operator]  # a number


def _check_signature(token: str, key: Key) -> None:
    try:
        deserialize_compact(token, key, registry=REGISTRY)
    except (JoseError, ValueError) as error:
        raise TokenError(Fault.FORGED, "the token's signature is wrong") from error


def _check_audience(found: str | list[str], wanted: str) -> None:
    if wanted not in ([found] if isinstance(found, str) else found):
        raise TokenError(Fault.AUDIENCE, f"the token is not for the audience '{wanted}'")


def _current(claims: dict[str, Any], now: float, leeway_seconds: float) -> Claims:
    if now >= claims["exp"] + leeway_seconds:
        raise TokenError(Fault.EXPIRED, "the token has expired")
    if now < max(claims.get("nbf", 0), claims.get("iat", 0)) - leeway_seconds:
        raise TokenError(Fault.EARLY, "the token is not valid yet")
    return Claims(claims["iss"], claims["sub"], float(claims["exp"]), claims)


def _malformed(why: str) -> TokenError:
    return TokenError(Fault.MALFORMED, f"the token is malformed: {why}")


def _public_keys(document: Mapping[str, Any]) -> tuple[_PublicKey, ...]:
    """The usable keys of a JWKS; others are left out, as RFC 7517 section 5 wants it."""
    listed = document.get("keys")
    entries = listed if isinstance(listed, list) else []
    read = [_public_key(one) for one in entries if isinstance(one, dict)]
    return tuple(one for one in read if one is not None)


def _public_key(entry: dict[str, Any]) -> _PublicKey | None:
    key_id, algorithm = entry.get("kid"), entry.get("alg")
    if not all(isinstance(one, str | None) for one in (key_id, algorithm)):
        return None
    if entry.get("use", "sig") != "sig" or not _may_verify(entry.get("key_ops", ["verify"])):
        return None
    try:
        key = _imported(entry)
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return None if key is None else _PublicKey(key, key_id, algorithm)


def _may_verify(operations: object) -> bool:
    return isinstance(operations, list) and "verify" in operations


def _imported(entry: dict[str, Any]) -> Key | None:
    """Only the public members are read: a private key in a key set is none of our business."""
    kind = entry.get("kty")
    if kind == "RSA":
        modulus = int.from_bytes(urlsafe_b64decode(entry["n"] + "=="), "big")
        is_sound = modulus.bit_length() in _RSA_BITS
        return RSAKey.import_key(_members(entry, "n", "e")) if is_sound else None
    if kind == "EC" and entry.get("crv") in _CURVES:
        return ECKey.import_key(_members(entry, "crv", "x", "y"))
    if kind == "OKP" and entry.get("crv") == "Ed25519":
        return OKPKey.import_key(_members(entry, "crv", "x"))
    return None


def _members(entry: dict[str, Any], *names: str) -> dict[str, str | list[str]]:
    return {name: entry[name] for name in ("kty", *names)}
