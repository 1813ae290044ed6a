"""
Bad weather between a program and the API server: a reverse proxy that refuses, fails and drops.

What goes wrong is drawn from a seed. A write that is answered by a fault may have been done all the
same, as with a real server whose answer is lost.
"""

import http.client
import random
import socket
import ssl
import threading
from base64 import b64decode
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})
# Longer than a watch of the facade lasts.
_SILENCE_SECONDS = 150


class Fault(Enum):
    """What goes wrong with a request; the value is the status that it is answered with."""

    THROTTLED = 429
    BROKEN = 500
    CONFLICT = 409
    AWAY = 503
    # The request is not done, and not answered.
    DROPPED = 0
    # The request is done, and not answered.
    LOST = -1
    # The request is done, and answered as if it were not.
    DENIED = 504


class Weather:
    """
    The proxy; fair until ``chance`` is set.

    Attributes:
        chance: of a request to go wrong, and of each event of a watch to be its last.
        seen: how often what went wrong.
    """

    def __init__(self, kubeconfig: Path, seed: int) -> None:
        cluster = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))["clusters"][0]["cluster"]
        authority = b64decode(cluster["certificate-authority-data"]).decode()
        self.chance = 0.0
        self.seen: Counter[Fault] = Counter()
        self._server = cluster["server"]
        self._context = ssl.create_default_context(cadata=authority)
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._proxy = _Proxy(self)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._proxy.server_port}"

    @contextmanager
    def running(self) -> Iterator["Weather"]:
        thread = threading.Thread(target=self._proxy.serve_forever, name="weather", daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._proxy.shutdown()
            self._proxy.server_close()
            thread.join(10)

    def stand_before(self, kubeconfig: Path) -> None:
        """Whoever reads that kubeconfig speaks to us."""
        document = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
        document["clusters"][0]["cluster"] = {"server": self.url}
        kubeconfig.write_text(yaml.safe_dump(document), encoding="utf-8")

    def upstream(self) -> http.client.HTTPSConnection:
        """A connection to the server itself."""
        place = urlsplit(self._server)
        assert place.hostname is not None
        return http.client.HTTPSConnection(
            place.hostname, place.port, context=self._context, timeout=_SILENCE_SECONDS
        )

    def fault(self, method: str) -> Fault | None:
        """What goes wrong with the next request."""
        with self._lock:
            if self._random.random() >= self.chance:
                return None
            found = self._random.choice(list(Fault))
            # Nobody conflicts with a read.
            if found is Fault.CONFLICT and method not in _WRITES:
                found = Fault.BROKEN
            self.seen[found] += 1
            return found

    def breaks(self) -> bool:
        """Whether a watch ends here."""
        with self._lock:
            return self._random.random() < self.chance


class _Proxy(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    # Whoever still watches when it ends is not waited for.
    block_on_close = False

    def __init__(self, weather: Weather) -> None:
        self.weather = weather
        super().__init__(("127.0.0.1", 0), _Exchange)

    def handle_error(self, *_: object) -> None:
        """Somebody has hung up."""


class _Exchange(BaseHTTPRequestHandler):
    """The requests of one connection."""

    protocol_version = "HTTP/1.1"
    server: _Proxy

    def handle(self) -> None:
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with closing(self.server.weather.upstream()) as self._upstream:
            super().handle()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = self.server.weather.fault(self.command)
        if fault in (None, Fault.LOST, Fault.DENIED) and not self._forwarded(body, fault):
            return
        if fault in (Fault.DROPPED, Fault.LOST):
            self.close_connection = True
        elif fault is not None:
            self._refuse(fault)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815 - http.server's own

    def _forwarded(self, body: bytes, fault: Fault | None) -> bool:
        """Make the request; whether it is still to be answered."""
        headers = {key: value for key, value in self.headers.items() if key != "Host"}
        self._upstream.request(self.command, self.path, body, headers)
        with self._upstream.getresponse() as response:
            if fault is None:
                self._pass_on(response)
            elif "watch=true" not in self.path:
                response.read()
            else:
                self._upstream.close()
        return fault is not None

    def _pass_on(self, response: http.client.HTTPResponse) -> None:
        self.send_response(response.status)
        for key, value in response.getheaders():
            if key.lower() not in _HOP_BY_HOP:
                self.send_header(key, value)
        if "watch=true" not in self.path:
            content = response.read()
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            return
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while content := response.read1(65_536):
            if self.server.weather.breaks():
                self._upstream.close()
                self.close_connection = True
                return
            self.wfile.write(b"%x\r\n%s\r\n" % (len(content), content))
        self.wfile.write(b"0\r\n\r\n")

    def _refuse(self, fault: Fault) -> None:
        said = b'{"kind":"Status","status":"Failure","message":"bad weather"}'
        self.send_response(fault.value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(said)

    def log_message(self, *_: Any) -> None:
        """Nothing: the weather counts for itself."""
