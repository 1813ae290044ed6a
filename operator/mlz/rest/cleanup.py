"""
What goes: a model that somebody deletes, and what imports have left that did not live to undo.

Every replica may sweep, as often as it likes: each step looks at what is, and doing it twice does
nothing. A manifest goes before the resource that names it, so that none is ever forgotten.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mlz.api import names
from mlz.api.conditions import moment
from mlz.api.parsing import Body
from mlz.cluster import kinds
from mlz.cluster.kinds import Kind
from mlz.rest.arrival import UPLOAD_PREFIX
from mlz.rest.directory import guid_of
from mlz.rest.documents.bodies import display_name, part
from mlz.rest.documents.related import uses_version
from mlz.rest.problems import Code, Refusal, retry_after
from mlz.rest.unfinished import (
    Manifests,
    World,
    delete_version,
    drop,
    finish,
    is_unfinished,
    notes_of,
    uri_of,
)

log = logging.getLogger(__name__)
_RETRY_SECONDS = 30
_NAMED_AT_MOST = 20


@dataclass(frozen=True, slots=True)
class Swept:
    """How many unfinished things went; a model that was only unmarked counts too."""

    versions: int = 0
    models: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Cleaner:
    """
    Deletes models and what belongs to them, in one namespace.

    Attributes:
        registry: None where no models can be imported.
        stale_seconds: an import that began longer ago and is not through is dead; it must be longer
            than a push may take.
    """

    world: World
    registry: Manifests | None
    stale_seconds: float

    def delete_model(self, model: Body) -> None:
        """
        Delete a model, its versions, and their manifests in our registry.

        A deployment that is made in the same moment stalls with ``ModelVersionNotFound``.

        Raises:
            Refusal: model_deployed, naming the deployments; conflict, while a version is imported;
                unavailable.
        """
        self.world.refresh(kinds.MODEL_VERSION)
        self.world.refresh(kinds.DEPLOYMENT)
        versions = self.world.versions_of(model["metadata"]["name"])
        if any(is_unfinished(version) for version in versions):
            raise retry_after(
                Code.CONFLICT, "a version of the model is being imported; try again", _RETRY_SECONDS
            )
        users = [one for one in self.world.all(kinds.DEPLOYMENT) if _uses(one, versions)]
        if users:
            raise _deployed(model, users)
        for version in versions:
            delete_version(self.world, self.registry, version)
        self.world.delete(kinds.MODEL, model)

    def sweep(self, now: datetime) -> Swept:
        """Delete what dead imports have left; what fails is left to the next sweep."""
        versions = self._cleared(kinds.MODEL_VERSION, self._clear_version, now)
        models = self._cleared(kinds.MODEL, self._clear_model, now)
        return Swept(versions.count(True), models.count(True), (versions + models).count(None))

    def _cleared(
        self, kind: Kind, clear: Callable[[Body], bool], now: datetime
    ) -> list[bool | None]:
        """For each dead one of a kind, whether there was something to do; None where it failed."""
        dead = [body for body in self.world.all(kind) if self._is_dead(body, now)]
        return [_outcome(clear, body) for body in dead]

    def _is_dead(self, body: Body, now: datetime) -> bool:
        if not is_unfinished(body) or names.ANNOTATION_CREATED_BY not in notes_of(body):
            return False
        return (now - _began(body)).total_seconds() > self.stale_seconds

    def _clear_version(self, version: Body) -> bool:
        """One that somebody has set going by hand is not waiting for its bytes any more."""
        if notes_of(version).get(names.ANNOTATION_PAUSED) != "true":
            return False
        dropped = drop(self.world, self.registry, version)
        if dropped:
            log.info("swept an unfinished import", extra={"version": version["metadata"]["name"]})
        return dropped

    def _clear_model(self, model: Body) -> bool:
        """A model without versions goes; one that has a whole one is a model."""
        name = model["metadata"]["name"]
        self.world.refresh(kinds.MODEL_VERSION)
        versions = self.world.versions_of(name)
        if not versions:
            self.world.delete(kinds.MODEL, model)
            log.info("swept an unfinished import", extra={"model": name})
        elif all(is_unfinished(version) for version in versions):
            return False
        else:
            finish(self.world, model)
        return True


def sweep_files(folder: Path, now: float, older_than_seconds: float) -> int:
    """
    Delete uploads that a process which died has left.

    Args:
        now: seconds since 1970.
        older_than_seconds: 0 when a process starts: nobody else's uploads lie in its folder.

    Returns:
        How many there were.
    """
    swept = 0
    for path in folder.glob(f"{UPLOAD_PREFIX}*"):
        try:
            if path.stat().st_mtime <= now - older_than_seconds:
                path.unlink()
                swept += 1
        except FileNotFoundError:  # its own request was faster
            continue
    return swept


def _outcome(clear: Callable[[Body], bool], body: Body) -> bool | None:
    try:
        return clear(body)
    except Refusal as error:
        extra = {"resource": body["metadata"]["name"], "cause": error.message}
        log.warning("an unfinished import stays for now", extra=extra)
        return None


def _uses(deployment: Body, versions: list[Body]) -> bool:
    """Whether a deployment wants or serves one of the versions, by name or by its bytes' URI."""
    by_name = {version["metadata"]["name"] for version in versions}
    by_uri = {uri for version in versions if (uri := uri_of(version))}
    if part(deployment, "spec", "asset").get("uri") in by_uri:
        return True
    return any(uses_version(deployment, name) for name in by_name)


def _deployed(model: Body, users: list[Body]) -> Refusal:
    shown = ", ".join(f"'{display_name(one)}'" for one in users[:_NAMED_AT_MOST])
    more = f" and {len(users) - _NAMED_AT_MOST} more" if len(users) > _NAMED_AT_MOST else ""
    return Refusal(
        Code.MODEL_DEPLOYED,
        f"model '{display_name(model)}' is in use by {shown}{more}; delete these deployments first",
        [{"deployment": guid_of(one), "name": display_name(one)} for one in users[:_NAMED_AT_MOST]],
    )


def _began(body: Body) -> datetime:
    """When the import began; the resource's own age where somebody has changed the note."""
    noted = notes_of(body).get(names.ANNOTATION_IMPORT_STARTED)
    for text in (noted, body["metadata"].get("creationTimestamp")):
        try:
            found = moment(str(text))
        except ValueError:
            continue
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    return datetime.min.replace(tzinfo=UTC)
