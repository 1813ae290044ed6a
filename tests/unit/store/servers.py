"""Servers on 127.0.0.1 that behave as told: a scripted web server, a small OCI registry."""

import hashlib
import re
import threading
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


@dataclass
class Reply:
    """One answer; ``cut_at`` bytes of the body are sent, then the connection breaks."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut_at: int | None = None


@dataclass
class Call:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


Answer = Callable[[Call], Reply]


class LocalServer:
    """Answers by ``answer``; keeps what was asked in ``calls``."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.answer: Answer = lambda _call: Reply(404)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    def script(self, *replies: Reply) -> None:
        """One reply after the other; the last one for ever."""
        queue = list(replies)
        self.answer = lambda _call: queue.pop(0) if len(queue) > 1 else queue[0]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def _serve(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                headers = {name.lower(): value for name, value in self.headers.items()}
                call = Call(self.command, self.path, headers, self.rfile.read(length))
                outer.calls.append(call)
                reply = outer.answer(call)
                self.send_response(reply.status)
                sent = {"Content-Length": str(len(reply.body)), **reply.headers}
                for name, value in sent.items():
                    self.send_header(name, value)
                self.end_headers()
                if call.method != "HEAD":
                    self.wfile.write(reply.body[: reply.cut_at])
                self.close_connection = True

            do_GET = do_POST = do_PUT = do_HEAD = _serve  # noqa: N815 - the server's names

            def log_message(self, *_arguments: object) -> None:
                """Quiet."""

        return Handler


def serve_with_ranges(content: bytes, cuts: list[int | None]) -> Answer:
    """A store that goes on where it is asked to; each answer is cut as listed, then no more."""

    def answer(call: Call) -> Reply:
        start = 0
        match = re.fullmatch(r"bytes=(\d+)-", call.headers.get("range", ""))
        headers = {"ETag": '"one"'}
        if match and call.headers.get("if-range") == '"one"':
            start = int(match[1])
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        cut = cuts.pop(0) if cuts else None
        return Reply(206 if start else 200, content[start:], headers, cut)

    return answer


class FakeRegistry:
    """The distribution API, as far as pulling and pushing need it; with or without log-ins."""

    def __init__(self, server: LocalServer, log_in: tuple[str, str] | None = None) -> None:
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, bytes] = {}
        self.blob_redirect: str | None = None
        self.basic = False
        self._server = server
        self._log_in = log_in
        server.answer = self.answer

    def answer(self, call: Call) -> Reply:
        path, _, query = call.path.partition("?")
        if path == "/token":
            return self._token(call)
        if self._log_in and call.headers.get("authorization") != self._expected():
            return Reply(401, headers={"WWW-Authenticate": self._challenge()})
        kind, _, name = path.removeprefix("/v2/").rpartition("/")
        if kind.endswith("manifests"):
            return self._manifest(call, name)
        if kind.endswith("uploads") and call.method == "PUT":
            return self._stored(call, query)
        if kind.endswith("uploads"):
            return Reply(202, headers={"Location": f"{path}session?state=1"})
        return self._blob(name) if kind.endswith("blobs") else Reply(200)

    def _expected(self) -> str:
        return _basic(self._log_in) if self.basic else "Bearer sesame"

    def _challenge(self) -> str:
        if self.basic:
            return 'Basic realm="here"'
        scope = "repository:demo/model:pull,push"
        return f'Bearer realm="{self._server.url}/token",service="reg",scope="{scope}"'

    def _token(self, call: Call) -> Reply:
        if call.headers.get("authorization") != _basic(self._log_in):
            return Reply(401)
        return Reply(200, b'{"token": "sesame"}')

    def _manifest(self, call: Call, reference: str) -> Reply:
        if call.method == "PUT":
            self.manifests[reference] = self.manifests[_digest(call.body)] = call.body
            return Reply(201)
        found = self.manifests.get(reference)
        return Reply(404) if found is None else Reply(200, found)

    def _stored(self, call: Call, query: str) -> Reply:
        digest = query.rpartition("digest=")[2]
        if _digest(call.body) != digest:
            return Reply(400)
        self.blobs[digest] = call.body
        return Reply(201)

    def _blob(self, digest: str) -> Reply:
        if digest not in self.blobs:
            return Reply(404)
        if self.blob_redirect:
            return Reply(307, headers={"Location": f"{self.blob_redirect}/{digest}"})
        return Reply(200, self.blobs[digest])


def _basic(log_in: tuple[str, str] | None) -> str:
    return "Basic " + b64encode(":".join(log_in or ()).encode()).decode()


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
