"""The file of an upload while it grows on the disk, and the room there is for all of them."""

import errno
import hashlib
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from mlz.rest.problems import Code, Refusal, retry_after

UPLOAD_PREFIX = "upload-"
HEAD_BYTES = 4096
_BUFFER_BYTES = 256 * 1024
_RETRY_SECONDS = 10
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


class Space:
    """
    The room for uploads on a disk, shared by all requests of a process.

    A volume with a size limit is not full at its limit: its pod is evicted. So we count ourselves.

    Args:
        folder: where uploads lie.
        max_bytes: of all uploads together.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.folder = folder
        self._left = max_bytes
        self._lock = threading.Lock()

    def take(self, size: int) -> None:
        """Set some bytes aside, to be given back; unavailable where they are not left."""
        with self._lock:
            if size > self._left:
                raise _no_room()
            self._left -= size

    def give(self, size: int) -> None:
        """The reverse of ``take``."""
        with self._lock:
            self._left += size


class Arrival:
    """
    A file that grows on the disk, counted and hashed; its room is given back when it is closed.

    Args:
        space: where it lies.
        max_bytes: the largest it may become.
    """

    def __init__(self, space: Space, max_bytes: int) -> None:
        self._space = space
        self._limit = max_bytes
        self._hash = hashlib.sha256()
        self._stream: BinaryIO | None = None
        self.path: Path | None = None
        self.head = b""
        self.size_bytes = 0

    @property
    def sha256(self) -> str:
        """Hex digest of what has come so far."""
        return self._hash.hexdigest()

    def open(self) -> None:
        """Readable by us alone, under a name that ``cleanup`` knows if we do not live to close."""
        with _room_on_disk():
            descriptor, name = tempfile.mkstemp(prefix=UPLOAD_PREFIX, dir=self._space.folder)
        self.path = Path(name)
        self._stream = os.fdopen(descriptor, "wb", buffering=_BUFFER_BYTES)

    def write(self, piece: memoryview) -> None:
        """
        The next bytes.

        Raises:
            Refusal: body_too_large; unavailable where there is no room.
        """
        if self.size_bytes + len(piece) > self._limit:
            raise too_large("the file", self._limit)
        self._space.take(len(piece))
        self.size_bytes += len(piece)
        self._hash.update(piece)
        if len(self.head) < HEAD_BYTES:
            self.head += bytes(piece[: HEAD_BYTES - len(self.head)])
        if self._stream is not None:
            with _room_on_disk():
                self._stream.write(piece)

    def finish(self) -> None:
        """All bytes are in the file, for others to read."""
        if self._stream is not None:
            with _room_on_disk():
                self._stream.flush()

    def close(self) -> None:
        """Nothing stays: neither the file nor the room it had."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)
        self._space.give(self.size_bytes)
        if self._stream is not None:
            with suppress(OSError):  # what is still buffered may not fit: it is thrown away anyway
                self._stream.close()


def too_large(what: str, limit: int) -> Refusal:
    """Something of an upload is larger than its limit in bytes."""
    return Refusal(Code.BODY_TOO_LARGE, f"{what} is larger than the limit of {limit} bytes")


@contextmanager
def _room_on_disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise _no_room() from error
        raise


def _no_room() -> Refusal:
    return retry_after(
        Code.UNAVAILABLE, "there is no room for another upload now; try again", _RETRY_SECONDS
    )
