"""
The import of a model file: resources, then bytes, then the verdict of the inspection.

The resources come first, marked as unfinished, so that whatever is sent to the registry is named by
a resource: a facade that dies leaves nothing that ``cleanup`` cannot find. The operator leaves a
version alone until the mark is off. What goes wrong before that is undone as far as this very
import has made it; afterwards only a refusal by the inspection is. Somebody who imports the same
bytes meanwhile joins in, as they make the same version.
"""

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Protocol

from mlz.api import names, parsing
from mlz.api.conditions import timestamp
from mlz.api.parsing import Body
from mlz.cluster import kinds
from mlz.cluster.client import Manifest
from mlz.cluster.kinds import Kind
from mlz.lifecycle import versions
from mlz.rest.candidates import Candidate, check_same, model_manifest, version_manifest
from mlz.rest.problems import Code, Refusal, retry_after
from mlz.rest.registry import ModelRegistry
from mlz.rest.threads import in_thread
from mlz.rest.unfinished import (
    World,
    delete_version,
    drop,
    finish,
    is_unfinished,
    notes_of,
    release,
    vanished,
)
from mlz.rest.waiting import Waited
from mlz.rest.world import TakenError
from mlz.store.modelpack import ModelPack
from mlz.store.push import UncheckedFile, pack_unchecked

log = logging.getLogger(__name__)
_RETRY_SECONDS = 5


class Waits(Protocol):
    """What an import needs of ``waiting.Waiters``."""

    async def until(
        self, kind: Kind, body: Body, predicate: Callable[[Body], bool | None], deadline: float
    ) -> Waited[bool]:
        """Wait for what a predicate says of a resource."""


@dataclass(frozen=True, slots=True)
class Imported:
    """
    The resources as they are now.

    ``made`` is false where the same bytes were there already. Inspection may still be under way:
    then the version has no Ready condition that is true.
    """

    model: Body
    version: Body
    made: bool


@dataclass(frozen=True, slots=True)
class Importer:
    """
    Imports into one namespace.

    Attributes:
        clock: the time of day.
        executor: runs pushes, which last; as many at once as it has threads.
        wait_seconds: longest wait for the inspection.
    """

    world: World
    registry: ModelRegistry
    waiters: Waits
    clock: Callable[[], datetime]
    executor: Executor
    wait_seconds: float = 120

    async def run(self, wanted: Candidate, model: Body | None = None) -> Imported:
        """
        Import a file, and wait for what inspection says of it.

        Args:
            model: to which a version is added; None makes a new one.

        Raises:
            Refusal: duplicate_model_name, conflict, unavailable; model_refused.
        """
        work, kept = _Work(self, wanted, ExitStack(), threading.Event()), False
        try:
            arrive = partial(work.arrive, model)
            arrived = await in_thread(arrive, self.executor, work.given_up.set)
            version = await self._judged(arrived.version)
            _check_accepted(version, partial(work.will_discard, arrived))
            kept = True
        finally:
            if not kept:
                await in_thread(work.undo.close, self.executor)
        finished = await in_thread(partial(work.finish, arrived.model), self.executor)
        return Imported(finished, version, arrived.made)

    async def _judged(self, version: Body) -> Body:
        """The version when inspection has spoken, or as it is when the time is over."""
        deadline = asyncio.get_running_loop().time() + self.wait_seconds
        waited = await self.waiters.until(kinds.MODEL_VERSION, version, _is_judged, deadline)
        if waited.body is None:
            raise vanished(version["metadata"]["name"])
        return waited.body


@dataclass(frozen=True, slots=True)
class _Arrived:
    """
    Both resources, and the bytes in the registry.

    ``made``: the version is of this import. ``unfinished``: it was so when this import met it.
    """

    model: Body
    version: Body
    made: bool
    unfinished: bool


@dataclass(frozen=True, slots=True)
class _Work:
    """The part of one import that blocks; what it makes it puts on ``undo``."""

    importer: Importer
    wanted: Candidate
    undo: ExitStack
    given_up: threading.Event

    @property
    def _world(self) -> World:
        return self.importer.world

    def arrive(self, given: Body | None) -> _Arrived:
        """The resources are there and the bytes are in the registry."""
        started = timestamp(self.importer.clock())
        model = given or self._model(started)
        name = model["metadata"]["name"]
        packed = self._packed(name)
        uri = self.importer.registry.place.uri(name, packed.manifest_digest)
        version, made = self._version(version_manifest(self.wanted, model, uri, started))
        if not is_unfinished(version):
            return _Arrived(model, version, made=False, unfinished=False)
        self._check_joinable(version, uri)
        path, goes_on = self.wanted.upload.path, lambda: not self.given_up.is_set()
        self.importer.registry.push(name, packed, path, goes_on)
        return _Arrived(model, release(self._world, version), made=made, unfinished=True)

    def will_discard(self, arrived: _Arrived) -> None:
        """A refused version goes; who has made it may have died, so whoever joined sees to it."""
        if not arrived.unfinished:
            return
        if is_unfinished(arrived.model):
            self.undo.callback(_quietly, partial(self._delete_model, arrived.model))
        registry = self.importer.registry
        delete = partial(delete_version, self._world, registry, arrived.version)
        self.undo.callback(_quietly, delete)

    def finish(self, model: Body) -> Body:
        """Take the mark off a new model; where that fails now, ``cleanup`` does it."""
        changed = [model]
        if is_unfinished(model):
            _quietly(lambda: changed.append(finish(self._world, model)))
        return changed[-1]

    def _packed(self, model: str) -> ModelPack:
        upload = self.wanted.upload
        return pack_unchecked(
            UncheckedFile(
                file_name=upload.file_name,
                digest=f"sha256:{upload.sha256}",
                size_bytes=upload.size_bytes,
                name=model,
                engine_type=self.wanted.engine_type,
            )
        )

    def _model(self, started: str) -> Body:
        """The new model, or the one that an earlier try of the same import has made."""
        others = self._world.titled(kinds.MODEL, self.wanted.metadata.name or "")
        if others:
            return self._retried(others[0])
        try:
            model = self._world.create(kinds.MODEL, model_manifest(self.wanted, started))
        except TakenError as error:
            if error.body is None:
                raise self._duplicate_name() from error
            return self._retried(error.body)
        self.undo.callback(_quietly, partial(self._delete_model, model))
        return model

    def _retried(self, model: Body) -> Body:
        """
        A model of that name that is there already: of the same caller, for the same import.

        Raises:
            Refusal: duplicate_model_name; it is another one.
        """
        notes = notes_of(model)
        there = [_sha256(version) for version in self._world.versions_of(model["metadata"]["name"])]
        has_key = notes.get(names.ANNOTATION_IDEMPOTENCY_KEY) == self.wanted.key
        is_same = self.wanted.upload.sha256 in there or (has_key and not there)
        if notes.get(names.ANNOTATION_CREATED_BY) != self.wanted.owner or not is_same:
            raise self._duplicate_name()
        return model

    def _version(self, manifest: Manifest) -> tuple[Body, bool]:
        """The version, and whether this import has made it."""
        try:
            version = self._world.create(kinds.MODEL_VERSION, manifest)
        except TakenError as error:
            if error.body is None:
                raise vanished(error.name) from error
            check_same(self.wanted, error.body)
            return error.body, False
        self.undo.callback(_quietly, partial(drop, self._world, self.importer.registry, version))
        return version, True

    def _check_joinable(self, version: Body, uri: str) -> None:
        """Who imports the same bytes with other words waits until the first one is through."""
        if version["spec"]["artifact"]["uri"] != uri:
            raise retry_after(
                Code.CONFLICT, "the same bytes are being imported now; try again", _RETRY_SECONDS
            )

    def _delete_model(self, model: Body) -> None:
        """Somebody else may have added a version by now: then the model stays."""
        self._world.refresh(kinds.MODEL_VERSION)
        if not self._world.versions_of(model["metadata"]["name"]):
            self._world.delete(kinds.MODEL, model)

    def _duplicate_name(self) -> Refusal:
        return Refusal(
            Code.DUPLICATE_MODEL_NAME,
            f"another model is named '{self.wanted.metadata.name}', or its resource "
            f"'{self.wanted.model_name}'; choose another name, or add a version to that model",
        )


def _check_accepted(version: Body, before_refusal: Callable[[], None]) -> None:
    parsed = parsing.model_version(version)
    refusal = versions.refusal(parsed)
    if versions.is_refused(parsed) and refusal is not None:
        before_refusal()
        raise Refusal(
            Code.MODEL_REFUSED,
            f"the model was inspected and refused ({refusal.reason}): {refusal.message}",
            [{"reason": refusal.reason.value, "message": refusal.message}],
        )


def _is_judged(body: Body) -> bool | None:
    return versions.is_final(parsing.model_version(body)) or None


def _sha256(version: Body) -> str | None:
    found: str | None = ((version.get("spec") or {}).get("artifact") or {}).get("sha256")
    return found


def _quietly(work: Callable[[], object]) -> None:
    """What cannot be undone now is told, and does not hide why it was to be."""
    try:
        work()
    except Refusal as error:
        log.warning("not undone: cleanup will do it", extra={"cause": error.message})
