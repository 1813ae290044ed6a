"""
Image archives in the OCI layout, several images in one, layers they share stored once.

Source: OCI image specification 1.1, "Image Layout", "Image Configuration", "Image Manifest".
"""

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from images.dockerfile import Recipe
from images.layers import Layer

CONFIG = "application/vnd.oci.image.config.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
# Not compressed: an archive crosses no network, and gzip would take longer than all the rest.
LAYER = "application/vnd.oci.image.layer.v1.tar"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}  # others are called the same in OCI


@dataclass(frozen=True, slots=True)
class Image:
    """An image to be written."""

    name: str
    recipe: Recipe
    layers: Sequence[Layer]


def write_archive(images: Sequence[Image], file: Path) -> None:
    """Write all images into one archive."""
    written: set[str] = set()
    with tarfile.open(file, "w", format=tarfile.PAX_FORMAT) as tar:
        _add(tar, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
        manifests = [_write_image(tar, image, written) for image in images]
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}
        _add(tar, "index.json", _json(index))


def configuration(recipe: Recipe, diff_ids: Sequence[str]) -> Mapping[str, object]:
    """What a container runtime has to know of an image."""
    return {
        **_platform(),
        "config": {
            "User": recipe.user,
            "Env": [f"{name}={value}" for name, value in recipe.environment.items()],
            "Entrypoint": list(recipe.entrypoint),
            "Cmd": list(recipe.command),
            "WorkingDir": "/",
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in diff_ids]},
        "history": [{"created_by": "hack/images"} for _ in diff_ids],
    }


def _write_image(tar: tarfile.TarFile, image: Image, written: set[str]) -> Mapping[str, object]:
    for layer in image.layers:
        if layer.digest not in written:
            tar.add(layer.file, f"blobs/sha256/{layer.digest}", filter=_plain)
            written.add(layer.digest)
    described = configuration(image.recipe, [layer.digest for layer in image.layers])
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": _blob(tar, CONFIG, _json(described), written),
        "layers": [_descriptor(LAYER, layer.digest, layer.size) for layer in image.layers],
    }
    name, _, tag = image.name.rpartition(":")
    return {
        **_blob(tar, MANIFEST, _json(manifest), written),
        "platform": _platform(),
        "annotations": {
            "io.containerd.image.name": f"{name}:{tag}",
            "org.opencontainers.image.ref.name": tag,
        },
    }


def _blob(
    tar: tarfile.TarFile, media_type: str, content: bytes, written: set[str]
) -> Mapping[str, object]:
    digest = hashlib.sha256(content).hexdigest()
    if digest not in written:
        _add(tar, f"blobs/sha256/{digest}", content)
        written.add(digest)
    return _descriptor(media_type, digest, len(content))


def _descriptor(media_type: str, digest: str, size: int) -> Mapping[str, object]:
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": size}


def _platform() -> Mapping[str, str]:
    machine = platform.machine()
    return {"architecture": ARCHITECTURES.get(machine, machine), "os": "linux"}


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode()
