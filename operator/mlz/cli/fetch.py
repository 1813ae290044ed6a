"""`mlz fetch`: the init container. Settings in, a model folder and a termination message out."""

import argparse
import logging
import os
import sys
from pathlib import Path

from mlz import log as logs
from mlz.errors import MlzError
from mlz.model import report
from mlz.model.asset import Asset, Inspection
from mlz.settings import FetchSettings
from mlz.store.fetch import fetch_asset

log = logging.getLogger(__name__)
ACCEPTED, REFUSED, BUG, RETRYABLE = 0, 1, 2, 75  # 75: EX_TEMPFAIL
_DEFAULT_TERMINATION_LOG = "/dev/termination-log"


def configure(_parser: argparse.ArgumentParser) -> None:
    """There are no arguments: everything comes as MLZ_… variables."""


def run(_arguments: argparse.Namespace) -> int:
    """Fetch and inspect; the outcome goes to the termination log, a bug of ours to the log only."""
    logs.configure()
    try:
        outcome = _outcome()
    except Exception:
        log.exception("bug")
        return BUG
    _leave(os.environ.get("MLZ_TERMINATION_LOG") or _DEFAULT_TERMINATION_LOG, outcome)
    if outcome.accepted:
        fields = {"digest": outcome.digest, "engineType": outcome.engine_type}
        log.info("fetched", extra=fields)
        return ACCEPTED
    log.error("not fetched", extra={"reason": outcome.reason, "cause": outcome.message})
    return RETRYABLE if outcome.retryable else REFUSED


def _outcome() -> Inspection:
    try:
        settings = FetchSettings.from_environment(os.environ)
        logs.configure(settings.log_level)
        return inspection_of(fetch_asset(settings))
    except MlzError as error:
        return report.failure(error)


def inspection_of(asset: Asset) -> Inspection:
    """The facts of an accepted asset, as they leave the pod."""
    return Inspection(
        digest=asset.digest,
        size_bytes=asset.size_bytes,
        engine_type=asset.engine_type,
        framework=asset.framework,
        schema_digest=asset.model_schema.digest(),
        model_schema=asset.model_schema,
    )


def _leave(path: str, outcome: Inspection) -> None:
    """Write the message; a schema that found no room in it goes to the log as one line."""
    message = report.to_message(outcome)
    schema = outcome.model_schema
    arrived = report.from_message(message)
    if schema is not None and (arrived is None or arrived.model_schema is None):
        sys.stdout.write(report.to_log_line(schema) + "\n")
        sys.stdout.flush()
    try:
        Path(path).write_text(message, encoding="utf-8")
    except OSError as error:  # a developer's machine has none
        log.warning("no termination log", extra={"path": path, "cause": str(error)})
