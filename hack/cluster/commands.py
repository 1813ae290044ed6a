"""The commands of ``python3 hack/cluster``, and which way to a cluster they take."""

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from cluster.binaries import NODE, RECIPES, Binaries
from cluster.controlplane import ControlPlane
from cluster.errors import ClusterError
from cluster.kind import Kind, docker_answers
from cluster.named import Named
from cluster.node import Node
from cluster.places import Outputs, cache_folder, replace_text
from cluster.progress import elapsed_text, say

CONTEXT_PREFIX = "context "


class Way(Protocol):
    """What every kind of cluster can do."""

    def up(self) -> None: ...  # noqa: D102
    def down(self, *, force: bool) -> None: ...  # noqa: D102
    def load(self, archives: list[Path]) -> None: ...  # noqa: D102
    def report(self) -> bool: ...  # noqa: D102


def main(arguments: Sequence[str]) -> int:
    """Run one command; the exit code."""
    # Where `su` and cron leave these out, iptables and its like would seem not to be installed.
    os.environ["PATH"] = os.environ.get("PATH", os.defpath) + ":/usr/local/sbin:/usr/sbin:/sbin"
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except ClusterError as error:
        say(f"error: {error}")
        return 1
    except BrokenPipeError:  # whoever read us (head, less) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        say("\nInterrupted. The same command goes on from here; 'down' removes everything.")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 hack/cluster", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    up = commands.add_parser("up", help="start the cluster, or what of it does not run")
    up.add_argument("--context", help="use this context of your kubeconfig (or KUBE_CONTEXT)")
    up.set_defaults(command=_up)
    down = commands.add_parser("down", help="remove the cluster and all it left on the machine")
    down.add_argument("--force", action="store_true", help="even if another checkout owns it")
    down.set_defaults(command=_down)
    commands.add_parser("status", help="what runs, and how well").set_defaults(command=_status)
    load = commands.add_parser("load", help="put image archives (OCI or docker) into the cluster")
    load.add_argument("archives", nargs="+", type=Path, metavar="IMAGE_ARCHIVE")
    load.set_defaults(command=_load)
    build = commands.add_parser("build", help="build programs ahead (all of the node's)")
    build.add_argument("programs", nargs="*", choices=[[], *RECIPES], metavar="PROGRAM")
    build.set_defaults(command=_build)
    plane = commands.add_parser("controlplane", help="an API server without a node, until Ctrl-C")
    plane.add_argument("folder", nargs="?", type=Path, help="default: a temporary one")
    plane.set_defaults(command=_control_plane)
    return parser


def _up(options: argparse.Namespace) -> int:
    began = time.monotonic()
    outputs = Outputs()
    name = _chosen_way(outputs, options.context or os.environ.get("KUBE_CONTEXT"))
    _way(name, outputs, os.environ).up()
    replace_text(outputs.way, name)
    say(f"The cluster is up ({elapsed_text(time.monotonic() - began)}). Use it:")
    say(f"  export KUBECONFIG={outputs.kubeconfig} PATH={outputs.binaries}:$PATH")
    return 0


def _down(options: argparse.Namespace) -> int:
    outputs = Outputs()
    _way(_remembered_way(outputs) or _detected_way(), outputs, os.environ).down(force=options.force)
    outputs.way.unlink(missing_ok=True)
    return 0


def _status(options: argparse.Namespace) -> int:
    del options
    outputs = Outputs()
    name = _remembered_way(outputs) or _detected_way()
    say(f"Way: {name}\n  kubeconfig {outputs.kubeconfig}")
    return 0 if _way(name, outputs, os.environ).report() else 1


def _load(options: argparse.Namespace) -> int:
    outputs = Outputs()
    name = _remembered_way(outputs)
    if name is None:
        raise ClusterError("This checkout has no cluster to load into: python3 hack/cluster up")
    _way(name, outputs, os.environ).load(options.archives)
    return 0


def _build(options: argparse.Namespace) -> int:
    binaries = Binaries(cache_folder(os.environ), os.environ)
    names = options.programs or NODE
    binaries.ensure(names)
    say("\n".join(str(binaries.path(name)) for name in names))
    return 0


def _control_plane(options: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory(prefix="mlz-controlplane-") as temporary:
        with ControlPlane(os.environ).running(options.folder or Path(temporary)) as plane:
            say(f"✓ API server {plane.server}, until Ctrl-C. Use it:")
            say(f"  export KUBECONFIG={plane.kubeconfig}")
            while all(plane.processes.pid(name) for name in plane.processes.names()):
                time.sleep(1)
        raise ClusterError("A program of the control plane ended; its folder had the logs.")


def _chosen_way(outputs: Outputs, context: str | None) -> str:
    if context:
        return CONTEXT_PREFIX + context
    remembered = _remembered_way(outputs)
    if remembered is not None and not remembered.startswith(CONTEXT_PREFIX):
        return remembered
    return _detected_way()


def _remembered_way(outputs: Outputs) -> str | None:
    return outputs.way.read_text() if outputs.way.exists() else None


def _detected_way() -> str:
    if docker_answers():
        return "kind"
    if platform.system() == "Linux" and os.geteuid() == 0:
        return "node"
    raise ClusterError(
        "A cluster needs one of: a Docker engine that 'docker info' reaches (then kind is used); "
        "Linux and root (then a node is built from Go modules); or a cluster of yours: "
        "--context NAME. None was found: install and start Docker, or name a context."
    )


def _way(name: str, outputs: Outputs, environ: Mapping[str, str]) -> Way:
    if name == "kind":
        return Kind(outputs, environ)
    if name == "node":
        if os.geteuid() != 0:
            raise ClusterError("The single node needs root: run the same command with sudo.")
        return Node(outputs, environ)
    return Named(outputs, environ, name.removeprefix(CONTEXT_PREFIX))
