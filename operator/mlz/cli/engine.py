"""`mlz engine`: in a pod, serve the asset that `mlz fetch` left in the model folder."""

import argparse
import logging
import os
from pathlib import Path

from mlz.errors import MlzError, Reason, RejectedError
from mlz.log import configure as configure_log
from mlz.model.report import failure, to_message
from mlz.scoring.machine import read_machine
from mlz.scoring.server import leave, serve
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
        _last_words(settings.termination_log, error)
        return leave(1)
    except Exception as error:  # a bug, at the outermost edge: the operator shall see it too
        log.exception("crashed")
        text = f"{type(error).__name__}: {error}; the log has more"
        _last_words(settings.termination_log, RejectedError(Reason.ENGINE_CRASHED, text))
        return leave(1)
    return leave(0)


def _last_words(path: str, error: MlzError) -> None:
    try:
        Path(path).write_text(to_message(failure(error)))
    except OSError as write_error:
        log.warning("cannot leave last words", extra={"path": path, "error": str(write_error)})
