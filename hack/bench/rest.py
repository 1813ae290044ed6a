"""
The REST facade at rest: two replicas that share one core, and a load client on the other.

A real API server holds the deployments; no operator runs, so nothing changes while we measure. The
client is a closed loop over connections that are kept: each asks again when it has its answer.
"""

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import uvloop

from cluster.controlplane import ControlPlane
from controlplane.facades import FacadeProcess, Facades, installed_facades, logged_in
from controlplane.operators import HEX, Admin, resource
from controlplane.planes import establish_kinds, kubectl_of

NAMESPACE = "bench"
_FACADE_CORE, _OTHER_CORE = {0}, {1}
_CONNECTIONS = 8  # to each replica
_PAGE = 100
_MODELS = 50
_TICKS = os.sysconf("SC_CLK_TCK")
_MEBIBYTE = 1024 * 1024
_ASSET = {"uri": "https://store.example.com/model.onnx", "sha256": HEX}


@dataclass(frozen=True, slots=True)
class Load:
    """
    What a load has shown.

    Attributes:
        times: seconds of each request.
        seconds: of all of it.
        cpu: processor seconds of the facades meanwhile.
    """

    times: list[float]
    seconds: float
    cpu: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="hack/bench/rest", description=__doc__)
    parser.add_argument("--deployments", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=20, help="of each load")
    options = parser.parse_args()
    os.sched_setaffinity(0, _OTHER_CORE)
    with tempfile.TemporaryDirectory(prefix="mlz-bench-") as folder, _facades(folder) as facades:
        _fill(facades.admin, options.deployments)
        with _on(_FACADE_CORE):
            replicas = [facades.start(), facades.start()]
        with uvloop_runner() as runner:
            runner.run(_measure(replicas, options.seconds))


async def _measure(replicas: list[FacadeProcess], seconds: float) -> None:
    head = _head(replicas[0])
    first, *_ = await _paged(replicas[0], head, "/v3/deployments")
    path = first["resources"][_PAGE // 2]["metadata"]["url"].partition("/v3/")[2]
    one = f"/v3/{path}"
    await _load(replicas, lambda replica: _get(replica, head, one), seconds / 4)
    before = [_rss(replica) for replica in replicas]
    gets = await _load(replicas, lambda replica: _get(replica, head, one), seconds)
    _print("GET of one deployment", gets)
    for name, path in (("v3", "/v3/deployments"), ("v4", "/ml/v4/deployments")):
        url = f"{path}?limit={_PAGE}"
        pages = await _load(replicas, partial(_get, head=head, path=url), seconds, 1)
        _print(f"list, {name}, one page of {_PAGE}", pages)
    wholes = await _load(
        replicas, lambda replica: _paged(replica, head, "/v3/deployments"), seconds, 1
    )
    _print("list, v3, all pages", wholes)
    after = [_rss(replica) for replica in replicas]
    for number, (old, new) in enumerate(zip(before, after, strict=True)):
        print(f"RSS of replica {number}: {old:.0f} MiB before, {new:.0f} MiB after")


def uvloop_runner() -> asyncio.Runner:
    """The client's own loop, a fast one: it shares the machine with what it measures."""
    return asyncio.Runner(loop_factory=uvloop.new_event_loop)


class Connection:
    """One kept connection, one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def get(self, path: str, head: bytes) -> bytes:
        """The body of the answer."""
        self._writer.write(b"GET " + path.encode() + b" HTTP/1.1\r\n" + head)
        told = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = int(told.partition(b"content-length:")[2].partition(b"\r\n")[0])
        body = await self._reader.readexactly(length)
        if not told.startswith(b"http/1.1 200"):
            raise SystemExit(f"error: {path} answered {told[:40]!r}: {body[:300]!r}")
        return body


_connections: dict[tuple[int, asyncio.Task[Any] | None], Connection] = {}


async def _get(replica: FacadeProcess, head: bytes, path: str) -> bytes:
    key = (replica.port, asyncio.current_task())
    if key not in _connections:
        streams = await asyncio.open_connection("127.0.0.1", replica.port, limit=4 * _MEBIBYTE)
        _connections[key] = Connection(*streams)
    return await _connections[key].get(path, head)


async def _paged(replica: FacadeProcess, head: bytes, path: str) -> list[dict[str, Any]]:
    """All pages of a list, one after the other."""
    pages, query = [], f"{path}?limit={_PAGE}"
    while query:
        page = json.loads(await _get(replica, head, query))
        pages.append(page)
        following = page.get("next", {}).get("href", "")
        query = f"{path}?{following.partition('?')[2]}" if following else ""
    return pages


async def _load(
    replicas: list[FacadeProcess],
    ask: Callable[[FacadeProcess], Any],
    seconds: float,
    connections: int = _CONNECTIONS,
) -> Load:
    times: list[float] = []
    end = time.perf_counter() + seconds

    async def loop(replica: FacadeProcess) -> None:
        while (began := time.perf_counter()) < end:
            await ask(replica)
            times.append(time.perf_counter() - began)

    cpu, began = _cpu(replicas), time.perf_counter()
    await asyncio.gather(*(loop(one) for one in replicas for _ in range(connections)))
    return Load(times, time.perf_counter() - began, _cpu(replicas) - cpu)


def _head(replica: FacadeProcess) -> bytes:
    with logged_in(replica, "root") as caller:
        authorization = caller.http.headers["authorization"]
    return f"Host: mlz.test\r\nAuthorization: {authorization}\r\n\r\n".encode()


@contextmanager
def _facades(folder: str) -> Iterator[Facades]:
    """A control plane with our resources' kinds, and what a facade needs there."""
    with ControlPlane(os.environ).running(Path(folder) / "plane") as plane:
        kubectl = kubectl_of(plane)
        establish_kinds(kubectl)
        kubectl("create", "namespace", NAMESPACE)
        with installed_facades(plane, kubectl, NAMESPACE, Path(folder) / "rest") as made:
            made.add_user("root", "sysadm")
            yield made


def _fill(admin: Admin, deployments: int) -> None:
    """Models with versions, and a deployment of each version that looks as if it served."""
    admin.apply(resource("MLzScoringService", "default", {"type": "standard"}))
    for number in range(_MODELS):
        spec = {"displayName": f"Model {number}", "description": "A model of the bench."}
        admin.apply(resource("MLzModel", f"model-{number}", spec))

    def make(number: int) -> None:
        version = {"model": f"model-{number % _MODELS}", "artifact": _ASSET, "engineType": "onnx"}
        admin.apply(resource("MLzModelVersion", f"version-{number}", version))
        spec = {
            "type": "online",
            "displayName": f"Deployment {number}",
            "description": "A deployment of the bench.",
            "scoringService": "default",
            "engineType": "onnx",
            "asset": {"modelVersion": f"version-{number}"},
        }
        admin.apply(resource("MLzDeployment", f"deployment-{number}", spec))
        status = {"state": "ACTIVE", "observedGeneration": 1, "conditions": _conditions()}
        admin.patch("MLzDeployment", f"deployment-{number}", {"status": status}, "status")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(make, range(deployments)))


def _conditions() -> list[dict[str, Any]]:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    told = {"status": "True", "reason": "Serving", "message": "", "lastTransitionTime": now}
    return [{"type": kind, **told} for kind in ("Ready", "AssetReady", "SchemaReady")]


@contextmanager
def _on(cores: set[int]) -> Iterator[None]:
    """Processes that are started within run on these cores with all their threads."""
    mine = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, mine)


def _cpu(replicas: list[FacadeProcess]) -> float:
    """Processor seconds they have used. Source: proc_pid_stat(5), utime and stime."""
    stats = [Path(f"/proc/{one.process.pid}/stat").read_text() for one in replicas]
    fields = [text.rpartition(")")[2].split() for text in stats]
    return sum(int(one[11]) + int(one[12]) for one in fields) / _TICKS


def _rss(replica: FacadeProcess) -> float:
    text = Path(f"/proc/{replica.process.pid}/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0]) / 1024


def _print(name: str, load: Load) -> None:
    times = sorted(load.times)
    cuts = statistics.quantiles(times, n=100)
    print(
        f"{name:28} {len(times) / load.seconds:7.0f}/s  {len(times) / load.cpu:7.0f}/CPU s"
        f"  p50 {cuts[49] * 1000:6.1f} ms  p99 {cuts[98] * 1000:6.1f} ms"
        f"  max {times[-1] * 1000:6.1f} ms",
        flush=True,
    )


if __name__ == "__main__":
    main()
