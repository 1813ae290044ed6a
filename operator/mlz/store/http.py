"""Assets at plain http and https addresses, with ranges to go on after a broken connection."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace

from mlz.errors import Reason, RetryableError
from mlz.store.credentials import Credentials
from mlz.store.source import CHUNK_BYTES, Opened, Source
from mlz.store.uri import AssetUri
from mlz.store.web import Redirects, Request, Response, Web, follow, status_error

CREDENTIAL_KEYS = ("username", "password", "token")
Exchange = Callable[[Request], AbstractContextManager[Response]]
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18}|\*)")


class HttpSource:
    """
    One resource.

    Args:
        request: the whole GET, credentials included.
        exchange: sends a request and follows what redirects it may.
    """

    def __init__(self, request: Request, exchange: Exchange) -> None:
        self._request = request
        self._exchange = exchange
        self._validator: str | None = None

    @property
    def shown(self) -> str:
        """The URI without its query."""
        return self._request.shown

    @contextmanager
    def open(self, offset: int) -> Iterator[Opened]:
        """Start reading at a byte; at the first one where the resource has changed since."""
        request = replace(self._request, headers=self._headers(offset))
        with self._exchange(request) as response:
            if response.status == 416:  # it has become shorter: another resource
                self._validator = None
                raise RetryableError(
                    Reason.DOWNLOAD_INTERRUPTED, f"{self.shown} changed while it was fetched"
                )
            if response.status not in (200, 206):
                raise status_error(response.status, request, response.headers)
            self._validator = _strong_validator(response.headers)
            yield _opened(response)

    def _headers(self, offset: int) -> dict[str, str]:
        headers = dict(self._request.headers)
        if offset and self._validator:
            headers |= {"Range": f"bytes={offset}-", "If-Range": self._validator}
        return headers


def open_http(uri: AssetUri, web: Web, credentials: Credentials, redirects: Redirects) -> Source:
    """The source of an http or https URI."""
    credentials.require(CREDENTIAL_KEYS, f"{uri.scheme}://")
    authorization = credentials.authorization()
    request = Request(
        url=f"{uri.scheme}://{uri.host}/{uri.path}" + (f"?{uri.query}" if uri.query else ""),
        shown=uri.shown,
        headers={"Authorization": authorization} if authorization else {},
    )
    return HttpSource(request, lambda wanted: follow(web, wanted, redirects))


def chunks_of(response: Response) -> Iterator[bytes]:
    """A body in pieces."""
    while chunk := response.read(CHUNK_BYTES):
        yield chunk


def _opened(response: Response) -> Opened:
    if response.status == 206:
        match = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
        if match:
            total = None if match[2] == "*" else int(match[2])
            return Opened(int(match[1]), total, chunks_of(response))
    length = response.headers.get("content-length", "")
    return Opened(0, int(length) if length.isdecimal() else None, chunks_of(response))


def _strong_validator(headers: Mapping[str, str]) -> str | None:
    """An entity tag to go on with, or the date; weak tags do not promise equal bytes (RFC 9110)."""
    tag = headers.get("etag", "")
    return tag if tag and not tag.startswith("W/") else headers.get("last-modified")
