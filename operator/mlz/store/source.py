"""What every backend offers: an asset that can be read from any byte on."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

CHUNK_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Opened:
    """
    Bytes on their way.

    ``offset`` is where ``chunks`` really start: 0 where the store could not, or must not, go on
    from the wanted byte. ``total_bytes`` is the whole asset's size, ``sha256`` its hex digest by
    the store's own word; None where the store does not say.
    """

    offset: int
    total_bytes: int | None
    chunks: Iterator[bytes]
    sha256: str | None = None


class Source(Protocol):
    """One asset in one store."""

    @property
    def shown(self) -> str:
        """The asset in messages: no credentials."""

    def open(self, offset: int) -> AbstractContextManager[Opened]:
        """
        Start reading at a byte.

        Raises:
            RejectedError: what trying again does not change.
            RetryableError: what may pass.
        """
