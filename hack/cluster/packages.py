"""Programs the node takes from the distribution, installed where that is possible."""

import os
import shutil
import subprocess
from collections.abc import Mapping

from cluster.errors import ClusterError
from cluster.node_config import CNI_PROGRAMS
from cluster.progress import Step

# Program → Debian package.
PROGRAMS = {
    "containerd": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "openssl": "openssl",
    "mount": "mount",
}
NETWORK_PROGRAMS = ("bridge", "host-local", "loopback", "portmap")


def missing_packages(search_path: str) -> list[str]:
    """Debian packages whose programs are not there."""
    missing = {
        package
        for program, package in PROGRAMS.items()
        if shutil.which(program, path=search_path) is None
    }
    if not all((CNI_PROGRAMS / name).exists() for name in NETWORK_PROGRAMS):
        missing.add("containernetworking-plugins")
    return sorted(missing)


def ensure_packages(environ: Mapping[str, str]) -> None:
    """
    Install what is missing with apt-get.

    Raises:
        ClusterError: there is no apt-get, or it fails.
    """
    search_path = environ.get("PATH", os.defpath)
    missing = missing_packages(search_path)
    if not missing:
        return
    if shutil.which("apt-get", path=search_path) is None:
        raise ClusterError(
            f"The node needs {', '.join(missing)} (names of Debian packages), and there is no "
            "apt-get to install them: install them with your distribution's package program."
        )
    # So that no service of a package starts: the node runs a containerd of its own.
    quiet = {**environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    with Step(f"Installing Debian packages: {', '.join(missing)}"):
        _apt_get(["update"], quiet)
        _apt_get(["install", "--yes", "--no-install-recommends", *missing], quiet)
    still_missing = missing_packages(search_path)
    if still_missing:
        raise ClusterError(
            f"apt-get installed {', '.join(still_missing)}, but its programs are not to be found "
            f"in {search_path} and {CNI_PROGRAMS}."
        )


def _apt_get(arguments: list[str], environ: Mapping[str, str]) -> None:
    # A session of its own: Ctrl-C must not leave dpkg half done.
    answer = subprocess.run(
        ["apt-get", "-o", "DPkg::Lock::Timeout=120", *arguments],
        env=dict(environ), capture_output=True, text=True, start_new_session=True,
    )  # fmt: skip
    if answer.returncode != 0:
        raise ClusterError(f"'apt-get {arguments[0]}' failed: {answer.stderr.strip()[-1500:]}")
