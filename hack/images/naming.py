"""What an image is called: its tag is a digest of everything it is made from."""

import hashlib
import re
from collections.abc import Mapping

from images.dockerfile import Recipe

DIGEST_LENGTH = 12
VERSION = re.compile(r'^__version__ = "([^"]+)"$', re.MULTILINE)


def digest_of(parts: Mapping[str, str]) -> str:
    """One digest of named texts, whatever order they come in."""
    lines = [f"{name}\0{parts[name]}" for name in sorted(parts)]
    return hashlib.sha256("\0\0".join(lines).encode()).hexdigest()


def image_name(target: str, version: str, recipe: Recipe, identities: Mapping[str, str]) -> str:
    """
    The full name of an image.

    Args:
        target: the stage of the Dockerfile.
        version: ours, for the reader's sake.
        recipe: how the image is made.
        identities: of each context (and of the builder, under ``""``) a text that changes with it.
    """
    used = {name: identities[name] for name in recipe.contexts}
    digest = digest_of({"recipe": repr(recipe), "builder": identities[""], **used})
    return f"localhost/mlz-{target}:{version}-{digest[:DIGEST_LENGTH]}"


def version_in(init: str) -> str:
    """Our version, from the text of ``mlz/__init__.py``."""
    found = VERSION.search(init)
    if found is None:
        raise ValueError('mlz/__init__.py has no line __version__ = "…"')
    return found.group(1)
