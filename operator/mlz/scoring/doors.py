"""
The door of MLz's online scoring: an array of records in, an array of answers out.

A body goes the quick way where it fits (``shortcut``), the long way where it does not.
"""

from collections.abc import Sequence

from mlz.model.asset import Asset
from mlz.scoring import codec
from mlz.scoring.engines.base import Answer
from mlz.scoring.scorer import Ask
from mlz.scoring.shortcut import compile_shortcut
from mlz.scoring.validation import RecordReader, records_of, too_many_records
from mlz.settings import EngineSettings


class RecordsDoor:
    """``POST /iml/v2/scoring/online/{id}``."""

    def __init__(self, asset: Asset, reader: RecordReader, settings: EngineSettings) -> None:
        self._reader = reader
        self._quick = compile_shortcut(asset.model_schema, asset.engine_type)
        self._max_records = settings.max_records
        self._max_depth = settings.max_depth

    def read(self, body: bytes) -> Ask:
        """
        Read an array of records.

        Raises:
            RequestError: no JSON, too much of it, or records that do not fit the schema.
        """
        codec.check_depth(body, self._max_depth)
        rows = self._quick(body) if self._quick is not None else None
        if rows is None:
            records = records_of(codec.decode(body, self._max_depth))
            self._check_count(len(records))
            rows = self._reader.read(records)
        self._check_count(len(rows))
        return Ask(rows)

    def write(self, ask: Ask, answers: Sequence[Answer]) -> bytes:  # noqa: ARG002 - of the Protocol
        """The answers as they are."""
        return codec.encode(answers)

    def _check_count(self, count: int) -> None:
        if count > self._max_records:
            raise too_many_records(count, self._max_records)
