"""A web server of the test's own that pods can reach: it answers as badly as a test wants."""

import base64
import hashlib
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from e2e.models import Pushed


@dataclass(frozen=True)
class Reply:
    """
    What a path answers.

    Attributes:
        user: ``name:password``, where it wants one.
        once: whoever asks again waits until the store closes.
    """

    content: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    user: str | None = None
    once: bool = False


class AssetStore:
    """
    Listens on one address until the block ends.

    Attributes:
        first_answers: when each path was answered first.
    """

    def __init__(self, host: str) -> None:
        self._replies: dict[str, Reply] = {}
        self._gates: dict[str, tuple[str, str]] = {}
        self._closing = threading.Event()
        self.first_answers: dict[str, datetime] = {}
        self._server = ThreadingHTTPServer((host, 0), _handler(self))
        self._server.daemon_threads = True
        self.host = f"{host}:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def put(self, path: str, reply: Reply, engine_type: str = "onnx") -> Pushed:
        """Answer a path so from now on; the asset as a deployment names it."""
        self._replies[f"/{path}"] = reply
        digest = hashlib.sha256(reply.content).hexdigest()
        return Pushed(f"http://{self.host}/{path}", digest, engine_type)

    def put_registry(self, upstream: str, user: str) -> str:
        """A registry that asks for a log-in and has what another one (its URL) has; its host."""
        self._gates["/v2/"] = (upstream, user)
        return self.host

    def reply(self, path: str, headers: dict[str, str]) -> Reply:
        """What a request gets."""
        gate = next((self._gates[start] for start in self._gates if path.startswith(start)), None)
        reply = self._replies.get(path, Reply(status=404))
        if reply.once and path in self.first_answers:
            self._closing.wait()
        user = reply.user if gate is None else gate[1]
        if user is not None and not _knows(headers, user):
            return Reply(status=401, headers={"WWW-Authenticate": 'Basic realm="e2e"'})
        return reply if gate is None else _passed_on(gate[0], path, headers)


def _knows(headers: dict[str, str], user: str) -> bool:
    return headers.get("Authorization") == "Basic " + base64.b64encode(user.encode()).decode()


def _passed_on(upstream: str, path: str, headers: dict[str, str]) -> Reply:
    accept = {"Accept": headers["Accept"]} if "Accept" in headers else {}
    request = urllib.request.Request(upstream + path, headers=accept)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            kept = {"Content-Type": answer.headers.get("Content-Type", "")}
            return Reply(answer.read(), headers=kept)
    except urllib.error.HTTPError as error:
        with error:
            return Reply(error.read(), status=error.code)


def _handler(store: AssetStore) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """One request."""

        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            reply = store.reply(self.path, dict(self.headers))
            self.send_response(reply.status)
            length = {"Content-Length": str(len(reply.content))}
            for name, value in (length | reply.headers).items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(reply.content)
            store.first_answers.setdefault(self.path, datetime.now(UTC))

        do_HEAD = do_GET  # noqa: N815 - the base class has these names

        def log_message(self, *_: object) -> None:
            """Quiet."""

    return Handler
