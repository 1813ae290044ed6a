"""`mlz engine`: in a pod, serve the asset that `mlz fetch` left in the model folder."""

import argparse
import logging
import os
import sys
from pathlib import Path

from mlz.errors import MlzError
from mlz.log import configure as configure_log
from mlz.model.report import failure, to_message
from mlz.scoring.machine import read_machine
from mlz.scoring.server import serve
from mlz.settings import EngineSettings

log = logging.getLogger(__name__)


def configure(parser: argparse.ArgumentParser) -> None:
    """No arguments: a pod is set up by its environment."""


def run(arguments: argparse.Namespace) -> int:  # noqa: ARG001 - every command has them
    """Serve until SIGTERM; last words go where the operator reads them."""
    settings = EngineSettings.from_environment(os.environ)
    configure_log(settings.log_level)
    try:
        serve(settings, read_machine(), lambda *_: None)
    except MlzError as error:
        log.error(  # noqa: TRY400 - an expected failure is one line
            "cannot serve", extra={"reason": error.reason.value, "text": error.message}
        )
        _last_words(settings.termination_log, to_message(failure(error)))
        return 1
    return 0


def _last_words(path: str, message: str) -> None:
    try:
        Path(path).write_text(message)
    except OSError as error:
        sys.stderr.write(f"cannot write {path}: {error}\n")
