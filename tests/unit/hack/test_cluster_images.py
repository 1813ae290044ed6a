"""Loading images: what the node has already is not handed to it again."""

import io
import tarfile
from pathlib import Path

from cluster.images import write_without_blobs


def _archive(path: Path, *names: str) -> Path:
    with tarfile.open(path, "w") as archive:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = len(name)
            archive.addfile(member, io.BytesIO(name.encode()))
    return path


def test_known_blobs_are_left_out_and_everything_else_stays(tmp_path: Path) -> None:
    archive = _archive(tmp_path / "all.tar", "index.json", "blobs/sha256/aa", "./blobs/sha256/bb")

    write_without_blobs(archive, {"sha256:aa"}, tmp_path / "some.tar")

    with tarfile.open(tmp_path / "some.tar") as copy:
        assert copy.getnames() == ["index.json", "./blobs/sha256/bb"]
