"""
The life of the facade's process: listen, answer, and end without breaking off what is under way.

A certificate that is renewed in its folder is taken up without a restart.
"""

import asyncio
import logging
import signal
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import uvicorn
import uvloop
from prometheus_client import start_http_server
from starlette.types import ASGIApp

from mlz.errors import Reason, RejectedError
from mlz.rest.metrics import Metrics
from mlz.settings import RestSettings

log = logging.getLogger(__name__)

# Endpoints still name a pod that is leaving, so it goes on answering for a moment.
_LEAVING_SECONDS = 3
_CERTIFICATE_SECONDS = 30
_BACKLOG = 1024


@dataclass(frozen=True, slots=True)
class Certificate:
    """Where certificate and key are; a mounted Secret."""

    folder: Path

    @property
    def stamp(self) -> float:
        """Changes when they are renewed."""
        return (self.folder / "tls.crt").stat().st_mtime

    def into(self, context: ssl.SSLContext) -> None:
        """Load both; connections made from now on have them."""
        context.load_cert_chain(self.folder / "tls.crt", self.folder / "tls.key")


class Server(uvicorn.Server):
    """uvicorn that leaves as a pod has to: ready off, a pause, then the rest."""

    def __init__(self, config: uvicorn.Config, leaving: Callable[[], None]) -> None:
        super().__init__(config)
        self._leaving = leaving
        self._told = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's
        """SIGTERM starts the leave; a second signal, or SIGINT, ends it."""
        if sig == signal.SIGTERM and not self._told:
            self._told = True
            self._leaving()
            asyncio.get_running_loop().call_later(_LEAVING_SECONDS, self._stop)
        else:
            self._stop()

    def _stop(self) -> None:
        self.should_exit = True


def run(app: ASGIApp, settings: RestSettings, metrics: Metrics, leaving: Callable[[], None]) -> int:
    """
    Serve until SIGTERM.

    Args:
        leaving: called when the process is told to end, while it still answers.

    Raises:
        RejectedError: the certificate cannot be read.
    """
    certificate = Certificate(Path(settings.tls_folder)) if settings.tls_folder else None
    context = _context(certificate) if certificate is not None else None
    start_http_server(settings.metrics_port, registry=metrics.registry)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        ws="none",
        backlog=_BACKLOG,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies or None,
        timeout_graceful_shutdown=round(settings.wait_seconds) + 10,
        timeout_keep_alive=30,
        ssl_context_factory=None if context is None else lambda *_: context,
    )
    server = Server(config, leaving)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        renewal = None
        if context is not None and certificate is not None:
            renewal = runner.get_loop().create_task(_renewed(context, certificate))
        runner.run(server.serve())
        if renewal is not None:
            renewal.cancel()
    return 0


async def _renewed(context: ssl.SSLContext, certificate: Certificate) -> None:
    """Take up new certificates; a broken one is told, and the old one goes on."""
    known = certificate.stamp
    while True:
        await asyncio.sleep(_CERTIFICATE_SECONDS)
        try:
            if certificate.stamp != known:
                certificate.into(context)
                known = certificate.stamp
                log.info("certificate renewed")
        except (OSError, ssl.SSLError) as error:
            log.warning("the new certificate cannot be used", extra={"cause": str(error)})


def _context(certificate: Certificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        certificate.into(context)
    except (OSError, ssl.SSLError) as error:
        raise RejectedError(
            Reason.INVALID_SPEC,
            f"tls.crt and tls.key in {certificate.folder} cannot be used: {error}; "
            "mount a Secret of type kubernetes.io/tls there",
        ) from error
    return context
