"""Where everything is kept: in the checkout, in the user's cache, and on the machine."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
SOURCES = Path(__file__).resolve().parent

# One node a machine: a bridge, iptables chains and a pod network belong to the whole of it.
NODE_STATE = Path("/var/lib/mlz-cluster")
NODE_RUN = Path("/run/mlz-cluster")
NODE_LOCK = Path("/run/mlz-cluster.lock")


@dataclass(frozen=True, slots=True)
class Outputs:
    """What a checkout has once a cluster is up, whichever way it came; git ignores ``build/``."""

    checkout: Path = CHECKOUT

    @property
    def build(self) -> Path:
        """The folder of everything made."""
        return self.checkout / "build"

    @property
    def kubeconfig(self) -> Path:
        """Administrator access to the cluster."""
        return self.build / "kubeconfig"

    @property
    def binaries(self) -> Path:
        """``kubectl`` and ``helm``, as links."""
        return self.build / "bin"

    @property
    def way(self) -> Path:
        """Remembers which way the cluster came (see ``commands``)."""
        return self.build / "cluster" / "way"

    @property
    def logs(self) -> Path:
        """A link to the single node's logs, ``audit.log`` among them."""
        return self.build / "cluster" / "logs"


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Built programs, shared by all checkouts: ``${XDG_CACHE_HOME:-~/.cache}/mlz``."""
    base = environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "mlz"


def replace_text(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file whole or not at all, even when interrupted."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(text)
    fresh.chmod(mode)
    fresh.replace(path)


def replace_link(link: Path, target: Path) -> None:
    """Point a symbolic link at the target, whatever was there before."""
    link.parent.mkdir(parents=True, exist_ok=True)
    fresh = link.with_name(link.name + ".new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(link)
