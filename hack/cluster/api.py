"""A client for the few requests the harness makes itself; everybody else uses a real one."""

import http.client
import json
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cluster.errors import ClusterError

TIMEOUT_SECONDS = 5.0


class Api:
    """One API server, spoken to with a client certificate."""

    def __init__(self, server: str, authority: Path, client: tuple[Path, Path]) -> None:
        """``client``: certificate and key."""
        self._host = urlsplit(server).netloc
        self._authority = authority
        self._client = client

    def is_ready(self) -> bool:
        """Whether ``/readyz`` says so."""
        return self.exists("/readyz")

    def exists(self, path: str) -> bool:
        """Whether a GET is answered 200; no server there counts as no."""
        try:
            return self._request("GET", path)[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def get(self, path: str) -> Mapping[str, Any]:
        """
        One object.

        Raises:
            ClusterError: the server does not answer, or not with 200.
        """
        return self._checked("GET", path, None)

    def apply(self, path: str, manifest: Mapping[str, Any]) -> None:
        """Create or update the object at its full path (server-side apply)."""
        self._checked("PATCH", f"{path}?fieldManager=mlz-cluster&force=true", manifest)

    def _checked(self, method: str, path: str, body: Mapping[str, Any] | None) -> Mapping[str, Any]:
        try:
            status, text = self._request(method, path, body)
        except (OSError, http.client.HTTPException) as error:
            raise ClusterError(
                f"the API server at {self._host} does not answer: {error}"
            ) from error
        if status not in {200, 201}:
            raise ClusterError(f"{method} {path} was answered {status}: {text[:500]}")
        answer: Mapping[str, Any] = json.loads(text)
        return answer

    def _request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> tuple[int, str]:
        context = ssl.create_default_context(cafile=str(self._authority))
        context.load_cert_chain(*self._client)
        connection = http.client.HTTPSConnection(
            self._host, timeout=TIMEOUT_SECONDS, context=context
        )
        try:
            headers = {"Content-Type": "application/apply-patch+yaml"} if body else {}
            connection.request(method, path, json.dumps(body) if body else None, headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()
