"""
Models in OCI registries, by the distribution API.

Log-ins are basic or by token (Docker Registry v2 authentication). A registry is spoken to over TLS.
One that speaks no TLS is used in plain http only where all of its addresses are private or this
machine's, as an in-cluster registry's are; a bad certificate is never a reason for it.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from urllib.parse import urlencode, urlsplit

from mlz.errors import Reason, RejectedError, RetryableError
from mlz.store.credentials import DOCKER_KEYS, Credentials, basic
from mlz.store.http import HttpSource
from mlz.store.modelpack import INDEX_TYPES, MANIFEST_TYPE, MAX_MANIFEST_BYTES, Blob, model_layer
from mlz.store.source import Opened
from mlz.store.uri import AssetUri
from mlz.store.web import (
    Redirects,
    Request,
    Response,
    UnreachableError,
    Web,
    follow,
    status_error,
)

CREDENTIAL_KEYS = ("username", "password", *DOCKER_KEYS)
_NO_REDIRECTS = Redirects()
_ANY_HOST = Redirects(any_host=True)
_CHALLENGE_PART = re.compile(r'(\w+)="([^"]*)"')
_MAX_TOKEN_BYTES = 1024 * 1024
_HUB = {"docker.io": "registry-1.docker.io", "index.docker.io": "registry-1.docker.io"}


class Registry:
    """
    One repository of a registry, logged in as far as it asks for it.

    Args:
        web: opens connections.
        uri: names the registry and the repository.
        credentials: a log-in, or none.
    """

    def __init__(self, web: Web, uri: AssetUri, credentials: Credentials) -> None:
        self._web = web
        self._uri = uri
        self._log_in = credentials.log_in(uri.host)
        self._authorization: str | None = None
        self._base: str | None = None

    def url(self, path: str) -> str:
        """The URL of a path below the repository; finds out whether the registry speaks TLS."""
        if self._base is None:
            self._base = self._probed()
        return f"{self._base}/v2/{self._uri.path}/{path}"

    @contextmanager
    def exchange(self, request: Request, *, to_any_host: bool = False) -> Iterator[Response]:
        """
        Send a request, logging in where the registry asks for it.

        Args:
            request: without an Authorization header.
            to_any_host: follow redirects, as blobs have them; the log-in stays behind.
        """
        allowed = _ANY_HOST if to_any_host else _NO_REDIRECTS
        with follow(self._web, self._authorized(request), allowed) as response:
            challenge = response.headers.get("www-authenticate", "")
            if response.status != 401 or not challenge:
                yield response
                return
        self._authorization = self._answer(challenge, request)
        with follow(self._web, self._authorized(request), allowed) as response:
            yield response

    def manifest(self) -> bytes:
        """
        The manifest that the URI names, verified where the URI has its digest.

        Raises:
            RejectedError: DigestMismatch, AssetNotFound, AccessDenied, ModelInvalid (too large).
        """
        request = Request(
            url=self.url(f"manifests/{self._uri.digest or self._uri.tag}"),
            shown=self._uri.shown,
            headers={"Accept": ", ".join((MANIFEST_TYPE, *INDEX_TYPES))},
        )
        with self.exchange(request) as response:
            if response.status != 200:
                raise status_error(response.status, self._authorized(request), response.headers)
            content = _bounded(response, MAX_MANIFEST_BYTES, self._uri.shown)
        found = f"sha256:{hashlib.sha256(content).hexdigest()}"
        if self._uri.digest not in (None, found):
            raise RejectedError(
                Reason.DIGEST_MISMATCH, f"{self._uri.shown}: the manifest sent has {found}"
            )
        return content

    def _probed(self) -> str:
        host = _HUB.get(self._uri.host, self._uri.host)
        request = Request(url=f"https://{host}/v2/", shown=self._uri.shown)
        try:
            with self._web.open(request):
                return f"https://{host}"
        except UnreachableError as error:
            if not error.speaks_plain_http:
                raise
        return f"http://{host}"

    def _authorized(self, request: Request) -> Request:
        if self._authorization is None:
            return request
        return replace(request, headers={**request.headers, "Authorization": self._authorization})

    def _answer(self, challenge: str, request: Request) -> str | None:
        """The Authorization header that a challenge asks for. Source: RFC 9110, 11.6.1."""
        scheme, _, rest = challenge.partition(" ")
        if scheme.lower() == "basic":
            return None if self._log_in is None else basic(*self._log_in)
        parts = dict(_CHALLENGE_PART.findall(rest))
        if scheme.lower() != "bearer" or "realm" not in parts:
            raise RejectedError(
                Reason.ACCESS_DENIED,
                f"{self._uri.shown}: the registry asks for a log-in of kind {scheme!r}; "
                "Basic and Bearer are known",
            )
        return f"Bearer {self._token(parts, request)}"

    def _token(self, parts: dict[str, str], request: Request) -> str:
        query: dict[str, str] = {
            key: value for key, value in parts.items() if key in ("service", "scope")
        }
        realm = parts["realm"]
        self._check_realm(realm)
        asked = Request(
            url=f"{realm}{'&' if '?' in realm else '?'}{urlencode(query)}",
            shown=f"the token service of {self._uri.shown}",
            headers={"Authorization": basic(*self._log_in)} if self._log_in else {},
        )
        with self._web.open(asked) as response:
            if response.status != 200:
                status = 403 if response.status == 404 else response.status
                raise status_error(status, asked, response.headers)
            content = _bounded(response, _MAX_TOKEN_BYTES, asked.shown)
        try:
            answer = json.loads(content)
            return str(answer.get("token") or answer["access_token"])
        except (ValueError, KeyError, AttributeError, RecursionError) as error:
            raise RejectedError(
                Reason.ACCESS_DENIED, f"{asked.shown} sent no token for {request.shown}"
            ) from error

    def _check_realm(self, realm: str) -> None:
        """A password goes to a token service in plain http only where the registry itself is so."""
        scheme = urlsplit(realm).scheme
        if scheme != "https" and not (scheme == "http" and self.url("").startswith("http://")):
            raise RejectedError(
                Reason.ACCESS_DENIED,
                f"{self._uri.shown}: the registry sends log-ins to {realm}, which has no TLS",
            )


class OciSource:
    """The model's blob behind a manifest; the manifest is fetched when the blob is first opened."""

    def __init__(self, registry: Registry, uri: AssetUri) -> None:
        self._registry = registry
        self._uri = uri
        self._layer: Blob | None = None
        self._blob: HttpSource | None = None

    @property
    def shown(self) -> str:
        """The URI; it has no credentials."""
        return self._uri.shown

    @contextmanager
    def open(self, offset: int) -> Iterator[Opened]:
        """Start reading the blob at a byte."""
        if self._layer is None or self._blob is None:
            self._layer = model_layer(self._registry.manifest(), self.shown)
            request = Request(self._registry.url(f"blobs/{self._layer.digest}"), self.shown)
            self._blob = HttpSource(
                request, lambda wanted: self._registry.exchange(wanted, to_any_host=True)
            )
        with self._blob.open(offset) as opened:
            size = self._layer.size_bytes
            if opened.total_bytes not in (None, size):
                raise RetryableError(
                    Reason.DOWNLOAD_INTERRUPTED,
                    f"{self.shown}: the manifest says {size} bytes, the registry sends "
                    f"{opened.total_bytes}",
                )
            yield replace(opened, total_bytes=size, sha256=self._layer.sha256)


def open_oci(uri: AssetUri, web: Web, credentials: Credentials) -> OciSource:
    """The source of an oci URI."""
    credentials.require(CREDENTIAL_KEYS, "oci://")
    return OciSource(Registry(web, uri, credentials), uri)


def _bounded(response: Response, limit: int, shown: str) -> bytes:
    content = b""
    while chunk := response.read(limit + 1 - len(content)):
        content += chunk
        if len(content) > limit:
            raise RejectedError(
                Reason.MODEL_INVALID,
                f"{shown}: an answer of more than {limit} bytes is no manifest",
            )
    return content
