"""Bytecode made at build time, so that a pod neither compiles nor writes."""

import subprocess
import sys
from pathlib import Path

from environment.errors import SetupError


def compile_tree(folder: Path, becomes: str) -> None:
    """
    Compile all below the folder, which will stand at ``becomes`` in an image.

    ``unchecked-hash`` makes Python trust the bytecode without looking at the source's time, which
    copying into layers changes. Every 3.11 reads what this 3.11 writes.
    """
    words = ["compileall", "-f", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash"]
    said = subprocess.run(
        [sys.executable, "-m", *words, "-s", folder, "-p", becomes, folder],
        capture_output=True,
        text=True,
        check=False,
    )
    if said.returncode:
        raise SetupError(f"could not compile Python files: {said.stdout.strip()}")
    prove_trusted(folder)


def prove_trusted(folder: Path) -> None:
    """
    Look at all bytecode below the folder.

    Raises:
        SetupError: Python would compare some of it with the source's time, find it stale, and
            compile at every start.
    """
    stale = [path for path in folder.rglob("*.pyc") if not _is_trusted(path)]
    if stale:
        text = f"{len(stale)} files of bytecode would be stale in an image, the first {stale[0]}"
        raise SetupError(text)


def _is_trusted(path: Path) -> bool:
    """PEP 552: the second word of the header has flags; 1 is a hash that nobody checks."""
    with path.open("rb") as file:
        return int.from_bytes(file.read(8)[4:], "little") == 1
