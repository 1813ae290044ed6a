"""
An outside OpenID Connect issuer, if one is configured: its tokens are bearer tokens here too.

Its keys are discovered, kept, and read again when a token names one that is not known, which a
forger can bring about too: so never more often than every 30 s. Claims say who a user is and which
role he has; names get a prefix, so that nobody out there can take the name of a user of ours.
"""

import http.client
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from mlz.model.document import Document
from mlz.rest.identity.roles import Caller, Role
from mlz.rest.identity.tokens import invalid_role, invalid_token, refused
from mlz.rest.problems import Code, retry_after
from mlz.tokens import Claims, Issuer, TokenError, UnknownKeyError, verified

MIN_REFRESH_SECONDS = 30.0
REFRESH_SECONDS = 300.0
# An issuer that cannot be reached is believed by its last keys so long, and no longer.
MAX_AGE_SECONDS = 24 * 3600.0
MAX_DOCUMENT_BYTES = 512 * 1024
_MAX_NAME = 200

Fetch = Callable[[str], bytes]


class OidcSettings(Document):
    """How the tokens of an outside issuer become callers."""

    issuer: str = Field(description="Its URL, exactly as `iss` in its tokens; https.")
    audience: str = Field(min_length=1, description="What `aud` must be or hold.")
    name_claim: str = Field("sub", description="The claim that is the user's name.")
    name_prefix: str = Field(
        "oidc:", min_length=1, pattern="^[!-~]*[:/#|]$", description="Goes before every name."
    )
    role_claim: str = Field("roles", description="The claim that decides the role; dots lead in.")
    roles: dict[str, Role] = Field(
        {}, description="Its values and the role each stands for; the first that fits counts."
    )
    algorithms: tuple[str, ...] = Field(
        ("RS256", "PS256", "ES256", "EdDSA"), description="Signatures that are taken."
    )

    @field_validator("issuer")
    @classmethod
    def _is_https(cls, value: str) -> str:
        return _checked_url(value)


class DiscoveryError(Exception):
    """The issuer cannot be reached or answers something else; the message is for the log."""


@dataclass(frozen=True, slots=True)
class _Known:
    """Keys, and when they were read."""

    issuer: Issuer
    at: float


class Oidc:
    """
    One outside issuer; safe to use from many threads.

    Args:
        fetch: the body behind a URL, within a few seconds, without following redirects; no more
            than ``MAX_DOCUMENT_BYTES`` and one. Raises OSError, HTTPException or DiscoveryError.
        report: told of every failure to read the keys, with a sentence for the log.
    """

    def __init__(self, settings: OidcSettings, fetch: Fetch, report: Callable[[str], None]) -> None:
        self._settings = settings
        self._fetch = fetch
        self._report = report
        self._known: _Known | None = None
        self._tried_at: float | None = None
        self._turn = threading.Lock()

    @property
    def issuer(self) -> str:
        """What `iss` is in its tokens."""
        return self._settings.issuer

    def caller(self, token: str, now: float) -> Caller:
        """
        Who a token of this issuer is for; it may fetch keys, and then takes as long as that.

        Raises:
            Refusal: ALNB101E, ALNB102E, ALNB103E; unavailable where no keys could be had at all.
        """
        try:
            claims = self._verified(token, now)
        except TokenError as error:
            raise refused(error) from error
        return caller_of(claims, self._settings)

    def _verified(self, token: str, now: float) -> Claims:
        issuer = self._keys(now, REFRESH_SECONDS)
        try:
            return verified(token, [issuer], now)
        except UnknownKeyError:
            newer = self._keys(now, MIN_REFRESH_SECONDS)
            if newer is issuer:
                raise
            return verified(token, [newer], now)

    def _keys(self, now: float, max_age: float) -> Issuer:
        """Keys of at most that age, as far as they can be had; others wait only for the first."""
        is_first = self._known is None
        if (is_first or self._is_due(now, max_age)) and self._turn.acquire(blocking=is_first):
            try:
                if self._is_due(now, max_age):
                    self._refresh(now)
            finally:
                self._turn.release()
        known = self._known
        if known is None or now - known.at > MAX_AGE_SECONDS:
            raise retry_after(
                Code.UNAVAILABLE,
                "the keys of the outside issuer cannot be read now",
                MIN_REFRESH_SECONDS,
            )
        return known.issuer

    def _is_due(self, now: float, max_age: float) -> bool:
        if self._tried_at is not None and 0 <= now - self._tried_at < MIN_REFRESH_SECONDS:
            return False
        return self._known is None or not 0 <= now - self._known.at < max_age

    def _refresh(self, now: float) -> None:
        self._tried_at = now
        try:
            self._known = _Known(discovered(self._settings, self._fetch), now)
        except (DiscoveryError, OSError, http.client.HTTPException) as error:
            self._report(f"the keys of {self._settings.issuer} cannot be read: {error}")


def discovered(settings: OidcSettings, fetch: Fetch) -> Issuer:
    """
    The issuer with its present keys. Source: OpenID Connect Discovery 1.0, section 4.

    Raises:
        DiscoveryError: what is found there is not what it should be.
        OSError: of ``fetch``.
    """
    document = _document(fetch(_discovery_url(settings.issuer)))
    if document.get("issuer") != settings.issuer:
        # Section 4.3: else another issuer's keys could be slipped in under this one's name.
        raise DiscoveryError("the discovery document is of another issuer")
    address = document.get("jwks_uri")
    if not isinstance(address, str):
        raise DiscoveryError("the discovery document has no jwks_uri")
    try:
        keys = _document(fetch(_checked_url(address)))
    except ValueError as error:
        raise DiscoveryError(f"jwks_uri: {error}") from error
    if not isinstance(keys.get("keys"), list):
        raise DiscoveryError("behind jwks_uri there is no key set")
    return Issuer(settings.issuer, settings.audience, keys, settings.algorithms)


def caller_of(claims: Claims, settings: OidcSettings) -> Caller:
    """
    Who verified claims are about.

    Raises:
        Refusal: ALNB102E, no usable name; ALNB101E, no role.
    """
    name = claims.claims.get(settings.name_claim)
    if not isinstance(name, str) or not name.isprintable() or not 0 < len(name) <= _MAX_NAME:
        raise invalid_token(f"its claim '{settings.name_claim}' is no user name")
    # An address that was only claimed is anybody's. Absent means that the issuer checks them all.
    if settings.name_claim == "email" and claims.claims.get("email_verified", True) is not True:
        raise invalid_token("its e-mail address is not verified")
    found = _values(claims.claims, settings.role_claim)
    role = next((role for value, role in settings.roles.items() if value in found), None)
    if role is None:
        raise invalid_role(f"no value of the claim '{settings.role_claim}' stands for a role here")
    issued = float(claims.claims.get("iat", 0))
    return Caller(settings.name_prefix + name, role, "oidc", issued)


def _values(claims: Mapping[str, Any], path: str) -> frozenset[str]:
    """The strings of a claim; ``a.b`` is the claim of that very name, or b in a."""
    found: object = claims.get(path)
    if path not in claims:
        found = claims
        for name in path.split("."):
            found = found.get(name) if isinstance(found, Mapping) else None
    listed = found if isinstance(found, list) else [found]
    return frozenset(one for one in listed if isinstance(one, str))


def _discovery_url(issuer: str) -> str:
    return issuer.rstrip("/") + "/.well-known/openid-configuration"


def _checked_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or parts.username or parts.fragment:
        raise ValueError("wanted an https URL without user and fragment")
    return url


def _document(raw: bytes) -> dict[str, Any]:
    if len(raw) > MAX_DOCUMENT_BYTES:
        raise DiscoveryError(f"a document is larger than {MAX_DOCUMENT_BYTES} bytes")
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise DiscoveryError("a document is no JSON") from error
    if not isinstance(found, dict):
        raise DiscoveryError("a document is no JSON object")
    return found
