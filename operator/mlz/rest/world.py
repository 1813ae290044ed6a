"""
The resources of one namespace as the facade sees them: reads of the mirror, writes to the cluster.

Reads never block, and what this process has written they know at once; what another replica has
written they know as soon as the watch tells of it. Writes are blocking: call them in a thread. Each
write is a create or a merge patch, followed by one that gives up the fields. Which code a name that
is taken gets, the caller says.
"""

import logging
from collections.abc import Callable
from typing import Any

from mlz.api import names
from mlz.cluster import kinds
from mlz.cluster.cache import Body
from mlz.cluster.client import ApiConflictError, ApiRefusalError, KubeClient, Manifest
from mlz.cluster.kinds import Kind
from mlz.cluster.reflector import Collection, Mirror, list_anew, pages
from mlz.rest import directory
from mlz.rest.directory import Directory, is_leaving
from mlz.rest.documents.bodies import annotation
from mlz.rest.merging import is_done, merged
from mlz.rest.ownership import given_up
from mlz.rest.problems import Code, Refusal
from mlz.rest.tries import Tries

_log = logging.getLogger(__name__)

Compute = Callable[[Body], Manifest]

_KINDS = {kind.kind: kind for kind in kinds.CUSTOM}
_MOST_CONFLICTS = 10


class TakenError(Exception):
    """
    Something else has the name of what was to be made.

    Attributes:
        body: what has it; None where that is gone by now.
    """

    def __init__(self, kind: Kind, name: str, body: Body | None) -> None:
        super().__init__(f"{kind.kind} '{name}' exists")
        self.kind = kind
        self.name = name
        self.body = body


class World:
    """
    One namespace.

    Args:
        new_id: a fresh id for each object that is to be made.
    """

    def __init__(
        self,
        client: KubeClient,
        mirror: Mirror,
        namespace: str,
        tries: Tries,
        new_id: Callable[[], str],
    ) -> None:
        self.namespace = namespace
        self.mirror = mirror
        self.tries = tries
        self.new_id = new_id
        self._client = client
        self._directory = Directory(mirror.cache, _KINDS, namespace)
        mirror.listen(self._directory.renew)

    # Reads; a resource that is on its way out is absent.

    def deployment(self, guid: str) -> Body | None:
        """The deployment of that guid."""
        return self.by_guid(kinds.DEPLOYMENT, guid)

    def model(self, guid: str) -> Body | None:
        """The model of that guid."""
        return self.by_guid(kinds.MODEL, guid)

    def version(self, guid: str) -> Body | None:
        """The model version of that guid."""
        return self.by_guid(kinds.MODEL_VERSION, guid)

    def service(self, guid: str) -> Body | None:
        """The scoring service of that guid."""
        return self.by_guid(kinds.SCORING_SERVICE, guid)

    def by_guid(self, kind: Kind, guid: str) -> Body | None:
        """The resource of that guid; the oldest should two have chosen the same."""
        found = self._directory.find(kind, directory.GUID, guid)
        return min(found, key=_age, default=None)

    def all(self, kind: Kind) -> list[Body]:
        """Every resource of a kind, by name."""
        found = self.mirror.cache.in_namespace(kind, self.namespace)
        return [body for body in found if not is_leaving(body)]

    def named(self, kind: Kind, name: str) -> Body | None:
        """The resource of that name."""
        body = self.mirror.cache.get(kind, self.namespace, name)
        return None if body is None or is_leaving(body) else body

    def titled(self, kind: Kind, title: str) -> list[Body]:
        """Resources of that display name; there may be more than one in a cluster."""
        return self._directory.find(kind, directory.TITLE, title)

    def by_serving_id(self, serving_id: str) -> list[Body]:
        """Deployments of that servingId, which is unique in a scoring service only."""
        return self._directory.find(kinds.DEPLOYMENT, directory.SERVING_ID, serving_id)

    def versions_of(self, model: str) -> list[Body]:
        """The versions of the model of that resource name."""
        return self._directory.find(kinds.MODEL_VERSION, directory.MODEL, model)

    def deployments_of(self, version: str) -> list[Body]:
        """Deployments that want the model version of that resource name."""
        return self._directory.find(kinds.DEPLOYMENT, directory.VERSION, version)

    def deployments_in(self, service: str) -> list[Body]:
        """Deployments in the scoring service of that resource name."""
        return self._directory.find(kinds.DEPLOYMENT, directory.SERVICE, service)

    # Blocking reads

    def live(self, kind: Kind, name: str) -> Body | None:
        """The resource as the API server has it now, on its way out or not."""
        known = self.mirror.cache.get(kind, self.namespace, name)
        body = self._current(kind, name)
        if body is not None:
            return _slim(self._seen(body))
        if known is not None:
            self.mirror.bury(known)
        return None

    def refresh(self, kind: Kind) -> None:
        """Read a whole kind anew."""
        where = Collection(kind, self.namespace)
        self.tries.outlast(lambda: list_anew(self._client, self.mirror, where))

    def labelled(self, kind: Kind, label: str, value: str) -> list[Body]:
        """Resources with that label as the API server has them now."""
        where = Collection(kind, self.namespace, label=f"{label}={value}")
        found = self.tries.outlast(lambda: self._listed(where))
        return [_slim(body) for body in found if not is_leaving(body)]

    # Writes

    def create(self, kind: Kind, manifest: Manifest) -> Body:
        """
        Make a resource, and give up its fields.

        Raises:
            TakenError: its name is taken.
            Refusal: the API server refuses it, or does not answer; it may exist all the same.
        """
        return self.release(kind, self.place(kind, manifest))

    def place(self, kind: Kind, manifest: Manifest) -> Body:
        """
        Make a resource that still carries the mark of this try; ``release`` takes it off.

        Raises: as ``create``.
        """
        mark = self.new_id()
        wanted = merged(
            manifest,
            {
                "metadata": {
                    "namespace": self.namespace,
                    "annotations": {names.ANNOTATION_REQUEST: mark},
                }
            },
        )
        name = wanted["metadata"]["name"]
        for number in range(_MOST_CONFLICTS):
            try:
                return self._seen(self.tries.outlast(lambda: self._post(kind, wanted)))
            except ApiConflictError as error:
                known = self.live(kind, name)
                if known is not None and annotation(known, names.ANNOTATION_REQUEST) == mark:
                    return known  # an earlier try got through, and only its answer was lost
                if known is not None:
                    raise TakenError(kind, name, known) from error
            self.tries.wait(min(number, 2))  # a quota was in the way, or what had the name has gone
        raise Refusal(Code.CONFLICT, f"{kind.kind} '{name}' cannot be made now; try again")

    def release(self, kind: Kind, body: Body) -> Body:
        """
        Give up the fields that we own, and take off the mark of the try that made it.

        Nobody is refused anything where that fails: ``release_leftovers`` does it later.
        """
        meta = body["metadata"]
        try:
            return _slim(self._released(kind, body) or body)
        except Refusal as error:
            extra = {"kind": kind.kind, "resource": meta["name"], "cause": error.message}
            _log.warning("fields are not given up yet", extra=extra)
            return _slim(body)

    def release_leftovers(self, kind: Kind, made_before: str) -> int:
        """
        Give up what a process that ended in between has left; answers how many there were.

        Args:
            made_before: a timestamp of Kubernetes; whoever made younger ones may still be at it.
                Deployments keep their marks: whether they may stay, ``claims`` decides.
        """
        where = Collection(kind, self.namespace)
        found = [
            body
            for body in self.tries.outlast(lambda: self._listed(where))
            if _release_patch(body) and not _is_unfinished(body, made_before)
        ]
        for body in found:
            self.release(kind, body)
        return len(found)

    def change(self, kind: Kind, name: str, compute: Compute) -> Body | None:
        """
        Change a resource by what ``compute`` makes of it, and give up the fields.

        Args:
            compute: from the resource to a merge patch; called again where somebody was faster. It
                may refuse, for example because of If-Match.

        Returns:
            The resource, or None where there is none.

        Raises:
            Refusal: of ``compute``; or the API server refuses, or does not answer; or too many
                others change it.
        """
        tried: Manifest | None = None
        body = self.live(kind, name)  # not the mirror's: If-Match may know of a newer one
        for number in range(_MOST_CONFLICTS):
            if body is None or is_leaving(body):
                return None
            if tried is not None and is_done(body, tried):
                return self.release(kind, body)  # an earlier try got through after all
            tried = compute(body)
            if is_done(body, tried):
                return _slim(body)
            try:
                changed = self._patch(kind, body, tried)
            except ApiConflictError:
                self.tries.wait(min(number, 2))
                body = self.live(kind, name)
            else:
                return None if changed is None else self.release(kind, changed)
        text = f"{kind.kind} '{name}' is being changed by others all the time; try again"
        raise Refusal(Code.CONFLICT, text)

    def delete(self, kind: Kind, body: Body) -> None:
        """
        Delete the very resource of that uid; nothing where it is gone already.

        Raises:
            Refusal: the API server refuses, or does not answer.
        """
        meta = body["metadata"]
        name, uid = meta["name"], meta["uid"]
        for number in range(_MOST_CONFLICTS):
            self.tries.outlast(lambda: self._client.delete(kind, self.namespace, name, uid))
            left = self._current(kind, name)
            if left is None or left["metadata"]["uid"] != uid or is_leaving(left):
                self.mirror.bury(body)
                return
            self.tries.wait(min(number, 2))
        raise Refusal(Code.CONFLICT, f"{kind.kind} '{name}' cannot be deleted now; try again")

    # How it works

    def _patch(self, kind: Kind, body: Body, patch: Manifest) -> Body | None:
        """The answer, or None where there is nothing of that name."""
        meta = body["metadata"]
        version = {"metadata": {"resourceVersion": meta["resourceVersion"]}}
        wanted = merged(patch, version)

        def request() -> Manifest | None:
            try:
                return self._client.merge_patch(
                    kind, self.namespace, meta["name"], wanted, manager=names.REST_MANAGER
                )
            except ApiRefusalError as error:
                if error.status == 404:
                    return None
                raise

        answer = self.tries.outlast(request)
        if answer is None:
            self.mirror.bury(body)
            return None
        return self._seen(answer)

    def _released(self, kind: Kind, body: Body) -> Body | None:
        name, uid = body["metadata"]["name"], body["metadata"]["uid"]
        # What the mirror has is without managed fields.
        known = body if "managedFields" in body["metadata"] else self._current(kind, name)
        for number in range(_MOST_CONFLICTS):
            if known is None or known["metadata"]["uid"] != uid:
                return None
            patch = _release_patch(known)
            if not patch:
                return self._seen(known)
            try:
                return self._patch(kind, known, patch)
            except ApiConflictError:
                self.tries.wait(min(number, 2))
            known = self._current(kind, name)
        return None

    def _current(self, kind: Kind, name: str) -> Body | None:
        return self.tries.outlast(lambda: self._client.get(kind, self.namespace, name))

    def _listed(self, where: Collection) -> list[Body]:
        return [self._seen(body) for page, _ in pages(self._client, where) for body in page]

    def _post(self, kind: Kind, manifest: Manifest) -> Manifest:
        return self._client.create(kind, manifest, manager=names.REST_MANAGER)

    def _seen(self, body: Body) -> Body:
        """The mirror has it from now on."""
        self.mirror.put(body)
        return body


def _is_unfinished(body: Body, made_before: str) -> bool:
    if annotation(body, names.ANNOTATION_REQUEST) is None:
        return False
    is_young: bool = body["metadata"]["creationTimestamp"] >= made_before
    return is_young or bool(body["kind"] == names.DEPLOYMENT)


def _slim(body: Body) -> Body:
    """As the mirror has it: without managed fields."""
    meta = {key: value for key, value in body["metadata"].items() if key != "managedFields"}
    return {**body, "metadata": meta}


def _release_patch(body: Body) -> dict[str, Any]:
    meta: dict[str, Any] = {}
    kept = given_up(body["metadata"].get("managedFields") or ())
    if kept is not None:
        meta["managedFields"] = kept
    if annotation(body, names.ANNOTATION_REQUEST) is not None:
        meta["annotations"] = {names.ANNOTATION_REQUEST: None}
    return {"metadata": meta} if meta else {}


def _age(body: Body) -> tuple[str, str]:
    meta = body["metadata"]
    return meta.get("creationTimestamp", ""), meta["uid"]
