"""What scoring's tests share: schemas, an engine without a library, a live server, raw HTTP."""

import asyncio
import json
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvloop

from mlz.model.asset import Asset, EngineType
from mlz.model.schema import FieldType, InputField, OutputField, Schema
from mlz.scoring.connections import HttpLimits
from mlz.scoring.dataplane import Worker
from mlz.scoring.doors import RecordsDoor
from mlz.scoring.engines.base import Engine, Row, Scores
from mlz.scoring.oip import InferDoor
from mlz.scoring.problems import RequestError
from mlz.scoring.runtime import Runtime
from mlz.scoring.server import Process
from mlz.scoring.tensors import Mismatches
from mlz.scoring.validation import compile_reader
from mlz.settings import EngineSettings

DIGEST = "sha256:" + "ab" * 32
DEADLINE = 20.0
JSON_TYPE = ("content-type", "application/json")


def a_field(name: str = "x", **overrides: Any) -> InputField:
    return InputField(**{"name": name, "type": FieldType.DOUBLE, "shape": ()} | overrides)


def an_asset(
    *inputs: InputField, engine_type: EngineType = EngineType.XGBOOST, **overrides: Any
) -> Asset:
    schema = Schema(
        inputs=inputs or (a_field("x"),),
        outputs=(OutputField(name="sum", type=FieldType.DOUBLE, shape=()),),
    )
    return Asset(
        **{
            "digest": DIGEST,
            "size_bytes": 1,
            "engine_type": engine_type,
            "model_file": "content/model",
            "model_schema": schema,
        }
        | overrides
    )


@dataclass
class Adder:
    """Answers the sum of a row; notes how many rows each call had. ``gate`` holds calls back."""

    merges: bool = True
    exact: bool = True
    warm_after: int = 3
    calls: list[int] = field(default_factory=list)
    gate: threading.Event | None = None
    entered: threading.Event = field(default_factory=threading.Event)

    def score(self, rows: Sequence[Row]) -> Scores:
        self.calls.append(len(rows))
        self.entered.set()
        if self.gate is not None and not self.gate.wait(DEADLINE):
            raise TimeoutError("nobody opened the gate")
        sums = [sum(value for value in row if isinstance(value, int | float)) for row in rows]
        bad = {number: "sum" for number, one in enumerate(sums) if one == 666}
        return Scores([{"sum": one} for one in sums], bad)

    def close(self) -> None:
        pass


def refusal_of(call: Callable[[], object]) -> RequestError | Mismatches | None:
    """Our error where a call raises one; any other error is a failed test."""
    try:
        call()
    except (RequestError, Mismatches) as refused:
        return refused
    return None


def a_runtime(
    engine: Engine, asset: Asset, settings: EngineSettings, seconds: float = 0.0001
) -> Runtime:
    reader = compile_reader(asset.model_schema, asset.engine_type)
    return Runtime(
        asset,
        engine,
        seconds,
        RecordsDoor(asset, reader, settings),
        InferDoor(asset, reader, settings),
    )


def some_settings(**overrides: Any) -> EngineSettings:
    return EngineSettings(
        **{
            "host": "127.0.0.1",
            "port": 0,
            "model_name": "m",
            "deployment_guid": "g",
            "serving_id": "adder",
            "drain_delay_seconds": 0,
        }
        | overrides
    )


@dataclass
class Live:
    """A server that runs in a thread of its own."""

    port: int
    loop: asyncio.AbstractEventLoop
    stop: asyncio.Event
    thread: threading.Thread

    def begin_to_stop(self) -> None:
        self.loop.call_soon_threadsafe(self.stop.set)

    def finish(self) -> None:
        self.thread.join(DEADLINE)
        assert not self.thread.is_alive(), "the server did not end"


class _Host:
    """Runs a process's server in a thread; an error of it is kept for the test."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.known = threading.Event()
        self.port = 0
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._run, daemon=True)

    async def _main(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.stop = asyncio.Event()
        await self._process.run(self._announce, self.stop)

    def _announce(self, host: str, port: int) -> None:
        self.port = port
        self.known.set()

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self._main())
        except Exception as error:  # noqa: BLE001 - raised again in the test's thread
            self.error = error
        finally:
            self.known.set()


@contextmanager
def serving(process: Process) -> Iterator[Live]:
    """Run a process's server until the block ends."""
    host = _Host(process)
    host.thread.start()
    assert host.known.wait(DEADLINE), "the server did not become ready"
    if host.error is not None:
        raise host.error
    live = Live(host.port, host.loop, host.stop, host.thread)
    try:
        yield live
    finally:
        if host.thread.is_alive():
            live.begin_to_stop()
            live.finish()


@contextmanager
def serving_adder(
    engine: Engine | None = None,
    asset: Asset | None = None,
    limits: HttpLimits | None = None,
    seconds: float = 0.0001,
    **overrides: Any,
) -> Iterator[Live]:
    settings = some_settings(**overrides)
    runtime = a_runtime(engine or Adder(), asset or an_asset(), settings, seconds)
    with serving(Process(settings, at_once(runtime), limits)) as live:
        yield live


def at_once(runtime: Runtime) -> Callable[[Worker], Awaitable[Runtime]]:
    async def load(worker: Worker) -> Runtime:
        return runtime

    return load


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """One connection, byte by byte."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), DEADLINE)
        self._file = self.socket.makefile("rb")

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def read(self, *, bodiless: bool = False) -> Answer:
        """The next answer; an empty status line means that the server has closed."""
        line = self._file.readline()
        if not line:
            raise EOFError
        status = int(line.split()[1])
        headers: dict[str, str] = {}
        while (line := self._file.readline()) not in (b"\r\n", b""):
            name, value = line.decode().split(":", 1)
            headers[name.lower()] = value.strip()
        if status == 100:
            return Answer(status, headers, b"")
        length = 0 if bodiless else int(headers["content-length"])
        return Answer(status, headers, self._file.read(length))

    def is_closed(self) -> bool:
        """Wait for the server to close."""
        return self._file.read(1) == b""

    def ask(self, *args: Any, **kwargs: Any) -> Answer:
        self.send(request(*args, **kwargs))
        return self.read()


def request(
    path: str = "/iml/v2/scoring/online/g",
    body: object = None,
    *,
    method: str | None = None,
    headers: Sequence[tuple[str, str]] = (JSON_TYPE,),
) -> bytes:
    """A whole request; ``body`` is bytes or something for JSON."""
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    verb = method or ("GET" if body is None else "POST")
    lines = [f"{verb} {path} HTTP/1.1", "Host: test", *(f"{k}: {v}" for k, v in headers)]
    if body is not None:
        lines.append(f"Content-Length: {len(raw)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + raw


def ask(port: int, *args: Any, **kwargs: Any) -> Answer:
    """One request on a connection of its own."""
    with Client(port) as client:
        return client.ask(*args, **kwargs)
