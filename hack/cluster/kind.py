"""The cluster where a Docker engine is: kind, under the name ``mlz``."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from cluster import ownership
from cluster.binaries import Binaries
from cluster.clients import ensure_clients
from cluster.places import Outputs, cache_folder
from cluster.progress import Step, say
from cluster.run import output_of, succeeds

NAME = "mlz"
WAIT = "180s"


def docker_answers() -> bool:
    """Whether a Docker engine runs and lets us use it."""
    return succeeds(["docker", "info"])


class Kind:
    """The kind cluster of this machine, worked on by one checkout."""

    def __init__(self, outputs: Outputs, environ: Mapping[str, str]) -> None:
        self._outputs = outputs
        self._environ = environ
        self._binaries = Binaries(cache_folder(environ), environ)
        self._owner = cache_folder(environ) / "kind-owner"

    def up(self) -> None:
        """Create the cluster, or find it again."""
        if self._exists():
            ownership.require_ours(self._owner, self._outputs.checkout)
        ensure_clients(self._outputs, self._environ)
        ownership.claim(self._owner, self._outputs.checkout)
        self._outputs.build.mkdir(parents=True, exist_ok=True)
        with Step("kind cluster 'mlz' (the first time Docker pulls its image)"):
            if not self._is_usable():
                self._kind("delete", "cluster", *self._kubeconfig())  # of a start that was cut off
                self._kind("create", "cluster", "--wait", WAIT, *self._kubeconfig())

    def down(self, *, force: bool) -> None:
        """Delete the cluster, if ours or forced."""
        if not force:
            ownership.require_ours(self._owner, self._outputs.checkout)
        with Step("Deleting the kind cluster 'mlz'"):
            self._kind("delete", "cluster", *self._kubeconfig())
        self._owner.unlink(missing_ok=True)
        self._outputs.kubeconfig.unlink(missing_ok=True)

    def load(self, archives: Sequence[Path]) -> None:
        """Import image archives; kind skips what its nodes have."""
        for archive in archives:
            with Step(f"Loading {archive.name}"):
                self._kind("load", "image-archive", str(archive), "--name", NAME)

    def report(self) -> bool:
        """Print whether the cluster is there and answers."""
        usable = self._is_usable()
        say(f"  kind cluster '{NAME}': {'ready' if usable else 'not ready'}")
        return usable

    def _is_usable(self) -> bool:
        if not self._exists():
            return False
        self._kind("export", "kubeconfig", *self._kubeconfig())
        kubectl = [str(self._outputs.binaries / "kubectl"), "--kubeconfig"]
        kubectl += [str(self._outputs.kubeconfig), "--request-timeout=10s"]
        return succeeds([*kubectl, "get", "--raw", "/readyz"])

    def _exists(self) -> bool:
        return NAME in self._kind("get", "clusters").split()

    def _kubeconfig(self) -> list[str]:
        return ["--name", NAME, "--kubeconfig", str(self._outputs.kubeconfig)]

    def _kind(self, *arguments: str) -> str:
        program = shutil.which("kind")
        if program is None:
            self._binaries.ensure(["kind"])
            program = str(self._binaries.path("kind"))
        return output_of([program, *arguments])
