"""
What of the locked libraries goes into which layer, and installing it.

``shared-libraries`` are in every image, ``engine-libraries`` in every engine's, the others in one.
"""

import shutil
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from environment.errors import SetupError
from environment.locking import parse
from environment.uv import Uv
from images import bytecode
from images.naming import digest_of
from images.store import Part, source_digest

FOLDER = "/opt/mlz/libraries"
# Big and unused: the second, asynchronous client is as large as the one we use.
UNUSED = ("kubernetes/aio",)
Group = Mapping[str, str]  # name of a library to its block of the lock


def groups(locks: Mapping[str, str]) -> dict[str, Group]:
    """
    Divide the libraries of all images into layers.

    Args:
        locks: image target to the text of its lock.

    Raises:
        SetupError: two locks want different versions of a library.
    """
    parsed = {target: parse(text) for target, text in locks.items()}
    _require_agreement(parsed)
    shared = _common(list(parsed.values()))
    engines = _common([lock for target, lock in parsed.items() if target.startswith("engine-")])
    divided = {"shared-libraries": shared, "engine-libraries": _without(engines, shared)}
    for target, lock in parsed.items():
        above = engines if target.startswith("engine-") else shared
        divided[f"{target}-libraries"] = _without(lock, above)
    return divided


def parts(locks: Mapping[str, str], uv: Uv, platform: str) -> list[Part]:
    """One part a layer; ``platform`` in uv's words, like ``x86_64-manylinux_2_28``."""
    builder = source_digest(Path(__file__))
    return [
        Part(
            name,
            digest_of(
                {"platform": platform, "builder": builder, "lock": "\n".join(group.values())}
            ),
            partial(_install, group, uv, platform),
            title=f"Installing {name.replace('-', ' ')} of images ({len(group)})",
        )
        for name, group in groups(locks).items()
    ]


def _install(group: Group, uv: Uv, platform: str, folder: Path) -> None:
    lock = folder.with_suffix(".txt")
    lock.write_text("\n".join(group.values()) + "\n")
    try:
        uv.run(
            ["pip", "install", "--quiet", "--target", folder, "--require-hashes", "--no-deps",
             "--only-binary=:all:", "--python-version=3.11", f"--python-platform={platform}",
             "--link-mode=copy", "--requirement", lock]
        )  # fmt: skip
    finally:
        lock.unlink()
    _strip(folder)
    bytecode.compile_tree(folder, FOLDER)


def _strip(folder: Path) -> None:
    """Take out what never runs in a pod: commands (their paths are wrong), tests, the unused."""
    tests = [path for path in folder.rglob("tests") if path.is_dir()]
    for path in [folder / "bin", *tests, *(folder / name for name in UNUSED)]:
        shutil.rmtree(path, ignore_errors=True)
    (folder / ".lock").unlink(missing_ok=True)


def _common(locks: Sequence[Group]) -> Group:
    return {name: block for name, block in locks[0].items() if all(name in lock for lock in locks)}


def _without(lock: Group, taken: Group) -> Group:
    return {name: block for name, block in lock.items() if name not in taken}


def _require_agreement(locks: Mapping[str, Group]) -> None:
    seen: dict[str, str] = {}
    for target, lock in locks.items():
        for name, block in lock.items():
            if seen.setdefault(name, block) != block:
                raise SetupError(
                    f"hack/requirements/{target}.txt and another lock disagree about {name}; "
                    "run python3 hack/environment lock"
                )
