"""
Our own tokens: how one is made, what its claims mean, and what becomes of a refused one.

Whether a token is authentic at all is the business of ``mlz.tokens``; here it becomes a caller with
a role. A token is `iss aud sub role iat nbf exp jti`, signed with EdDSA; its `kid` names the key.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from joserfc import jwt

from mlz.rest.identity.account import NAME_PATTERN, SigningKey
from mlz.rest.identity.keys import ALGORITHM, jwks, private_key
from mlz.rest.identity.roles import Caller, Role
from mlz.rest.problems import Code, Refusal
from mlz.tokens import REGISTRY, Claims, Fault, Issuer, TokenError, verified

AUDIENCE = "mlz"

_NAME = re.compile(NAME_PATTERN)
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="mlz", error="invalid_token"'}


@dataclass(frozen=True, slots=True)
class Terms:
    """What is the same in all our tokens."""

    issuer: str
    lifetime_seconds: float = 3600
    audience: str = AUDIENCE


def issue(caller: Caller, key: SigningKey, terms: Terms, now: float, token_id: str) -> str:
    """
    A token for a caller.

    Args:
        key: the active one.
        now: seconds since 1970.
        token_id: never the same twice; it is what an audit log can name instead of the token.
    """
    moment = int(now)
    claims: dict[str, str | int] = {
        "iss": terms.issuer,
        "aud": terms.audience,
        "sub": caller.name,
        "role": caller.role.value,
        "iat": moment,
        "nbf": moment,
        "exp": moment + int(terms.lifetime_seconds),
        "jti": token_id,
    }
    header = {"typ": "JWT", "alg": ALGORITHM, "kid": key.kid}
    return jwt.encode(header, claims, private_key(key), registry=REGISTRY)


def our_issuer(keys: Sequence[SigningKey], terms: Terms) -> Issuer:
    """Ourselves, as somebody whose tokens we take; made anew when the keys change."""
    return Issuer(terms.issuer, terms.audience, jwks(keys), (ALGORITHM,))


def verify(token: str, issuer: Issuer, now: float) -> Caller:
    """
    Who a token of ours is for.

    Raises:
        Refusal: ALNB103E, it has expired; ALNB101E, it has none of the five roles; ALNB102E, for
            everything else. Nothing else is ever raised, whatever the token is.
    """
    try:
        claims = verified(token, [issuer], now)
    except TokenError as error:
        raise refused(error) from error
    return caller_of(claims)


def caller_of(claims: Claims) -> Caller:
    """
    Who verified claims of ours are about.

    Raises:
        Refusal: ALNB101E, ALNB102E.
    """
    if _NAME.fullmatch(claims.subject) is None:
        raise invalid_token("its `sub` is no user name")
    role = claims.claims.get("role")
    if not isinstance(role, str) or role not in set(Role):
        raise invalid_role("the token has none of the roles " + ", ".join(Role))
    return Caller(claims.subject, Role(role), "mlz", float(claims.claims.get("iat", 0)))


def refused(error: TokenError) -> Refusal:
    """The answer to a token that is not authentic, not for us, or not of this moment."""
    if error.kind is Fault.EXPIRED:
        return Refusal(
            Code.EXPIRED_TOKEN,
            "Expired token: log in again at POST /auth/generateToken",
            headers=_CHALLENGE,
        )
    return invalid_token(error.message)


def invalid_token(why: str) -> Refusal:
    """The answer to a token that does not count."""
    return Refusal(Code.INVALID_TOKEN, f"Invalid token: {why}", headers=_CHALLENGE)


def no_token() -> Refusal:
    """The answer to a request without a bearer token. Source: RFC 6750, section 3.1."""
    return Refusal(
        Code.INVALID_TOKEN,
        "Invalid token: send 'Authorization: Bearer TOKEN', see POST /auth/generateToken",
        headers={"WWW-Authenticate": 'Bearer realm="mlz"'},
    )


def invalid_role(why: str) -> Refusal:
    """The answer to an authentic token whose bearer may do nothing here."""
    return Refusal(Code.INVALID_ROLE, f"Invalid user role: {why}")
