"""
From a URI, or a file, to a model folder that an engine may load.

Bring, verify, unpack, gate, derive, compare, and then one atomic write of ``asset.json``: a folder
that has it is whole. Doing it again does nothing, so a restarted container needs no store.
"""

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from mlz.errors import Reason, RejectedError
from mlz.model.asset import ASSET_FILE, Asset, EngineType
from mlz.settings import MEBIBYTE, FetchSettings
from mlz.store.archive import Unpacked, unpack
from mlz.store.credentials import read_credentials
from mlz.store.declaration import merged, parse_declaration
from mlz.store.download import Downloaded, Pace, Wanted, download
from mlz.store.inspect import inspect_file
from mlz.store.sample import check_sample
from mlz.store.source import Source
from mlz.store.uri import AssetUri, Scheme, parse_uri

CONTENT_FOLDER = "content"
ORIGIN_FILE = "origin.json"  # the pinned URI of a whole folder; only this module reads it
_LOCAL_LIMIT_BYTES = 64 * 1024 * MEBIBYTE
_MODEL_FILE = "model"


@dataclass(frozen=True, slots=True)
class Expected:
    """What is said of an asset beforehand: engine type and declared schema, where known."""

    engine_type: EngineType | None = None
    declared_schema: str | None = None
    max_unpacked_bytes: int = _LOCAL_LIMIT_BYTES


def fetch_asset(settings: FetchSettings, pace: Pace | None = None, *, pinned: bool = True) -> Asset:
    """
    Bring the asset of the settings into their model folder.

    Args:
        settings: what, where to, within which limits.
        pace: how failures are met; from the settings unless given.
        pinned: refuse a URI without a digest of its own where no sha256 is given.

    Raises:
        RejectedError: the asset or the settings are wrong.
        RetryableError: the store failed until no attempt was left.
    """
    uri = parse_uri(settings.asset_uri)
    wanted = _wanted_sha256(settings, uri, pinned=pinned)
    folder = Path(settings.model_folder)
    present = _present(folder, uri, wanted, settings.engine_type)
    if present is not None:
        return present
    _clear(folder)
    pace = pace or Pace(settings.max_attempts, settings.total_timeout_seconds)
    arriving = folder / ".arriving"
    try:
        came = download(
            open_source(uri, settings), arriving, Wanted(settings.max_asset_bytes, wanted), pace
        )
        expected = Expected(
            settings.engine_type, settings.declared_schema, settings.max_unpacked_bytes
        )
        content = _unpacked(arriving, folder, uri.file_name, expected.max_unpacked_bytes)
    finally:
        arriving.unlink(missing_ok=True)
    return _whole(folder, content, came, expected, uri)


def prepare_local(path: Path, folder: Path, engine_type: EngineType | None = None) -> Asset:
    """
    Do the same with a file of this machine: unpack or copy, gate, derive.

    Args:
        path: a model file or an archive.
        folder: where ``asset.json`` and ``content/`` go; made where it does not exist.
        engine_type: the declared one; None takes what the content says.

    Raises:
        RejectedError: AssetNotFound, or the file is wrong.
    """
    if not path.is_file():
        raise RejectedError(Reason.ASSET_NOT_FOUND, f"wanted a model file, found none at {path}")
    _clear(folder)
    with path.open("rb") as stream:
        came = Downloaded(hashlib.file_digest(stream, "sha256").hexdigest(), path.stat().st_size)
    expected = Expected(engine_type)
    content = _unpacked(path, folder, path.name, expected.max_unpacked_bytes)
    return _whole(folder, content, came, expected, None)


def open_source(uri: AssetUri, settings: FetchSettings) -> Source:
    """
    The backend of a URI, not yet connected; imported only now, as a pod needs one of them.

    Raises:
        RejectedError: the credentials or the volume are not as the scheme needs them.
    """
    if uri.scheme is Scheme.PVC:
        from mlz.store.volume import open_volume

        return open_volume(uri, Path(settings.claims_folder))
    from mlz.store.address import AddressPolicy
    from mlz.store.web import Redirects, Web

    credentials = read_credentials(Path(settings.credentials_folder))
    policy = AddressPolicy(allow_loopback=settings.allow_loopback)
    web = Web(policy, settings.attempt_timeout_seconds, credentials.authorities)
    if uri.scheme is Scheme.OCI:
        from mlz.store.oci import open_oci

        return open_oci(uri, web, credentials)
    if uri.scheme in (Scheme.HTTP, Scheme.HTTPS):
        from mlz.store.http import open_http

        hosts = frozenset(filter(None, settings.allowed_redirect_hosts.split(",")))
        return open_http(uri, web, credentials, Redirects(frozenset(map(str.strip, hosts))))
    from mlz.store.object_store import open_object

    return open_object(uri, web, credentials, settings.total_timeout_seconds)


def _wanted_sha256(settings: FetchSettings, uri: AssetUri, *, pinned: bool) -> str | None:
    wanted = settings.asset_sha256
    if wanted is not None and (len(wanted) != 64 or set(wanted) - set("0123456789abcdef")):
        raise RejectedError(
            Reason.INVALID_SPEC, f"sha256 is {wanted[:80]!r}, wanted 64 lower-case hex digits"
        )
    if pinned and wanted is None and uri.digest is None:
        raise RejectedError(
            Reason.INVALID_SPEC,
            f"{uri.shown} has no digest; give sha256, or an oci://…@sha256:… URI",
        )
    return wanted


def _present(
    folder: Path, uri: AssetUri, wanted: str | None, engine_type: EngineType | None
) -> Asset | None:
    """The asset that a former run of this container left whole, where it is the wanted one."""
    try:
        asset = Asset.model_validate_json((folder / ASSET_FILE).read_bytes())
        origin = json.loads((folder / ORIGIN_FILE).read_bytes())["uri"]
    except (OSError, ValidationError, ValueError, KeyError, TypeError):
        return None
    if engine_type not in (None, asset.engine_type) or not (folder / asset.model_file).is_file():
        return None
    same_bytes = wanted is not None and asset.digest == f"sha256:{wanted}"
    same_manifest = wanted is None and uri.digest is not None and origin == uri.shown
    return asset if same_bytes or same_manifest else None


def _clear(folder: Path) -> None:
    """Leftovers of an interrupted run go; asset.json before all, as it vouches for the rest."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in (ASSET_FILE, ORIGIN_FILE, ".arriving"):
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / CONTENT_FOLDER, ignore_errors=True)
    (folder / CONTENT_FOLDER).mkdir()


def _unpacked(file: Path, folder: Path, name: str, max_bytes: int) -> Unpacked:
    content = folder / CONTENT_FOLDER
    found = unpack(file, content, max_bytes)
    if found is not None:
        return found
    target = content / (_plain_name(name) or _MODEL_FILE)
    if file.parent == folder:
        file.rename(target)
    else:
        shutil.copyfile(file, target)
    return Unpacked(target)


def _plain_name(name: str) -> str:
    """A file name that is one on every system; a digest or a tag has none."""
    kept = "".join(c if c.isalnum() or c in "._-" else "_" for c in name)
    return kept.lstrip(".")[-100:]


def _whole(
    folder: Path, content: Unpacked, came: Downloaded, expected: Expected, uri: AssetUri | None
) -> Asset:
    facts = inspect_file(content.model_file, expected.engine_type)
    schema = facts.schema
    if expected.declared_schema:
        declared = parse_declaration(expected.declared_schema, Reason.INVALID_SPEC)
        schema = merged(schema, declared)
    elif content.schema_file:
        text = content.schema_file.read_bytes().decode(errors="replace")
        schema = merged(schema, parse_declaration(text, Reason.ARCHIVE_INVALID))
    if content.sample_file:
        check_sample(content.sample_file)
    asset = Asset(
        digest=f"sha256:{came.sha256}",
        size_bytes=came.size_bytes,
        engine_type=facts.engine_type,
        model_file=str(content.model_file.relative_to(folder)),
        sample_file=str(content.sample_file.relative_to(folder)) if content.sample_file else None,
        framework=facts.framework,
        model_schema=schema,
    )
    _write(folder / ORIGIN_FILE, json.dumps({"uri": uri.shown if uri else None}))
    _write(folder / ASSET_FILE, asset.model_dump_json(by_alias=True, exclude_none=True))
    return asset


def _write(path: Path, text: str) -> None:
    """Whole or not at all, also through a crash of the node."""
    beside = path.with_name(f".{path.name}")
    with beside.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    beside.replace(path)
