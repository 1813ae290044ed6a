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
    words = ["compileall", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash"]
    said = subprocess.run(
        [sys.executable, "-m", *words, "-s", folder, "-p", becomes, folder],
        capture_output=True,
        text=True,
        check=False,
    )
    if said.returncode:
        raise SetupError(f"could not compile Python files: {said.stdout.strip()}")
