"""
The one Secret: read, and changed by whoever has read its latest state.

Every change is a function of what is there, so two who change at once both get their way, one after
the other: the API server refuses the write of whoever has read an older resourceVersion.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from mlz.cluster.client import ApiConflictError, ApiRefusalError
from mlz.cluster.kinds import SECRET, Kind
from mlz.rest.identity.account import Account, account_data, read_account

ATTEMPTS = 8
_PAUSE_SECONDS = 0.1

Manifest = dict[str, Any]
Change = Callable[[Account], Account]

_log = logging.getLogger(__name__)


class Client(Protocol):
    """The part of ``mlz.cluster.client.KubeClient`` that is needed here."""

    def get(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        """An object, or None where there is none."""

    def create(self, kind: Kind, manifest: Manifest) -> Manifest:
        """Create an object."""

    def replace(self, kind: Kind, manifest: Manifest) -> Manifest:
        """Replace an object of the same resourceVersion."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the Secret is."""

    client: Client
    namespace: str
    name: str


def load(place: Place) -> Account:
    """
    What the Secret holds; an empty account where there is none.

    Raises:
        RejectedError: InvalidSpec; its content is wrong.
        ApiError: it cannot be read.
    """
    return _account(_secret(place))


def update(place: Place, change: Change, pause: Callable[[float], None]) -> Account:
    """
    Change what the Secret holds; it is made where there is none.

    Args:
        change: called again with what somebody else wrote meanwhile; what it raises ends it.
        pause: waits so many seconds.

    Returns:
        What the Secret holds now.

    Raises:
        RejectedError: InvalidSpec; its content is wrong, or too much.
        ApiError: it cannot be read or written, or others are always faster.
    """
    for attempt in range(ATTEMPTS - 1):
        try:
            return _tried(place, change)
        except ApiConflictError:
            _log.info("the Secret was changed meanwhile", extra={"secret": place.name})
            pause(_PAUSE_SECONDS * 2**attempt)
    return _tried(place, change)


def _tried(place: Place, change: Change) -> Account:
    secret = _secret(place)
    before = _account(secret)
    after = change(before)
    if after == before:
        return after
    data = account_data(after)
    if secret is None:
        place.client.create(SECRET, _made(place, data))
        return after
    wanted = {**secret, "data": {**(secret.get("data") or {}), **data}}
    try:
        place.client.replace(SECRET, wanted)
    except ApiRefusalError as error:
        if error.status != 404:
            raise
        raise ApiConflictError(409, f"Secret {place.name} was deleted meanwhile") from error
    return after


def _secret(place: Place) -> Manifest | None:
    return place.client.get(SECRET, place.namespace, place.name)


def _account(secret: Manifest | None) -> Account:
    return read_account({} if secret is None else secret.get("data") or {})


def _made(place: Place, data: dict[str, str]) -> Manifest:
    return {
        "apiVersion": SECRET.api_version,
        "kind": SECRET.kind,
        "metadata": {"name": place.name, "namespace": place.namespace},
        "type": "Opaque",
        "data": data,
    }
