"""A change of a deployment, whichever API asked for it: made, and waited for."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from mlz.cluster import kinds
from mlz.cluster.cache import Body
from mlz.cluster.client import Manifest
from mlz.rest.documents import progress, services
from mlz.rest.documents.bodies import name_of, part, uid_of
from mlz.rest.documents.changes import Change, Named, changes_asset, merge_patch
from mlz.rest.documents.progress import Outcome
from mlz.rest.documents.related import AssetBodies, Related
from mlz.rest.facade import Facade, model_owner, unknown
from mlz.rest.identity.roles import Caller, Operation, Owners, check
from mlz.rest.threads import in_thread


@dataclass(frozen=True, slots=True)
class Update:
    """
    One request for a change.

    Attributes:
        check_unchanged: raises a refusal where the deployment is not what the caller has seen.
    """

    facade: Facade
    caller: Caller
    check_unchanged: Callable[[Body], None]

    async def made(self, found: Related, change: Change, *, sync: bool) -> Body:
        """
        Make the change; an update of the asset is waited for until its verdict is known.

        Args:
            sync: wait until the new asset serves.

        Returns:
            The deployment as it is then.

        Raises:
            Refusal: what the change wants does not fit, is somebody else's, or was refused.
        """
        asset = await self._asset(found.deployment, change)
        service = await self._service(change)
        named = Named(version=asset.version, service=service)
        body = await in_thread(partial(self._write, found.deployment, change, named))
        if body is None:
            raise unknown("deployment", found.guid)
        return await self._waited(found.deployment, body, asset, sync=sync)

    async def _asset(self, current: Body, change: Change) -> AssetBodies:
        """Who brings a model into a deployment needs the same right as to deploy it."""
        if change.asset is None:
            return AssetBodies()
        asset = await self.facade.version(change.asset, current)
        check(self.caller, Operation.CREATE_DEPLOYMENT, Owners(model=model_owner(asset)))
        return asset

    async def _service(self, change: Change) -> Body | None:
        if change.scoring_group_id is None:
            return None
        guid = change.scoring_group_id
        service = await self.facade.lookups.by_guid(kinds.SCORING_SERVICE, guid)
        if service is None:
            raise services.unknown_service(guid)
        services.check_is_active(service)
        return service

    def _write(self, before: Body, change: Change, named: Named) -> Body | None:
        def compute(current: Body) -> Manifest:
            self.check_unchanged(current)
            return merge_patch(change, current, named)

        facade, name = self.facade, name_of(before)
        if changes_asset(before, named.version) and named.version is not None:
            return facade.claims.repoint(name, name_of(named.version), compute)
        if change.display_name is not None and "spec" in merge_patch(change, before, named):
            return facade.titles.rename(name, change.display_name, compute)
        return facade.world.change(kinds.DEPLOYMENT, name, compute)

    async def _waited(self, before: Body, body: Body, asset: AssetBodies, *, sync: bool) -> Body:
        generation = _generation(body)
        if generation == _generation(before):
            return body  # nothing that the operator would act on
        ask: Callable[[Body, int], Outcome | None] = progress.observed
        if changes_asset(before, asset.version):
            ask = progress.updated if sync else progress.verdict_known
        waited = await self.facade.until(body, lambda known: ask(known, generation))
        if waited.body is None:
            raise unknown("deployment", uid_of(body), ": somebody deleted it meanwhile")
        outcome = waited.outcome
        if outcome is not None and outcome.refusal is not None:
            if outcome.lost:
                await in_thread(partial(self._take_back, before, body))
            raise outcome.refusal
        return waited.body

    def _take_back(self, before: Body, body: Body) -> None:
        """Put back what the change has overwritten, unless somebody has changed it again since."""
        was, did = part(before, "spec"), part(body, "spec")
        changed = {key for key in {*was, *did} if was.get(key) != did.get(key)}

        def compute(current: Body) -> Manifest:
            now = part(current, "spec")
            if any(now.get(key) != did.get(key) for key in changed):
                return {}
            return {"spec": {key: _restored(was.get(key), now.get(key)) for key in changed}}

        self.facade.world.change(kinds.DEPLOYMENT, name_of(body), compute)


def _generation(body: Body) -> int:
    return int(part(body, "metadata").get("generation") or 0)


def _restored(was: object, now: object) -> object:
    """As a merge patch: a key that was not there is removed."""
    if isinstance(was, dict) and isinstance(now, dict):
        return {**dict.fromkeys(now), **was}
    return was
