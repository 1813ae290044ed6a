"""What we make of a Dockerfile is what a real builder makes of it: buildah."""

import hashlib
import json
import os
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from images import oci
from images.assembly import assemble
from images.dockerfile import parse
from images.store import Store

DOCKERFILE = """\
ARG BASE=base
ARG JAVA=java

FROM ${JAVA} AS java
FROM ${BASE} AS lower
COPY --from=libraries / /opt/mlz/libraries/
ENV PATH=/opt/mlz/bin:/bin
ENV HOME=/tmp
USER 65532:65532
ENTRYPOINT ["mlz"]

FROM lower AS image
COPY --from=java /opt/jre /opt/jre
COPY --from=java /bin/one /usr/local/bin/other
COPY --from=code / /opt/mlz/
ENV HOME=/home
CMD ["serve", "a b"]
"""
Tree = dict[str, tuple[int, str]]  # path to mode and content

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="buildah needs root")


def test_buildah_makes_the_same_image(tmp_path: Path) -> None:
    folders = {name: tmp_path / name for name in ("BASE", "JAVA", "libraries", "code")}
    _write(folders["BASE"], {"etc/os-release": "base", "bin/sh": "sh"})
    _write(folders["JAVA"], {"opt/jre/lib/modules": "m", "opt/jre/bin/java": "j", "bin/one": "1"})
    _write(folders["libraries"], {"numpy/core.so": "n", "both.py": "below"})
    # Of another length than "below": buildah sees no change where size and second are the same.
    _write(folders["code"], {"bin/mlz": "mlz", "libraries/both.py": "and above"})
    (folders["libraries"] / "link.so").symlink_to("numpy/core.so")
    (folders["code"] / "bin/mlz").chmod(0o755)

    ours = _ours(tmp_path, folders)
    theirs = _theirs(tmp_path, folders)

    assert ours[0] == theirs[0]
    for setting in ("Env", "User", "Entrypoint", "Cmd"):
        assert ours[1][setting] == theirs[1][setting]


def _write(folder: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)


def _ours(tmp_path: Path, folders: dict[str, Path]) -> tuple[Tree, dict[str, Any]]:
    recipe = parse(DOCKERFILE).recipes["image"]
    image = assemble("n:1", recipe, folders, dict.fromkeys(folders, "1"), Store(tmp_path / "store"))
    oci.write_archive([image], tmp_path / "ours.tar")
    with tarfile.open(tmp_path / "ours.tar") as tar:
        tar.extractall(tmp_path / "ours")
    return _read(tmp_path / "ours")


def _theirs(tmp_path: Path, folders: dict[str, Path]) -> tuple[Tree, dict[str, Any]]:
    buildah = ["buildah", f"--root={tmp_path}/s", f"--runroot={tmp_path}/r", "--storage-driver=vfs"]
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    (tmp_path / "empty").mkdir()
    for name in ("BASE", "JAVA"):
        (tmp_path / f"{name}.Dockerfile").write_text("FROM scratch\nCOPY . /\n")
        file = f"--file={tmp_path}/{name}.Dockerfile"
        _run([*buildah, "bud", file, f"--tag=localhost/{name.lower()}", str(folders[name])])
    words = [f"--build-arg={name}=localhost/{name.lower()}" for name in ("BASE", "JAVA")]
    words += [f"--build-context={name}={folders[name]}" for name in ("libraries", "code")]
    words += ["--isolation=chroot", f"--file={tmp_path}/Dockerfile", "--target=image", "--tag=n:1"]
    _run([*buildah, "bud", *words, str(tmp_path / "empty")])
    _run([*buildah, "push", "--quiet", "--disable-compression", "n:1", f"oci:{tmp_path}/theirs"])
    return _read(tmp_path / "theirs")


def _run(words: list[str]) -> None:
    said = subprocess.run(words, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr


def _read(layout: Path) -> tuple[Tree, dict[str, Any]]:
    """The files that a container would see, and the settings; folders may or may not be listed."""
    blobs = layout / "blobs/sha256"
    index = json.loads((layout / "index.json").read_text())
    manifest = json.loads((blobs / index["manifests"][0]["digest"][7:]).read_text())
    config = json.loads((blobs / manifest["config"]["digest"][7:]).read_text())
    tree: Tree = {}
    for layer in manifest["layers"]:
        with tarfile.open(blobs / layer["digest"][7:]) as tar:
            tree |= {_name(member): _entry(tar, member) for member in tar if not member.isdir()}
    return tree, config["config"]


def _name(member: tarfile.TarInfo) -> str:
    return member.name.removeprefix("./").strip("/")


def _entry(tar: tarfile.TarFile, member: tarfile.TarInfo) -> tuple[int, str]:
    if member.issym():
        return 0, member.linkname
    content = tar.extractfile(member)
    assert content is not None
    return member.mode & 0o7777, hashlib.sha256(content.read()).hexdigest()
