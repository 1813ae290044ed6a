"""
A model into an OCI registry, as a ModelPack artifact of one layer; and out of it again.

``mlz push`` checks a file as ``mlz fetch`` will check it, so nothing is pushed that could not be
served; the REST facade opens no file and leaves that to the inspection. Both send in the same way.
Equal bytes and metadata make an equal manifest: no time, no host and no user goes into it.
"""

import gzip
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urljoin

from mlz.errors import Reason, RejectedError
from mlz.model.asset import Asset, EngineType
from mlz.store.archive import HEAD_BYTES, Packing, packing_of
from mlz.store.modelpack import (
    ENGINE_TYPE,
    FRAMEWORK,
    MANIFEST_TYPE,
    SCHEMA_DIGEST,
    WEIGHT_RAW,
    WEIGHT_TAR,
    WEIGHT_TAR_GZIP,
    Blob,
    ModelPack,
    config_document,
    model_pack,
)
from mlz.store.oci import Registry
from mlz.store.uri import AssetUri, Scheme, parse_uri
from mlz.store.web import Request, Response, status_error

Opener = Callable[[], BinaryIO]
_NO_DELETION = frozenset({400, 405, 501})
_CHUNK_BYTES = 1024 * 1024
_LAYER_TYPES = {Packing.TAR: WEIGHT_TAR, Packing.TAR_GZIP: WEIGHT_TAR_GZIP}


@dataclass(frozen=True, slots=True)
class Package:
    """
    What is pushed: a file, what inspection found in it, and its metadata.

    ``name`` is the model's name; ``created`` RFC 3339 or None, which keeps digests reproducible.
    """

    path: Path
    asset: Asset
    name: str
    created: str | None = None


@dataclass(frozen=True, slots=True)
class UncheckedFile:
    """
    A file that nobody has opened: its name, its bytes' digest and what its owner says it is.

    ``engine_type`` is None where nobody said; ``name`` is the model's name.
    """

    file_name: str
    digest: str
    size_bytes: int
    name: str
    engine_type: EngineType | None = None


@dataclass(frozen=True, slots=True)
class Pushed:
    """Where it is: the full URI with the manifest's digest, and the model's blob."""

    uri: str
    manifest_digest: str
    blob: Blob


def push(package: Package, registry: Registry, uri: AssetUri) -> Pushed:
    """
    Upload an inspected model; blobs that are there already are not sent again.

    Args:
        package: what.
        registry: the repository of ``uri``, with its log-in.
        uri: where to; its tag, if any, points to the new manifest afterwards.

    Raises:
        RejectedError: AccessDenied, AssetNotFound (no such repository).
        RetryableError: StoreUnreachable, DownloadInterrupted.
    """
    return send(pack(package), registry, uri, lambda: package.path.open("rb"))


def pack(package: Package) -> ModelPack:
    """The pack of an inspected model."""
    asset = package.asset
    layer = Blob(_layer_type(package.path), asset.digest, asset.size_bytes, package.path.name)
    config = config_document(package.name, asset.engine_type, _diff_id(package), package.created)
    return model_pack(layer, config, _annotations(asset))


def pack_unchecked(file: UncheckedFile) -> ModelPack:
    """
    The pack of a file that nobody has opened.

    Its layer is raw, an archive's too: the digest of what is inside, which ModelPack wants for a
    packed layer, is known only to those who unpack it. Who fetches goes by the content.
    """
    layer = Blob(WEIGHT_RAW, file.digest, file.size_bytes, file.file_name)
    told = {ENGINE_TYPE: str(file.engine_type)} if file.engine_type else {}
    return model_pack(layer, config_document(file.name, file.engine_type, file.digest, None), told)


def send(packed: ModelPack, registry: Registry, uri: AssetUri, opened: Opener) -> Pushed:
    """
    Upload a pack: the layer, the configuration and, when both are there, the manifest.

    Args:
        packed: what.
        registry: the repository of ``uri``, with its log-in.
        uri: where to; its tag, if any, points to the new manifest afterwards.
        opened: opens the layer's bytes; called only where the registry does not have them.

    Raises:
        RejectedError: AccessDenied, AssetNotFound (no such repository).
        RetryableError: StoreUnreachable, DownloadInterrupted.
    """
    shown = f"{uri.scheme}://{uri.host}/{uri.path}"
    uploads = _Uploads(registry, shown)
    uploads.file(packed.layer, opened)
    uploads.content(packed.config_blob, packed.config)
    uploads.manifest(uri.tag or packed.manifest_digest, packed.manifest)
    return Pushed(f"{shown}@{packed.manifest_digest}", packed.manifest_digest, packed.layer)


def delete_manifest(registry: Registry, uri: AssetUri) -> bool:
    """
    Take the manifest of a URI with a digest away; the registry's garbage collection does the rest.

    Returns:
        False where the registry deletes no manifests; True where it is gone now.

    Raises:
        RejectedError: AccessDenied.
        RetryableError: StoreUnreachable, DownloadInterrupted.
    """
    request = Request(registry.url(f"manifests/{uri.digest}"), uri.shown, "DELETE")
    with registry.exchange(request) as response:
        if response.status in _NO_DELETION:
            return False
        if response.status != 404:
            _expect(response, request)
    return True


def parse_target(text: str) -> AssetUri:
    """
    Where to push: ``oci://registry/name``, with or without a tag.

    Raises:
        RejectedError: InvalidSpec; another scheme, or a digest, which only the push can know.
    """
    tagged = re.search(r"[:@][^/]*$", text.removeprefix("oci://").partition("/")[2])
    uri = parse_uri(text if tagged else f"{text}:latest")
    if uri.scheme is not Scheme.OCI or uri.digest:
        raise RejectedError(
            Reason.INVALID_SPEC, f"wanted oci://registry/name or …:tag to push to, found {text!r}"
        )
    return uri if tagged else AssetUri(uri.scheme, uri.host, uri.path)


class _Uploads:
    """One push of several parts."""

    def __init__(self, registry: Registry, shown: str) -> None:
        self._registry = registry
        self._shown = shown

    def file(self, blob: Blob, opened: Opener) -> None:
        location = self._begun(blob)
        if location:
            with opened() as stream:
                self._finish(Request(location, self._shown, "PUT", _length(blob), stream))

    def content(self, blob: Blob, content: bytes) -> None:
        location = self._begun(blob)
        if location:
            self._finish(Request(location, self._shown, "PUT", _length(blob), content))

    def manifest(self, reference: str, content: bytes) -> None:
        url = self._registry.url(f"manifests/{reference}")
        headers = {"Content-Type": MANIFEST_TYPE}
        self._finish(Request(url, self._shown, "PUT", headers, content))

    def _begun(self, blob: Blob) -> str | None:
        """Where the bytes of a blob go; None where the registry has them."""
        head = Request(self._registry.url(f"blobs/{blob.digest}"), self._shown, "HEAD")
        with self._registry.exchange(head, to_any_host=True) as response:
            if response.status == 200:
                return None
        start = Request(
            self._registry.url("blobs/uploads/"), self._shown, "POST", {"Content-Length": "0"}
        )
        with self._registry.exchange(start) as response:
            _expect(response, start)
            location = urljoin(start.url, response.headers.get("location", ""))
        return f"{location}{'&' if '?' in location else '?'}digest={blob.digest}"

    def _finish(self, request: Request) -> None:
        with self._registry.exchange(request) as response:
            _expect(response, request)


def _expect(response: Response, request: Request) -> None:
    if not 200 <= response.status < 300:
        raise status_error(response.status, request, response.headers)


def _length(blob: Blob) -> dict[str, str]:
    return {
        "Content-Type": "application/octet-stream",
        "Content-Length": str(blob.size_bytes),
    }


def _annotations(asset: Asset) -> dict[str, str]:
    found = {ENGINE_TYPE: str(asset.engine_type), SCHEMA_DIGEST: asset.model_schema.digest()}
    if asset.framework:
        found[FRAMEWORK] = f"{asset.framework.name} {asset.framework.version or ''}".strip()
    return found


def _diff_id(package: Package) -> str:
    """The digest of the uncompressed layer. Source: ModelPack, docs/config.md, "modelfs"."""
    if _layer_type(package.path) != WEIGHT_TAR_GZIP:
        return package.asset.digest
    digest = hashlib.sha256()
    with gzip.open(package.path) as stream:  # inspection has bounded what comes out of it
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
    return f"sha256:{digest.hexdigest()}"


def _layer_type(path: Path) -> str:
    """A zip is no kind of layer that ModelPack knows: it goes as it is, and is known by content."""
    with path.open("rb") as stream:
        packing = packing_of(stream.read(HEAD_BYTES))
    return WEIGHT_RAW if packing is None else _LAYER_TYPES.get(packing, WEIGHT_RAW)
