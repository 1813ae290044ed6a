"""
``/healthz`` and ``/readyz``: progress, not a port that answers.

Alive means that work moves; ready means that the cache is whole, leading or not.
"""

import json
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Check = Callable[[], bool]


class HealthServer:
    """
    Answers 200 where every check of a path holds, else 503, with each check's result as JSON.

    Args:
        checks: by path, the checks by name.
    """

    def __init__(self, port: int, checks: Mapping[str, Mapping[str, Check]]) -> None:
        self._server = ThreadingHTTPServer(("", port), _handler(checks))
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="health", daemon=True
        )

    @property
    def port(self) -> int:
        """The port that was really taken; 0 asks for a free one."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Start answering."""
        self._thread.start()

    def stop(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()


def _handler(checks: Mapping[str, Mapping[str, Check]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """One request."""

        def do_GET(self) -> None:
            """Run the checks of the path."""
            found = checks.get(self.path)
            if found is None:
                self.send_error(404)
                return
            results = {name: check() for name, check in found.items()}
            body = json.dumps(results).encode()
            self.send_response(200 if all(results.values()) else 503)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Probes come every few seconds: nothing to log."""

    return Handler
