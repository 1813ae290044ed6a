"""`mlz operator`: the operator, in a pod."""

import argparse
import os

from mlz import log
from mlz.controller.operator import Operator
from mlz.settings import OperatorSettings


def configure(parser: argparse.ArgumentParser) -> None:
    """No arguments: all settings are environment variables."""
    parser.epilog = "Settings come from MLZ_… environment variables; see operator/reference."


def run(arguments: argparse.Namespace) -> int:  # noqa: ARG001 - the signature of a subcommand
    """Run until SIGTERM."""
    settings = OperatorSettings.from_environment(os.environ)
    log.configure(settings.log_level)
    return Operator(settings).run()
