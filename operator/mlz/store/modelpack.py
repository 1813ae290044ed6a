"""
The CNCF ModelPack layout of a model in an OCI registry: media types, manifest and configuration.

Pure documents; who sends and receives them is ``oci`` and ``push``.
Source: github.com/modelpack/model-spec, docs/{spec,config,annotations}.md (June 2026).
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlz.errors import Reason, RejectedError

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
ARTIFACT_TYPE = "application/vnd.cncf.model.manifest.v1+json"
CONFIG_TYPE = "application/vnd.cncf.model.config.v1+json"
WEIGHT_RAW = "application/vnd.cncf.model.weight.v1.raw"
WEIGHT_TAR = "application/vnd.cncf.model.weight.v1.tar"
WEIGHT_TAR_GZIP = "application/vnd.cncf.model.weight.v1.tar+gzip"
FILE_PATH = "org.cncf.model.filepath"
ENGINE_TYPE = "dev.mlz.engine-type"
SCHEMA_DIGEST = "dev.mlz.schema-digest"
FRAMEWORK = "dev.mlz.framework"
MAX_MANIFEST_BYTES = 4 * 1024 * 1024  # Source: OCI distribution specification, "Pushing Manifests"
# The second prefix is the specification's own before it moved to the CNCF.
_WEIGHT_PREFIXES = ("application/vnd.cncf.model.weight.v1", "application/vnd.cnai.model.weight.v1")


@dataclass(frozen=True, slots=True)
class Blob:
    """A descriptor: media type, ``sha256:<hex>`` and size; ``file_path`` as the packer named it."""

    media_type: str
    digest: str
    size_bytes: int
    file_path: str | None = None

    @property
    def sha256(self) -> str:
        """The bare hex digits."""
        return self.digest.removeprefix("sha256:")

    def to_document(self) -> dict[str, object]:
        """The descriptor as a manifest holds it."""
        document: dict[str, object] = {
            "mediaType": self.media_type,
            "digest": self.digest,
            "size": self.size_bytes,
        }
        return document | ({"annotations": {FILE_PATH: self.file_path}} if self.file_path else {})


@dataclass(frozen=True, slots=True)
class ModelPack:
    """A model of one layer, ready to be sent: all its bytes but the layer's own."""

    layer: Blob
    config: bytes
    manifest: bytes

    @property
    def config_blob(self) -> Blob:
        """The descriptor of the configuration."""
        return blob_of(CONFIG_TYPE, self.config)

    @property
    def manifest_digest(self) -> str:
        """``sha256:<hex>``; known before anything is sent."""
        return blob_of(MANIFEST_TYPE, self.manifest).digest


def model_pack(
    layer: Blob, config: Mapping[str, object], annotations: Mapping[str, str]
) -> ModelPack:
    """The pack of a layer, its configuration and what is said of it."""
    content = canonical(config)
    manifest = manifest_document(blob_of(CONFIG_TYPE, content), layer, annotations)
    return ModelPack(layer, content, canonical(manifest))


def blob_of(media_type: str, content: bytes) -> Blob:
    """The descriptor of some bytes."""
    return Blob(media_type, f"sha256:{hashlib.sha256(content).hexdigest()}", len(content))


def config_document(
    name: str, model_format: str | None, diff_id: str, created: str | None
) -> dict[str, object]:
    """
    The configuration of a model of one layer.

    Args:
        name: the model's name.
        model_format: ModelPack's word for what MLz calls the engine type; None is not said.
        diff_id: the digest of the uncompressed layer.
        created: RFC 3339; left out by default, so that equal bytes get equal digests.
    """
    descriptor = {"name": name} | ({"createdAt": created} if created else {})
    return {
        "descriptor": descriptor,
        "config": {"format": model_format} if model_format else {},
        "modelfs": {"type": "layers", "diffIds": [diff_id]},
    }


def manifest_document(
    config: Blob, layer: Blob, annotations: Mapping[str, str]
) -> dict[str, object]:
    """The manifest of a model of one layer."""
    return {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "artifactType": ARTIFACT_TYPE,
        "config": config.to_document(),
        "layers": [layer.to_document()],
        "annotations": dict(sorted(annotations.items())),
    }


def canonical(document: Mapping[str, object]) -> bytes:
    """JSON whose bytes depend on the document only."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def model_layer(manifest: bytes, shown: str) -> Blob:
    """
    The one layer of a manifest that holds the model.

    A ModelPack artifact has weight layers among others; any other artifact (``oras push``) is taken
    where it has a single layer.

    Raises:
        RejectedError: MODEL_INVALID; no manifest of a model in a single layer.
    """
    try:
        document = json.loads(manifest)
        if "manifests" in document:
            raise _refusal(shown, "an index of several manifests", "name one by its digest")
        layers = [_blob(layer) for layer in document["layers"]]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _refusal(shown, "no OCI manifest", "push the model with `mlz push`") from error
    weights = [layer for layer in layers if layer.media_type.startswith(_WEIGHT_PREFIXES)]
    return _only(weights or layers, shown)


def _only(layers: Sequence[Blob], shown: str) -> Blob:
    if len(layers) != 1:
        raise _refusal(shown, f"{len(layers)} model layers", "pack the model as one file")
    if layers[0].media_type.endswith("zstd"):
        raise _refusal(shown, "a zstd layer", "pack it as .raw, .tar or .tar+gzip")
    return layers[0]


def _blob(layer: Mapping[str, object]) -> Blob:
    media_type, digest, size = layer["mediaType"], layer["digest"], layer["size"]
    if not (isinstance(media_type, str) and isinstance(digest, str) and isinstance(size, int)):
        raise TypeError("a descriptor's parts have wrong types")
    if len(digest) != 71 or not digest.startswith("sha256:") or size < 0:
        raise ValueError("a descriptor's digest is no sha256")
    annotations = layer.get("annotations")
    names = annotations if isinstance(annotations, dict) else {}
    name = names.get(FILE_PATH) or names.get("org.opencontainers.image.title")
    return Blob(media_type, digest, size, name if isinstance(name, str) else None)


def _refusal(shown: str, found: str, advice: str) -> RejectedError:
    return RejectedError(
        Reason.MODEL_INVALID,
        f"{shown}: wanted the manifest of a model in one layer, found {found}; {advice}",
    )
