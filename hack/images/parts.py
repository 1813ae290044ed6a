"""What goes into the images from this checkout; the images that others make are ``debian``'s."""

import shutil
from pathlib import Path

from environment.locking import IMAGE_EXTRAS
from environment.uv import Uv
from images import libraries, package
from images.naming import digest_of
from images.store import Part, source_digest

CONFIGURATION = Path(__file__).with_name("registry.yml")
# glibc 2.28: older than Debian's and python:3.11-slim's, and what current wheels are made for.
WHEELS = "manylinux_2_28"


def own_parts(checkout: Path, uv: Uv, architecture: str) -> list[Part]:
    """One part a named build context of the Dockerfile; nothing is made yet."""
    locks = {
        target: (checkout / f"hack/requirements/{target}.txt").read_text()
        for target in IMAGE_EXTRAS
    }
    return [
        *libraries.parts(locks, uv, f"{architecture}-{WHEELS}"),
        package.part(checkout),
        _registry_configuration(),
    ]


def _registry_configuration() -> Part:
    identity = digest_of({"file": source_digest(CONFIGURATION)})
    return Part("registry-configuration", identity, _copy_configuration)


def _copy_configuration(folder: Path) -> None:
    shutil.copy(CONFIGURATION, folder / "config.yml")
