"""
Field ownership after a write of ours: none but of our own notes.

Whoever applies a resource on the server's side (kubectl, Argo CD) would meet a conflict with each
field that the facade wrote last. So it gives them all up, and keeps its labels and annotations: an
object without any manager would get one that owns everything with its first apply.
Source: Kubernetes, "Server-Side Apply", "Clearing managedFields"; ``before-first-apply``.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from mlz.api import names

Entry = Mapping[str, Any]

_NOTES = ("f:labels", "f:annotations")
_OURS = f"f:{names.GROUP}/"


def given_up(entries: Sequence[Entry]) -> list[Entry] | None:
    """``managedFields`` without what is not ours to keep; None where there is nothing to change."""
    kept = [one for entry in entries if (one := _kept(entry)) is not None]
    if kept == list(entries):
        return None
    # An empty list would be taken as "unchanged"; one empty entry means none.
    return kept or [{}]


def _kept(entry: Entry) -> Entry | None:
    if entry.get("manager") != names.REST_MANAGER or entry.get("operation") != "Update":
        return entry
    meta = entry.get("fieldsV1", {}).get("f:metadata", {})
    notes = {part: _ours(meta[part]) for part in _NOTES if part in meta}
    present = {part: fields for part, fields in notes.items() if fields}
    return {**entry, "fieldsV1": {"f:metadata": present}} if present else None


def _ours(fields: Mapping[str, Any]) -> dict[str, Any]:
    gone = f"f:{names.ANNOTATION_REQUEST}"
    kept = {key: one for key, one in fields.items() if key.startswith(_OURS) and key != gone}
    # The map itself: to give that up alone is not worth a write.
    return {key: one for key, one in fields.items() if key == "." or key in kept} if kept else {}
