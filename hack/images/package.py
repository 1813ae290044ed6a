"""Our own code as it stands in an image: what a wheel of ours would install, and the command."""

import shutil
import tomllib
from functools import partial
from pathlib import Path

from images import bytecode
from images.naming import digest_of, version_in
from images.store import Part, source_digest

FOLDER = "/opt/mlz"
COMMAND = """#!/usr/bin/env python3
import sys

from mlz.cli import main

sys.exit(main())
"""


def part(checkout: Path) -> Part:
    """The tree below /opt/mlz: ``bin/mlz`` and ``code``."""
    sources = [checkout / name for name in ("operator/mlz", "pyproject.toml", "LICENSE")]
    made_from = {"sources": source_digest(*sources), "builder": source_digest(Path(__file__))}
    return Part("code", digest_of(made_from), partial(_make, checkout))


def version(checkout: Path) -> str:
    """Ours, without importing us."""
    return version_in((checkout / "operator/mlz/__init__.py").read_text())


def metadata(pyproject: str, version: str) -> str:
    """What ``importlib.metadata`` reads; a wheel's METADATA without the extras and the README."""
    project = tomllib.loads(pyproject)["project"]
    fields = [
        ("Metadata-Version", "2.1"),
        ("Name", project["name"]),
        ("Version", version),
        ("Summary", project["description"]),
        ("License", project["license"]),
        ("Requires-Python", project["requires-python"]),
        *(("Requires-Dist", line) for line in project["dependencies"]),
    ]
    return "".join(f"{name}: {text}\n" for name, text in fields)


def _make(checkout: Path, folder: Path) -> None:
    code, number = folder / "code", version(checkout)
    caches = shutil.ignore_patterns("__pycache__")
    shutil.copytree(checkout / "operator/mlz", code / "mlz", ignore=caches)
    bytecode.compile_tree(code, f"{FOLDER}/code")
    described = code / f"mlz_operator-{number}.dist-info"
    described.mkdir()
    pyproject = (checkout / "pyproject.toml").read_text()
    (described / "METADATA").write_text(metadata(pyproject, number))
    (described / "entry_points.txt").write_text("[console_scripts]\nmlz = mlz.cli:main\n")
    shutil.copy(checkout / "LICENSE", described)
    command = folder / "bin/mlz"
    command.parent.mkdir()
    command.write_text(COMMAND)
    command.chmod(0o755)
