"""
Logging set-up of every process: one JSON object a line on stderr, fields instead of sentences.

A human's terminal (`mlz serve`) gets plain lines. Payloads and secrets are never logged: callers
pass identifiers and counts in ``extra``, this module only formats.
"""

import json
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
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))


class _Lines(JsonFormatter):
    """One JSON object a line, also where a field cannot be written as JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """The line; without fields where those are in the way."""
        try:
            return super().format(record)
        except Exception as error:  # noqa: BLE001 - what a field raises must not cost the line
            line = {
                "time": self.formatTime(record),
                "level": record.levelname,
                "logger": record.name,
                "message": record.getMessage(),
                "fields_lost": type(error).__name__,
            }
            return json.dumps(line)


def _json() -> logging.Formatter:
    return _Lines(
        "{asctime}{levelname}{name}{message}",
        style="{",
        rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
        json_default=str,
    )


def _plain() -> logging.Formatter:
    return logging.Formatter("{levelname}: {message}", style="{")
