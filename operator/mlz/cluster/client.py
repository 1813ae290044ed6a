"""
Requests to the API server: the official client's transport, raw JSON in and out.

Absence is None, a refusal is an ``ApiRefusalError``, an outage is an ``ApiOutageError``.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from mlz.cluster.kinds import Kind

Manifest = dict[str, Any]

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
_JSON = "application/json"
_RETRYABLE = frozenset({401, 408, 429, 500, 502, 503, 504})
# A watch ends by itself after its time; one that is silent for longer has lost its connection.
_WATCH_GRACE_SECONDS = 10.0
_TERMINATING = "because it is being terminated"
# The API server answers 500 for an object that does not fit its schema. Source: Kubernetes
# issues 122480 and 139253. It is our bug, and trying again would only repeat it.
_UNTYPED = "failed to create typed patch object"


class ApiError(Exception):
    """The API server did not do it; ``status`` is the HTTP status, 0 where there was no answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message


class ApiRefusalError(ApiError):
    """The request is wrong or not allowed: the same again will be refused again."""


class ApiConflictError(ApiRefusalError):
    """Somebody else was first, or owns what we wanted to write."""


class NamespaceTerminatingError(ApiError):
    """The namespace is on its way out, and everything in it: there is nothing left to do."""


class ApiOutageError(ApiError):
    """No answer, or one that says to come back later."""


class KubeClient:
    """
    One API server; safe to use from many threads.

    Args:
        timeout_seconds: longest time for a request, connecting and reading each.
        context: of the kubeconfig; None takes the pod's own rights, or the current context.
    """

    def __init__(
        self, *, timeout_seconds: float = 30, connections: int = 32, context: str | None = None
    ) -> None:
        configuration = _configuration(context)
        configuration.connection_pool_maxsize = connections
        configuration.retries = False
        self._api = client.ApiClient(configuration)
        self._timeout = timeout_seconds

    def get(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        """An object, or None where there is none."""
        try:
            return self._json("GET", kind.path(namespace, name))
        except ApiRefusalError as error:
            if error.status == 404:
                return None
            raise

    def list_page(
        self, kind: Kind, namespace: str | None, query: Mapping[str, str], *, bare: bool = False
    ) -> Manifest:
        """One page of a list; ``bare`` asks for metadata only."""
        accept = _JSON
        if bare:
            accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
        page = self._json("GET", kind.path(namespace), query=query, headers={"Accept": accept})
        page["items"] = page.get("items") or []  # an empty list of bare objects comes as null
        return page

    def apply(
        self, kind: Kind, manifest: Manifest, *, manager: str, force: bool, subresource: str = ""
    ) -> Manifest:
        """Server-side apply of an object or of a subresource of it; answers the whole object."""
        meta = manifest["metadata"]
        return self._json(
            "PATCH",
            kind.path(meta["namespace"], meta["name"], subresource),
            query={"fieldManager": manager, "force": "true" if force else "false"},
            body=manifest,
            headers={"Content-Type": APPLY},
        )

    def merge_patch(
        self, kind: Kind, namespace: str, name: str, patch: Manifest, *, manager: str
    ) -> Manifest:
        """
        JSON merge patch of an object; answers the whole object.

        A ``metadata.resourceVersion`` in it is a precondition: any other is a conflict.
        """
        return self._json(
            "PATCH",
            kind.path(namespace, name),
            query={"fieldManager": manager},
            body=patch,
            headers={"Content-Type": MERGE},
        )

    def create(self, kind: Kind, manifest: Manifest, *, manager: str = "") -> Manifest:
        """Create an object; without a manager its fields belong to this program's user agent."""
        query = {"fieldManager": manager} if manager else {}
        path = kind.path(manifest["metadata"]["namespace"])
        return self._json("POST", path, query=query, body=manifest)

    def replace(self, kind: Kind, manifest: Manifest) -> Manifest:
        """Replace an object of the same resourceVersion."""
        meta = manifest["metadata"]
        return self._json("PUT", kind.path(meta["namespace"], meta["name"]), body=manifest)

    def delete(self, kind: Kind, namespace: str, name: str, uid: str) -> Manifest | None:
        """
        Delete the very object of that uid.

        Returns:
            The object, with a ``deletionTimestamp`` while it is on its way out, or a ``Status``;
            None where it was gone already.
        """
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
            "preconditions": {"uid": uid},
        }
        try:
            return self._json("DELETE", kind.path(namespace, name), body=body)
        except ApiRefusalError as error:
            if error.status not in (404, 409):
                raise
            return None

    def watch(
        self,
        kind: Kind,
        namespace: str | None,
        resource_version: str,
        timeout_seconds: float,
        query: Mapping[str, str] | None = None,
    ) -> Iterator[Manifest]:
        """
        Changes since a version, as they come: ``{"type": ADDED, MODIFIED, DELETED or BOOKMARK,
        "object": …}``; ends after the time.

        Args:
            query: selectors, as for a list.

        Raises:
            ApiRefusalError: status 410 where the version is too old: list again.
            ApiOutageError: no connection, or it broke.
        """
        asked = {
            **(query or {}),
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(int(timeout_seconds)),
        }
        silence_seconds = timeout_seconds + _WATCH_GRACE_SECONDS
        for line in self._stream(kind.path(namespace), asked, silence_seconds):
            if line.strip():
                yield _event(line)

    def pod_log(self, namespace: str, name: str, container: str) -> str:
        """The whole log of a container."""
        path = f"/api/v1/namespaces/{namespace}/pods/{name}/log"
        return self._request("GET", path, query={"container": container}).decode("utf-8", "replace")

    def _json(self, method: str, path: str, **options: Any) -> Manifest:
        raw = self._request(method, path, **options)
        try:
            answer: Manifest = json.loads(raw)
        except ValueError as error:
            raise ApiOutageError(0, f"the answer is no JSON: {raw[:100]!r}") from error
        return answer

    def _request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Manifest | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        wanted = {"Accept": _JSON} | ({"Content-Type": _JSON} if body is not None else {})
        prepared = self._api.param_serialize(
            method,
            path,
            query_params=list((query or {}).items()),
            header_params=wanted | dict(headers or {}),
            body=body,
            auth_settings=["BearerToken"],
        )
        try:
            response = self._api.call_api(*prepared, _request_timeout=self._timeout)
            raw: bytes = response.read()
        except ApiException as error:
            raise _error(error.status, error.body) from error
        except (HTTPError, OSError) as error:
            raise ApiOutageError(0, str(error)) from error
        if response.status >= 400:
            raise _error(response.status, raw)
        return raw

    def _stream(
        self, path: str, query: Mapping[str, str], silence_seconds: float
    ) -> Iterator[bytes]:
        """The lines of an answer as they come; the connection ends with the iterator."""
        prepared = self._api.param_serialize(
            "GET",
            path,
            query_params=list(query.items()),
            header_params={"Accept": _JSON},
            auth_settings=["BearerToken"],
        )
        timeout = (self._timeout, silence_seconds)
        try:
            response = self._api.call_api(*prepared, _request_timeout=timeout)
            with closing(response.response) as lines:
                if response.status >= 400:
                    raise _error(response.status, response.read())
                yield from lines
        except ApiException as error:
            raise _error(error.status, error.body) from error
        except (HTTPError, OSError) as error:
            raise ApiOutageError(0, str(error)) from error


def _configuration(context: str | None) -> Any:
    configuration = client.Configuration()
    if context is None:
        try:
            config.load_incluster_config(client_configuration=configuration)
        except config.ConfigException:
            pass
        else:
            return configuration
    config.load_kube_config(client_configuration=configuration, context=context)
    return configuration


def _event(line: bytes) -> Manifest:
    try:
        event: Manifest = json.loads(line)
        kind, found = event["type"], event["object"]
    except (ValueError, TypeError, KeyError) as error:
        raise ApiOutageError(0, f"no watch event: {line[:100]!r}") from error
    if kind == "ERROR":
        raise _error(found.get("code"), json.dumps(found))
    return event


def _error(status: int | None, body: bytes | str | None) -> ApiError:
    code = status or 0
    message = _message(body)
    if code == 409:
        return ApiConflictError(code, message)
    if code == 403 and _TERMINATING in message:
        return NamespaceTerminatingError(code, message)
    if _UNTYPED in message:
        return ApiRefusalError(code, message)
    return (
        ApiOutageError(code, message)
        if code in _RETRYABLE or code == 0
        else ApiRefusalError(code, message)
    )


def _message(body: bytes | str | None) -> str:
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body or ""
    try:
        return str(json.loads(text).get("message", text))
    except (ValueError, AttributeError):
        return text[:500]
