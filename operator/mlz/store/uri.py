"""
The address of an asset, read once and strictly: what every other module of the store works on.

Pure text work. Whether the address may be used, and what lies there, is asked elsewhere.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import SplitResult, unquote, urlsplit

from mlz.errors import Reason, RejectedError


class Scheme(StrEnum):
    """The kinds of stores."""

    OCI = "oci"
    S3 = "s3"
    GS = "gs"
    AZ = "az"
    HTTPS = "https"
    HTTP = "http"
    PVC = "pvc"


WANTED = (
    "wanted oci://registry/name@sha256:…, s3://bucket/key, gs://bucket/key, az://container/key, "
    "https://host/path, http://host/path or pvc://claim/path"
)
_MAX_LENGTH = 4096
_NAME_PART = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
# Source: OCI distribution specification 1.1, "Pulling manifests".
_OCI_PATH = re.compile(
    rf"(?P<name>{_NAME_PART}(?:/{_NAME_PART})*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?"
    r"(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
_CLAIM = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_BUCKET = re.compile(r"[A-Za-z0-9$][A-Za-z0-9._-]{1,221}")
_CONTROL = re.compile(r"[\x00-\x20\x7f]")


@dataclass(frozen=True, slots=True)
class AssetUri:
    """
    A URI in parts.

    ``host`` is the registry, host, bucket, container or claim (a port goes with it); ``path`` is
    the repository name, key or path without its leading slash, as it was written; ``tag`` and
    ``digest`` (of the manifest) are those of an oci URI.
    """

    scheme: Scheme
    host: str
    path: str
    query: str = ""
    tag: str | None = None
    digest: str | None = None

    @property
    def shown(self) -> str:
        """The URI for messages: a query may be a signature, so it is not shown."""
        text = f"{self.scheme}://{self.host}/{self.path}"
        if self.tag:
            text += f":{self.tag}"
        if self.digest:
            text += f"@{self.digest}"
        return f"{text}?…" if self.query else text

    @property
    def file_name(self) -> str:
        """The last part of the path; what a plain file is called after it has been fetched."""
        return unquote(self.path.rsplit("/", 1)[-1])


def parse_uri(text: str) -> AssetUri:
    """
    Read a URI of an asset.

    Raises:
        RejectedError: InvalidSpec; the message says what was wanted and never repeats credentials.
    """
    if len(text) > _MAX_LENGTH or _CONTROL.search(text):
        raise _refusal(f"the asset URI is longer than {_MAX_LENGTH} characters or has blanks in it")
    try:
        parts = urlsplit(text)
        scheme = Scheme(parts.scheme)
        _ = parts.port  # raises where it is no number
    except ValueError as error:
        found = text.split("://", 1)[0][:40] if "://" in text else "no scheme"
        raise _refusal(f"found an asset URI with {found!r}, or a broken port") from error
    if "@" in parts.netloc:
        raise _refusal("the asset URI holds a user or password; put credentials into secretRef")
    if parts.fragment:
        raise _refusal("the asset URI has a fragment (#…), which no store knows")
    if not parts.netloc or parts.path in ("", "/"):
        raise _refusal(f"{scheme}:// needs both a host and a path")
    return _PARSERS.get(scheme, _web_uri)(scheme, parts)


def is_uri(text: str) -> bool:
    """Whether a command-line argument is a URI and not the path of a file."""
    return "://" in text


def _web_uri(scheme: Scheme, parts: SplitResult) -> AssetUri:
    if not parts.hostname:
        raise _refusal(f"{scheme}:// needs a host")
    return AssetUri(scheme, parts.netloc, parts.path.removeprefix("/"), parts.query)


def _bucket_uri(scheme: Scheme, parts: SplitResult) -> AssetUri:
    if not _BUCKET.fullmatch(parts.netloc) or parts.query:
        raise _refusal(f"{scheme}:// needs a bucket or container name, then the key, and no query")
    return AssetUri(scheme, parts.netloc, parts.path.removeprefix("/"))


def _oci_uri(scheme: Scheme, parts: SplitResult) -> AssetUri:
    match = _OCI_PATH.fullmatch(parts.path.removeprefix("/"))
    if match is None or parts.query:
        raise _refusal("oci:// needs a lower-case repository name, then @sha256:<64 hex digits>")
    if not (match["tag"] or match["digest"]):
        raise _refusal("oci:// needs @sha256:<64 hex digits> or :tag after the repository name")
    return AssetUri(scheme, parts.netloc, match["name"], tag=match["tag"], digest=match["digest"])


def _claim_uri(scheme: Scheme, parts: SplitResult) -> AssetUri:
    path = parts.path.removeprefix("/")
    if not _CLAIM.fullmatch(parts.netloc) or parts.query:
        raise _refusal("pvc:// needs the name of a PersistentVolumeClaim, then a path")
    if any(part in ("", ".", "..") for part in path.split("/")):
        raise _refusal("a pvc:// path has no empty parts, no '.' and no '..'")
    return AssetUri(scheme, parts.netloc, path)


def _refusal(found: str) -> RejectedError:
    return RejectedError(Reason.INVALID_SPEC, f"{found}; {WANTED}")


_PARSERS = {
    Scheme.OCI: _oci_uri,
    Scheme.S3: _bucket_uri,
    Scheme.GS: _bucket_uri,
    Scheme.AZ: _bucket_uri,
    Scheme.PVC: _claim_uri,
}
