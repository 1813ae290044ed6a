"""Bodies of requests: read within their limits of size and time."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from starlette.requests import ClientDisconnect, Request

from mlz.rest.documents import requests
from mlz.rest.problems import Code, Refusal


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """How large a body may be, and how long it may take to arrive."""

    max_bytes: int
    seconds: float


async def json_body(request: Request, limits: BodyLimits) -> Any:
    """
    The body as JSON.

    Raises:
        Refusal: unsupported_media_type, body_too_large, request_timeout, parsing_error.
    """
    kind = request.headers.get("content-type", "application/json").split(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise Refusal(
            Code.UNSUPPORTED_MEDIA_TYPE,
            f"wanted content-type application/json, found '{kind[:100]}'",
        )
    return requests.json_body(await read(request, limits))


def declared_length(request: Request) -> int | None:
    """Content-Length, where the client knows it."""
    given = request.headers.get("content-length", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 20 else None


def too_large(limit: int) -> Refusal:
    """A body above its limit."""
    return Refusal(Code.BODY_TOO_LARGE, f"the body may have {limit} bytes at most")


async def read(request: Request, limits: BodyLimits) -> bytes:
    """
    The bytes of the body.

    Raises:
        Refusal: body_too_large, request_timeout.
    """
    if (declared_length(request) or 0) > limits.max_bytes:
        raise too_large(limits.max_bytes)
    parts, size = [], 0
    try:
        async with asyncio.timeout(limits.seconds):
            async for part in pieces(request):
                size += len(part)
                if size > limits.max_bytes:
                    raise too_large(limits.max_bytes)
                parts.append(part)
    except TimeoutError as error:
        raise Refusal(
            Code.REQUEST_TIMEOUT, f"the body did not arrive within {limits.seconds:g} s"
        ) from error
    return b"".join(parts)


async def pieces(request: Request) -> AsyncIterator[bytes]:
    """
    The body as it comes.

    Raises:
        Refusal: request_timeout; the client has left, so nobody reads it but the audit log.
    """
    try:
        async for piece in request.stream():
            yield piece
    except ClientDisconnect as error:
        raise Refusal(Code.REQUEST_TIMEOUT, "the client left before the body's end") from error
