"""Bytecode of images: trusted without a look at the source, whose time copying changes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from environment.errors import SetupError
from images.bytecode import compile_tree, prove_trusted


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """A module that Python has compiled in its own way, which compares times."""
    path = tmp_path / "code" / "one.py"
    path.parent.mkdir()
    path.write_text("ANSWER = 42\n")
    subprocess.run([sys.executable, "-m", "py_compile", path], check=True)
    return path


def test_bytecode_that_compares_times_is_refused(module: Path) -> None:
    with pytest.raises(SetupError, match="1 files of bytecode would be stale"):
        prove_trusted(module.parent)


def test_all_bytecode_of_a_tree_is_trusted_whatever_becomes_of_the_times(module: Path) -> None:
    compile_tree(module.parent, "/opt/mlz/code")
    os.utime(module, (0, 0))

    prove_trusted(module.parent)
    said = subprocess.run(
        [sys.executable, "-v", "-B", "-c", "import one; print(one.ANSWER)"],
        cwd=module.parent, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert said.stdout == "42\n"
    assert f"code object from '{module.parent / '__pycache__'}" in said.stderr
