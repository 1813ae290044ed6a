"""
Logging set-up of every process: one JSON object a line on stderr, fields instead of sentences.

A human's terminal (`mlz serve`) gets plain lines. Payloads and secrets are never logged: callers
pass identifiers and counts in ``extra``, this module only formats.
"""

import logging
import sys
from typing import TextIO

from pythonjsonlogger.json import JsonFormatter

# Libraries that report each step of theirs at INFO; the step is not our users' concern.
_CHATTY = ("kopf", "asyncio")


def configure(level: str = "INFO", *, human: bool = False, stream: TextIO | None = None) -> None:
    """
    Route all logging of this process to one stream.

    Args:
        level: name of the lowest level shown.
        human: plain lines instead of JSON.
        stream: stderr unless given; results belong on stdout.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_plain() if human else _json())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)


def _json() -> logging.Formatter:
    return JsonFormatter(
        "{asctime}{levelname}{name}{message}",
        style="{",
        rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
        json_default=str,
    )


def _plain() -> logging.Formatter:
    return logging.Formatter("{levelname}: {message}", style="{")
