"""
The cache of prepared things, shared by all checkouts: folders (and layers) kept by identity.

Nothing in it is ever changed: it is made under another name, then renamed, so an interrupted build
leaves rubbish (cleared at the next start) and never a half.
"""

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from cluster.progress import Step

KEPT_SECONDS = 14 * 24 * 3600
UNFINISHED = "unfinished-"


@dataclass(frozen=True, slots=True)
class Part:
    """
    Something that goes into images.

    ``identity`` is a digest of all that ``make`` depends on; ``make`` fills an empty folder.
    With a title, the user sees how long it takes.
    """

    name: str
    identity: str
    make: Callable[[Path], None]
    title: str = ""


@dataclass(frozen=True, slots=True)
class Store:
    """One folder; its user holds a lock."""

    folder: Path

    def place(self, part: Part) -> Path:
        """Where the part is, once made."""
        return self.folder / f"{part.name}-{part.identity[:16]}"

    def ensure(self, part: Part) -> Path:
        """The part's folder, made now if it has never been."""
        place = self.place(part)
        if not place.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            unfinished = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=self.folder))
            with Step(part.title) if part.title else nullcontext():
                part.make(unfinished)
                unfinished.chmod(0o755)  # mkdtemp makes it private, and its mode goes into layers
                unfinished.rename(place)
        os.utime(place)
        return place

    def forget(self, part: Part) -> None:
        """Have it made anew next time."""
        shutil.rmtree(self.place(part), ignore_errors=True)

    def clear(self) -> None:
        """Remove what an interrupted build left, and what no build has used for two weeks."""
        for place in self.folder.glob("*"):
            unused = time.time() - place.stat().st_mtime > KEPT_SECONDS
            if unused or place.name.startswith(UNFINISHED):
                shutil.rmtree(place)


def source_digest(*paths: Path) -> str:
    """A digest of files' contents and names; folders count with all that is below them."""
    lines = []
    for path in paths:
        files = [path] if path.is_file() else sorted(_files(path))
        lines += [f"{file.relative_to(path.parent)}\0{_digest(file)}" for file in files]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _files(folder: Path) -> list[Path]:
    return [p for p in folder.rglob("*") if p.is_file() and p.parent.name != "__pycache__"]


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
