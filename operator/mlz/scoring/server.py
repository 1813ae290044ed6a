"""
The life of a scoring process: listen, load, be ready, drain, end.

It listens before it loads, so that liveness answers from the start and readiness tells the truth.
"""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop

from mlz.errors import Reason, RejectedError
from mlz.scoring.connections import Connections, HttpLimits
from mlz.scoring.dataplane import WORKER_THREAD, Dataplane, PlaneLimits, Worker
from mlz.scoring.http_api import Api
from mlz.scoring.machine import Machine
from mlz.scoring.protocol import Connection
from mlz.scoring.runtime import Runtime, load_model, warmed_up
from mlz.scoring.scorer import CHUNK_ROWS, Scorer
from mlz.scoring.service import Service
from mlz.scoring.wire import date_line
from mlz.settings import EngineSettings

if TYPE_CHECKING:
    from mlz.scoring.authentication import Guard

log = logging.getLogger(__name__)

# A model that takes longer is scored in the worker thread, so that the loop stays free.
_QUICK_SECONDS = 0.001
# A call of the library should take no longer, so that one that lasts minutes is known to be stuck.
_CHUNK_SECONDS = 10
# How long nobody must have asked before a pod closes its port.
_QUIET_SECONDS = 1.0
_SWEEP_SECONDS = 0.5
_BACKLOG = 1024
_SIGNALS = (signal.SIGTERM, signal.SIGINT)

Announce = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Started:
    """A listening server and what belongs to it."""

    server: asyncio.Server
    group: Connections
    service: Service

    @property
    def port(self) -> int:
        """The port that was really taken."""
        port: int = self.server.sockets[0].getsockname()[1]
        return port


def serve(settings: EngineSettings, machine: Machine, announce: Announce) -> None:
    """
    Serve until a signal comes, then drain.

    Args:
        announce: called with host and port once the model is ready.

    Raises:
        RejectedError: the port cannot be had, or the asset cannot be served.
    """

    async def load_for_good(worker: Worker) -> Runtime:
        runtime = await load(worker, settings, machine)
        # Libraries and a model are 50,000 objects and more that stay. The garbage collector
        # would look at all of them now and then, and callers would wait 30 ms for it.
        gc.collect()
        gc.freeze()
        return runtime

    async def until_signal() -> None:
        stop = asyncio.Event()
        for number in _SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        process = Process(settings, load_for_good)
        await process.run(announce, stop)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(until_signal())


def leave(status: int) -> int:
    """
    The exit status; or the end of the process at once, where a library's call does not return.

    Python's own way out crashes in a thread that comes back from such a call.
    """
    if any(thread.name == WORKER_THREAD for thread in threading.enumerate()):
        logging.shutdown()
        os._exit(status)
    return status


@dataclass(frozen=True, slots=True)
class Process:
    """
    One scoring process.

    Args:
        load: makes the runtime, in the worker's thread where it blocks.
        limits: of connections; absent means those of the settings.
    """

    settings: EngineSettings
    load: Callable[[Worker], Awaitable[Runtime]]
    limits: HttpLimits | None = None

    async def run(self, announce: Announce, stop: asyncio.Event) -> None:
        """
        Listen, load, be ready until ``stop`` is set, drain.

        Raises:
            RejectedError: the port cannot be had, or the asset cannot be served.
        """
        settings = self.settings
        started = await listen(settings, self.limits)
        worker = Worker(started.group.loop)
        sweeper = asyncio.create_task(_sweep(started))
        runtime = None
        try:
            runtime = await _unless(stop, self.load(worker))
            if runtime is not None:
                open_for_scoring(started, runtime, worker, settings)
                announce(settings.host, started.port)
                await stop.wait()
                await drain(started, settings)
        finally:
            sweeper.cancel()
            started.server.close()
            if runtime is not None:
                runtime.engine.close()
            worker.stop()
            started.group.abort()
            # The loop closes its sockets a turn later; left open they would keep it from closing.
            await asyncio.sleep(0)


async def listen(settings: EngineSettings, limits: HttpLimits | None = None) -> Started:
    """
    Listen; nothing is loaded yet.

    Raises:
        RejectedError: the port cannot be had.
    """
    loop = asyncio.get_running_loop()
    ids = tuple(name for name in (settings.deployment_guid, settings.serving_id) if name)
    service = Service(settings.model_name, ids, guard=_guard(settings))
    service.look_after()
    limits = limits or HttpLimits(settings.max_body_bytes, settings.body_timeout_seconds)
    group = Connections(Api(service), limits, loop)
    _refresh_headers(group)
    try:
        server = await loop.create_server(
            lambda: Connection(group), settings.host, settings.port, backlog=_BACKLOG
        )
    except OSError as error:
        text = f"cannot listen on {settings.host} port {settings.port}: {error.strerror or error}"
        raise RejectedError(Reason.INVALID_SPEC, f"{text}; choose another port") from error
    return Started(server, group, service)


def open_for_scoring(
    started: Started, runtime: Runtime, worker: Worker, settings: EngineSettings
) -> None:
    """From now on the model answers."""
    timeout = None if settings.timeout_in_ms is None else settings.timeout_in_ms / 1000
    limits = PlaneLimits(
        settings.queue_limit,
        timeout,
        quick=timeout is None and runtime.seconds_a_record < _QUICK_SECONDS,
        stuck_call_seconds=settings.stuck_call_seconds,
    )
    chunk_rows = max(1, min(CHUNK_ROWS, int(_CHUNK_SECONDS / runtime.seconds_a_record)))
    plane = Dataplane(started.group.loop, Scorer(runtime.engine, chunk_rows), worker, limits)
    started.service.start(runtime, plane)
    _refresh_headers(started.group)
    log.info(
        "ready",
        extra={
            "digest": runtime.asset.digest,
            "engineType": runtime.asset.engine_type.value,
            "microsecondsARecord": round(runtime.seconds_a_record * 1e6),
        },
    )


async def drain(started: Started, settings: EngineSettings) -> None:
    """
    Leave without losing a request: unready but serving, then closed to new ones, then done.

    Answers say that their connection closes, so that clients go elsewhere of their own accord.
    """
    started.service.ready = False
    started.service.draining = True
    started.group.say_goodbye()
    log.info("draining", extra={"seconds": settings.drain_delay_seconds})
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(settings.drain_delay_seconds + settings.drain_timeout_seconds):
            await _nobody_comes(started.group.api, settings.drain_delay_seconds)
            started.server.close()
            started.group.close_idle()
            if started.group.members:
                await started.group.empty.wait()
    log.info("drained", extra={"unanswered": started.group.busy})


def _guard(settings: EngineSettings) -> "Guard | None":
    if settings.authentication == "None":
        return None
    # Cryptography that nobody else needs: 8 MB, and a moment of every start.
    from mlz.scoring.authentication import Guard

    return Guard(Path(settings.trust_file), time.time)


async def _nobody_comes(api: Api, seconds: float) -> None:
    """
    So many seconds have passed, and in the last of them nobody asked for a score.

    On a node with much to do it takes longer until no endpoint names this pod any more.
    """
    last = min(seconds, _QUIET_SECONDS)
    await asyncio.sleep(seconds - last)
    asked = -1
    while asked != api.scores_asked:
        asked = api.scores_asked
        await asyncio.sleep(last)


async def load(worker: Worker, settings: EngineSettings, machine: Machine) -> Runtime:
    """
    The model of the settings, loaded and warm.

    Raises:
        RejectedError: it cannot be served.
    """
    loaded = await worker.call(lambda: load_model(settings, machine))
    limit = settings.warm_up_timeout_seconds
    try:
        async with asyncio.timeout(limit):
            return await worker.call(lambda: warmed_up(loaded))
    except TimeoutError as error:
        loaded.engine.close()
        text = f"the first score took longer than {limit:g} s"
        raise RejectedError(Reason.WARM_UP_FAILED, text) from error


async def _unless(stop: asyncio.Event, loading: Awaitable[Runtime]) -> Runtime | None:
    """The loaded model, or None where a signal came first."""
    task = asyncio.ensure_future(loading)
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((task, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if task.done():
        return task.result()
    task.cancel()
    return None


async def _sweep(started: Started) -> None:
    while True:
        started.group.sweep()
        started.service.look_after()
        _refresh_headers(started.group)
        await asyncio.sleep(_SWEEP_SECONDS)


def _refresh_headers(group: Connections) -> None:
    """Lines of every answer: the date, and from readiness on what is served."""
    digest = group.api.service.digest
    line = f"mlz-asset-digest: {digest}\r\n".encode() if digest else b""
    group.common_headers = date_line(time.time()) + line
