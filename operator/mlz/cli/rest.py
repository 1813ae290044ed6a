"""`mlz rest`: the REST API of MLz, in a pod."""

import argparse
import os

from mlz import log
from mlz.rest import process
from mlz.settings import RestSettings


def configure(parser: argparse.ArgumentParser) -> None:
    """No arguments: all settings are environment variables."""
    parser.epilog = "Settings come from MLZ_… environment variables; see operator/reference."


def run(arguments: argparse.Namespace) -> int:  # noqa: ARG001 - the signature of a subcommand
    """Run until SIGTERM."""
    settings = RestSettings.from_environment(os.environ)
    log.configure(settings.log_level)
    return process.serve(settings)
