"""
Claims that nothing has come of: their makers died, or could not take them off.

Nobody is kept from a version by them, for a stale claim may be taken over; but nobody may ever want
to. Whoever takes one off does it as if he took it over: first his own is put there, then he looks
once more for its deployment. One that comes later looks for its claim itself (``claims``).
"""

from datetime import datetime

from mlz.api import names
from mlz.api.conditions import timestamp
from mlz.cluster import kinds
from mlz.cluster.cache import Body
from mlz.cluster.client import Manifest
from mlz.rest.claims import Claim, claim_at, service_of, version_of
from mlz.rest.directory import is_leaving
from mlz.rest.world import World


def drop_stale_claims(world: World, now: datetime) -> int:
    """
    Take off what is stale; blocking. Every replica may do it.

    Returns:
        How many there were.

    Raises:
        Refusal: the API server does not answer; what is left is left to the next time.
    """
    found = [
        _dropped(world, version, note, now)
        for version in world.all(kinds.MODEL_VERSION)
        for note in version["metadata"].get("annotations") or {}
        if note.startswith(names.CLAIM_PREFIX)
    ]
    return sum(found)


def _dropped(world: World, version: Body, note: str, now: datetime) -> bool:
    name, known = version["metadata"]["name"], claim_at(version, note)
    if known is None or known.is_fresh(now) or _has_come(world, name, note, known):
        return False
    ours = Claim(known.deployment, world.new_id(), timestamp(now))
    if not _replaced(world, name, note, (known, ours)) or _has_come(world, name, note, ours):
        return False
    return _replaced(world, name, note, (ours, None))


def _has_come(world: World, version: str, note: str, claim: Claim) -> bool:
    """Whether the deployment of a claim exists and has the version in that scoring service."""
    body = world.live(kinds.DEPLOYMENT, claim.deployment)
    if body is None or is_leaving(body) or version_of(body) != version:
        return False
    return names.claim_annotation(service_of(body)) == note


def _replaced(world: World, version: str, note: str, change: tuple[Claim, Claim | None]) -> bool:
    """Whether the claim was the first one, and is the second now."""
    before, after = change
    text = None if after is None else after.text

    def compute(body: Body) -> Manifest:
        return {"metadata": {"annotations": {note: text}}} if claim_at(body, note) == before else {}

    body = world.change(kinds.MODEL_VERSION, version, compute)
    return body is not None and claim_at(body, note) == after
