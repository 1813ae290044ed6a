"""`mlz serve FILE`: score a model on this machine; inspect it, then run the very same server."""

import argparse
import os
import sys
import tempfile
from pathlib import Path
from urllib.parse import quote

from mlz.log import configure as configure_log
from mlz.model.asset import EngineType
from mlz.scoring.machine import read_machine
from mlz.scoring.server import Announce, serve
from mlz.settings import EngineSettings
from mlz.store.fetch import prepare_local

_SUFFIXES = (
    ".tar.gz",
    ".tgz",
    ".tar",
    ".zip",
    ".onnx",
    ".pmml",
    ".xml",
    ".ubj",
    ".json",
    ".model",
)
_ADDRESS = "127.0.0.1"


def configure(parser: argparse.ArgumentParser) -> None:
    """What to serve, and where."""
    parser.add_argument("file", type=Path, help="a model file, or an archive with one")
    parser.add_argument("--port", type=_port, default=8080, help="port on 127.0.0.1 (8080)")
    parser.add_argument("--name", help="name and id (the file's name without its suffixes)")
    parser.add_argument(
        "--engine-type", type=EngineType, choices=list(EngineType), help="instead of by content"
    )


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    configure_log("WARNING", human=True)
    name = arguments.name or public_name(arguments.file)
    with tempfile.TemporaryDirectory(prefix="mlz-serve-") as folder:
        prepare_local(arguments.file, Path(folder), arguments.engine_type)
        serve(_settings(folder, name, arguments.port), read_machine(), _announcer(name))
    return 0


def public_name(file: Path) -> str:
    """``x.tar.gz`` is ``x``: the file's name without its model and archive suffixes."""
    name = file.name
    while True:
        suffix = next((one for one in _SUFFIXES if name.lower().endswith(one)), None)
        if suffix is None or len(name) == len(suffix):
            return name
        name = name[: -len(suffix)]


def _settings(folder: str, name: str, port: int) -> EngineSettings:
    return EngineSettings(
        model_folder=folder,
        model_name=name,
        deployment_guid=name,
        host=_ADDRESS,
        port=port,
        threads=os.cpu_count() or 1,
        drain_delay_seconds=0,
    )


def _announcer(name: str) -> Announce:
    def announce(host: str, port: int) -> None:
        url = f"http://{host}:{port}/iml/v2/scoring/online/{quote(name, safe='')}"
        sys.stdout.write(f"serving {name} at {url}\n")
        sys.stdout.flush()

    return announce


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise ValueError(text)
    return port
