"""
The locks in ``hack/requirements``: one for development, one an image, one for uv itself.

``dev.txt`` is made first and binds the others, so that tests run what the images hold.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from environment.uv import Uv

IMAGE_EXTRAS = ("operator", "rest", "engine-onnx", "engine-xgboost", "engine-pmml")
OPTIONS = ("--quiet", "--generate-hashes", "--no-emit-index-url", "--no-annotate", "--no-header",
           "--python-version=3.11", "--python-platform=linux")  # fmt: skip
NAME = re.compile(r"([A-Za-z0-9._-]+)==(\S+)")


def lock_all(checkout: Path, uv: Uv, *, upgrade: bool) -> None:
    """Write every lock; versions stay where they are unless ``upgrade`` or pyproject moves them."""
    folder, again = "hack/requirements", ["--upgrade"] if upgrade else []
    dev, source = f"{folder}/dev.txt", ["pip", "compile", *OPTIONS, "pyproject.toml"]
    uv.run([*source, f"{folder}/dev.in", *again, "--extra=dev", "-o", dev], cwd=checkout)
    for extra in IMAGE_EXTRAS:
        bound = ["--upgrade", "--constraint", dev, f"--extra={extra}"]
        uv.run([*source, *bound, "-o", f"{folder}/{extra}.txt"], cwd=checkout)
    own = ["pip", "compile", *OPTIONS, f"{folder}/uv.in"]
    uv.run([*own, *again, "-o", f"{folder}/uv.txt"], cwd=checkout)


def parse(lock: str) -> Mapping[str, str]:
    """
    Name to whole requirement (with its hashes, over several lines), in the order of the file.

    Raises:
        ValueError: a requirement is not pinned, or has no hash.
    """
    requirements = {}
    for block in re.split(r"\n(?=\S)", lock.strip()):
        pinned = NAME.match(block)
        if pinned is None or "--hash=" not in block:
            raise ValueError(f"not a pinned requirement with hashes: {block.splitlines()[0]!r}")
        requirements[pinned.group(1)] = block
    return requirements
