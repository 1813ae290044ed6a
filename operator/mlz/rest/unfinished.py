"""
The mark of an import that is not through, and the two ways in which it comes off.

A version is either released, when its bytes are there, or dropped; each is one write that fails
where the other was first. So whoever was told that a version is there will find it, though others
who import the same bytes give up.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

from mlz.api import names
from mlz.api.parsing import Body
from mlz.cluster import kinds
from mlz.cluster.client import Manifest
from mlz.cluster.kinds import Kind
from mlz.rest.problems import Code, Refusal, retry_after

_RETRY_SECONDS = 5
_DROPPED = "dropped"
_STARTED = names.ANNOTATION_IMPORT_STARTED


class World(Protocol):
    """What imports need of ``world.World``; all of it blocks but the reads of the mirror."""

    def create(self, kind: Kind, manifest: Manifest) -> Body:
        """Make a resource; ``TakenError`` where its name is taken."""

    def change(self, kind: Kind, name: str, compute: Callable[[Body], Manifest]) -> Body | None:
        """Change a resource by a merge patch; None where there is none."""

    def delete(self, kind: Kind, body: Body) -> None:
        """Delete the very resource of that uid."""

    def live(self, kind: Kind, name: str) -> Body | None:
        """The resource as the API server has it now."""

    def titled(self, kind: Kind, title: str) -> list[Body]:
        """Resources of that display name."""

    def versions_of(self, model: str) -> list[Body]:
        """The versions of the model of that resource name."""

    def all(self, kind: Kind) -> list[Body]:
        """Every resource of a kind, by name."""

    def refresh(self, kind: Kind) -> None:
        """Read a whole kind anew: what other replicas have made is seen."""


class Manifests(Protocol):
    """What is needed of ``registry.ModelRegistry``."""

    def delete(self, uri: str) -> None:
        """Delete a manifest of ours; nothing where it is gone, or not ours."""


def is_unfinished(body: Body) -> bool:
    """Whether the import that made a model or a version is not through, or has died."""
    return names.ANNOTATION_IMPORT_STARTED in notes_of(body)


def notes_of(body: Body) -> Mapping[str, str]:
    """The annotations of a resource."""
    notes: Mapping[str, str] = body["metadata"].get("annotations") or {}
    return notes


def uri_of(version: Body) -> str:
    """Where the bytes of a version are; empty where nobody can tell."""
    return str(((version.get("spec") or {}).get("artifact") or {}).get("uri") or "")


def release(world: World, version: Body) -> Body:
    """
    Take the mark off a version whose bytes are there: the operator begins with it.

    Raises:
        Refusal: conflict; somebody has deleted or dropped it.
    """
    name = version["metadata"]["name"]

    def off(found: Body) -> Manifest:
        if not _is(found, version) or notes_of(found).get(_STARTED) == _DROPPED:
            raise vanished(name)
        return {"metadata": {"annotations": {names.ANNOTATION_PAUSED: None, _STARTED: None}}}

    released = world.change(kinds.MODEL_VERSION, name, off)
    if released is None:
        raise vanished(name)
    return released


def finish(world: World, model: Body) -> Body:
    """Take the mark off a model."""
    off: Manifest = {"metadata": {"annotations": {_STARTED: None}}}
    return world.change(kinds.MODEL, model["metadata"]["name"], lambda _: off) or model


def drop(world: World, registry: Manifests | None, version: Body) -> bool:
    """
    Delete a version that is still unfinished, after its manifest.

    Returns:
        False where somebody has released it: then it stays.
    """

    def hold(found: Body) -> Manifest:
        if not _is(found, version) or not is_unfinished(found):
            return {}
        return {"metadata": {"annotations": {_STARTED: _DROPPED}}}

    held = world.change(kinds.MODEL_VERSION, version["metadata"]["name"], hold)
    if held is not None and _is(held, version) and not is_unfinished(held):
        return False
    delete_version(world, registry, version)
    return True


def delete_version(world: World, registry: Manifests | None, version: Body) -> None:
    """
    Delete a version, and its manifest before it, so that no manifest is ever forgotten.

    The manifest stays where another version has it: one of other words, or the same made anew.
    """
    uri = uri_of(version)
    found = world.live(kinds.MODEL_VERSION, version["metadata"]["name"])
    others = [one for one in world.all(kinds.MODEL_VERSION) if not _is(one, version)]
    if found is not None and not _is(found, version):
        others.append(found)
    if registry is not None and uri not in {"", *map(uri_of, others)}:
        registry.delete(uri)
    world.delete(kinds.MODEL_VERSION, version)


def vanished(name: str) -> Refusal:
    """A version has gone while somebody was about to use it."""
    return retry_after(
        Code.CONFLICT, f"model version '{name}' was deleted meanwhile; try again", _RETRY_SECONDS
    )


def _is(one: Body, other: Body) -> bool:
    return bool(one["metadata"]["uid"] == other["metadata"]["uid"])
