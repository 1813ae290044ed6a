"""
An API server in memory, with the protocol of ``mlz.cluster.client.KubeClient``.

It keeps what reconciling depends on: resourceVersions, generations that count changes of the spec,
server-side apply with owners of fields, uid preconditions, status as a subresource, one controller
an object, watch events, and garbage that is collected by owner. It does not validate objects.
"""

import pickle
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from fakes.ownership import FieldOwners
from mlz.api import names
from mlz.cluster import kinds
from mlz.cluster.client import ApiConflictError, ApiOutageError, ApiRefusalError
from mlz.cluster.kinds import Kind
from mlz.rest.merging import merged

Manifest = dict[str, Any]
Address = tuple[str, str, str]

# Kinds whose objects have no generation.
_UNCOUNTED = frozenset({"Service", "ServiceAccount", "Event", "Lease"})
_WITH_STATUS = frozenset({kind.kind for kind in (*kinds.CUSTOM, kinds.WORKLOAD, kinds.POD)})


@dataclass(frozen=True, slots=True)
class Request:
    """One request, as an audit log would tell of it."""

    verb: str
    kind: str
    name: str
    subresource: str = ""

    @property
    def is_write(self) -> bool:
        return self.verb not in ("get", "list", "log", "watch")


@dataclass(slots=True)
class FakeApiServer:
    """
    Objects, the requests that were made, and the watch events that nobody has fetched yet.

    ``before`` is called with each request before it is looked at, ``after`` with each write that
    was done and not yet answered. Both may raise: an outage, a refusal, the death of the caller.
    """

    now: Callable[[], str] = lambda: "2030-01-01T12:00:00Z"
    requests: list[Request] = field(default_factory=list)
    events: list[tuple[str, Manifest]] = field(default_factory=list)
    logs: dict[tuple[str, str], str] = field(default_factory=dict)
    before: Callable[[Request], None] = lambda _: None
    after: Callable[[Request], None] = lambda _: None
    page_size: int = 500
    # What a watch can still tell of; older versions are too old.
    history: deque[tuple[str, Manifest]] = field(default_factory=lambda: deque(maxlen=1000))
    told: int = 0
    _objects: dict[Address, Manifest] = field(default_factory=dict)
    _owners: dict[Address, FieldOwners] = field(default_factory=dict)
    _version: int = 100
    _uids: int = 0

    # The protocol of KubeClient

    def get(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        self._count(Request("get", kind.kind, name))
        return copied(self._objects.get((kind.kind, namespace, name)))

    def list_page(
        self, kind: Kind, namespace: str | None, query: Mapping[str, str], *, bare: bool = False
    ) -> Manifest:
        """Selectors of the form ``a=b`` and ``metadata.name=b``; continue is an offset."""
        self._count(Request("list", kind.kind, query.get("fieldSelector", "")))
        found = [one for one in self.all(kind.kind, namespace) if _selected(one, query)]
        start = int(query.get("continue", "0"))
        size = min(int(query.get("limit", "500")), self.page_size)
        page = [_bare(one) if bare else one for one in found[start : start + size]]
        meta = {"resourceVersion": str(self._version)}
        if start + size < len(found):
            meta["continue"] = str(start + size)
        return {"metadata": meta, "items": [_without_kind(one) for one in page]}

    def apply(
        self, kind: Kind, manifest: Manifest, *, manager: str, force: bool, subresource: str = ""
    ) -> Manifest:
        meta = manifest["metadata"]
        address = (kind.kind, meta["namespace"], meta["name"])
        known = self._objects.get(address)
        self._count(Request("apply", kind.kind, meta["name"], subresource))
        if "uid" in meta and (known is None or known["metadata"]["uid"] != meta["uid"]):
            raise ApiConflictError(409, f"uid mismatch: {meta['uid']}")
        if known is None and subresource:
            raise ApiRefusalError(404, f"{meta['name']} not found")
        live = copied(known) if known is not None else self._new(manifest)
        owners = self._owners.setdefault(address, FieldOwners())
        wanted = _appliable(manifest, subresource)
        owners.apply(live, wanted, manager=manager, force=force)
        return self._answer(self._store(address, live, known))

    def merge_patch(
        self, kind: Kind, namespace: str, name: str, patch: Manifest, *, manager: str
    ) -> Manifest:
        address = (kind.kind, namespace, name)
        self._count(Request("patch", kind.kind, name))
        known = self._objects.get(address)
        if known is None:
            raise ApiRefusalError(404, f"{name} not found")
        meta = patch.get("metadata") or {}
        if (
            meta.get("resourceVersion", known["metadata"]["resourceVersion"])
            != (known["metadata"]["resourceVersion"])
        ):
            raise ApiConflictError(409, f"{name} has been modified")
        owners = self._owners.setdefault(address, FieldOwners())
        if "managedFields" in meta:
            owners.keep(manager, meta["managedFields"])
        live = merged(copied(known), _appliable({"kind": kind.kind} | patch, ""))
        owners.lose(_unmanaged(known), _unmanaged(live), manager)
        live["metadata"]["managedFields"] = owners.managed_fields(manager)
        return self._answer(self._store(address, live, known))

    def create(self, kind: Kind, manifest: Manifest, *, manager: str = "") -> Manifest:
        self._count(Request("create", kind.kind, manifest["metadata"].get("name", "")))
        body = self._new(manifest) | copied(_appliable(manifest, "", keep_status=True))
        meta = body["metadata"] = {**self._new(manifest)["metadata"], **body["metadata"]}
        if "name" not in meta:
            # Cut, and in no order, as the real one's names are.
            suffix = names.full_hash(str(self._uids))[:5]
            meta["name"] = meta.pop("generateName")[:58] + suffix
        address = (kind.kind, meta["namespace"], meta["name"])
        if address in self._objects:
            raise ApiConflictError(409, f"{meta['name']} already exists")
        if manager:
            owners = self._owners.setdefault(address, FieldOwners())
            owners.lose({}, _appliable(manifest, ""), manager)
            meta["managedFields"] = owners.managed_fields(manager)
        return self._answer(self._store(address, body, None))

    def replace(self, kind: Kind, manifest: Manifest) -> Manifest:
        meta = manifest["metadata"]
        address = (kind.kind, meta["namespace"], meta["name"])
        known = self._objects.get(address)
        self._count(Request("replace", kind.kind, meta["name"]))
        if known is None:
            raise ApiRefusalError(404, f"{meta['name']} not found")
        if meta.get("resourceVersion") != known["metadata"]["resourceVersion"]:
            raise ApiConflictError(409, f"{meta['name']} has been modified")
        return self._answer(self._store(address, copied(manifest), known))

    def delete(self, kind: Kind, namespace: str, name: str, uid: str) -> Manifest | None:
        """Gone at once, and said so as a real one does: a Status, or the last of a pod."""
        try:
            self._count(Request("delete", kind.kind, name))
        except ApiConflictError:
            return None  # as the client does, which takes it for an object of another uid
        known = self._objects.get((kind.kind, namespace, name))
        if known is None or known["metadata"]["uid"] != uid:
            return None
        gone = self.remove(kind.kind, name, namespace)
        self.after(self.requests[-1])
        if kind is not kinds.POD:
            return {"kind": "Status", "metadata": {}, "status": "Success"}
        last = copied(gone)  # watchers are told of the other one
        last["metadata"]["deletionTimestamp"] = "2030-01-01T12:00:00Z"
        return last

    def watch(
        self,
        kind: Kind,
        namespace: str | None,
        resource_version: str,
        timeout_seconds: float,
        query: Mapping[str, str] | None = None,
    ) -> Iterator[Manifest]:
        """What has happened since; ends where a real one would begin to wait."""
        self._count(Request("watch", kind.kind, resource_version))
        since = int(resource_version)
        if since < self.oldest:
            raise ApiRefusalError(410, f"too old resource version: {since} ({self.oldest})")
        for change, body in list(self.history):
            meta = body["metadata"]
            is_new = body["kind"] == kind.kind and int(meta["resourceVersion"]) > since
            if is_new and namespace in (None, meta["namespace"]) and _selected(body, query or {}):
                yield {"type": change, "object": copied(body)}
        meta = {"resourceVersion": str(self._version)}
        yield {"type": "BOOKMARK", "object": {"kind": kind.kind, "metadata": meta}}

    def pod_log(self, namespace: str, name: str, container: str) -> str:
        self._count(Request("log", "Pod", name))
        return self.logs.get((namespace, name), "")

    # What tests do as users, controllers and rivals

    def all(self, kind: str, namespace: str | None = None) -> list[Manifest]:
        """Every object of a kind, by name."""
        found = [key for key in sorted(self._objects) if key[0] == kind]
        return [copied(self._objects[key]) for key in found if namespace in (None, key[1])]

    def find(self, kind: str, name: str, namespace: str = "models") -> Manifest | None:
        """An object, without a request."""
        return copied(self._objects.get((kind, namespace, name)))

    def put(self, body: Manifest) -> Manifest:
        """Create or change an object as somebody else, without a request."""
        address = _address(body)
        known = self._objects.get(address)
        live = self._new(body) | copied(body)
        old_meta = self._new(body)["metadata"] if known is None else known["metadata"]
        live["metadata"] = {**old_meta, **copied(body["metadata"])}
        return self._store(address, live, known)

    def edit(self, kind: str, name: str, change: Callable[[Manifest], object]) -> Manifest:
        """Change an object as somebody else; fields that differ change their owner."""
        address = (kind, "models", name)
        known = self._objects[address]
        live = copied(known)
        change(live)
        self._owners.setdefault(address, FieldOwners()).lose(known, live)
        return self._store(address, live, known)

    def remove(self, kind: str, name: str, namespace: str = "models") -> Manifest:
        """Delete an object as somebody else; what it owns is garbage from now on."""
        body = self._objects.pop((kind, namespace, name))
        self._owners.pop((kind, namespace, name), None)
        self._version += 1
        gone = copied(body)
        gone["metadata"]["resourceVersion"] = str(self._version)
        self._tell("DELETED", gone)
        return gone

    def garbage(self) -> Iterator[Address]:
        """Objects none of whose owners exists."""
        uids = {body["metadata"]["uid"] for body in self._objects.values()}
        for address, body in self._objects.items():
            owners = body["metadata"].get("ownerReferences") or ()
            if owners and not any(one["uid"] in uids for one in owners):
                yield address

    def collect_garbage(self) -> None:
        """Remove it all, as Kubernetes does some time."""
        while found := list(self.garbage()):
            for kind, namespace, name in found:
                self.remove(kind, name, namespace)

    @property
    def oldest(self) -> int:
        """The oldest version that a watch can start from."""
        is_whole = len(self.history) < (self.history.maxlen or 0)
        return 0 if is_whole else int(self.history[0][1]["metadata"]["resourceVersion"])

    def writes(self) -> list[Request]:
        return [one for one in self.requests if one.is_write]

    # How it works

    def _count(self, request: Request) -> None:
        self.requests.append(request)
        self.before(request)

    def _answer(self, body: Manifest) -> Manifest:
        self.after(self.requests[-1])
        return body

    def _new(self, manifest: Manifest) -> Manifest:
        self._uids += 1
        meta = manifest["metadata"]
        return {
            "apiVersion": manifest["apiVersion"],
            "kind": manifest["kind"],
            "metadata": {
                "namespace": meta["namespace"],
                **({"name": meta["name"]} if "name" in meta else {}),
                "uid": f"uid-{self._uids}",
                "creationTimestamp": self.now(),
                "resourceVersion": "0",
                "generation": 0,
            },
        }

    def _store(self, address: Address, live: Manifest, known: Manifest | None) -> Manifest:
        _check_controllers(live)
        if known is not None and _same(live, known):
            return copied(known)
        meta = live["metadata"]
        self._version += 1
        meta["resourceVersion"] = str(self._version)
        if address[0] in _UNCOUNTED:
            meta.pop("generation", None)
        elif known is None or live.get("spec") != known.get("spec"):
            meta["generation"] = (known or {"metadata": {}})["metadata"].get("generation", 0) + 1
        self._objects[address] = live
        self._tell("ADDED" if known is None else "MODIFIED", copied(live))
        return copied(live)

    def _tell(self, change: str, body: Manifest) -> None:
        self.events.append((change, body))
        self.history.append((change, body))
        self.told += 1


def copied(value: Any) -> Any:
    """A copy of a JSON value; ``copy.deepcopy`` takes eight times as long."""
    return pickle.loads(pickle.dumps(value))


def outage(_: Request) -> None:
    """As ``before``: nobody answers."""
    raise ApiOutageError(0, "connection refused")


def _appliable(manifest: Manifest, subresource: str, *, keep_status: bool = False) -> Manifest:
    """What an apply speaks of: a subresource alone, or everything but the status."""
    if subresource:
        return {"status": manifest["status"]}
    drop = {"apiVersion", "kind"}
    if manifest["kind"] in _WITH_STATUS and not keep_status:
        drop.add("status")
    return {key: value for key, value in manifest.items() if key not in drop}


def _unmanaged(body: Manifest) -> Manifest:
    meta = {key: value for key, value in body["metadata"].items() if key != "managedFields"}
    return {**body, "metadata": meta}


def _check_controllers(body: Manifest) -> None:
    owners = body["metadata"].get("ownerReferences") or ()
    if sum(bool(one.get("controller")) for one in owners) > 1:
        raise ApiRefusalError(422, "Only one reference can have Controller set to true")


def _same(one: Manifest, other: Manifest) -> bool:
    return _unversioned(one) == _unversioned(other)


def _unversioned(body: Manifest) -> Manifest:
    meta = {key: value for key, value in body["metadata"].items() if key != "resourceVersion"}
    return {**body, "metadata": meta}


def _selected(body: Manifest, query: Mapping[str, str]) -> bool:
    label, _, wanted = query.get("labelSelector", "").partition("=")
    if label and (body["metadata"].get("labels") or {}).get(label) != wanted:
        return False
    name = query.get("fieldSelector", "").removeprefix("metadata.name=")
    return not name or body["metadata"]["name"] == name


def _bare(body: Manifest) -> Manifest:
    return {"apiVersion": body["apiVersion"], "kind": body["kind"], "metadata": body["metadata"]}


def _without_kind(body: Manifest) -> Manifest:
    """Items of a real list come without their kind."""
    return {key: value for key, value in body.items() if key not in ("apiVersion", "kind")}


def _address(body: Manifest) -> Address:
    meta = body["metadata"]
    return body["kind"], meta["namespace"], meta["name"]
