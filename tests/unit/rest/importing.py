"""An importer over an API server in memory and a registry on 127.0.0.1; inspections are staged."""

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from builders import NOW, NOW_TEXT
from fakes.apiserver import FakeApiServer
from fakes.facade import Replica
from mlz.api import names
from mlz.api.parsing import Body
from mlz.cluster.kinds import Kind
from mlz.rest.candidates import Candidate, Metadata, candidate
from mlz.rest.cleanup import Cleaner
from mlz.rest.imports import Imported, Importer
from mlz.rest.registry import ModelRegistry, Place
from mlz.rest.uploads import Upload
from mlz.rest.waiting import Waited
from mlz.store.address import AddressPolicy
from mlz.store.credentials import Credentials
from mlz.store.download import Pace
from mlz.store.web import Request, Response, UnreachableError, Web
from unit.store.servers import Call, FakeRegistry, LocalServer, Reply

CONTENT = b"\x08\x07 a model" * 1000
SHA = hashlib.sha256(CONTENT).hexdigest()
STALE = 900
LATER = NOW + timedelta(seconds=STALE + 1)


class PlainWeb(Web):
    """Knows that nobody here speaks TLS, which costs most of a test to find out."""

    @contextmanager
    def open(self, request: Request) -> Iterator[Response]:
        if request.url.startswith("https://"):
            raise UnreachableError("no TLS here", speaks_plain_http=True)
        with super().open(request) as response:
            yield response


class RegistryServer(LocalServer):
    """A server that is asked to delete as well."""

    def _handler(self) -> Any:
        handler = super()._handler()
        return type("Handler", (handler,), {"do_DELETE": vars(handler)["do_GET"]})


WEB = PlainWeb(AddressPolicy(allow_loopback=True), 5)


class ModelStore(FakeRegistry):
    """
    A registry that deletes manifests.

    ``before`` sees each request and may answer it itself; manifests are kept by digest alone.
    """

    def __init__(self, server: LocalServer) -> None:
        super().__init__(server)
        self.before: Callable[[Call], Reply | None] = lambda _: None
        self.deletes = True
        self.uploads: list[str] = []

    def answer(self, call: Call) -> Reply:
        told = self.before(call)
        if told is not None:
            return told
        if call.method == "DELETE":
            digest = call.path.rpartition("/")[2]
            if not self.deletes:
                return Reply(405)
            return Reply(202 if self.manifests.pop(digest, None) else 404)
        if call.method == "PUT" and "digest=" in call.path:
            self.uploads.append(call.path.rpartition("digest=")[2])
        return super().answer(call)


class Inspection:
    """
    Waits as the facade does, and meanwhile judges as the operator does.

    Attributes:
        verdict: a reason to refuse, True to accept, None to say nothing in time.
        meanwhile: called before, for example to delete something.
    """

    def __init__(self, server: FakeApiServer, replica: Replica) -> None:
        self.verdict: str | bool | None = True
        self.meanwhile: Callable[[], object] = lambda: None
        self._server = server
        self._replica = replica

    async def until(
        self, kind: Kind, body: Body, predicate: Callable[[Body], bool | None], deadline: float
    ) -> Waited[bool]:
        assert deadline > asyncio.get_running_loop().time()
        meta = body["metadata"]
        result = self.meanwhile()
        if asyncio.iscoroutine(result):
            await result
        found = self._server.find(kind.kind, meta["name"])
        if found is None or found["metadata"]["uid"] != meta["uid"]:
            return Waited(None, None)
        assert names.ANNOTATION_PAUSED not in found["metadata"]["annotations"]
        if self.verdict is not None and "status" not in found:
            found = self._server.put(found | {"status": judged(self.verdict)})
        self._replica.hear()
        return Waited(predicate(found), found)


def judged(verdict: str | bool) -> dict[str, Any]:
    ready = {
        "type": "Ready",
        "status": "True" if verdict is True else "False",
        "reason": "Inspected" if verdict is True else verdict,
        "message": "" if verdict is True else "the file is odd",
        "lastTransitionTime": NOW_TEXT,
    }
    stalled = [] if verdict is True else [ready | {"type": "Stalled", "status": "True"}]
    return {"observedGeneration": 1, "conditions": [ready, *stalled]}


class Stage:
    """All of it; what a process knows is renewed by ``renew``."""

    def __init__(self, server: RegistryServer, folder: Path) -> None:
        self.cluster = FakeApiServer()
        self.server = server
        self.store = ModelStore(server)
        self.registry = ModelRegistry(
            Place(server.host, "models"), WEB, Credentials(), Pace(3, 60, lambda _: None)
        )
        self._folder = folder
        self.renew()

    def renew(self) -> None:
        """A process that has just started."""
        self.replica = Replica(self.cluster)
        self.inspection = Inspection(self.cluster, self.replica)

    @property
    def cleaner(self) -> Cleaner:
        return Cleaner(self.replica.world, self.registry, STALE)

    def wanted(self, content: bytes = CONTENT, **said: Any) -> Candidate:
        """``owner`` and ``key`` are the caller's, ``file_name`` the file's."""
        owner, key = said.pop("owner", "ann"), said.pop("key", None)
        file_name = said.pop("file_name", "model.onnx")
        path = self._folder / hashlib.sha256(content).hexdigest()
        path.write_bytes(content)
        sha256 = hashlib.sha256(content).hexdigest()
        upload = Upload(path, sha256, len(content), file_name, content[:4096], {})
        return candidate(upload, Metadata(**{"name": "churn"} | said), owner, key)

    def run(self, wanted: Candidate | None = None, model: Body | None = None) -> Imported:
        return asyncio.run(self.importing(wanted, model))

    async def importing(
        self, wanted: Candidate | None = None, model: Body | None = None
    ) -> Imported:
        with ThreadPoolExecutor(2) as executor:
            importer = Importer(
                world=self.replica.world,
                registry=self.registry,
                waiters=self.inspection,
                clock=lambda: NOW,
                executor=executor,
            )
            return await importer.run(wanted or self.wanted(), model)

    @property
    def left(self) -> dict[str, list[str]]:
        """What there is of models."""
        return {
            "models": [one["metadata"]["name"] for one in self.cluster.all(names.MODEL)],
            "versions": [one["metadata"]["name"] for one in self.cluster.all(names.MODEL_VERSION)],
            "manifests": list(self.store.manifests),
        }


NOTHING: dict[str, list[str]] = {"models": [], "versions": [], "manifests": []}


@contextmanager
def stage(folder: Path) -> Iterator[Stage]:
    with RegistryServer() as server:
        yield Stage(server, folder)
