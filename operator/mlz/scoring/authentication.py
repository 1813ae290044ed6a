"""
Who may score: bearer tokens of the REST facade's users and of ServiceAccounts.

Checked when the head of a request is there, before its body is read. A signature costs about a
hundred microseconds, so who a token names is remembered until it expires or the trust file changes;
what that one may do is asked each time. Imported only where tokens are wanted, for the sake of all
other processes.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path

from pydantic import ValidationError

from mlz.model.trust import IssuerKind, Trust
from mlz.scoring.problems import Problem, RequestError
from mlz.tokens import Claims, Fault, Issuer, TokenError, verified

log = logging.getLogger(__name__)

_LOOK_SECONDS = 5.0
_MOST_REMEMBERED = 1024
_SCHEME = b"bearer "
_ACCOUNT_PREFIX = "system:serviceaccount:"


class Role(StrEnum):
    """The `role` of a user's token. Source: MLz 3.2; CONTRACT section 4."""

    SYSADM = "sysadm"
    MLADM = "mladm"
    DEVUSER = "devuser"
    APIUSER = "apiuser"
    APPUSER = "appuser"


@dataclass(frozen=True, slots=True)
class Caller:
    """
    Whom an authentic token names.

    Attributes:
        name: of the user, or ``namespace/name`` of the ServiceAccount.
        role: a user's; None where the token has none of the five, and for a ServiceAccount.
        expires: seconds since 1970.
    """

    kind: IssuerKind
    name: str
    role: Role | None
    expires: float


class Policy:
    """One content of the trust file: who a token names, and whether that one may score."""

    def __init__(self, trust: Trust) -> None:
        known = [one for one in trust.issuers if one.kind in set(IssuerKind)]
        self._kinds = {one.issuer: IssuerKind(one.kind) for one in known}
        self._issuers = tuple(
            Issuer(
                one.issuer,
                one.audience,
                {"keys": [key.model_dump(exclude_none=True) for key in one.keys]},
                one.algorithms,
            )
            for one in known
        )
        self._owners: Mapping[Role, str | None] = {
            Role.DEVUSER: trust.model_owner,
            Role.APIUSER: trust.deployment_owner,
        }
        self._accounts = frozenset(trust.service_accounts)

    def caller(self, token: str, now: float) -> Caller:
        """
        Whom a token names.

        Raises:
            TokenError: it is not authentic, not for us or not of this moment.
        """
        claims = verified(token, self._issuers, now)
        kind = self._kinds[claims.issuer]
        if kind is IssuerKind.MLZ:
            return Caller(kind, claims.subject, _role(claims), claims.expires)
        return Caller(kind, _account(claims.subject), None, claims.expires)

    def refusal(self, caller: Caller) -> RequestError | None:
        """Why somebody may not score here; None where he may."""
        if caller.kind is IssuerKind.KUBERNETES:
            return self._refusal_of_account(caller.name)
        if caller.role is None:
            words = ", ".join(Role)
            return RequestError(Problem.INVALID_ROLE, f"the token names no role; wanted: {words}")
        if caller.role not in self._owners or self._owners[caller.role] == caller.name:
            return None
        what = "models" if caller.role is Role.DEVUSER else "deployments"
        return RequestError(
            Problem.NOT_OWNER,
            f"the role {caller.role} may score own {what} only, and this one is somebody else's",
        )

    def _refusal_of_account(self, name: str) -> RequestError | None:
        namespace = name.partition("/")[0]
        if name in self._accounts or f"{namespace}/*" in self._accounts:
            return None
        return RequestError(
            Problem.INVALID_ROLE,
            f"ServiceAccount '{name}' may not score here; spec.authentication.serviceAccounts of "
            "the scoring service says who may",
        )


class Guard:
    """
    The check of every request for a score.

    Args:
        file: the trust file; read again when it changes. While it has never been readable, nobody
            may score; a later content that is not readable changes nothing.
        clock: seconds since 1970.
    """

    def __init__(self, file: Path, clock: Callable[[], float]) -> None:
        self._file = file
        self._clock = clock
        self._looked = 0.0
        self._seen: tuple[int, int] | None = None
        self._policy: Policy | None = None
        self._remembered: dict[bytes, Caller] = {}

    def refusal(self, authorization: bytes) -> RequestError | None:
        """Why a request with this header may not score; None where it may."""
        policy = self._policy
        if policy is None:
            return RequestError(Problem.NOT_READY, "who may score is not known yet")
        try:
            caller = self._caller(authorization, policy)
        except TokenError as error:
            problem = Problem.INVALID_TOKEN
            if error.kind is Fault.EXPIRED:
                problem = Problem.EXPIRED_TOKEN
            return RequestError(problem, error.message)
        return policy.refusal(caller)

    def look_after(self) -> None:
        """Read the file again where it has changed; to be called a few times a second."""
        now = self._clock()
        # Not "later than": the time of day may be set back.
        if abs(now - self._looked) < _LOOK_SECONDS:
            return
        self._looked = now
        seen = _identity(self._file)
        if seen == self._seen:
            return
        self._seen = seen
        try:
            trust = Trust.model_validate_json(self._file.read_bytes())
        except (OSError, ValidationError) as error:
            log.error("cannot read who may score", extra={"cause": str(error)})  # noqa: TRY400
        else:
            self._take(trust)

    def _take(self, trust: Trust) -> None:
        self._policy = Policy(trust)
        self._remembered.clear()
        keys = {one.issuer: [key.kid for key in one.keys] for one in trust.issuers}
        log.info("who may score was read", extra={"keys": keys})

    def _caller(self, authorization: bytes, policy: Policy) -> Caller:
        digest = sha256(authorization).digest()
        caller = self._remembered.get(digest)
        now = self._clock()
        if caller is not None and now < caller.expires:
            return caller
        caller = policy.caller(_token(authorization), now)
        if len(self._remembered) >= _MOST_REMEMBERED:
            del self._remembered[next(iter(self._remembered))]
        self._remembered[digest] = caller
        return caller


def _token(authorization: bytes) -> str:
    """Source: RFC 6750, section 2.1; RFC 9110, section 11.1 (the scheme in any letters)."""
    if not authorization:
        raise TokenError(Fault.MALFORMED, "a score needs a token: authorization: Bearer TOKEN")
    if authorization[: len(_SCHEME)].lower() != _SCHEME:
        raise TokenError(Fault.MALFORMED, "the authorization header is to be: Bearer TOKEN")
    return authorization[len(_SCHEME) :].decode("latin-1").strip()


def _identity(file: Path) -> tuple[int, int]:
    """Another one for each content: a mounted ConfigMap is a link that is turned to new files."""
    try:
        status = file.stat()
    except OSError:
        return (0, 0)
    return (status.st_mtime_ns, status.st_ino)


def _account(subject: str) -> str:
    """``namespace/name`` of the ServiceAccount that a subject names."""
    namespace, _, name = subject.removeprefix(_ACCOUNT_PREFIX).partition(":")
    if not subject.startswith(_ACCOUNT_PREFIX) or not (namespace and name):
        raise TokenError(Fault.MALFORMED, "the subject of the token is no ServiceAccount")
    return f"{namespace}/{name}"


def _role(claims: Claims) -> Role | None:
    found = claims.claims.get("role")
    return next((role for role in Role if role == found), None)
