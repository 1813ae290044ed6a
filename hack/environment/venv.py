"""
The virtual environment ``.venv`` of the checkout: when it is stale, and bringing it up to date.

A stamp inside tells what it was made from. A marker beside it exists while we work on it: found at
the start, it means we were interrupted, and the environment is made anew, since a package may be
there by half.
"""

import hashlib
import json
import shutil
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

from cluster.locks import exclusive
from cluster.places import replace_text
from cluster.progress import Step
from environment.uv import Uv


@dataclass(frozen=True, slots=True)
class Venv:
    """The environment of one checkout, for one interpreter."""

    checkout: Path
    python: Path

    @property
    def folder(self) -> Path:
        """Where it is."""
        return self.checkout / ".venv"

    def wanted_stamp(self) -> str:
        """The digest of all that it is made from."""
        lock = (self.checkout / "hack/requirements/dev.txt").read_text()
        version = ".".join(map(str, sys.version_info[:3]))
        made_from = [str(self.checkout), version, lock, packaging(self._pyproject.read_text())]
        return hashlib.sha256("\0".join(made_from).encode()).hexdigest()

    def is_current(self) -> bool:
        """Whether there is nothing to do."""
        if self._marker.exists() or not (self.folder / "bin/mlz").exists():
            return False
        if not (self.folder / "bin/python").exists():  # a link to an interpreter that is gone
            return False
        return self._stamp.exists() and self._stamp.read_text() == self.wanted_stamp()

    def update(self, uv: Uv) -> None:
        """Make it, or bring it up to date."""
        with exclusive(self.checkout / "build/environment.lock", "hack/environment"):
            if self.is_current():
                return
            with Step("Installing the locked packages into .venv"):
                self._install(uv)

    @property
    def _stamp(self) -> Path:
        return self.folder / "mlz-made-from"

    @property
    def _marker(self) -> Path:
        return self.checkout / "build/environment.unfinished"

    @property
    def _pyproject(self) -> Path:
        return self.checkout / "pyproject.toml"

    def _install(self, uv: Uv) -> None:
        usable = (self.folder / "bin/python").exists() and not self._marker.exists()
        replace_text(self._marker, "")
        if not usable:
            shutil.rmtree(self.folder, ignore_errors=True)
            uv.run(["venv", "--quiet", "--python", self.python, self.folder])
        at: list[str | Path] = ["--quiet", "--python", self.folder / "bin/python"]
        lock = self.checkout / "hack/requirements/dev.txt"
        uv.run(["pip", "sync", *at, "--require-hashes", lock])
        uv.run(["pip", "install", *at, "--no-deps", "--no-build-isolation", "-e", self.checkout])
        replace_text(self._stamp, self.wanted_stamp())
        self._marker.unlink()


def packaging(pyproject: str) -> str:
    """The parts of ``pyproject.toml`` that an installation depends on; linters' are not."""
    tables = tomllib.loads(pyproject)
    chosen = [
        tables.get("project"),
        tables.get("build-system"),
        tables.get("tool", {}).get("hatch"),
    ]
    return json.dumps(chosen, sort_keys=True)
