"""
How an ``Inspection`` or a failure fits into a container's termination message.

Kubernetes keeps at most 4,096 bytes of it. The schema travels as base64 of deflated JSON; one that
does not fit is left out of the message and written to the pod's log as one line, to be checked by
the digest in the message. Pure text work: who writes and reads the places is elsewhere.
"""

import base64
import json
import zlib

from mlz.errors import MlzError, RetryableError
from mlz.model.asset import Inspection
from mlz.model.schema import Schema

MESSAGE_LIMIT_BYTES = 4096
LOG_PREFIX = "mlz-schema:"
_SCHEMA_LIMIT_BYTES = 16 * 1024 * 1024


def to_message(inspection: Inspection) -> str:
    """The termination message; without the schema where both do not fit."""
    bare = inspection.model_dump(
        mode="json", by_alias=True, exclude_none=True, exclude={"model_schema"}
    )
    whole = bare | _packed(inspection.model_schema)
    text = _compact(whole)
    return text if len(text.encode()) <= MESSAGE_LIMIT_BYTES else _clipped(bare)


def to_log_line(schema: Schema) -> str:
    """The schema as the one line that a pod's log carries where the message has no room."""
    return f"{LOG_PREFIX} {pack(schema)}"


def from_message(text: str) -> Inspection | None:
    """
    Read a termination message back.

    Returns:
        None where the text is not one of ours (a crash, another program's words). An accepted
        inspection without ``model_schema`` has its schema in the log.
    """
    try:
        document = json.loads(text)
        if "packedSchema" in document:
            document["schema"] = unpack(document.pop("packedSchema")).to_document()
        return Inspection.model_validate(document)
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None


def from_log(lines: str, schema_digest: str) -> Schema | None:
    """The schema of the given digest from a pod's log, or None where no line has it."""
    for line in lines.splitlines():
        if line.startswith(LOG_PREFIX):
            schema = _unpacked_or_none(line.removeprefix(LOG_PREFIX).strip())
            if schema is not None and schema.digest() == schema_digest:
                return schema
    return None


def failure(error: MlzError) -> Inspection:
    """A refusal or a hiccup as the outcome of an inspection."""
    return Inspection(
        reason=error.reason,
        # Names of files in an archive may hold bytes that are no text.
        message=error.message.encode(errors="replace").decode(),
        retryable=isinstance(error, RetryableError),
    )


def pack(schema: Schema) -> str:
    """Base64 of the deflated canonical document."""
    return base64.b64encode(zlib.compress(_compact(schema.to_document()).encode(), 9)).decode()


def unpack(text: str) -> Schema:
    """
    The reverse of ``pack``.

    Raises:
        ValueError: not ours, broken, or larger than a schema may be.
    """
    engine = zlib.decompressobj()
    try:
        raw = engine.decompress(base64.b64decode(text, validate=True), _SCHEMA_LIMIT_BYTES)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if engine.unconsumed_tail:
        text_limit = f"a packed schema unfolds to more than {_SCHEMA_LIMIT_BYTES} bytes"
        raise ValueError(text_limit)
    return Schema.model_validate_json(raw)


def _packed(schema: Schema | None) -> dict[str, str]:
    return {} if schema is None else {"packedSchema": pack(schema)}


def _unpacked_or_none(text: str) -> Schema | None:
    try:
        return unpack(text)
    except ValueError:
        return None


def _clipped(bare: dict[str, object]) -> str:
    """A message that is still too long is so for words of others: shorten or drop those."""
    if len(_compact(bare).encode()) > MESSAGE_LIMIT_BYTES:
        bare = {key: value for key, value in bare.items() if key != "framework"}
    sentence = str(bare.get("message", ""))
    while len(_compact(bare).encode()) > MESSAGE_LIMIT_BYTES and sentence:
        sentence = sentence[: len(sentence) * 3 // 4]
        bare = bare | {"message": sentence + "…"}
    return _compact(bare)


def _compact(document: dict[str, object]) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))
