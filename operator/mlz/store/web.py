"""
HTTP to stores: checked and pinned addresses, honest timeouts, errors in our own words.

Built on ``http.client``: it streams both ways, its start costs a tenth of the larger clients' (a
pod waits for it), and it connects where it is told. Redirects, ranges and authentication belong to
those who ask.
"""

import http.client
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from typing import BinaryIO
from urllib.parse import urljoin, urlsplit

from mlz.errors import MlzError, Reason, RejectedError, RetryableError
from mlz.store.address import (
    AddressPolicy,
    Resolver,
    checked_addresses,
    is_private,
    resolve_by_system,
)

CONNECT_SECONDS = 2.5  # DNS and connecting together; two such attempts fit into the 6 s we promise
REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS = 5
_CREDENTIALS = ("authorization",)


class UnreachableError(RetryableError):
    """
    No connection came about.

    ``speaks_plain_http``: the peer answered our TLS greeting with something else, or nobody listens
    on the standard TLS port, on a private network: it may be a registry without TLS.
    """

    def __init__(self, message: str, *, speaks_plain_http: bool = False) -> None:
        super().__init__(Reason.STORE_UNREACHABLE, message)
        self.speaks_plain_http = speaks_plain_http


class BusyError(RetryableError):
    """The store asks to be left alone; ``wait_seconds`` is None where it does not say how long."""

    def __init__(self, message: str, wait_seconds: float | None) -> None:
        super().__init__(Reason.STORE_UNREACHABLE, message)
        self.wait_seconds = wait_seconds


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked; ``shown`` stands for the URL in messages, as URLs may hold signatures."""

    url: str
    shown: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | BinaryIO | None = None

    @property
    def has_credentials(self) -> bool:
        """Whether a refusal is about the credentials, or about their absence."""
        return "X-Amz-Signature" in self.url or any(
            name.lower() in _CREDENTIALS for name in self.headers
        )


@dataclass(frozen=True, slots=True)
class Response:
    """A status, headers (by lower-case name) and a body to be read in pieces."""

    status: int
    headers: Mapping[str, str]
    _raw: http.client.HTTPResponse
    _shown: str

    def close(self) -> None:
        """Let go of the connection."""
        self._raw.close()

    def read(self, size: int) -> bytes:
        """
        The next bytes, at most ``size``; empty at the end.

        Raises:
            RetryableError: DownloadInterrupted; the connection broke or fell silent.
        """
        try:
            return self._raw.read(size)
        except (OSError, http.client.HTTPException) as error:
            raise RetryableError(
                Reason.DOWNLOAD_INTERRUPTED,
                f"the connection to {self._shown} broke while reading: {_cause(error)}",
            ) from error


class Web:
    """
    Opens connections; one for each request, so nothing lives between two of them.

    Args:
        policy: the addresses allowed.
        timeout_seconds: the longest silence of a peer.
        authorities: PEM text of certificate authorities trusted beside the public ones.
        resolve: DNS.
    """

    def __init__(
        self,
        policy: AddressPolicy,
        timeout_seconds: float,
        authorities: str | None = None,
        resolve: Resolver = resolve_by_system,
    ) -> None:
        self._policy = policy
        self._timeout_seconds = timeout_seconds
        self._authorities = authorities
        self._resolve = resolve

    @contextmanager
    def open(self, request: Request) -> Iterator[Response]:
        """
        Send a request; any status is an answer.

        Raises:
            RejectedError: AddressForbidden, InvalidSpec.
            UnreachableError: nobody there.
            RetryableError: DownloadInterrupted; somebody there, but no answer.
        """
        connection = self._connect(request)
        with closing(connection), closing(self._exchange(connection, request)) as response:
            yield response

    def _exchange(self, connection: http.client.HTTPConnection, request: Request) -> Response:
        headers = {"Accept-Encoding": "identity", "User-Agent": "mlz", **request.headers}
        target = request.url.split("/", 3)
        try:
            connection.request(
                request.method, "/" + (target[3] if len(target) > 3 else ""), request.body, headers
            )
            raw = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise RetryableError(
                Reason.DOWNLOAD_INTERRUPTED, f"{request.shown} gave no answer: {_cause(error)}"
            ) from error
        except ValueError as error:  # characters that no request line or header may have
            raise RejectedError(
                Reason.INVALID_SPEC, f"{request.shown} cannot be asked for: {error}"
            ) from error
        return Response(raw.status, {k.lower(): v for k, v in raw.getheaders()}, raw, request.shown)

    def _connect(self, request: Request) -> http.client.HTTPConnection:
        parts = urlsplit(request.url)
        host, tls = parts.hostname or "", parts.scheme == "https"
        port = parts.port or (443 if tls else 80)
        deadline = time.monotonic() + CONNECT_SECONDS
        private = False
        try:
            addresses = checked_addresses(host, port, self._policy, self._resolve, CONNECT_SECONDS)
            private = all(is_private(address) for address in addresses)
            stream = _first_connection(addresses, port, deadline)
            stream = self._secured(stream, host) if tls else stream
        except OSError as error:
            plain = tls and private and _may_be_plain(error, has_port=parts.port is not None)
            raise UnreachableError(
                f"{request.shown}: no connection to {host} port {port}: {_cause(error)}",
                speaks_plain_http=plain,
            ) from error
        stream.settimeout(self._timeout_seconds)
        connection = http.client.HTTPConnection(parts.netloc, timeout=self._timeout_seconds)
        connection.sock = stream
        return connection

    def _secured(self, stream: socket.socket, host: str) -> socket.socket:
        context = ssl.create_default_context()
        if self._authorities:
            context.load_verify_locations(cadata=self._authorities)
        try:
            return context.wrap_socket(stream, server_hostname=host)
        except OSError:
            stream.close()
            raise


@contextmanager
def follow(web: Web, request: Request, allowed: "Redirects") -> Iterator[Response]:
    """
    Send a request and go where its answers send us, as far as that is allowed.

    Credentials stay behind where the host or the scheme changes; each new address is checked.

    Raises:
        RejectedError: RedirectRefused.
    """
    for _ in range(_MAX_REDIRECTS + 1):
        with web.open(request) as response:
            if response.status not in REDIRECTS:
                yield response
                return
            target = urljoin(request.url, response.headers.get("location", ""))
        request = _redirected(request, target, allowed)
    raise RejectedError(
        Reason.REDIRECT_REFUSED, f"{request.shown} redirects more than {_MAX_REDIRECTS} times"
    )


@dataclass(frozen=True, slots=True)
class Redirects:
    """The hosts that may be redirected to; ``any_host`` for blobs of registries."""

    hosts: frozenset[str] = frozenset()
    any_host: bool = False


def status_error(status: int, request: Request, headers: Mapping[str, str]) -> MlzError:
    """What an answer that is no success means to the caller; headers by lower-case name."""
    shown = request.shown
    if status in (404, 410):
        return RejectedError(Reason.ASSET_NOT_FOUND, f"there is nothing at {shown} ({status})")
    if status in (401, 403, 407):
        words = (
            "the store refused the credentials of secretRef"
            if request.has_credentials
            else "the store wants credentials and secretRef gave none"
        )
        return RejectedError(Reason.ACCESS_DENIED, f"{shown}: {words} ({status})")
    if status in (429, 503):
        return _busy(f"{shown}: the store answers {status}", headers)
    if status in (408, 425) or status >= 500:
        return RetryableError(Reason.STORE_UNREACHABLE, f"{shown}: the store answers {status}")
    if status in REDIRECTS:
        return RejectedError(Reason.REDIRECT_REFUSED, f"{shown} redirects elsewhere ({status})")
    return RejectedError(
        Reason.ASSET_NOT_FOUND, f"{shown}: wanted the asset, the store answers {status}"
    )


def _busy(message: str, headers: Mapping[str, str]) -> BusyError:
    wait_seconds = retry_after_seconds(headers)
    asked = "" if wait_seconds is None else f" and asks to wait {wait_seconds:g} s"
    return BusyError(message + asked, wait_seconds)


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """
    How long the peer wants to be left alone; None where it does not say, or not intelligibly.

    A date is compared with the peer's own ``Date``, as its clock need not be ours. Source: RFC
    9110, 10.2.3.
    """
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        until, now = (parsedate_to_datetime(one) for one in (text, headers.get("date", "")))
        return max(0.0, (until - now).total_seconds())
    except (ValueError, TypeError):  # no dates, or one of them without a zone
        return None


def _redirected(request: Request, target: str, allowed: Redirects) -> Request:
    parts, old = urlsplit(target), urlsplit(request.url)
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not (allowed.any_host or host in allowed.hosts):
        raise RejectedError(
            Reason.REDIRECT_REFUSED,
            f"{request.shown} redirects to {parts.scheme}://{host}; use the final address, or "
            "allow that host in MLZ_ALLOWED_REDIRECT_HOSTS",
        )
    headers = request.headers
    if (parts.scheme, parts.netloc) != (old.scheme, old.netloc):
        headers = {k: v for k, v in headers.items() if k.lower() not in _CREDENTIALS}
    return replace(request, url=target, headers=headers)


def _first_connection(addresses: list[str], port: int, deadline: float) -> socket.socket:
    failure: OSError = OSError("the host has no address")
    for address in addresses:
        left = deadline - time.monotonic()
        if left <= 0:
            break
        try:
            return socket.create_connection((address, port), timeout=left)
        except OSError as error:
            failure = error
    raise failure


def _may_be_plain(error: OSError, *, has_port: bool) -> bool:
    """A bad certificate is never a reason to go without TLS; a peer that speaks none is."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return False
    if isinstance(error, ssl.SSLError | ConnectionResetError):
        return True
    return isinstance(error, ConnectionRefusedError) and not has_port


def _cause(error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        return "the host name is unknown"
    return str(error) or type(error).__name__
