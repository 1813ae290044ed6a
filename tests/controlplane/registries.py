"""
A real registry as a process of a test, with the chart's own configuration, and a way to it on which
a test can make everything stand still.
"""

import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import yaml

from charts import CHART
from cluster.binaries import Binaries
from cluster.places import cache_folder
from cluster.ports import random_free
from controlplane.operators import until

_PIECE = 64 * 1024
_LONGEST_STOP_SECONDS = 120


@dataclass(slots=True)
class Registry:
    """One registry on a folder and a port of its own."""

    program: Path
    folder: Path
    port: int
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, again too, and wait until it answers."""
        log = (self.folder / "registry.log").open("ab")
        with log:
            self._process = subprocess.Popen(
                [str(self.program), str(self._configuration())],
                env={},
                stdout=log,
                stderr=log,
            )
        until(lambda: self._answers() or self._has_ended(), "the registry answers")
        assert not self._has_ended(), (self.folder / "registry.log").read_text(encoding="utf-8")

    def kill(self) -> None:
        """As a node that dies: no goodbye."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    # What is in it

    def manifests(self) -> list[str]:
        """``repository@digest`` of each manifest."""
        links = self._repositories.rglob("_manifests/revisions/*/*/link")
        return sorted(f"{self._repository(link)}@{link.read_text()}" for link in links)

    def tags(self) -> list[Path]:
        return list(self._repositories.rglob("_manifests/tags/*"))

    def uploads(self) -> list[Path]:
        """What has been begun and not ended."""
        return list(self._repositories.rglob("_uploads/*"))

    def purge(self) -> None:
        """What the registry does with broken-off uploads now and then, at once."""
        command = [str(self.program), str(self._configuration()), "purge", "0s"]
        subprocess.run(command, check=True, capture_output=True, timeout=60)

    @property
    def _storage(self) -> Path:
        return self.folder / "storage"

    @property
    def _repositories(self) -> Path:
        return self._storage / "docker/registry/v2/repositories"

    def _repository(self, path: Path) -> str:
        return path.relative_to(self._repositories).as_posix().partition("/_manifests")[0]

    def _configuration(self) -> Path:
        shipped = CHART / "files" / "registry.yml"
        wanted = yaml.safe_load(shipped.read_text(encoding="utf-8"))
        wanted["storage"]["filesystem"]["rootdirectory"] = str(self._storage)
        wanted["http"]["addr"] = self.host
        path = self.folder / "registry.yml"
        path.write_text(yaml.safe_dump(wanted), encoding="utf-8")
        return path

    def _has_ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def _answers(self) -> bool:
        with suppress(httpx.HTTPError):
            return httpx.get(f"http://{self.host}/v2/", timeout=2).status_code == 200
        return False


@contextmanager
def running_registry(folder: Path) -> Iterator[Registry]:
    """An empty registry; it ends with the block."""
    binaries = Binaries(cache_folder(os.environ), os.environ)
    binaries.ensure(["registry"])
    folder.mkdir(parents=True, exist_ok=True)
    made = Registry(binaries.path("registry"), folder, random_free(1)[0])
    made.start()
    try:
        yield made
    finally:
        made.kill()


class Gate:
    """
    The way to a server: everything passes, until a test wants it to stand still.

    Args:
        port: of the server, on this machine.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._bytes_left: int | None = None
        self._last_request: bytes | None = None
        self._answers_stop = False
        self._open = threading.Event()
        self._open.set()
        self.held = threading.Event()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> "Gate":
        threading.Thread(target=self._accept, name="gate", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.open()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def hold_after(self, size: int) -> None:
        """Stand still when so many more bytes have gone to the server."""
        self._close()
        self._bytes_left = size

    def hold_answer_of(self, request: bytes) -> None:
        """Let a request that begins so reach the server, and its answer not come back."""
        self._close()
        self._last_request = request

    def open(self) -> None:
        with self._lock:
            self._bytes_left = self._last_request = None
            self._answers_stop = False
        self._open.set()

    def _close(self) -> None:
        self.held.clear()
        self._open.clear()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                caller, _ = self._listener.accept()
                threading.Thread(target=self._connect, args=(caller,), daemon=True).start()

    def _connect(self, caller: socket.socket) -> None:
        address = "127.0.0.1", self._port
        with caller, suppress(OSError), socket.create_connection(address, 5) as server:
            server.settimeout(None)
            back = threading.Thread(target=self._pump, args=(server, caller, self._answer))
            back.start()
            self._pump(caller, server, self._request)
            back.join()

    def _pump(
        self,
        source: socket.socket,
        target: socket.socket,
        passes: Callable[[bytes, socket.socket], None],
    ) -> None:
        with suppress(OSError):
            while piece := source.recv(_PIECE):
                passes(piece, target)
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _request(self, piece: bytes, server: socket.socket) -> None:
        with self._lock:
            if self._last_request is not None and piece.startswith(self._last_request):
                self._answers_stop = True
            passes = len(piece) if self._bytes_left is None else min(self._bytes_left, len(piece))
            if self._bytes_left is not None:
                self._bytes_left -= passes
        server.sendall(piece[:passes])
        if passes < len(piece):
            self._stand_still()
            server.sendall(piece[passes:])

    def _answer(self, piece: bytes, caller: socket.socket) -> None:
        if self._answers_stop:
            self._stand_still()
        caller.sendall(piece)

    def _stand_still(self) -> None:
        self.held.set()
        self._open.wait(_LONGEST_STOP_SECONDS)
