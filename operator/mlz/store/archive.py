"""
Archives: recognised by content, unpacked within bounds, one model and its companions.

Names, kinds and numbers of members are checked before a byte is written; sizes are counted while
bytes come out, as what an archive says of its sizes may be a lie. All files land flat in one
folder.
"""

import gzip
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol

from mlz.errors import Reason, RejectedError

SCHEMA_FILE = "schema.json"
SAMPLE_FILE = "sample.json"
HEAD_BYTES = 512  # what tells how a file is packed
_COMPANIONS = {SCHEMA_FILE: 16 * 1024 * 1024, SAMPLE_FILE: 16 * 1024 * 1024}
_MAX_MEMBERS = 1000
_MAX_HEADER_BYTES = 1024 * 1024  # one read of names and tables; a bomb of those is one too
_MAX_RATIO = 200  # text of numbers packs to a tenth, a bomb to a thousandth
_RATIO_COUNTS_FROM = 16 * 1024 * 1024
_CHUNK_BYTES = 256 * 1024
_TAR_MAGIC = slice(257, 262)
_REFUSED = (
    ("a bzip2 file", b"BZh"),
    ("an xz file", b"\xfd7zXZ"),
    ("a zstd file", b"\x28\xb5\x2f\xfd"),
    ("a 7z archive", b"7z\xbc\xaf"),
    ("a rar archive", b"Rar!"),
)


class Packing(Enum):
    """What an archive is."""

    ZIP = auto()
    TAR = auto()
    TAR_GZIP = auto()


class Readable(Protocol):
    """A member's content."""

    def read(self, size: int, /) -> bytes:
        """The next bytes."""


@dataclass(frozen=True, slots=True)
class Member:
    """One regular file of an archive, about to be unpacked."""

    name: str
    open: Callable[[], Readable]


@dataclass(frozen=True, slots=True)
class Unpacked:
    """Where things are now; None for a companion that was not there."""

    model_file: Path
    schema_file: Path | None = None
    sample_file: Path | None = None


def packing_of(head: bytes) -> Packing | None:
    """What a file that begins with these ``HEAD_BYTES`` is taken for; None: it is no archive."""
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return Packing.ZIP
    if head.startswith(b"\x1f\x8b"):
        return Packing.TAR_GZIP
    return Packing.TAR if head[_TAR_MAGIC] == b"ustar" else None


def unpack(archive: Path, folder: Path, max_bytes: int) -> Unpacked | None:
    """
    Unpack an archive into an empty folder.

    Returns:
        None where the file is no archive, but a model or anything else.

    Raises:
        RejectedError: ArchiveUnsafe, ArchiveInvalid, AssetTooLarge.
    """
    with archive.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
        stream.seek(0)
        for name, start in _REFUSED:
            if head.startswith(start):
                raise _broken(f"found {name}, wanted tar.gz, tar or zip; pack it as one of these")
        packing = packing_of(head)
        if packing is None:
            return None
        try:
            members = _members(stream, packing)
            return _write_all(members, folder, _Meter(archive.stat().st_size, max_bytes))
        except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
            hint = "; a .gz file is read as tar.gz only" if packing is Packing.TAR_GZIP else ""
            raise _broken(f"the archive is broken: {error}{hint}") from error
        except (ValueError, NotImplementedError, RuntimeError, IndexError) as error:
            raise _broken(f"the archive cannot be read: {error}") from error


def _members(stream: BinaryIO, packing: Packing) -> Iterator[Member]:
    if packing is Packing.ZIP:
        return _zip_members(stream)
    if packing is Packing.TAR_GZIP:
        return _tar_members(gzip.GzipFile(fileobj=stream, mode="rb"))
    return _tar_members(stream)


class _BoundedTarInfo(tarfile.TarInfo):
    """Sees each header first: tarfile reads long names and attributes whole into memory."""

    @classmethod
    def frombuf(cls, buf: "bytes | bytearray", encoding: str, errors: str) -> "_BoundedTarInfo":
        found = super().frombuf(buf, encoding, errors)
        if found.type in _TAR_EXTENSIONS:
            if found.size > _MAX_HEADER_BYTES:
                raise _unsafe(f"a header of {found.size} bytes")
        elif not (found.isreg() or found.isdir()) or found.type == tarfile.GNUTYPE_SPARSE:
            raise _unsafe(f"a link, device or other special file named {found.name[:80]!r}")
        return found


_TAR_EXTENSIONS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)


def _tar_members(content: "BinaryIO | gzip.GzipFile") -> Iterator[Member]:
    with tarfile.open(fileobj=content, mode="r|", tarinfo=_BoundedTarInfo, errorlevel=2) as archive:
        found = False
        for info in archive:
            found = True
            if info.sparse is not None:
                raise _unsafe(f"a sparse file named {info.name[:80]!r}")
            if info.isreg():
                yield Member(info.name, lambda info=info: _opened(archive, info))  # type: ignore[misc]
        if not found:
            raise _broken("found no files; a gzip file must hold a tar archive")


def _opened(archive: tarfile.TarFile, info: tarfile.TarInfo) -> Readable:
    content = archive.extractfile(info)
    if content is None:
        raise _unsafe(f"{info.name[:80]!r} has no content of its own")
    return content


class _BoundedReads:
    """A file whose single reads are small: zipfile reads the table of contents in one."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.seek = stream.seek
        self.tell = stream.tell

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        position = self._stream.tell()
        left = self._stream.seek(0, 2) - position
        self._stream.seek(position)
        if (left if size < 0 else min(size, left)) > _MAX_HEADER_BYTES:
            raise _unsafe("a table of contents of more than a mebibyte")
        return self._stream.read(size)


def _zip_members(stream: BinaryIO) -> Iterator[Member]:
    with zipfile.ZipFile(_BoundedReads(stream)) as archive:
        for info in archive.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _unsafe(f"a link, device or other special file named {info.filename[:80]!r}")
            if info.flag_bits & 0x1:
                raise _broken(f"{info.filename[:80]!r} is encrypted; pack it without a password")
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise _broken(f"{info.filename[:80]!r} is not packed with deflate")
            if not info.is_dir():
                yield Member(info.filename, lambda info=info: archive.open(info))  # type: ignore[misc]


class _Meter:
    """Counts what really comes out of the whole archive."""

    def __init__(self, packed_bytes: int, max_bytes: int) -> None:
        self._packed_bytes = max(packed_bytes, 1)
        self._max_bytes = max_bytes
        self._unpacked_bytes = 0

    def take(self, chunk: bytes) -> None:
        self._unpacked_bytes += len(chunk)
        if (
            self._unpacked_bytes > _RATIO_COUNTS_FROM
            and self._unpacked_bytes > self._packed_bytes * _MAX_RATIO
        ):
            raise _unsafe(f"a bomb: {self._packed_bytes} bytes unfold more than {_MAX_RATIO} times")
        if self._unpacked_bytes > self._max_bytes:
            raise RejectedError(
                Reason.ASSET_TOO_LARGE,
                f"the archive unpacks to more than {self._max_bytes} bytes "
                "(MLZ_MAX_UNPACKED_BYTES)",
            )


def _write_all(members: Iterator[Member], folder: Path, meter: _Meter) -> Unpacked:
    written: dict[str, Path] = {}
    for count, member in enumerate(members, 1):
        if count > _MAX_MEMBERS:
            raise _unsafe(f"more than {_MAX_MEMBERS} files")
        name = _safe_name(member.name)
        if name is None:
            continue
        if name in written:
            raise _unsafe(f"two files named {name[:80]!r}")
        written[name] = folder / name
        _check_number(written)
        _write(member, written[name], meter)
    return _sorted_out(written)


def _safe_name(name: str) -> str | None:
    """The bare name; None for what macOS puts beside every file."""
    path = PurePosixPath(name.replace("\\", "/"))
    drive = ":" in name.split("/", 1)[0]
    if path.is_absolute() or ".." in path.parts or drive or "\0" in name:
        raise _unsafe(f"a path that leads outside: {name[:80]!r}")
    bare = path.name
    if "__MACOSX" in path.parts or bare.startswith("._") or bare == ".DS_Store":
        return None
    if not bare or len(bare.encode()) > 200 or not bare.isprintable():
        raise _unsafe(f"a file name that is none: {bare[:80]!r}")
    return bare


def _check_number(written: dict[str, Path]) -> None:
    models = [name for name in written if name not in _COMPANIONS]
    if len(models) > 1:
        raise _broken(
            f"wanted one model, found {models[0][:80]!r} and {models[1][:80]!r}; an archive holds "
            f"the model file, optionally {SCHEMA_FILE} and {SAMPLE_FILE}"
        )


def _write(member: Member, target: Path, meter: _Meter) -> None:
    limit = _COMPANIONS.get(target.name)
    content = member.open()
    written = 0
    with target.open("xb") as stream:
        while chunk := content.read(_CHUNK_BYTES):
            meter.take(chunk)
            written += _written(stream, chunk)
            if limit is not None and written > limit:
                raise _unsafe(f"{target.name} of more than {limit} bytes")


def _written(stream: BinaryIO, chunk: bytes) -> int:
    try:
        return stream.write(chunk)
    except OSError as error:
        raise RejectedError(
            Reason.ASSET_TOO_LARGE, f"the unpacked archive does not fit on the disk: {error}"
        ) from error


def _sorted_out(written: dict[str, Path]) -> Unpacked:
    models = [path for name, path in written.items() if name not in _COMPANIONS]
    if not models:
        raise _broken(
            "found no model in the archive; it holds the model file, optionally "
            f"{SCHEMA_FILE} and {SAMPLE_FILE}"
        )
    return Unpacked(models[0], written.get(SCHEMA_FILE), written.get(SAMPLE_FILE))


def _unsafe(found: str) -> RejectedError:
    return RejectedError(
        Reason.ARCHIVE_UNSAFE,
        f"the archive holds {found}; pack plain files, one model, and no more",
    )


def _broken(found: str) -> RejectedError:
    return RejectedError(Reason.ARCHIVE_INVALID, found)
