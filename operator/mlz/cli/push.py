"""`mlz push`: a model file into an OCI registry; prints the URI that a deployment can name."""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from mlz.model.asset import EngineType
from mlz.settings import FetchSettings
from mlz.store.address import AddressPolicy
from mlz.store.credentials import Credentials, read_credentials
from mlz.store.fetch import prepare_local
from mlz.store.oci import Registry
from mlz.store.push import Package, Pushed, parse_target, push
from mlz.store.web import Web

_TIMEOUT_SECONDS = float(FetchSettings.model_fields["attempt_timeout_seconds"].default)


def configure(parser: argparse.ArgumentParser) -> None:
    """FILE, where to, and metadata."""
    parser.add_argument("file", type=Path, metavar="FILE", help="a model file or an archive")
    parser.add_argument("target", metavar="oci://REGISTRY/NAME[:TAG]", help="where to")
    parser.add_argument("--engine-type", type=EngineType, choices=list(EngineType), default=None)
    parser.add_argument("--name", default=None, help="the model's name; the repository's if absent")
    parser.add_argument("--created", default=None, help="RFC 3339 time; absent by default")
    parser.add_argument(
        "--credentials",
        type=Path,
        default=Path.home() / ".docker",
        metavar="FOLDER",
        help="config.json of `docker login`, or files username and password (default ~/.docker)",
    )
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")


def run(arguments: argparse.Namespace) -> int:
    """Check, push, and print the URI with its digest on stdout."""
    uri = parse_target(arguments.target)
    credentials = _credentials(arguments.credentials)
    web = Web(AddressPolicy(allow_loopback=True), _TIMEOUT_SECONDS, credentials.authorities)
    with tempfile.TemporaryDirectory(prefix="mlz-") as folder:
        asset = prepare_local(arguments.file, Path(folder), arguments.engine_type)
    name = arguments.name or uri.path.rsplit("/", 1)[-1]
    package = Package(arguments.file, asset, name, arguments.created)
    pushed = push(package, Registry(web, uri, credentials), uri)
    text = json.dumps(_document(pushed), indent=2) if arguments.output == "json" else pushed.uri
    sys.stdout.write(text + "\n")
    return 0


def _credentials(folder: Path) -> Credentials:
    """Only the files that mean something: ~/.docker has others."""
    known = ("config.json", ".dockerconfigjson", "username", "password", "ca.crt")
    found = read_credentials(folder).values
    return Credentials({name: found[name] for name in known if name in found})


def _document(pushed: Pushed) -> dict[str, object]:
    return {
        "uri": pushed.uri,
        "manifestDigest": pushed.manifest_digest,
        "sha256": pushed.blob.sha256,
        "sizeBytes": pushed.blob.size_bytes,
    }
