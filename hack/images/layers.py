"""Layers: one tar file each, the same bytes for the same tree, with its digest beside it."""

import hashlib
import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from images.naming import digest_of
from images.store import Part, Store, source_digest

TIME = 1_000_000_000  # of every file: the time of the build would make each layer a new one


@dataclass(frozen=True, slots=True)
class Layer:
    """A finished layer; uncompressed, so ``digest`` is that of the content and of the file."""

    file: Path
    digest: str
    size: int


class _Hashing:
    """Passes writes on and counts and hashes them."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self.hash = hashlib.sha256()
        self.size = 0

    def write(self, block: bytes) -> int:
        self.hash.update(block)
        self.size += len(block)
        return self._out.write(block)


def layer_of(store: Store, tree: Path, identity: str, destination: str) -> Layer:
    """The layer that puts the tree (a folder or one file) at the destination; kept in the store."""
    made_from = {
        "tree": f"{tree.name}\0{identity}",
        "destination": destination,
        "builder": source_digest(Path(__file__)),
    }
    part = Part("layer", digest_of(made_from), partial(_make, tree, destination))
    folder = store.ensure(part)
    described = json.loads((folder / "layer.json").read_text())
    return Layer(folder / "layer.tar", described["digest"], described["size"])


def write_layer(tree: Path, destination: str, out: BinaryIO) -> tuple[str, int]:
    """Write the tar to a stream; returns its SHA-256 in hexadecimal and its size in bytes."""
    hashing = _Hashing(out)
    with tarfile.open(fileobj=hashing, mode="w|", format=tarfile.PAX_FORMAT) as tar:  # type: ignore[call-overload]  # needs no more than write()
        for path, name in _members(tree, destination):
            _add(tar, path, name)
    return hashing.hash.hexdigest(), hashing.size


def _make(tree: Path, destination: str, folder: Path) -> None:
    with (folder / "layer.tar").open("wb") as out:
        digest, size = write_layer(tree, destination, out)
    (folder / "layer.json").write_text(json.dumps({"digest": digest, "size": size}))


def _members(tree: Path, destination: str) -> Iterator[tuple[Path, str]]:
    """Each path with its name in the image, parents first; as COPY does, a file is renamed."""
    target = PurePosixPath(destination.lstrip("/"))
    if tree.is_file():
        yield tree, str(target)
        return
    for path in sorted(tree.rglob("*")):
        yield path, str(target / path.relative_to(tree).as_posix())


def _add(tar: tarfile.TarFile, path: Path, name: str) -> None:
    member = tar.gettarinfo(path, name)
    if member.islnk():  # a second name in our cache need not be one in the image
        member.type, member.size = tarfile.REGTYPE, path.stat().st_size
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mtime = TIME
    if member.isreg():
        with path.open("rb") as content:
            tar.addfile(member, content)
    else:
        tar.addfile(member)
