"""HTTP/1.1 as bytes: the head of a request, checked; the head of an answer, written."""

import functools
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus

from mlz.scoring.http_api import Head, Response
from mlz.scoring.problems import Problem, RequestError

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_REASONS = {status.value: status.phrase for status in HTTPStatus} | {431: "Headers Too Large"}
_KEPT = frozenset(
    (
        b"content-type",
        b"content-encoding",
        b"content-length",
        b"expect",
        b"host",
        b"transfer-encoding",
    )
)


@dataclass(slots=True)
class Incoming:
    """
    A request while it arrives. ``head`` is set once its headers are complete.

    ``progress`` counts what the parser handed out; ``silent_bytes`` what it took and kept.
    """

    target: bytes = b""
    authorization: bytes = b""
    headers: dict[bytes, bytes] = field(default_factory=dict)
    hosts: int = 0
    head_bytes: int = 0
    body: list[bytes] = field(default_factory=list)
    body_bytes: int = 0
    held_bytes: int = 0
    progress: int = 0
    silent_bytes: int = 0
    head: Head | None = None
    keep_alive: bool = False
    is_http_10: bool = False
    refusal: RequestError | None = None

    def add_header(self, name: bytes, value: bytes) -> None:
        """Keep what anybody asks for."""
        lower = name.lower()
        if lower in _KEPT:
            self.headers[lower] = value
            self.hosts += lower == b"host"
        elif lower == b"authorization":
            # Of two, a proxy before us may have looked at the other one: together they are neither.
            self.authorization = b",".join(filter(None, (self.authorization, value)))

    def content_length(self) -> int:
        """The announced length; 0 where none is (the parser has checked that it is a number)."""
        return int(self.headers.get(b"content-length") or 0)

    def expects_continue(self) -> bool:
        """Whether the client waits for our word before it sends the body."""
        expect = self.headers.get(b"expect", b"")
        return expect.lower() == b"100-continue" and not self.is_http_10


def finished_head(incoming: Incoming, method: bytes, version: str) -> Head:
    """
    The head of a request whose headers are complete.

    Raises:
        RequestError: HTTP does not allow it, or we do not speak it.
    """
    if version not in ("1.0", "1.1"):
        raise RequestError(Problem.BAD_REQUEST, f"HTTP/{version} is not spoken here, 1.1 is")
    if incoming.hosts != 1 and version == "1.1":
        raise RequestError(Problem.BAD_REQUEST, f"{incoming.hosts} Host headers, wanted one")
    coding = incoming.headers.get(b"transfer-encoding", b"chunked").strip().lower()
    if coding != b"chunked":
        raise RequestError(Problem.BAD_REQUEST, "the only transfer-encoding taken is chunked")
    return Head(
        method.decode("latin-1"),
        _path(incoming.target),
        incoming.headers.get(b"content-type", b""),
        incoming.headers.get(b"content-encoding", b""),
        incoming.authorization,
    )


def answer_bytes(response: Response, common: bytes, *, bodiless: bool, connection: bytes) -> bytes:
    """
    A whole answer.

    Args:
        common: header lines that every answer has at this moment.
        bodiless: the request was HEAD.
        connection: value of the header; empty means none is needed.
    """
    prefix = _prefix(response.status, response.content_type, response.headers, connection)
    head = b"%b%bcontent-length: %d\r\n\r\n" % (prefix, common, len(response.body))
    return head if bodiless else head + response.body


def date_line(timestamp: float) -> bytes:
    """The ``Date`` header that an origin server owes. Source: RFC 9110, 6.6.1."""
    return b"date: " + formatdate(timestamp, usegmt=True).encode() + b"\r\n"


@functools.lru_cache(maxsize=128)
def _prefix(
    status: int, content_type: bytes, headers: tuple[tuple[bytes, bytes], ...], connection: bytes
) -> bytes:
    lines = [
        f"HTTP/1.1 {status} {_REASONS.get(status, '')}".encode(),
        b"content-type: " + content_type,
        *(name + b": " + value for name, value in headers),
    ]
    if connection:
        lines.append(b"connection: " + connection)
    return b"\r\n".join(lines) + b"\r\n"


def _path(target: bytes) -> str:
    """The path of a target, be it absolute (as for proxies) or not; without the query."""
    path = target.split(b"?", 1)[0].split(b"#", 1)[0]
    if not path.startswith(b"/") and b"://" in path:
        rest = path.split(b"://", 1)[1]
        path = b"/" + rest.split(b"/", 1)[1] if b"/" in rest else b"/"
    return path.decode("latin-1")
