"""
A control plane without a node, for tests: an API server and its controllers, ready in seconds.

Used by pytest fixtures, with ``hack/`` on ``sys.path``::

    from cluster.controlplane import ControlPlane

    with ControlPlane(os.environ).running(tmp_path) as plane:
        ...  # plane.kubeconfig, plane.server, plane.audit_log

Nothing runs pods: a Deployment gets its ReplicaSet and Pods, and they stay Pending.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from cluster.binaries import CONTROL_PLANE, Binaries
from cluster.errors import ClusterError
from cluster.places import cache_folder
from cluster.plane import Plane, PlaneSettings, Ports
from cluster.ports import random_free
from cluster.processes import ENDING_WITH_US, Processes


class ControlPlane:
    """One control plane on random loopback ports, with its own authority and audit log."""

    def __init__(self, environ: Mapping[str, str], apiserver_flags: Sequence[str] = ()) -> None:
        """``apiserver_flags`` are added to ours and win over them."""
        self._environ = environ
        self._apiserver_flags = tuple(apiserver_flags)
        self._plane: Plane | None = None
        self._processes: Processes | None = None

    @property
    def kubeconfig(self) -> Path:
        """Administrator access."""
        return self._started.settings.kubeconfig("admin")

    @property
    def server(self) -> str:
        """The URL of the API server."""
        return self._started.settings.server

    @property
    def audit_log(self) -> Path:
        """One JSON object a line for each answered request, level Metadata, with its user."""
        return self._started.settings.audit_log

    @property
    def processes(self) -> Processes:
        """For tests that end or freeze a program; names are those of ``Plane.NAMES``."""
        if self._processes is None:
            raise ClusterError("this control plane was not started: call start(folder) first.")
        return self._processes

    def start(self, folder: Path) -> Self:
        """
        Start everything below an empty folder and wait until it answers.

        Programs never built before are built first: minutes (``python3 hack/cluster build``).
        They end with the calling thread, so call it from one that stays.
        """
        binaries = Binaries(cache_folder(self._environ), self._environ)
        binaries.ensure(CONTROL_PLANE)
        settings = PlaneSettings(
            folder=folder,
            address="127.0.0.1",
            ports=Ports(*random_free(4)),
            publish_endpoint=False,
            apiserver_flags=self._apiserver_flags,
        )
        self._processes = Processes(folder, self._environ, ENDING_WITH_US)
        self._plane = Plane(settings, binaries.path, self._processes)
        self._plane.prepare()
        self.resume()
        return self

    def resume(self) -> None:
        """Start again what a test ended, with the same ports, keys and stored objects."""
        try:
            self._started.start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End everything; the folder stays, for whoever wants to read the logs."""
        if self._processes is not None:
            # Nothing is worth saving in a test's control plane: a short grace is enough.
            self._processes.stop(tuple(reversed(Plane.NAMES)), grace_seconds=2)

    @contextmanager
    def running(self, folder: Path | None = None) -> Iterator[Self]:
        """Run while the block runs; without a folder in a temporary one."""
        with tempfile.TemporaryDirectory(prefix="mlz-controlplane-") as temporary:
            try:
                yield self.start(folder or Path(temporary))
            finally:
                self.stop()

    @property
    def _started(self) -> Plane:
        if self._plane is None:
            raise ClusterError("this control plane was not started: call start(folder) first.")
        return self._plane
