"""
The `mlz` command: one module a subcommand, imported only when it is called.

A subcommand module has ``configure(parser)`` and ``run(arguments) -> exit status``. Results go to
stdout, everything else to stderr. This package is the top layer: only it may put together what the
layers below keep apart, as `mlz serve` does with inspection and scoring.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence

from mlz import __version__
from mlz.errors import MlzError

COMMANDS = {
    "serve": "score a model file on this machine: inspect it, then run the very same server",
    "inspect": "check a model and print its schema",
    "diff": "say whether a new asset fits the callers of an old one, and why not",
    "push": "put a model into an OCI registry and print its digest",
    "user": "add, change, list or remove users of the REST API",
    "fetch": "in a pod: bring an asset, verify and inspect it",
    "engine": "in a pod: serve the fetched asset",
    "operator": "in a pod: run the operator",
    "rest": "in a pod: run the REST API",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand; expected failures are one line on stderr and exit status 3."""
    words = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(prog="mlz", description="Deployment service for ML models.")
    parser.add_argument("--version", action="version", version=f"mlz {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        if words[:1] == [name]:
            _module(name).configure(command)
    arguments = parser.parse_args(words)
    try:
        status: int = _module(arguments.command).run(arguments)
    except MlzError as error:
        sys.stderr.write(f"mlz {arguments.command}: {error.reason}: {error.message}\n")
        return 3
    return status


def _module(name: str):  # type: ignore[no-untyped-def]
    return importlib.import_module(f"mlz.cli.{name}")
