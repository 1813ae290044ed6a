"""
Names of the resources that the REST API makes: the same display name gives the same name.

So the API server, which takes a name once, is the lock: two creates of one display name meet there.
"""

import re
import unicodedata

from mlz.api.names import NAME_LIMIT, NAME_PATTERN, short_hash

_STEM_LIMIT = NAME_LIMIT - 9
_NAMELESS = "unnamed"


def is_name(text: str) -> bool:
    """Whether a resource may be called that as it is."""
    return len(text) <= NAME_LIMIT and re.fullmatch(NAME_PATTERN[1:-1], text) is not None


def resource_name(display_name: str) -> str:
    """
    The name of the resource for a display name.

    A display name that is a name stays as it is. Any other becomes readable and gets a hash: names
    that look alike without their capitals and blanks stay different ones.
    """
    if is_name(display_name):
        return display_name
    return f"{_stem(display_name)}-{short_hash(display_name)}"


def version_name(model: str, sha256: str) -> str:
    """
    The name of a version: the same bytes in the same model are the same version.

    Args:
        model: name of the MLzModel.
        sha256: hex digest of the bytes.
    """
    stem = model
    if len(model) > NAME_LIMIT:
        stem = f"{model[:_STEM_LIMIT].rstrip('-.')}-{short_hash(model)}"
    return f"{stem}-{sha256[:8]}"


def _stem(display_name: str) -> str:
    plain = unicodedata.normalize("NFKD", display_name).encode("ascii", "ignore").decode()
    words = re.sub(r"[^a-z0-9]+", "-", plain.lower()).lstrip("-0123456789")
    return words[:_STEM_LIMIT].rstrip("-") or _NAMELESS
