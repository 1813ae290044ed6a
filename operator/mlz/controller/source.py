"""
The event source: kopf as a shell, and nothing of kopf but its watching.

kopf runs in a thread and an event loop of its own, because it cancels foreign tasks when it ends,
and a supervisor starts it again, because some answers of an API server end it. Its handlers only
hand the object on: kopf never retries them. Annotations, finalizers, progress and peering of kopf
are off. Lost deletions (kopf does not tell of what vanished during a re-list) are the auditor's.
"""

import asyncio
import logging
import random
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import kopf

from mlz.api.names import FIELD_MANAGER, LABEL_MANAGED_BY
from mlz.cluster import kinds

_log = logging.getLogger(__name__)

Sink = Callable[[str | None, Mapping[str, Any]], None]

_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_RESTART_SECONDS = 1.0
CHILD_SELECTOR = f"{LABEL_MANAGED_BY}={FIELD_MANAGER}"


class Source:
    """
    Watches everything in ``kinds.WATCHED`` and hands each event to the sink.

    Args:
        sink: called in kopf's thread with the event's type (None for the initial list) and object.
        namespaces: the namespaces to watch; none means all.
        restarted: called each time kopf had to be started again.
    """

    def __init__(
        self, sink: Sink, namespaces: tuple[str, ...], restarted: Callable[[], None]
    ) -> None:
        self._sink = sink
        self._namespaces = namespaces
        self._restarted = restarted
        self._thread = threading.Thread(target=self._supervise, name="source", daemon=True)
        self._stopping = threading.Event()
        self._stop: Callable[[], object] | None = None

    def start(self) -> None:
        """Start watching."""
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """End watching, waiting no longer than this."""
        self._stopping.set()
        if self._stop is not None:
            self._stop()
        self._thread.join(seconds)

    def restart(self) -> None:
        """End the watch streams; the supervisor starts new ones."""
        if self._stop is not None:
            self._stop()

    def is_alive(self) -> bool:
        """Whether the supervisor lives."""
        return self._thread.is_alive()

    def _supervise(self) -> None:
        while not self._stopping.is_set():
            try:
                asyncio.run(self._run())
            except Exception as error:  # noqa: BLE001 - the outermost edge of kopf's thread
                _log.warning("event source ended", extra={"cause": repr(error)})
            self._stop = None
            if not self._stopping.wait(_RESTART_SECONDS):
                self._restarted()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        self._stop = lambda: loop.call_soon_threadsafe(stop.set)
        await kopf.operator(
            registry=_registry(self._sink),
            settings=_settings(),
            standalone=True,
            clusterwide=not self._namespaces,
            namespaces=self._namespaces,
            stop_flag=stop,
        )


def _registry(sink: Sink) -> kopf.OperatorRegistry:
    registry = kopf.OperatorRegistry()
    kopf.on.login(registry=registry)(_login)
    for kind in kinds.WATCHED:
        kopf.on.event(
            group=kind.group,
            version=kind.version,
            plural=kind.plural,
            id=kind.plural,
            registry=registry,
        )(_handler(sink, kind))
    return registry


def _handler(sink: Sink, kind: kinds.Kind) -> Callable[..., Awaitable[None]]:
    async def handle(event: Mapping[str, Any], **_: Any) -> None:
        body = event["object"]
        sink(event.get("type"), {**body, "kind": kind.kind, "apiVersion": kind.api_version})

    return handle


def _settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.persistence.diffbase_storage = _NoDiffBase()
    settings.persistence.progress_storage = _NoProgress()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.queueing.idle_timeout = 1
    settings.queueing.exit_timeout = 0.5
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 5
    settings.networking.error_backoffs = _Backoffs()
    settings.watching.server_timeout = 290
    settings.watching.client_timeout = 310
    settings.watching.connect_timeout = 5
    for kind in kinds.CHILDREN:
        settings.watching.label_selectors[kind.group, kind.version, kind.plural] = CHILD_SELECTOR
    return settings


class _Backoffs:
    """Never-ending, capped, jittered: a finite list ends kopf with the API server's outage."""

    def __iter__(self) -> Iterator[float]:
        seconds = 0.5
        while True:
            yield seconds * random.uniform(0.8, 1.2)  # noqa: S311 - jitter, no secret
            seconds = min(seconds * 2, 15.0)


class _NoDiffBase(kopf.DiffBaseStorage):  # type: ignore[misc]  # kopf is untyped to us
    """Keeps nothing: otherwise kopf copies and compares every object on every event."""

    def build(self, **_: Any) -> Any:
        """No essence."""
        return {}

    def fetch(self, **_: Any) -> None:
        """Nothing is kept."""

    def store(self, **_: Any) -> None:
        """Nothing is kept."""


class _NoProgress(kopf.ProgressStorage):  # type: ignore[misc]  # kopf is untyped to us
    """Keeps nothing: no handler of ours has progress."""

    def fetch(self, **_: Any) -> None:
        """Nothing is kept."""

    def store(self, **_: Any) -> None:
        """Nothing is kept."""

    def purge(self, **_: Any) -> None:
        """Nothing is kept."""

    def touch(self, **_: Any) -> None:
        """Nothing is kept."""

    def clear(self, *, essence: Any) -> Any:
        """Nothing of ours is in it."""
        return essence


async def _login(**options: Any) -> kopf.ConnectionInfo | kopf.AiohttpSession | None:
    """In a pod with a token that is read again as it rotates, elsewhere by kubeconfig."""
    if not (_ACCOUNT / "token").exists():
        return kopf.login_with_kubeconfig(**options)
    context = ssl.create_default_context(cafile=str(_ACCOUNT / "ca.crt"))
    return kopf.AiohttpSession(
        server="https://kubernetes.default.svc",
        aiohttp_session=aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=context, limit=64), middlewares=(_authorize,)
        ),
    )


async def _authorize(
    request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Kubernetes writes a new token into the file long before the old one expires."""
    token = await asyncio.to_thread((_ACCOUNT / "token").read_text)
    request.headers["Authorization"] = f"Bearer {token.strip()}"
    return await send(request)
