"""
Writes: server-side apply that skips what is so already, deletion of what is no longer wanted.

An object is so already when the same manifest was applied last (a digest in an annotation) and
nobody has changed a field of it since. Objects that we do not know yet are applied without force:
a stranger's object of the same name answers with a conflict instead of being taken over.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from kubernetes.utils import parse_quantity

from mlz.api import names
from mlz.cluster.cache import Cache
from mlz.cluster.client import ApiConflictError, ApiRefusalError, KubeClient, Manifest
from mlz.cluster.kinds import BY_NAME, WORKLOAD, Kind
from mlz.cluster.safety import Brakes
from mlz.errors import Reason, RetryableError

_QUOTA = re.compile("exceeded quota|must specify (limits|requests|cpu|memory)")


class Writer:
    """Writes objects and puts the answers into the cache, so that we read our own writes."""

    def __init__(self, client: KubeClient, cache: Cache, brakes: Brakes) -> None:
        self._client = client
        self._cache = cache
        self._brakes = brakes

    def apply_all(self, manifests: Iterable[Manifest]) -> None:
        """
        Make the cluster hold these objects.

        Raises:
            RetryableError: an object of that name belongs to somebody else (NameConflict), is
                changed back again and again (WriteConflict), or is refused (QuotaExceeded,
                ObjectRefused).
            ApiOutageError: the API server cannot be reached.
        """
        for manifest in manifests:
            self._apply(stamped(manifest))

    def prune(
        self, owned: Iterable[Mapping[str, Any]], wanted: Iterable[Mapping[str, Any]]
    ) -> None:
        """
        Delete owned objects that are not wanted, each by its uid.

        Raises:
            RetryableError: too many workloads that answer are to go within a minute
                (DeletionBraked).
            ApiOutageError: the API server cannot be reached.
        """
        kept = {_identity(manifest) for manifest in wanted}
        for body in owned:
            if _identity(body) not in kept and "deletionTimestamp" not in body["metadata"]:
                kind = BY_NAME[body["kind"]]
                if kind is WORKLOAD and (body.get("status") or {}).get("readyReplicas"):
                    self._brakes.before_deletion(len(self._cache.of_kind(WORKLOAD)))
                self._delete(kind, body)

    def write_status(self, kind: Kind, body: Mapping[str, Any], status: Manifest) -> bool:
        """Write a status if it differs from the one seen; answers whether it was written."""
        if status == (body.get("status") or {}):
            return False
        meta = body["metadata"]
        manifest = {
            "apiVersion": kind.api_version,
            "kind": kind.kind,
            "metadata": {
                "name": meta["name"],
                "namespace": meta["namespace"],
                # A recreated object of the same name must not get the status of the old one.
                "uid": meta["uid"],
            },
            "status": status,
        }
        answer = self._client.apply(
            kind, manifest, manager=names.STATUS_MANAGER, force=True, subresource="status"
        )
        self._cache.put(answer)
        return True

    def _delete(self, kind: Kind, body: Mapping[str, Any]) -> None:
        """The answer goes into the cache, too, or the next pass would delete once more."""
        meta = body["metadata"]
        answer = self._client.delete(kind, meta["namespace"], meta["name"], meta["uid"])
        if answer is None:
            return
        if "deletionTimestamp" in answer.get("metadata", {}):
            self._cache.put(answer)
        else:
            self._cache.drop(body)

    def _apply(self, manifest: Manifest) -> None:
        kind = BY_NAME[manifest["kind"]]
        meta = manifest["metadata"]
        known = self._cache.get(kind, meta["namespace"], meta["name"])
        if known is not None and is_applied(manifest, known):
            return
        stamp = meta["annotations"][names.ANNOTATION_APPLIED_HASH]
        self._brakes.before_apply(kind.kind, meta["namespace"], meta["name"], stamp)
        try:
            answer = self._client.apply(
                kind, manifest, manager=names.FIELD_MANAGER, force=known is not None
            )
        except ApiConflictError as error:
            raise RetryableError(
                Reason.NAME_CONFLICT,
                f"{kind.kind} '{meta['name']}' is needed and belongs to somebody else: "
                f"{error.message}; rename or delete it",
            ) from error
        except ApiRefusalError as error:
            reason = Reason.QUOTA_EXCEEDED if is_quota(error.message) else Reason.OBJECT_REFUSED
            text = f"{kind.kind} '{meta['name']}' is refused: {error.message}"
            raise RetryableError(reason, text) from error
        self._cache.put(answer)


def is_quota(message: str) -> bool:
    """Whether the API server's words speak of a ResourceQuota or LimitRange."""
    return _QUOTA.search(message) is not None


def stamped(manifest: Manifest) -> Manifest:
    """The manifest with the digest of itself in an annotation."""
    meta = manifest["metadata"]
    annotations = {
        **meta.get("annotations", {}),
        names.ANNOTATION_APPLIED_HASH: names.full_hash(manifest)[:32],
    }
    return {**manifest, "metadata": {**meta, "annotations": annotations}}


def is_applied(manifest: Manifest, observed: Mapping[str, Any]) -> bool:
    """Whether the observed object came from this very manifest and still holds all of it."""
    return holds(observed, manifest)


def holds(observed: Any, wanted: Any) -> bool:
    """
    Whether everything wanted is there; defaults and other people's fields do not matter.

    Lists of named objects are compared by name, other lists item by item; quantities by amount.
    """
    if observed == wanted:
        return True
    if isinstance(wanted, Mapping):
        return isinstance(observed, Mapping) and all(
            holds(observed.get(key), value) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        return isinstance(observed, list) and _list_holds(observed, wanted)
    return _same_amount(observed, wanted)


def _list_holds(observed: list[Any], wanted: list[Any]) -> bool:
    if wanted and all(isinstance(one, Mapping) and "name" in one for one in wanted):
        by_name = {one.get("name"): one for one in observed if isinstance(one, Mapping)}
        return all(holds(by_name.get(one["name"]), one) for one in wanted)
    return len(observed) == len(wanted) and all(map(holds, observed, wanted))


def _same_amount(observed: Any, wanted: Any) -> bool:
    """``1000m`` comes back as ``1``."""
    try:
        return bool(parse_quantity(observed) == parse_quantity(wanted))
    except (ValueError, TypeError, ArithmeticError):
        return False


def _identity(body: Mapping[str, Any]) -> tuple[str, str]:
    return body["kind"], body["metadata"]["name"]
