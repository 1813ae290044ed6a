"""Assets on a mounted PersistentVolumeClaim, and files of this machine for the command line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlz.errors import Reason, RejectedError, RetryableError
from mlz.store.source import CHUNK_BYTES, Opened, Source
from mlz.store.uri import AssetUri


class FileSource:
    """One regular file."""

    def __init__(self, path: Path, shown: str) -> None:
        self._path = path
        self._shown = shown

    @property
    def shown(self) -> str:
        """The URI, or the path where it is a file of this machine."""
        return self._shown

    @contextmanager
    def open(self, offset: int) -> Iterator[Opened]:
        """Start reading at a byte."""
        try:
            with self._path.open("rb") as stream:
                size = stream.seek(0, 2)
                stream.seek(offset)
                yield Opened(offset, size, iter(lambda: stream.read(CHUNK_BYTES), b""))
        except FileNotFoundError as error:
            raise RejectedError(
                Reason.ASSET_NOT_FOUND, f"there is no file at {self._shown}"
            ) from error
        except PermissionError as error:
            raise RejectedError(
                Reason.ACCESS_DENIED, f"{self._shown} may not be read by this process"
            ) from error
        except OSError as error:
            raise RetryableError(
                Reason.DOWNLOAD_INTERRUPTED, f"{self._shown} could not be read: {error.strerror}"
            ) from error


def open_volume(uri: AssetUri, claims_folder: Path) -> Source:
    """
    The source of a pvc URI.

    Raises:
        RejectedError: VolumeClaimNotFound; AssetNotFound; AccessDenied where the path, or a link in
            it, leads out of the claim.
    """
    claim = claims_folder / uri.host
    if not claim.is_dir():
        raise RejectedError(
            Reason.VOLUME_CLAIM_NOT_FOUND,
            f"wanted the claim {uri.host!r} mounted at {claim}; nothing is there",
        )
    wanted = claim / uri.path
    try:
        real = wanted.resolve()
    except (OSError, RuntimeError) as error:  # a loop of links
        raise RejectedError(
            Reason.ASSET_NOT_FOUND, f"{uri.shown} leads nowhere: {error}"
        ) from error
    if not real.is_relative_to(claim.resolve()):
        raise RejectedError(
            Reason.ACCESS_DENIED, f"{uri.shown} is a link that leads out of the claim"
        )
    return open_file(real, uri.shown)


def open_file(path: Path, shown: str) -> Source:
    """
    The source of a file.

    Raises:
        RejectedError: AssetNotFound; nothing there, or a directory or device.
    """
    if not path.is_file():
        raise RejectedError(
            Reason.ASSET_NOT_FOUND,
            f"wanted a file at {shown}, found {'a folder' if path.is_dir() else 'nothing'}",
        )
    return FileSource(path, shown)
