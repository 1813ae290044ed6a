"""
The `mlz` command: one module a subcommand, imported only when it is called.

A subcommand module has ``configure(parser)`` and ``run(arguments) -> exit status``. Results go to
stdout, everything else to stderr. This package is the top layer: only it may put together what the
layers below keep apart, as `mlz serve` does with inspection and scoring.
"""

import argparse
import importlib
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

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


_SIGNALLED = 128  # a shell's exit status of what a signal has ended, less its number


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand; expected failures are one line on stderr and exit status 3."""
    with _ended_by_sigterm():
        return _run(list(sys.argv[1:] if argv is None else argv))


def _run(words: list[str]) -> int:
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


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """
    A pod that is deleted goes at once, also while a command starts or fetches.

    The kernel does nothing about a signal to a container's first process that has no handler for
    it, and the pod would stay until its grace period is over. What drains has its own handler.
    """

    def end(number: int, _frame: object) -> None:
        sys.exit(_SIGNALLED + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _module(name: str):  # type: ignore[no-untyped-def]
    return importlib.import_module(f"mlz.cli.{name}")
