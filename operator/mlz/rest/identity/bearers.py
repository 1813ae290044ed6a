"""Who bears a token, whichever of the issuers it is of that are trusted here."""

import json
from base64 import urlsafe_b64decode

from mlz.rest.identity.oidc import Oidc
from mlz.rest.identity.roles import Caller
from mlz.rest.identity.tokens import verify
from mlz.tokens import MAX_TOKEN_BYTES, Issuer


def bearer(token: str, ours: Issuer, outside: Oidc | None, now: float) -> Caller:
    """
    Who bears a token.

    With an outside issuer it may fetch that one's keys, at most every 30 s, and takes as long as
    that: call it in a thread then.

    Args:
        ours: ``tokens.our_issuer`` of the keys as they are now.
        now: seconds since 1970.

    Raises:
        Refusal: ALNB101E, ALNB102E, ALNB103E; unavailable, the outside issuer's keys cannot be had.
    """
    if outside is not None and is_of(token, outside.issuer):
        return outside.caller(token, now)
    return verify(token, ours, now)


def is_of(token: str, issuer: str) -> bool:
    """
    Whether a token says to be of an issuer.

    Nothing is checked: it only chooses who checks it, and each takes tokens of his own name alone.
    """
    parts = token[:MAX_TOKEN_BYTES].split(".")
    if len(parts) != 3:
        return False
    try:
        claims = json.loads(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return False
    return isinstance(claims, dict) and claims.get("iss") == issuer
