"""
What every route works with, and what it asks of the cluster in the words of the API.

A facade belongs to one event loop; what blocks is run in threads.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import httpx

from mlz.cluster import kinds
from mlz.cluster.cache import Body
from mlz.cluster.kinds import Kind
from mlz.rest.arrival import Space
from mlz.rest.bodies import BodyLimits
from mlz.rest.claims import Claims
from mlz.rest.cleanup import Cleaner
from mlz.rest.documents import related
from mlz.rest.documents.bodies import owner_of, part
from mlz.rest.documents.changes import unknown_version
from mlz.rest.documents.hrefs import Href
from mlz.rest.documents.related import AssetBodies, Related
from mlz.rest.guard import Guard
from mlz.rest.identity.login import Door
from mlz.rest.identity.roles import Owners
from mlz.rest.imports import Importer
from mlz.rest.keyring import Keyring
from mlz.rest.problems import Code, Refusal
from mlz.rest.titles import Titles
from mlz.rest.turnstile import Turnstile
from mlz.rest.uploads import Limits
from mlz.rest.waiting import Lookups, OutcomeT, Waited, Waiters
from mlz.rest.world import World
from mlz.settings import RestSettings


@dataclass(frozen=True, slots=True)
class Imports:
    """What it takes to import models; a facade without a registry has none."""

    importer: Importer
    space: Space
    limits: Limits


@dataclass(frozen=True, slots=True)
class Facade:
    """
    All of it.

    Attributes:
        scoring: speaks to scoring pods.
        log_ins: where passwords wait to be looked at.
        clock: the time of day.
    """

    settings: RestSettings
    world: World
    claims: Claims
    titles: Titles
    waiters: Waiters
    lookups: Lookups
    keyring: Keyring
    guard: Guard
    door: Door
    log_ins: Turnstile
    imports: Imports | None
    cleaner: Cleaner
    scoring: httpx.AsyncClient
    clock: Callable[[], datetime]

    @property
    def limits(self) -> BodyLimits:
        """Of bodies that are no model files."""
        return BodyLimits(self.settings.max_body_bytes, self.settings.body_timeout_seconds)

    async def found(self, kind: Kind, guid: str, what: str) -> Body:
        """
        The resource of a guid in a path.

        Raises:
            Refusal: not_found.
        """
        body = await self.lookups.by_guid(kind, guid)
        if body is None:
            raise unknown(what, guid)
        return body

    async def deployment(self, model: str, guid: str) -> Related:
        """
        The deployment of a guid, below its model.

        Raises:
            Refusal: not_found.
        """
        body = await self.found(kinds.DEPLOYMENT, guid, "deployment")
        found = self.related(body)
        if not related.is_of_model(found, model):
            raise unknown("deployment", guid, f" of model '{model[:80]}'")
        return found

    async def version(self, href: Href, deployment: Body | None = None) -> AssetBodies:
        """
        What an ``artifactVersionHref`` names; without a model it is the version's alone.

        Args:
            deployment: the one that shall have it; None where it is yet to be made.

        Raises:
            Refusal: not_found, with status 500; invalid_field, it is another deployment's own.
        """
        body = await self.lookups.by_guid(kinds.MODEL_VERSION, href.version)
        found = AssetBodies() if body is None else self.asset(body)
        if body is None or href.model not in ("", related.model_guid(found)):
            raise unknown_version(href)
        related.check_is_no_others(body, deployment)
        return found

    def related(self, body: Body) -> Related:
        """A deployment with all that its documents tell of."""
        wanted = related.wanted_version_name(body)
        active = related.active_version_name(body)
        service = str(part(body, "spec").get("scoringService") or "")
        return Related(
            deployment=body,
            wanted=self._asset_named(wanted),
            active=None if active in (None, wanted) else self._asset_named(active),
            service=self.world.named(kinds.SCORING_SERVICE, service),
        )

    def asset(self, version: Body) -> AssetBodies:
        """A version with its model."""
        name = str(part(version, "spec").get("model") or "")
        return AssetBodies(version, self.world.named(kinds.MODEL, name) if name else None)

    async def until(
        self, body: Body, predicate: Callable[[Body], OutcomeT | None]
    ) -> Waited[OutcomeT]:
        """Wait for the operator, as long as the settings let a request wait."""
        deadline = asyncio.get_running_loop().time() + self.settings.wait_seconds
        return await self.waiters.until(kinds.DEPLOYMENT, body, predicate, deadline)

    def _asset_named(self, name: str | None) -> AssetBodies:
        version = self.world.named(kinds.MODEL_VERSION, name) if name else None
        return AssetBodies() if version is None else self.asset(version)


def owners_of(found: Related) -> Owners:
    """Whose a deployment is, and whose its model."""
    return Owners(model=model_owner(found.wanted), deployment=owner_of(found.deployment))


def model_owner(asset: AssetBodies) -> str | None:
    """Whose a model is."""
    return None if asset.model is None else owner_of(asset.model)


def unknown(what: str, guid: str, more: str = "") -> Refusal:
    """A guid in a path that nothing has."""
    return Refusal(Code.NOT_FOUND, f"there is no {what} '{guid[:80]}'{more}")
