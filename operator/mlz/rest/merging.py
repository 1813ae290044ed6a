"""JSON merge patches, as the API server takes them. Source: RFC 7396."""

from collections.abc import Mapping
from typing import Any


def merged(value: Any, patch: Any) -> Any:
    """What a patch makes of a value; neither is changed, parts of both are shared."""
    if not isinstance(patch, Mapping):
        return patch
    result = dict(value) if isinstance(value, Mapping) else {}
    for key, inner in patch.items():
        if inner is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), inner)
    return result


def is_done(value: Any, patch: Any) -> bool:
    """Whether a patch would change nothing."""
    return bool(merged(value, patch) == value)
