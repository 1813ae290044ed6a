"""A cluster the user names: never the current context by accident, never changed by us."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from cluster.clients import ensure_clients
from cluster.errors import ClusterError
from cluster.places import Outputs, replace_text
from cluster.progress import say
from cluster.run import output_of, succeeds


class Named:
    """One context of the user's kubeconfig."""

    def __init__(self, outputs: Outputs, environ: Mapping[str, str], context: str) -> None:
        self._outputs = outputs
        self._environ = environ
        self._context = context

    def up(self) -> None:
        """
        Copy the context, alone, to ``build/kubeconfig``.

        Raises:
            ClusterError: there is no such context, or its cluster does not answer.
        """
        ensure_clients(self._outputs, self._environ)
        view = ["config", "view", "--raw", "--minify", "--flatten", f"--context={self._context}"]
        text = output_of([str(self._kubectl), *view], environ=self._environ)
        replace_text(self._outputs.kubeconfig, text, mode=0o600)
        if not self._answers():
            raise ClusterError(
                f"The cluster of context '{self._context}' does not answer. "
                f"Try: kubectl --context {self._context} version"
            )
        say(f"✓ Context '{self._context}'")

    def down(self, *, force: bool) -> None:
        """Forget the context; the cluster is the user's and stays (``force`` or not)."""
        del force
        self._outputs.kubeconfig.unlink(missing_ok=True)
        say(f"✓ Context '{self._context}' is forgotten; its cluster was left as it is")

    def load(self, archives: Sequence[Path]) -> None:
        """
        Refuse: there is no way into the nodes of a cluster that is not ours.

        Raises:
            ClusterError: always.
        """
        names = ", ".join(archive.name for archive in archives)
        raise ClusterError(
            f"Images cannot be loaded into context '{self._context}': push {names} to a registry "
            "that its nodes pull from."
        )

    def report(self) -> bool:
        """Print whether the cluster answers."""
        well = self._answers()
        say(f"  context '{self._context}': {'answers' if well else 'does not answer'}")
        return well

    def _answers(self) -> bool:
        kubeconfig = ["--kubeconfig", str(self._outputs.kubeconfig)]
        limit = "--request-timeout=15s"
        return succeeds([str(self._kubectl), *kubeconfig, limit, "get", "--raw", "/version"])

    @property
    def _kubectl(self) -> Path:
        return self._outputs.binaries / "kubectl"
