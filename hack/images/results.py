"""
What was built: ``build/images/images.json``, for Helm values and tests, and the archives.

``{"operator": {"image": "localhost/mlz-operator:…", "archive": "build/images/….tar"}, …}``; the
archive's path is relative to the checkout, and one archive may hold several of the images.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from cluster.places import replace_text
from images.naming import digest_of


class Entry(TypedDict):
    """One image."""

    image: str
    archive: str


@dataclass(frozen=True, slots=True)
class Results:
    """The outcome of builds in one checkout."""

    checkout: Path

    @property
    def folder(self) -> Path:
        """Where archives are."""
        return self.checkout / "build/images"

    def entries(self) -> dict[str, Entry]:
        """All images whose archive is there."""
        try:
            known: dict[str, Entry] = json.loads((self.folder / "images.json").read_text())
        except FileNotFoundError:
            return {}
        return {name: e for name, e in known.items() if (self.checkout / e["archive"]).exists()}

    def are_current(self, names: Mapping[str, str]) -> bool:
        """Whether each target's image was built under just this name."""
        entries = self.entries()
        return all(t in entries and entries[t]["image"] == name for t, name in names.items())

    def archive(self, names: Mapping[str, str]) -> Path:
        """Where the archive of just these images belongs."""
        return self.folder / f"images-{digest_of(names)[:12]}.tar"

    def unfinished(self, names: Mapping[str, str]) -> Path:
        """Where to write it first."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.archive(names).with_suffix(".unfinished")

    def record(self, names: Mapping[str, str]) -> list[str]:
        """Take in a written archive; returns the names of images that are outdated by it."""
        before = self.entries()
        archive = self.archive(names)
        self.unfinished(names).replace(archive)
        place = str(archive.relative_to(self.checkout))
        after = before | {t: Entry(image=name, archive=place) for t, name in names.items()}
        replace_text(
            self.folder / "images.json", json.dumps(after, indent=2, sort_keys=True) + "\n"
        )
        self._prune({entry["archive"] for entry in after.values()})
        kept = {entry["image"] for entry in after.values()}
        return [entry["image"] for entry in before.values() if entry["image"] not in kept]

    def _prune(self, used: set[str]) -> None:
        for file in (*self.folder.glob("*.tar"), *self.folder.glob("*.unfinished")):
            if str(file.relative_to(self.checkout)) not in used:
                file.unlink()
