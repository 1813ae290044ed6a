"""
The body of watsonx's update: which change it asks for.

``/name /description /tags /custom`` take ``add``, ``replace`` and ``remove``; ``/asset`` takes
``replace``, and alone. Tags and custom properties are annotations, for no field of ours holds them.
Source: watsonx, "Updating a deployment"; CONTRACT section 4.
"""

import json
from collections.abc import Callable

from mlz.api.names import ANNOTATION_CUSTOM, ANNOTATION_TAGS
from mlz.rest.documents.changes import Change, only_the_asset, together
from mlz.rest.documents.hrefs import Href
from mlz.rest.documents.operations import Operation, operations
from mlz.rest.documents.requests import Fields, kind_of, name_at, parsing_error, text_at
from mlz.rest.problems import invalid_field

_TAKEN = ("add", "remove", "replace")
_ASSET = "/asset"
_MOST_TAGS = 50
# Annotations of an object share 256 KiB.
_LARGEST_CUSTOM = 16 * 1024


def change_of(document: object) -> Change:
    """
    What the body asks for; the asset is named by its version's guid alone.

    Raises:
        Refusal: an operation, a path or a value is none that is taken, or an update of the asset is
            not alone.
    """
    found = operations(document, _TAKEN)
    for one in found:
        if one.path not in READERS:
            raise parsing_error(f"path '{one.path}' cannot be changed; take {', '.join(READERS)}")
    others = [one.path for one in found if one.path != _ASSET]
    if others and len(others) < len(found):
        raise only_the_asset(others[0])
    return together(READERS[one.path](one) for one in found)


def is_asset_update(change: Change) -> bool:
    """Whether the answer is 202 and the caller polls."""
    return change.asset is not None


def _asset(one: Operation) -> Change:
    if one.op != "replace":
        raise parsing_error(f"{_ASSET} takes replace, not {one.op}")
    if not isinstance(one.value, dict):
        raise invalid_field(_ASSET, 'an object like {"id": "<version guid>"}', kind_of(one.value))
    identity = Fields(one.value, _ASSET).required_text("id")
    return Change(asset=Href("", identity.strip().lower()))


def _name(one: Operation) -> Change:
    if one.op == "remove":
        raise parsing_error("a deployment has a name: replace it")
    return Change(fields={"displayName": name_at(one.path, one.value)})


def _description(one: Operation) -> Change:
    if one.op == "remove":
        return Change(fields={"description": None})
    return Change(fields={"description": text_at(one.path, one.value, 4096) or None})


def _tags(one: Operation) -> Change:
    if one.op == "remove":
        return Change(annotations={ANNOTATION_TAGS: None})
    if not isinstance(one.value, list) or len(one.value) > _MOST_TAGS:
        raise invalid_field(one.path, f"an array of at most {_MOST_TAGS} texts", kind_of(one.value))
    tags = [name_at(f"{one.path}/{number}", tag) for number, tag in enumerate(one.value)]
    return Change(annotations={ANNOTATION_TAGS: _text(tags)})


def _custom(one: Operation) -> Change:
    if one.op == "remove":
        return Change(annotations={ANNOTATION_CUSTOM: None})
    if not isinstance(one.value, dict):
        raise invalid_field(one.path, "an object", kind_of(one.value))
    text = _text(one.value)
    if len(text) > _LARGEST_CUSTOM:
        raise invalid_field(one.path, f"at most {_LARGEST_CUSTOM} bytes as JSON", f"{len(text)}")
    return Change(annotations={ANNOTATION_CUSTOM: text})


def _text(value: object) -> str:
    """As it is kept: one line of plain ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


READERS: dict[str, Callable[[Operation], Change]] = {
    "/name": _name,
    "/description": _description,
    "/tags": _tags,
    "/custom": _custom,
    _ASSET: _asset,
}
