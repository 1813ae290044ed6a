"""
The registry of imported models: one repository a model, manifests in, manifests out.

Everything here blocks, ends in bounded time, and raises a ``Refusal`` that callers may read; what
the registry itself had to say goes into the log, as it is about our side.
"""

import io
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from mlz.errors import MlzError, Reason, RejectedError, RetryableError
from mlz.rest.problems import Code, Refusal, retry_after
from mlz.store.credentials import Credentials
from mlz.store.download import Pace
from mlz.store.modelpack import ModelPack
from mlz.store.oci import Registry
from mlz.store.push import delete_manifest, send
from mlz.store.uri import AssetUri, Scheme, parse_uri
from mlz.store.web import BusyError, Web

log = logging.getLogger(__name__)
T = TypeVar("T")

_RETRY_SECONDS = 10
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 10.0
# A registry that was restarted has forgotten its uploads: they are begun anew.
_FORGOTTEN = frozenset({Reason.ASSET_NOT_FOUND})


@dataclass(frozen=True, slots=True)
class Place:
    """Where models go: the registry's host as pods see it, and what all repositories begin with."""

    host: str
    prefix: str = ""

    def repository(self, model: str) -> AssetUri:
        """The repository of the model of a resource name."""
        return AssetUri(Scheme.OCI, self.host, f"{self.prefix}/{model}" if self.prefix else model)

    def uri(self, model: str, digest: str) -> str:
        """The URI of a manifest; ``digest`` is ``sha256:<hex>``."""
        return f"oci://{self.host}/{self.repository(model).path}@{digest}"

    def holds(self, uri: str) -> bool:
        """Whether a URI leads here, to a manifest by its digest."""
        start = f"oci://{self.host}/{self.prefix}/" if self.prefix else f"oci://{self.host}/"
        return uri.startswith(start) and "@sha256:" in uri


def place_of(text: str) -> Place:
    """
    Read ``HOST[:PORT][/PREFIX]``.

    Raises:
        RejectedError: InvalidSpec.
    """
    uri = parse_uri(f"oci://{text.strip('/')}/model:latest")
    return Place(uri.host, uri.path.removesuffix("model").rstrip("/"))


class ModelRegistry:
    """
    Sends and deletes models; safe to use from many threads.

    Args:
        place: where they go.
        web: opens connections.
        credentials: the log-in, or none.
        pace: how often and how long a push is tried. It is over for certain when its time is, so
            ``cleanup`` may take what is older for dead.
    """

    def __init__(self, place: Place, web: Web, credentials: Credentials, pace: Pace) -> None:
        self.place = place
        self._web = web
        self._credentials = credentials
        self._pace = pace

    def push(
        self, model: str, packed: ModelPack, path: Path, goes_on: Callable[[], bool] = lambda: True
    ) -> None:
        """
        Upload a model; what the registry has already is not sent again.

        Args:
            model: resource name.
            packed: its manifest, and the descriptor of the file.
            path: the file.
            goes_on: asked all the time; false ends the push.

        Raises:
            Refusal: unavailable.
        """
        uri = self.place.repository(model)
        end = self._pace.clock() + self._pace.total_seconds

        def checked() -> None:
            if not goes_on():
                raise RejectedError(Reason.DOWNLOAD_INTERRUPTED, "the request was given up")
            if self._pace.clock() > end:
                raise RetryableError(Reason.STORE_UNREACHABLE, "the push took too long")

        self._patiently(lambda: send(packed, self._at(uri), uri, partial(_Watched, path, checked)))

    def delete(self, uri: str) -> None:
        """
        Delete a manifest of ours; nothing where it is gone, or where it is not ours.

        Raises:
            Refusal: unavailable.
        """
        if not self.place.holds(uri):
            return
        parsed = parse_uri(uri)
        if not self._patiently(lambda: delete_manifest(self._at(parsed), parsed)):
            log.warning("the registry deletes no manifests", extra={"manifest": uri})

    def _at(self, uri: AssetUri) -> Registry:
        return Registry(self._web, uri, self._credentials)

    def _patiently(self, work: Callable[[], T]) -> T:
        """Try, and try again what may pass, within the pace."""
        began = self._pace.clock()
        for attempt in range(1, self._pace.max_attempts + 1):
            try:
                return work()
            except MlzError as error:
                pause = _pause(attempt, error)
                left = self._pace.total_seconds - (self._pace.clock() - began)
                if not _may_pass(error) or attempt == self._pace.max_attempts or pause > left:
                    raise _refusal(error) from error
                extra = {"attempt": attempt, "cause": error.message, "pauseSeconds": pause}
                log.warning("asking the registry again", extra=extra)
                self._pace.sleep(pause)
        raise AssertionError("unreachable: the last attempt returns or raises")


class _Watched(io.BufferedReader):
    """A file that is asked, before each read, whether it is still wanted."""

    def __init__(self, path: Path, check: Callable[[], None]) -> None:
        super().__init__(path.open("rb", buffering=0))
        self._check = check

    def read(self, size: int | None = -1, /) -> bytes:
        self._check()
        return super().read(size)


def _may_pass(error: MlzError) -> bool:
    return isinstance(error, RetryableError) or error.reason in _FORGOTTEN


def _pause(attempt: int, error: MlzError) -> float:
    ours: float = min(_FIRST_PAUSE_SECONDS * 2 ** (attempt - 1), _LONGEST_PAUSE_SECONDS)
    theirs = error.wait_seconds if isinstance(error, BusyError) else None
    return max(ours, theirs or 0.0)


def _refusal(error: MlzError) -> Refusal:
    log.error("the registry fails", extra={"reason": error.reason, "cause": error.message})
    return retry_after(
        Code.UNAVAILABLE,
        f"the registry of models cannot be used at the moment ({error.reason}); try again",
        _RETRY_SECONDS,
    )
