"""Which resources a change concerns: from one watched object to the keys of passes. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from mlz.api import names
from mlz.cluster import kinds
from mlz.cluster.cache import Cache, controller_of
from mlz.errors import Reason
from mlz.reconcile import Key

Body = Mapping[str, Any]

_CUSTOM = frozenset(kind.kind for kind in kinds.CUSTOM)
_CHILDREN = frozenset(kind.kind for kind in kinds.CHILDREN)
_RIVALRIES = frozenset(
    {Reason.DUPLICATE_SERVING_ID, Reason.DUPLICATE_DEPLOYMENT, Reason.DUPLICATE_DISPLAY_NAME}
)


def keys_of(body: Body, cache: Cache) -> Iterator[Key]:
    """The keys that a change of this object concerns, its own first, each once."""
    yield from dict.fromkeys(_keys(body, cache))


def _keys(body: Body, cache: Cache) -> Iterator[Key]:
    meta = body["metadata"]
    namespace = meta["namespace"]
    if body["kind"] in _CUSTOM:
        yield Key(body["kind"], namespace, meta["name"])
    owner = controller_of(body)
    if owner is not None and owner["kind"] in _CUSTOM:
        yield Key(owner["kind"], namespace, owner["name"])
    deployment = (meta.get("labels") or {}).get(names.LABEL_DEPLOYMENT)
    if deployment is not None and body["kind"] in _CHILDREN:
        # Pods have another controller, and somebody may have cut a child from its owner.
        yield Key(names.DEPLOYMENT, namespace, deployment)
    yield from _dependents(body, cache)


def _dependents(body: Body, cache: Cache) -> Iterator[Key]:
    """Resources that refer to this one by name, and rivals for what it holds."""
    meta, spec = body["metadata"], body.get("spec") or {}
    if body["kind"] == names.MODEL_VERSION and "model" in spec:
        yield Key(names.MODEL, meta["namespace"], spec["model"])
    if body["kind"] not in _CUSTOM:
        return
    versions = _versions_of(body, cache)
    for other in cache.in_namespace(kinds.DEPLOYMENT, meta["namespace"]):
        if _concerns(body, other) or _wanted_version(other) in versions:
            yield Key(names.DEPLOYMENT, meta["namespace"], other["metadata"]["name"])


def _versions_of(body: Body, cache: Cache) -> set[str]:
    """The versions of a model, whose owner may score what is made of them; a version itself."""
    name = body["metadata"]["name"]
    if body["kind"] != names.MODEL:
        return {name} if body["kind"] == names.MODEL_VERSION else set()
    found = cache.in_namespace(kinds.MODEL_VERSION, body["metadata"]["namespace"])
    return {
        one["metadata"]["name"] for one in found if (one.get("spec") or {}).get("model") == name
    }


def _wanted_version(deployment: Body) -> str | None:
    version: str | None = ((deployment.get("spec") or {}).get("asset") or {}).get("modelVersion")
    return version


def _concerns(body: Body, deployment: Body) -> bool:
    name, spec = body["metadata"]["name"], deployment.get("spec") or {}
    if body["kind"] == names.SCORING_SERVICE:
        return bool(spec.get("scoringService") == name)
    if body["kind"] != names.DEPLOYMENT or deployment["metadata"]["name"] == name:
        return False
    return bool(_claims(body) & _claims(deployment)) or _waits_for_a_claim(deployment)


def _waits_for_a_claim(deployment: Body) -> bool:
    """What a rival has just given up is not in the rival any more, so all who wait look again."""
    conditions = (deployment.get("status") or {}).get("conditions") or ()
    return any(one["type"] == "Stalled" and one["reason"] in _RIVALRIES for one in conditions)


def _claims(deployment: Body) -> set[tuple[str, Any]]:
    """What a deployment holds alone; see ``cluster.observe.claim_of``."""
    spec = deployment.get("spec") or {}
    held = {
        ("servingId", spec.get("servingId")),
        ("modelVersion", (spec.get("asset") or {}).get("modelVersion")),
        ("displayName", spec.get("displayName") or deployment["metadata"]["name"]),
    }
    return {one for one in held if one[1] is not None}
