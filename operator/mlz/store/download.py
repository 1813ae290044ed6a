"""
The one loop that every asset comes through: stream, count, hash, go on after a break, give up.

It decides what is tried again and how long; what a failure means was said by who saw it.
"""

import errno
import hashlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mlz.errors import Reason, RejectedError, RetryableError
from mlz.store.source import Opened, Source
from mlz.store.web import BusyError, UnreachableError

log = logging.getLogger(__name__)
_UNREACHABLE_SECONDS = 3.0  # a store that is not there is told of within 6 s, last attempt included
_FIRST_PAUSE_SECONDS = 0.25
_LONGEST_PAUSE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How long and how often; time comes in from outside."""

    max_attempts: int
    total_seconds: float
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic


@dataclass(frozen=True, slots=True)
class Wanted:
    """The bytes that are wanted: ``sha256`` is the hex digest, None where any will do."""

    max_bytes: int
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Downloaded:
    """What came."""

    sha256: str
    size_bytes: int


def download(source: Source, target: Path, wanted: Wanted, pace: Pace) -> Downloaded:
    """
    Bring an asset into a file, verified.

    Raises:
        RejectedError: DigestMismatch, AssetTooLarge and whatever the source refuses.
        RetryableError: the last failure, when no further attempt is allowed.
    """
    started = pace.clock()
    with target.open("wb") as stream:
        transfer = _Transfer(source, stream, wanted, pace, started + pace.total_seconds)
        for attempt in range(1, pace.max_attempts + 1):
            try:
                return transfer.run()
            except RetryableError as error:
                elapsed, pause = pace.clock() - started, _pause(attempt, error)
                if attempt == pace.max_attempts or _is_hopeless(error, elapsed, pause, pace):
                    raise
                told = {"asset": source.shown, "attempt": attempt, "cause": error.message}
                log.warning("fetching again", extra=told | {"pauseSeconds": pause})
                pace.sleep(pause)
    raise AssertionError("unreachable: the last attempt returns or raises")


class _Transfer:
    """The state that outlives a broken connection: what is written, and its hash so far."""

    def __init__(
        self, source: Source, stream: BinaryIO, wanted: Wanted, pace: Pace, deadline: float
    ) -> None:
        self._source = source
        self._stream = stream
        self._wanted = wanted
        self._clock = pace.clock
        self._deadline = deadline
        self._restart()

    def run(self) -> Downloaded:
        with self._source.open(self._written) as opened:
            self._check_promises(opened)
            if opened.offset != self._written:
                self._restart()
                if opened.offset:
                    raise self._interrupted("sent another part than the one asked for")
            for chunk in opened.chunks:
                self._take(chunk)
            if opened.total_bytes is not None and self._written != opened.total_bytes:
                raise self._interrupted(
                    f"ended after {self._written} of {opened.total_bytes} bytes"
                )
            return self._verified(opened.sha256)

    def _restart(self) -> None:
        self._hash = hashlib.sha256()
        self._written = 0
        self._stream.seek(0)
        self._stream.truncate()

    def _check_promises(self, opened: Opened) -> None:
        """Refuse by the store's own word what would be refused after gigabytes."""
        if (opened.total_bytes or 0) > self._wanted.max_bytes:
            raise self._too_large(f"has {opened.total_bytes} bytes")
        if opened.sha256 and self._wanted.sha256 and opened.sha256 != self._wanted.sha256:
            raise self._mismatch(self._wanted.sha256, opened.sha256)

    def _take(self, chunk: bytes) -> None:
        if self._written + len(chunk) > self._wanted.max_bytes:
            raise self._too_large("does not end there")
        if self._clock() > self._deadline:
            raise self._interrupted(f"took too long; {self._written} bytes came")
        self._hash.update(chunk)
        try:
            self._stream.write(chunk)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise
            raise self._too_large("does not fit on the pod's disk") from error
        self._written += len(chunk)

    def _verified(self, promised: str | None) -> Downloaded:
        self._stream.flush()
        found = self._hash.hexdigest()
        for expected in (self._wanted.sha256, promised):
            if expected and expected != found:
                raise self._mismatch(expected, found)
        return Downloaded(found, self._written)

    def _too_large(self, found: str) -> RejectedError:
        return RejectedError(
            Reason.ASSET_TOO_LARGE,
            f"{self._source.shown} {found}; the limit is {self._wanted.max_bytes} bytes "
            "(MLZ_MAX_ASSET_BYTES)",
        )

    def _mismatch(self, wanted: str, found: str) -> RejectedError:
        return RejectedError(
            Reason.DIGEST_MISMATCH,
            f"{self._source.shown}: wanted sha256 {wanted}, found {found}; correct the digest or "
            "the asset",
        )

    def _interrupted(self, found: str) -> RetryableError:
        return RetryableError(Reason.DOWNLOAD_INTERRUPTED, f"{self._source.shown} {found}")


def _is_hopeless(
    error: RetryableError, elapsed_seconds: float, pause_seconds: float, pace: Pace
) -> bool:
    """No store there, or a pause longer than the time that is left."""
    unreachable = isinstance(error, UnreachableError) and elapsed_seconds > _UNREACHABLE_SECONDS
    return unreachable or elapsed_seconds + pause_seconds > pace.total_seconds


def _pause(attempt: int, error: RetryableError) -> float:
    """Ours, each twice the one before; or the store's own, where that is longer."""
    ours = min(_FIRST_PAUSE_SECONDS * 2 ** (attempt - 1), _LONGEST_PAUSE_SECONDS)
    theirs = error.wait_seconds if isinstance(error, BusyError) else None
    return float(max(ours, theirs or 0.0))
