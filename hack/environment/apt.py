"""Debian packages the host needs: which are missing, and installing them where we may."""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cluster.progress import Step
from environment.errors import SetupError

OLDEST_JAVA = 11  # of the PMML engine; see pypmml
ATTEMPTS = 3  # somebody else may hold apt's list lock, for which apt has no waiting option
INSTALL = ("apt-get", "install", "-qq", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300")


@dataclass(frozen=True, slots=True)
class Need:
    """A Debian package, and how to see that what it brings is there already, from wherever."""

    package: str
    is_met: Callable[[], bool]


def command(name: str, package: str | None = None) -> Need:
    """The need of a program on the PATH."""
    return Need(package or name, lambda: shutil.which(name) is not None)


def ensure(needs: Sequence[Need]) -> None:
    """
    Install what is missing.

    Raises:
        SetupError: something is missing and this is no Debian, or we are not root.
    """
    missing = [need.package for need in needs if not need.is_met()]
    if not missing:
        return
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise SetupError(
            f"missing on this machine: {', '.join(missing)} (names of Debian packages); "
            "install them, or run this as root on Debian"
        )
    with Step(f"Installing {', '.join(missing)}"):
        _install(missing)


def java_version(banner: str) -> int | None:
    """The major version in the output of ``java -version``; Java 8 calls itself 1.8."""
    found = re.search(r'version "(?:1\.)?(\d+)', banner)
    return int(found.group(1)) if found else None


def has_java() -> bool:
    """Whether a Java that the PMML engine can use is on the PATH."""
    if shutil.which("java") is None:
        return False
    said = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False)
    return (java_version(said.stderr) or 0) >= OLDEST_JAVA


def has_venv() -> bool:
    """Whether this Python can make a virtual environment with pip; Debian's cannot by default."""
    return importlib.util.find_spec("ensurepip") is not None


def _install(packages: Sequence[str]) -> None:
    said = _apt_get([*INSTALL, *packages])
    for _ in range(ATTEMPTS):
        if said.returncode == 0:
            return
        _apt_get(["apt-get", "update", "-qq"])  # the lists are old, or were never fetched
        said = _apt_get([*INSTALL, *packages])
    if said.returncode:
        raise SetupError(f"apt-get could not install {', '.join(packages)}: {said.stderr.strip()}")


def _apt_get(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(words, env=environ, capture_output=True, text=True, check=False)
