"""The door of MLz's online scoring: an array of records in, an array of answers out."""

from collections.abc import Sequence

from mlz.scoring import codec
from mlz.scoring.engines.base import Answer
from mlz.scoring.scorer import Ask
from mlz.scoring.validation import RecordReader, records_of, too_many_records


class RecordsDoor:
    """``POST /iml/v2/scoring/online/{id}``."""

    def __init__(self, reader: RecordReader, max_records: int, max_depth: int) -> None:
        self._reader = reader
        self._max_records = max_records
        self._max_depth = max_depth

    def read(self, body: bytes) -> Ask:
        """
        Read an array of records.

        Raises:
            RequestError: no JSON, too much of it, or records that do not fit the schema.
        """
        records = records_of(codec.decode(body, self._max_depth))
        if len(records) > self._max_records:
            raise too_many_records(len(records), self._max_records)
        return Ask(self._reader.read(records))

    def write(self, ask: Ask, answers: Sequence[Answer]) -> bytes:  # noqa: ARG002 - of the Protocol
        """The answers as they are."""
        return codec.encode(answers)
