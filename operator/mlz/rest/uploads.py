"""
A model file on its way in: multipart/form-data, in pieces from the socket to the disk.

Nothing here understands the file. It is counted and hashed while it comes, memory stays flat
whatever its size, and it is gone when the request is over, however that ends.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from mlz.rest.arrival import Arrival, Space, too_large
from mlz.rest.documents.requests import json_body, object_of
from mlz.rest.problems import Code, Refusal, invalid_field
from mlz.rest.threads import in_thread

METADATA_PART = "metadata"
FILE_PART = "file"
_KIBIBYTE = 1024
_BATCH_BYTES = 1024 * _KIBIBYTE  # one hop to a thread for many pieces of a socket
_PART_HEADERS = 8
_HEADER_BYTES = 4 * _KIBIBYTE
_NAME_LIMIT = 100
_PLAIN_ENCODINGS = (b"", b"7bit", b"8bit", b"binary")


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may come, and how long nothing may."""

    file_bytes: int
    metadata_bytes: int = 64 * _KIBIBYTE
    parts: int = 8
    silence_seconds: float = 30
    total_seconds: float = 3600

    @property
    def body_bytes(self) -> int:
        """The largest body: both parts, and what is written around them."""
        around = self.parts * (_PART_HEADERS + 1) * _HEADER_BYTES
        return self.file_bytes + self.metadata_bytes + around


@dataclass(frozen=True, slots=True)
class Upload:
    """
    A whole file on the disk, and what came with it.

    ``sha256`` is the hex digest; ``head`` the first bytes, a few kibibytes; ``file_name`` is
    harmless on every system; ``metadata`` is the JSON object of its part, empty where there was
    none.
    """

    path: Path
    sha256: str
    size_bytes: int
    file_name: str
    head: bytes
    metadata: Mapping[str, Any]


@asynccontextmanager
async def receive(
    stream: AsyncIterator[bytes], content_type: str, limits: Limits, space: Space
) -> AsyncIterator[Upload]:
    """
    Take an upload in; its file exists until the context is left.

    Args:
        stream: the body. What it raises (the client went away) passes through.
        content_type: the request's header, whole.

    Raises:
        Refusal: unsupported_media_type, parsing_error, invalid_field, bodytoo_large,
            request_timeout; unavailable where there is no room.
    """
    boundary = _boundary(content_type)
    arrival = Arrival(space, limits.file_bytes)
    try:
        await in_thread(arrival.open)
        form = _Form(boundary, arrival, limits)
        async with aclosing(_batches(stream, limits)) as batches:
            async for batch in batches:
                await in_thread(partial(form.feed, batch))
        yield await in_thread(form.upload)
    finally:
        arrival.close()


def plain_name(name: str) -> str:
    """A file name that is one on every system, in ASCII: no path, no leading dot, no blanks."""
    last = re.split(r"[/\\]", name)[-1]
    kept = re.sub(r"[^A-Za-z0-9._-]+", "_", last).lstrip(".")
    return kept[-_NAME_LIMIT:].lstrip(".") or "model"


async def _batches(stream: AsyncIterator[bytes], limits: Limits) -> AsyncGenerator[bytes, None]:
    gathered = bytearray()
    pieces = aiter(stream)
    clock = asyncio.get_running_loop().time
    end = clock() + limits.total_seconds
    while True:
        try:
            async with asyncio.timeout_at(min(end, clock() + limits.silence_seconds)):
                piece = await anext(pieces, None)
        except TimeoutError:
            raise Refusal(
                Code.REQUEST_TIMEOUT,
                f"the body may take {limits.total_seconds:g} s and be silent for "
                f"{limits.silence_seconds:g} s; send it again",
            ) from None
        if piece is None:
            break
        gathered += piece
        if len(gathered) >= _BATCH_BYTES:
            yield bytes(gathered)
            gathered.clear()
    yield bytes(gathered)


class _Text:
    """The metadata, in memory."""

    def __init__(self, limit: int) -> None:
        self.content = bytearray()
        self._limit = limit

    def write(self, piece: memoryview) -> None:
        if len(self.content) + len(piece) > self._limit:
            raise too_large(f"part {METADATA_PART!r}", self._limit)
        self.content += piece


class _Form:
    """The body's parts, one after the other; ``feed`` and ``upload`` are called in threads."""

    def __init__(self, boundary: bytes, arrival: Arrival, limits: Limits) -> None:
        self._arrival = arrival
        self._metadata = _Text(limits.metadata_bytes)
        self._limits = limits
        self._came = 0
        self._parts: list[str] = []
        self._file_name = ""
        self._sink: Arrival | _Text | None = None
        self._field, self._value = bytearray(), bytearray()
        self._headers: dict[bytes, bytes] = {}
        self._is_whole = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._headers.clear,
                "on_header_field": lambda data, start, end: self._field.extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
                "on_header_end": self._header,
                "on_headers_finished": self._part,
                "on_part_data": self._content,
                "on_end": self._end,
            },
            max_header_count=_PART_HEADERS,
            max_header_size=_HEADER_BYTES,
        )

    def feed(self, content: bytes) -> None:
        self._came += len(content)
        if self._came > self._limits.body_bytes:
            raise too_large("the body", self._limits.body_bytes)
        try:
            self._parser.write(content)
        except FormParserError as error:
            raise _not_a_form(str(error)) from error

    def upload(self) -> Upload:
        if not self._is_whole:
            raise _not_a_form("it ends before its last boundary")
        if self._arrival.path is None or self._arrival.size_bytes == 0:
            raise _not_a_form(f"part {FILE_PART!r} is missing or empty")
        self._arrival.finish()
        return Upload(
            path=self._arrival.path,
            sha256=self._arrival.sha256,
            size_bytes=self._arrival.size_bytes,
            file_name=plain_name(self._file_name),
            head=self._arrival.head,
            metadata=_object(bytes(self._metadata.content)),
        )

    def _header(self) -> None:
        self._headers[bytes(self._field).lower()] = bytes(self._value).strip(b" \t")
        self._field.clear()
        self._value.clear()

    def _part(self) -> None:
        kind, options = parse_options_header(self._headers.get(b"content-disposition"))
        name = options.get(b"name", b"").decode(errors="replace")
        if kind != b"form-data" or not name:
            raise _not_a_form("a part has no name")
        if name in self._parts:
            raise _not_a_form(f"part {name[:80]!r} comes twice")
        encoding = self._headers.get(b"content-transfer-encoding", b"").lower()
        if encoding not in _PLAIN_ENCODINGS:
            raise _not_a_form(f"part {name[:80]!r} is encoded as {encoding.decode('latin-1')[:40]}")
        self._parts.append(name)
        if len(self._parts) > self._limits.parts:
            raise _not_a_form(f"it has more than {self._limits.parts} parts")
        self._sink = self._sink_of(name)
        if name == FILE_PART:
            self._file_name = options.get(b"filename", b"").decode(errors="replace")

    def _sink_of(self, name: str) -> Arrival | _Text:
        if name == FILE_PART:
            return self._arrival
        if name == METADATA_PART:
            return self._metadata
        raise invalid_field(name[:80], f"the parts {METADATA_PART!r} and {FILE_PART!r}", "a part")

    def _content(self, data: bytes, start: int, end: int) -> None:
        if self._sink is not None:
            self._sink.write(memoryview(data)[start:end])

    def _end(self) -> None:
        self._is_whole = True


def _boundary(content_type: str) -> bytes:
    try:
        kind, options = parse_options_header(content_type)
    except UnicodeError:
        kind, options = b"", {}
    if kind != b"multipart/form-data":
        raise Refusal(
            Code.UNSUPPORTED_MEDIA_TYPE,
            f"wanted multipart/form-data, found {content_type[:80] or 'no content type'!r}",
        )
    boundary = options.get(b"boundary", b"")
    if not 0 < len(boundary) <= 70:  # Source: RFC 2046, 5.1.1
        raise _not_a_form("the content type names no boundary of at most 70 characters")
    return boundary


def _object(content: bytes) -> Mapping[str, Any]:
    return object_of(json_body(content)).document if content.strip() else {}


def _not_a_form(found: str) -> Refusal:
    return Refusal(
        Code.PARSING_ERROR,
        f"the body is not what an import takes: {found}; wanted multipart/form-data with the parts "
        f"{METADATA_PART!r} (JSON) and {FILE_PART!r}",
    )
