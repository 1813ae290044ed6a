"""
The life of a scoring process: listen, load, be ready, drain, end.

It listens before it loads, so that liveness answers from the start and readiness tells the truth.
"""

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

import uvloop

from mlz.errors import Reason, RejectedError
from mlz.scoring.connections import Connections, HttpLimits
from mlz.scoring.dataplane import Dataplane, PlaneLimits, Worker
from mlz.scoring.http_api import Api
from mlz.scoring.machine import Machine
from mlz.scoring.protocol import Connection
from mlz.scoring.runtime import Runtime, load_model, warmed_up
from mlz.scoring.scorer import Scorer
from mlz.scoring.service import Service
from mlz.scoring.wire import date_line
from mlz.settings import EngineSettings

log = logging.getLogger(__name__)

# A model that takes longer is scored in the worker thread, so that the loop stays free.
_QUICK_SECONDS = 0.001
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


def serve(settings: EngineSettings, machine: Machine, announce: Announce) -> None:
    """
    Serve until a signal comes, then drain.

    Args:
        announce: called with host and port once the model is ready.

    Raises:
        RejectedError: the port cannot be had, or the asset cannot be served.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, machine, announce))


async def _serve(settings: EngineSettings, machine: Machine, announce: Announce) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in _SIGNALS:
        loop.add_signal_handler(number, stop.set)
    started = await start(settings)
    worker = Worker(loop)
    sweeper = asyncio.create_task(_sweep(started.group))
    try:
        runtime = await _loaded(worker, settings, machine, stop)
        if runtime is not None:
            open_for_scoring(started, runtime, worker, settings)
            announce(settings.host, started.server.sockets[0].getsockname()[1])
            await stop.wait()
            await drain(started, settings)
    finally:
        sweeper.cancel()
        started.server.close()
        worker.stop()


async def start(settings: EngineSettings) -> Started:
    """
    Listen; nothing is loaded yet.

    Raises:
        RejectedError: the port cannot be had.
    """
    loop = asyncio.get_running_loop()
    ids = tuple(name for name in (settings.deployment_guid, settings.serving_id) if name)
    service = Service(settings.model_name, ids)
    limits = HttpLimits(settings.max_body_bytes, settings.body_timeout_seconds)
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
    )
    plane = Dataplane(started.group.loop, Scorer(runtime.engine), worker, limits)
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
    """
    started.service.ready = False
    started.service.draining = True
    log.info("draining", extra={"seconds": settings.drain_delay_seconds})
    await asyncio.sleep(settings.drain_delay_seconds)
    started.server.close()
    started.group.close_when_idle()
    if not started.group.members:
        return
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(settings.drain_timeout_seconds):
            await started.group.empty.wait()
    log.info("drained", extra={"unanswered": started.group.busy})


async def _loaded(
    worker: Worker, settings: EngineSettings, machine: Machine, stop: asyncio.Event
) -> Runtime | None:
    """The model, loaded and warm, or None where a signal came first."""
    loading = asyncio.create_task(_load(worker, settings, machine))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((loading, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if loading.done():
        return loading.result()
    loading.cancel()
    return None


async def _load(worker: Worker, settings: EngineSettings, machine: Machine) -> Runtime:
    loaded = await worker.call(lambda: load_model(settings, machine))
    limit = settings.warm_up_timeout_seconds
    try:
        async with asyncio.timeout(limit):
            return await worker.call(lambda: warmed_up(loaded))
    except TimeoutError as error:
        raise RejectedError(
            Reason.WARM_UP_FAILED, f"the first score took longer than {limit:g} s"
        ) from error


async def _sweep(group: Connections) -> None:
    while True:
        group.sweep()
        _refresh_headers(group)
        await asyncio.sleep(_SWEEP_SECONDS)


def _refresh_headers(group: Connections) -> None:
    """Lines of every answer: the date, and from readiness on what is served."""
    digest = group.api.service.digest
    line = f"mlz-asset-digest: {digest}\r\n".encode() if digest else b""
    group.common_headers = date_line(time.time()) + line
