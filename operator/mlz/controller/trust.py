"""
Whose tokens scoring pods take: asked for again and again, in a thread of its own.

Passes read what is known at their moment and never wait for an answer. What was known last stays
while somebody does not answer, and only a whole, usable answer takes its place.
"""

import logging
import ssl
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from pydantic import BaseModel, Field, ValidationError

from mlz.cluster.client import ApiError
from mlz.cluster.issuer import IssuerClient
from mlz.errors import MlzError, Reason, RejectedError, RetryableError
from mlz.model.trust import (
    KUBERNETES_AUDIENCE,
    MLZ_ALGORITHMS,
    MLZ_AUDIENCE,
    IssuerKind,
    KeySet,
    PublicKey,
    TrustedIssuer,
)
from mlz.resources.trust import Issuers
from mlz.settings import AuthenticationDefaults, FacadeDefaults
from mlz.store.address import AddressPolicy
from mlz.store.web import Request, Web

_log = logging.getLogger(__name__)

Ask = Callable[[], TrustedIssuer]

_REFRESH_SECONDS = 60.0
_RETRY_SECONDS = 5.0
_REQUEST_SECONDS = 5.0
_MOST_BYTES = 64 * 1024


class TrustSource:
    """
    The issuers, refreshed every minute.

    Args:
        asks: how each kind of issuer is asked; a kind without one is not trusted.
        changed: called when an answer differs from the one before it.
    """

    def __init__(self, asks: Mapping[IssuerKind, Ask], changed: Callable[[], None]) -> None:
        self._asks = asks
        self._changed = changed
        self._known: dict[IssuerKind, TrustedIssuer | None] = dict.fromkeys(asks)
        self._silent: set[IssuerKind] = set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="trust", daemon=True)

    def issuers(self) -> Issuers:
        """What is known at this moment."""
        return dict(self._known)

    def start(self) -> None:
        """Start asking."""
        self._thread.start()

    def stop(self) -> None:
        """Ask no more; does not wait for an answer that is under way."""
        self._stopping.set()

    def refresh(self) -> bool:
        """Ask everybody once; whether all have answered."""
        before = dict(self._known)
        for kind, ask in self._asks.items():
            try:
                self._known[kind] = ask()
            except (ApiError, MlzError, ValidationError) as error:
                self._note_silence(kind, error)
            else:
                self._silent.discard(kind)
        if self._known != before:
            _log.info("issuers of tokens", extra={"keys": _key_ids(self._known)})
            self._changed()
        return not self._silent

    def _note_silence(self, kind: IssuerKind, error: Exception) -> None:
        """Told once, not every minute."""
        if kind not in self._silent:
            self._silent.add(kind)
            _log.warning(
                "cannot ask for the keys of tokens", extra={"issuer": kind, "cause": str(error)}
            )

    def _run(self) -> None:
        complete = False
        while not self._stopping.wait(_REFRESH_SECONDS if complete else 0):
            try:
                complete = self.refresh()
            except Exception:  # noqa: BLE001 - the outermost edge of the thread: keys must go on
                _log.exception("asking for the keys of tokens failed unexpectedly")
                complete = False
            if not complete:
                self._stopping.wait(_RETRY_SECONDS)


def trust_source(defaults: AuthenticationDefaults, changed: Callable[[], None]) -> TrustSource:
    """The source for what the chart says: the cluster always, the facade where there is one."""
    client = IssuerClient(timeout_seconds=_REQUEST_SECONDS, connections=1)
    asks: dict[IssuerKind, Ask] = {IssuerKind.KUBERNETES: lambda: cluster_issuer(client)}
    facade = defaults.facade
    if facade is not None:
        asks[IssuerKind.MLZ] = lambda: facade_issuer(facade)
    return TrustSource(asks, changed)


class _Configuration(BaseModel):
    """An OpenID configuration, as far as it says how tokens look."""

    issuer: str = Field(min_length=1)
    id_token_signing_alg_values_supported: tuple[str, ...] = ("RS256",)


def cluster_issuer(client: IssuerClient) -> TrustedIssuer:
    """
    The cluster, which signs the tokens of ServiceAccounts.

    Raises:
        ApiError: the API server does not answer, or refuses us.
        RetryableError, ValidationError: it answers something else.
    """
    found = _Configuration.model_validate(client.configuration())
    return TrustedIssuer(
        kind=IssuerKind.KUBERNETES,
        issuer=found.issuer,
        audience=KUBERNETES_AUDIENCE,
        algorithms=tuple(sorted(found.id_token_signing_alg_values_supported)),
        keys=_usable(KeySet.model_validate(client.keys()), "the API server"),
    )


def facade_issuer(facade: FacadeDefaults, *, allow_loopback: bool = False) -> TrustedIssuer:
    """
    The REST facade, which signs the tokens of users.

    Raises:
        MlzError: it does not answer, or with something that is no key set.
        ValidationError: it answers JSON that is no key set.
    """
    raw = _fetched(facade, AddressPolicy(allow_loopback=allow_loopback))
    return TrustedIssuer(
        kind=IssuerKind.MLZ,
        issuer=facade.issuer,
        audience=MLZ_AUDIENCE,
        algorithms=MLZ_ALGORITHMS,
        keys=_usable(KeySet.model_validate_json(raw), facade.keys_url),
    )


def _fetched(facade: FacadeDefaults, policy: AddressPolicy) -> bytes:
    authorities = _authorities(facade.authorities_file)
    request = Request(facade.keys_url, shown=facade.keys_url)
    with Web(policy, _REQUEST_SECONDS, authorities).open(request) as response:
        if response.status != 200:
            text = f"{facade.keys_url}: wanted a key set, the answer has status {response.status}"
            raise RetryableError(Reason.STORE_UNREACHABLE, text)
        raw = b""
        while len(raw) <= _MOST_BYTES and (piece := response.read(_MOST_BYTES)):
            raw += piece
    if len(raw) > _MOST_BYTES:
        raise RejectedError(Reason.ASSET_TOO_LARGE, f"{facade.keys_url}: too long for a key set")
    return raw


def _authorities(path: str) -> str | None:
    """Read each time, for it is renewed; None where a public authority has signed."""
    try:
        text = Path(path).read_text() if path else ""
        ssl.create_default_context(cadata=text or None)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        message = f"{path} was to hold authorities as PEM: {error}"
        raise RejectedError(Reason.INVALID_SPEC, message) from error
    return text or None


def _usable(found: KeySet, shown: str) -> tuple[PublicKey, ...]:
    """In one order, so that the same keys are the same text."""
    if not found.keys:
        raise RetryableError(Reason.STORE_UNREACHABLE, f"{shown}: the key set is empty")
    return tuple(sorted(found.keys, key=lambda key: (key.kid or "", key.kty, key.alg or "")))


def _key_ids(issuers: Issuers) -> dict[str, list[str | None]]:
    return {one.issuer: [key.kid for key in one.keys] for one in issuers.values() if one}
