"""Images by a Docker engine: ``docker build`` once a target, then one archive of them all."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from cluster.progress import Step
from environment.errors import SetupError

PLATFORMS = {"amd64": "x86_64", "arm64": "aarch64"}
ANSWER_SECONDS = 10


def engine_architecture() -> str | None:
    """The engine's architecture in Python's words, or nothing when no engine answers."""
    if shutil.which("docker") is None:
        return None
    words = ["docker", "version", "--format", "{{json .Server}}"]
    try:
        said = subprocess.run(
            words, capture_output=True, text=True, check=False, timeout=ANSWER_SECONDS
        )
    except subprocess.TimeoutExpired:
        return None
    server = json.loads(said.stdout or "null") if said.returncode == 0 else None
    return PLATFORMS.get(server["Arch"], server["Arch"]) if server else None


def build(
    dockerfile: Path, names: Mapping[str, str], folders: Mapping[str, Path], archive: Path
) -> None:
    """
    Build targets and save them.

    Args:
        dockerfile: the recipe of all.
        names: target to the full name of its image.
        folders: the named build contexts.
        archive: the file to write.
    """
    for target, name in names.items():
        with Step(f"Building {name}"), tempfile.TemporaryDirectory() as empty:
            _docker([*build_words(dockerfile, target, name, folders), empty])
    with Step("Saving the images"):
        _docker(["save", "--output", str(archive), *names.values()])


def build_words(dockerfile: Path, target: str, name: str, folders: Mapping[str, Path]) -> list[str]:
    """The command line but for its last word, the (empty) main context."""
    contexts = [f"--build-context={context}={folder}" for context, folder in folders.items()]
    return [
        "build",
        "--quiet",
        f"--file={dockerfile}",
        f"--target={target}",
        f"--tag={name}",
        *contexts,
    ]


def remove(names: Sequence[str]) -> None:
    """Take outdated images from the engine; one that a container still uses stays."""
    for name in names:
        subprocess.run(["docker", "image", "rm", name], capture_output=True, check=False)


def _docker(words: Sequence[str]) -> None:
    said = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
    if said.returncode:
        raise SetupError(f"docker {words[0]} failed:\n{said.stderr.strip()}")
