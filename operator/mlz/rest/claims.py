"""
One model version once in a scoring service, however many ask for it at once, without a lock.

Who is about to deploy a version first puts a claim into an annotation of it, as a compare-and-swap,
and looks again when the deployment exists. A claim lasts while its deployment names version and
service. Before that it is fresh for a while, so that others wait for what becomes of it; afterwards
it is stale, and anybody may take it over, so that no crash blocks a version for ever. Who took over
looks once more at the one before him: of two who overlap, at most one stays.

A deployment carries the mark of its creation until all this is done; ``finish_leftovers`` brings to
an end what a process that died has left, before anybody was told of it.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from mlz.api import names
from mlz.api.conditions import timestamp
from mlz.cluster import kinds
from mlz.cluster.cache import Body
from mlz.cluster.client import Manifest
from mlz.rest.directory import is_leaving
from mlz.rest.documents.bodies import annotation, display_name
from mlz.rest.problems import Code, Refusal
from mlz.rest.titles import Titles, duplicate_name
from mlz.rest.world import Compute, TakenError, World

_log = logging.getLogger(__name__)

Clock = Callable[[], datetime]

_FRESH = timedelta(seconds=20)
_ABANDONED = timedelta(seconds=60)
_MOST_WAITS = 40
# What says that a deployment may not stay.
_LOST = frozenset({Code.DUPLICATE_DEPLOYMENT, Code.DUPLICATE_DEPLOYMENT_NAME, Code.NOT_FOUND})


@dataclass(frozen=True, slots=True)
class Claim:
    """
    Who wants a model version in a scoring service.

    Attributes:
        token: of one try, for two may want to make a deployment of the same name.
        since: when it was put there, as a timestamp of Kubernetes.
    """

    deployment: str
    token: str
    since: str

    @property
    def text(self) -> str:
        """The value of the annotation."""
        return f"{self.deployment} {self.token} {self.since}"

    def is_fresh(self, now: datetime) -> bool:
        """Whether its deployment may still be on the way; clocks may differ a little."""
        try:
            age = now - datetime.fromisoformat(self.since)
        except (ValueError, TypeError):
            return False
        return -_FRESH < age < _FRESH


def claim_on(version: Body, service: str) -> Claim | None:
    """The claim that a model version carries for a scoring service."""
    return claim_at(version, names.claim_annotation(service))


def claim_at(version: Body, note: str) -> Claim | None:
    """The claim that an annotation of a model version holds."""
    deployment, _, rest = (annotation(version, note) or "").partition(" ")
    token, _, since = rest.partition(" ")
    return Claim(deployment, token, since) if deployment else None


@dataclass(frozen=True, slots=True)
class Wish:
    """A claim and what it is for; ``makes`` where the deployment is yet to be made."""

    version: str
    service: str
    claim: Claim
    makes: bool


class _PendingError(Exception):
    """Somebody else has claimed it, and his deployment may still come."""


class Claims:
    """
    Makes, points elsewhere and deletes deployments; blocking, so call it in a thread.

    Args:
        clock: the time of day; replicas should agree on it within seconds.
        abandoned: a creation that has not ended after so long is brought to an end by others.
    """

    def __init__(
        self, world: World, titles: Titles, clock: Clock, abandoned: timedelta = _ABANDONED
    ) -> None:
        self._world = world
        self.titles = titles
        self._clock = clock
        self._abandoned = abandoned

    def create(self, manifest: Manifest) -> Body:
        """
        Make a deployment; with the idempotency key of one that exists, answer that one.

        Raises:
            Refusal: duplicate_deployment_name, duplicate_deployment, duplicate_serving_id; or what
                the API server says.
        """
        try:
            self._check_names(manifest)
            wish = self._wish(manifest, makes=True)
            if wish is not None:
                self._take(wish)
            return self._settle(self._place(manifest, wish), wish)
        except TakenError as error:
            return self._replayed(manifest, error)

    def repoint(self, name: str, version: str, compute: Compute) -> Body | None:
        """
        Change a deployment so that it names another model version.

        Args:
            compute: as for ``World.change``; makes it name ``version``.

        Raises:
            Refusal: duplicate_deployment; or of ``compute``; or what the API server says.
        """
        before = self._world.live(kinds.DEPLOYMENT, name)
        if before is None or is_leaving(before):
            return None
        if version_of(before) == version:
            return self._world.change(kinds.DEPLOYMENT, name, compute)
        service, known = service_of(before), self._claim_of(before)
        claim = Claim(name, self._world.new_id(), timestamp(self._clock()))
        wish = Wish(version, service, claim, makes=False)
        self._take(wish)
        try:
            body = self._world.change(kinds.DEPLOYMENT, name, compute)
        except Refusal as error:
            self._undo(wish, error)
            raise
        self._keep(wish, before)
        if known is not None:
            self._forget(version_of(before), service, known)
        return body

    def delete(self, body: Body) -> None:
        """Delete the very deployment of that uid, and its claim."""
        known = self._claim_of(body)
        self._world.delete(kinds.DEPLOYMENT, body)
        if known is not None:
            self._forget(version_of(body), service_of(body), known)

    def finish_leftovers(self) -> int:
        """Keep or delete what was made and never told of; answers how many there were."""
        made_before, count = self._clock() - self._abandoned, 0
        for known in self._world.all(kinds.DEPLOYMENT):
            if not _is_abandoned(known, made_before):
                continue
            body = self._world.live(kinds.DEPLOYMENT, known["metadata"]["name"])
            if body is not None and not is_leaving(body) and _is_abandoned(body, made_before):
                count += 1
                self._finish(body)
        return count

    # A creation, step by step

    def _check_names(self, manifest: Manifest) -> None:
        """What can be known without a write; the names are locked by the creation itself."""
        name = manifest["metadata"]["name"]
        known = self._world.live(kinds.DEPLOYMENT, name)
        if known is not None:
            raise TakenError(kinds.DEPLOYMENT, name, known)
        self.titles.check(display_name(manifest), name)
        spec = manifest["spec"]
        serving_id = spec.get("servingId")
        rivals = self._world.by_serving_id(serving_id) if serving_id else []
        if any(service_of(rival) == spec["scoringService"] for rival in rivals):
            raise Refusal(
                Code.DUPLICATE_SERVING_ID,
                f"servingId '{serving_id}' belongs to another deployment in the scoring service",
            )

    def _place(self, manifest: Manifest, wish: Wish | None) -> Body:
        try:
            return self._world.place(kinds.DEPLOYMENT, manifest)
        except (Refusal, TakenError) as error:
            if wish is not None:
                self._undo(wish, error)
            raise

    def _settle(self, body: Body, wish: Wish | None) -> Body:
        """Look again, now that it exists: it stays, or it goes before anybody was told of it."""
        try:
            if wish is not None:
                self._take(Wish(wish.version, wish.service, wish.claim, makes=False))
            self.titles.settle(body)
        except Refusal as error:
            if error.code in _LOST:
                self.delete(body)
            raise
        return self._world.release(kinds.DEPLOYMENT, body)

    def _keep(self, wish: Wish, before: Body) -> None:
        """Look again, now that it names the version: if that took too long, it goes back."""
        try:
            self._take(wish)
        except Refusal as error:
            if error.code in _LOST:
                back = _pointing_back(wish.version, before)
                self._world.change(kinds.DEPLOYMENT, wish.claim.deployment, back)
            raise

    def _replayed(self, manifest: Manifest, taken: TakenError) -> Body:
        key = annotation(manifest, names.ANNOTATION_IDEMPOTENCY_KEY)
        known = taken.body
        if known is None or is_leaving(known):
            text = f"deployment '{taken.name}' is being deleted; try again"
            raise Refusal(Code.CONFLICT, text)
        if key is None or annotation(known, names.ANNOTATION_IDEMPOTENCY_KEY) != key:
            raise duplicate_name(display_name(manifest), known)
        return self._finished(known)

    def _finish(self, body: Body) -> None:
        try:
            self._finished(body)
        except Refusal as error:
            name = body["metadata"]["name"]
            _log.info("left behind", extra={"deployment": name, "cause": error.message})

    def _finished(self, body: Body) -> Body:
        """The rest of a creation that somebody else has begun."""
        if annotation(body, names.ANNOTATION_REQUEST) is None:
            return self._world.release(kinds.DEPLOYMENT, body)
        wish = self._wish(body, makes=False)
        if wish is None or self._world.live(kinds.MODEL_VERSION, wish.version) is None:
            return self._settle(body, None)
        known = self._claim_of(body) or wish.claim
        return self._settle(body, Wish(wish.version, wish.service, known, makes=False))

    # Claims

    def _wish(self, body: Body, *, makes: bool) -> Wish | None:
        """None for an asset that is given by its URI: that is nobody else's."""
        version = version_of(body)
        if not version:
            return None
        name, token = body["metadata"]["name"], self._world.new_id()
        claim = Claim(name, token, timestamp(self._clock()))
        return Wish(version, service_of(body), claim, makes=makes)

    def _take(self, wish: Wish) -> None:
        """
        Put the claim there, or find it there already.

        Raises:
            TakenError: the deployment that is to be made exists.
            Refusal: another one has the version, or it stays undecided.
        """
        for number in range(_MOST_WAITS):
            try:
                self._swap(wish)
            except _PendingError:
                self._world.tries.wait(number)
            else:
                return
        text = f"model version '{wish.version}' is being deployed by others; try again"
        raise Refusal(Code.CONFLICT, text)

    def _swap(self, wish: Wish) -> None:
        before: Claim | None = None

        def compute(version: Body) -> Manifest:
            nonlocal before
            before = claim_on(version, wish.service)
            if before == wish.claim:
                return {}
            self._check(wish, before)
            return _noted(wish.service, wish.claim.text)

        body = self._world.change(kinds.MODEL_VERSION, wish.version, compute)
        if body is None:
            text = f"model version '{wish.version}' does not exist any more"
            raise Refusal(Code.NOT_FOUND, text, status=500)
        if before not in (None, wish.claim):
            self._check_again(wish, before)

    def _check(self, wish: Wish, known: Claim | None) -> None:
        """Whether the version is free for us, by its claim and by what has come without one."""
        holders = [one["metadata"]["name"] for one in self._world.deployments_of(wish.version)]
        if known is not None:
            holders.insert(0, known.deployment)
        for name in dict.fromkeys(holders):
            if self._holds(name, wish):
                self._refuse(name, wish)
        ours = known is not None and known.deployment == wish.claim.deployment and not wish.makes
        if known is not None and not ours and known.is_fresh(self._clock()):
            raise _PendingError

    def _check_again(self, wish: Wish, before: Claim | None) -> None:
        """While we took over a stale claim, its deployment may have come after all."""
        if before is None or not self._holds(before.deployment, wish):
            return
        if before.deployment != wish.claim.deployment or wish.makes:
            self._replace(wish.version, wish.service, wish.claim, before.text)
            self._refuse(before.deployment, wish)

    def _holds(self, name: str, wish: Wish) -> bool:
        body = self._world.live(kinds.DEPLOYMENT, name)
        if body is None or is_leaving(body):
            return False
        return version_of(body) == wish.version and service_of(body) == wish.service

    def _refuse(self, holder: str, wish: Wish) -> None:
        """Nothing where the holder is the deployment that is to have it."""
        if holder != wish.claim.deployment:
            raise Refusal(
                Code.DUPLICATE_DEPLOYMENT,
                f"model version '{wish.version}' is deployed in scoring service '{wish.service}' "
                f"by deployment '{holder}'; choose another version or another scoring service",
            )
        if wish.makes:
            body = self._world.named(kinds.DEPLOYMENT, holder)
            raise TakenError(kinds.DEPLOYMENT, holder, body)

    def _undo(self, wish: Wish, error: Exception) -> None:
        """Not where the write may have got through: then the claim is right, or will be stale."""
        if isinstance(error, Refusal) and error.code is Code.UNAVAILABLE:
            return
        if not self._holds(wish.claim.deployment, wish):
            self._forget(wish.version, wish.service, wish.claim)

    def _claim_of(self, deployment: Body) -> Claim | None:
        version = version_of(deployment)
        body = self._world.live(kinds.MODEL_VERSION, version) if version else None
        known = None if body is None else claim_on(body, service_of(deployment))
        name = deployment["metadata"]["name"]
        return known if known is not None and known.deployment == name else None

    def _forget(self, version: str, service: str, claim: Claim) -> None:
        """Take a claim off; where that fails, it will be stale."""
        try:
            self._replace(version, service, claim, None)
        except Refusal as error:
            extra = {"version": version, "cause": error.message}
            _log.info("claim is not taken off", extra=extra)

    def _replace(self, version: str, service: str, claim: Claim, text: str | None) -> None:
        def compute(body: Body) -> Manifest:
            return _noted(service, text) if claim_on(body, service) == claim else {}

        self._world.change(kinds.MODEL_VERSION, version, compute)


def _noted(service: str, text: str | None) -> Manifest:
    return {"metadata": {"annotations": {names.claim_annotation(service): text}}}


def version_of(deployment: Body) -> str:
    """The model version that a deployment wants; nothing where it has a URI."""
    return ((deployment.get("spec") or {}).get("asset") or {}).get("modelVersion") or ""


def service_of(deployment: Body) -> str:
    """The scoring service that a deployment is in."""
    return (deployment.get("spec") or {}).get("scoringService") or ""


def _pointing_back(version: str, before: Body) -> Compute:
    old = before["spec"]

    def compute(body: Body) -> Manifest:
        if version_of(body) != version:
            return {}
        asset = dict.fromkeys(body["spec"]["asset"]) | old["asset"]
        return {"spec": {"asset": asset, "engineType": old["engineType"]}}

    return compute


def _is_abandoned(body: Body, made_before: datetime) -> bool:
    if annotation(body, names.ANNOTATION_REQUEST) is None:
        return False
    return datetime.fromisoformat(body["metadata"]["creationTimestamp"]) < made_before
