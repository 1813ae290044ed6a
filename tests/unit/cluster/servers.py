"""
A small HTTP server in the place of an API server, and a client of ours that asks it.

A file of tests takes both with ``from unit.cluster.servers import client, server``.
"""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from mlz.cluster.client import KubeClient

SERVICE = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a", "namespace": "n"}}


class Server:
    """Answers every request with what it was told to, and remembers what it was asked."""

    def __init__(self) -> None:
        self.status = 200
        self.body = b"{}"
        self.streams = False
        self.silent = threading.Event()
        self.asked: list[dict[str, Any]] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    def answers(self, status: int, body: Any) -> None:
        self.status = status
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()

    def stop(self) -> None:
        self.silent.set()
        self._http.shutdown()
        self._thread.join(10)
        self._http.server_close()


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            raw = self.rfile.read(size)
            url = urlsplit(self.path)
            server.asked.append(
                {
                    "method": self.command,
                    "path": url.path,
                    "query": {key: value[0] for key, value in parse_qs(url.query).items()},
                    "headers": {key.lower(): value for key, value in self.headers.items()},
                    "body": json.loads(raw) if raw else None,
                }
            )
            if server.status == 0:
                server.silent.wait(5)
                return
            self.send_response(server.status)
            self.send_header("Content-Type", "application/json")
            if server.streams:
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                self.wfile.write(b"%x\r\n%s\r\n" % (len(server.body), server.body))
                server.silent.wait(5)
                return
            self.send_header("Content-Length", str(len(server.body)))
            self.end_headers()
            self.wfile.write(server.body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 - http.server's

        def log_message(self, *_: object) -> None:
            """Nothing on stderr."""

    return Handler


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.stop()


def kubeconfig(folder: Path, url: str) -> Path:
    path = folder / "kubeconfig"
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "users": [{"name": "u", "user": {"token": "secret-token"}}],
    }
    path.write_text(json.dumps(config))
    return path


@pytest.fixture
def client(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KubeClient:
    monkeypatch.setattr(
        "kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION",
        str(kubeconfig(tmp_path, server.url)),
    )
    return KubeClient(timeout_seconds=0.5)
