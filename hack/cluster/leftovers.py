"""What a node leaves on the machine when its programs have ended, and its removal."""

import os
import shutil
from pathlib import Path

from cluster.cgroup import CGROUPS, NAME
from cluster.health import listens
from cluster.node_config import NodePlaces
from cluster.run import output_of

# Paths that no flag changes: the network plugins' cache, the kubelet's links, shims' sockets.
NETWORK_CACHE = Path("/var/lib/cni")
LOG_LINKS = Path("/var/log/containers")
SHIM_SOCKETS = Path("/run/containerd/s")
FIXED_FOLDERS = (
    SHIM_SOCKETS,
    SHIM_SOCKETS.parent,
    NETWORK_CACHE / "results",
    NETWORK_CACHE,
    LOG_LINKS,
    Path("/var/lib/kubelet/device-plugins"),
    Path("/var/lib/kubelet"),
)


def unmount_below(folders: tuple[Path, ...]) -> None:
    """Detach every mount in the folders, the deepest first."""
    mounted = mount_points(Path("/proc/self/mountinfo").read_text(), folders)
    # What another mount hides cannot be reached, nor be in anybody's way.
    reachable = [point for point in mounted if os.path.lexists(point)]
    if reachable:
        output_of(["umount", "--lazy", *reachable])


def mount_points(mountinfo: str, folders: tuple[Path, ...]) -> list[str]:
    """From ``/proc/self/mountinfo``: what is mounted below the folders, later mounts first."""
    points = [line.split()[4] for line in mountinfo.splitlines()]
    return [
        point
        for point in reversed(points)
        if any(folder in Path(point).parents for folder in folders)
    ]


def remove_files(places: NodePlaces) -> None:
    """Remove cgroups, caches and links of ours, and at last the node's own folders."""
    _remove_cgroups()
    for entry in (NETWORK_CACHE / "results").glob("*"):
        if str(places.run) in entry.read_text():  # the path of the pod's network namespace
            entry.unlink()
    for link in LOG_LINKS.glob("*.log"):
        if link.is_symlink() and places.pod_logs in link.readlink().parents:
            link.unlink()
    Path("/var/lib/kubelet/device-plugins/kubelet.sock").unlink(missing_ok=True)
    for shim in SHIM_SOCKETS.glob("*"):
        if not listens(shim):  # of a shim that was killed; one that lives may be another's
            shim.unlink()
    for folder in FIXED_FOLDERS:
        _remove_if_empty(folder)
    shutil.rmtree(places.run, ignore_errors=True)
    shutil.rmtree(places.state, ignore_errors=True)


def _remove_cgroups() -> None:
    # A cgroup that still has a process in it cannot be removed, so nobody else's is ever hurt.
    for name in ("kubepods", NAME):
        for root in (*CGROUPS.glob(f"*/{name}"), CGROUPS / name):
            for folder in sorted(root.rglob("*/"), reverse=True):
                _remove_if_empty(folder)
            _remove_if_empty(root)


def _remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return
