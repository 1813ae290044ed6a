"""
The shape of the code: who imports whom, how long things are, what is documented, what is left out.
"""

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlz.errors import Reason

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "operator" / "mlz"
MODULES = sorted(PACKAGE.rglob("*.py"))
LONGEST_FILE = 400
LONGEST_FUNCTION = 40

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def run(*command: str, folder: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, env=environment or None, capture_output=True, text=True, timeout=120
    )


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Import-linter on the checkout, or on a copy of it."""
    program = Path(sys.executable).with_name("lint-imports")
    return run(
        str(program), "--no-cache", folder=folder, PYTHONPATH=str(folder / "operator"), PATH=""
    )


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


# Who imports whom


def test_the_layers_hold() -> None:
    answer = lint_imports(ROOT)

    assert answer.returncode == 0, answer.stdout


@pytest.mark.parametrize(
    ("module", "line", "chain"),
    [
        pytest.param(
            "model/schema.py",
            "from mlz.api import names",
            "mlz.model.schema -> mlz.api.names",
            id="a layer looks upwards",
        ),
        pytest.param(
            "lifecycle/checks.py", "import logging", "mlz.lifecycle.checks -> logging", id="pure"
        ),
        pytest.param(
            "cluster/observe.py", "import kopf", "mlz.cluster.observe -> kopf", id="kopf elsewhere"
        ),
        pytest.param(
            "controller/leader.py",
            "import kubernetes",
            "mlz.controller.leader -> kubernetes",
            id="the client elsewhere",
        ),
        pytest.param(
            "scoring/scorer.py",
            "import onnxruntime",
            "mlz.scoring.scorer -> onnxruntime",
            id="a model library elsewhere",
        ),
        pytest.param(
            "scoring/codec.py",
            "from mlz.store import uri",
            "mlz.scoring.codec -> mlz.store.uri",
            id="scoring knows the store",
        ),
    ],
)
def test_a_planted_violation_is_found_and_named(
    tmp_path: Path, module: str, line: str, chain: str
) -> None:
    shutil.copytree(PACKAGE, tmp_path / "operator" / "mlz")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    planted = tmp_path / "operator" / "mlz" / module
    planted.write_text(planted.read_text(encoding="utf-8") + f"\n{line}\n", encoding="utf-8")

    answer = lint_imports(tmp_path)

    assert answer.returncode != 0
    assert chain in answer.stdout


def test_the_folder_of_the_package_is_no_package() -> None:
    """With an ``__init__.py`` it would shadow the standard library's ``operator``."""
    answer = run(
        sys.executable, "-c", "import operator, mlz; print(operator.itemgetter.__module__)"
    )

    assert not (ROOT / "operator" / "__init__.py").exists()
    assert answer.stdout.strip() == "operator", answer.stderr


# How long things are


def test_no_file_is_longer_than_a_reader_bears() -> None:
    long = {
        name_of(path): lines
        for path in MODULES
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > LONGEST_FILE
    }

    assert long == {}


def test_no_function_is_longer_than_a_screen() -> None:
    long = {
        f"{name_of(path)}:{one.name}": lines
        for path in MODULES
        for one in ast.walk(parsed(path))
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := length(one)) > LONGEST_FUNCTION
    }

    assert long == {}


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


# What is documented


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_every_public_name_is_documented(path: Path) -> None:
    tree = parsed(path)

    undocumented = [one.name for one in public(tree) if ast.get_docstring(one) is None]

    assert ast.get_docstring(tree), f"{name_of(path)} says nothing of itself"
    assert undocumented == []


def public(tree: ast.Module | ast.ClassDef) -> Iterator[Definition]:
    """Public classes and functions, and the public methods of public classes."""
    for one in tree.body:
        if isinstance(one, Definition) and not one.name.startswith("_"):
            yield one
            if isinstance(one, ast.ClassDef):
                yield from public(one)


def test_every_reason_is_in_the_reference() -> None:
    text = (ROOT / "operator" / "reference" / "reasons.md").read_text(encoding="utf-8")

    rows = [line.split("`")[1] for line in text.splitlines() if line.startswith("| `")]

    assert sorted(rows) == sorted(Reason)


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


# What is left out


# The brackets keep this line from being what it looks for.
NOT_OURS = (
    r"(proxy|sum)\.gol[a]ng\.org|p[y]pi\.org|pyth[o]nhosted\.org|npm[j]s\.org|repo1?\.m[a]ven"
    r"|(deb|security)\.deb[i]an\.org|(static|index)\.crat[e]s\.io|/w[o]rk/|/f[a]rm/|/r[o]ot/"
)


def test_no_file_names_a_package_registry_or_a_path_of_a_machine() -> None:
    answer = run("git", "grep", "-nIE", NOT_OURS, "--", ".")

    assert answer.returncode in (0, 1), answer.stderr
    assert answer.stdout == ""
