"""
What is watched, as it was last seen: the only place that facts are read from.

Thread-safe. An older event never overwrites what a write of ours has brought back already
(resourceVersions of one kind are ordered numbers since Kubernetes 1.35; Source: KEP-5504), not even
where another object has taken the name: events of two uids come in any order. And an object that is
known to be deleted never comes back, though a late answer may still hold it: a uid lives once.
"""

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from mlz.api import names
from mlz.cluster.kinds import Kind

Body = Mapping[str, Any]
Address = tuple[str, str, str]

_MOST_DEAD = 10_000


class Cache:
    """Objects by kind, namespace and name, with indexes by owner and by deployment label."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._objects: dict[Address, Body] = {}
        self._dead: OrderedDict[str, None] = OrderedDict()
        self._by_owner: dict[str, set[Address]] = defaultdict(set)
        self._by_deployment: dict[tuple[str, str], set[Address]] = defaultdict(set)
        self._by_kind: dict[tuple[str, str], set[Address]] = defaultdict(set)

    def put(self, body: Body) -> bool:
        """Keep an object unless it is dead or older than what we have; answers whether it was."""
        address = _address(body)
        with self._lock:
            if body["metadata"]["uid"] in self._dead:
                return False
            known = self._objects.get(address)
            if known is not None and version_of(body) <= version_of(known):
                return False
            if known is not None:
                self._unindex(address, known)
            self._objects[address] = _slim(body)
            for index in self._indexes(address, body):
                index.add(address)
            return True

    def drop(self, body: Body) -> bool:
        """Forget a deleted object for good; False where it was not known by its uid."""
        address, uid = _address(body), body["metadata"]["uid"]
        with self._lock:
            self._dead[uid] = None
            if len(self._dead) > _MOST_DEAD:
                self._dead.popitem(last=False)
            known = self._objects.get(address)
            if known is None or known["metadata"]["uid"] != uid:
                return False
            self._unindex(address, known)
            del self._objects[address]
            return True

    def get(self, kind: Kind, namespace: str, name: str) -> Body | None:
        """An object, or None."""
        with self._lock:
            return self._objects.get((kind.kind, namespace, name))

    def in_namespace(self, kind: Kind, namespace: str) -> list[Body]:
        """Every object of a kind in a namespace."""
        with self._lock:
            return self._found(self._by_kind[(kind.kind, namespace)])

    def of_kind(self, kind: Kind) -> list[Body]:
        """Every object of a kind."""
        with self._lock:
            return [body for key, body in self._objects.items() if key[0] == kind.kind]

    def owned_by(self, uid: str) -> list[Body]:
        """Every object whose controller is the object of that uid."""
        with self._lock:
            return self._found(self._by_owner[uid])

    def of_deployment(self, kind: Kind, namespace: str, name: str) -> list[Body]:
        """Every object of a kind that carries a deployment's label: pods have another owner."""
        with self._lock:
            found = self._found(self._by_deployment[(namespace, name)])
        return [body for body in found if body["kind"] == kind.kind]

    def counted(self, measure: Callable[[Body], str]) -> dict[str, int]:
        """How many objects there are, grouped by what ``measure`` says of each."""
        with self._lock:
            bodies = list(self._objects.values())
        counts: dict[str, int] = defaultdict(int)
        for body in bodies:
            counts[measure(body)] += 1
        return dict(counts)

    def _found(self, addresses: Iterable[Address]) -> list[Body]:
        return [self._objects[address] for address in sorted(addresses)]

    def _unindex(self, address: Address, body: Body) -> None:
        for index in self._indexes(address, body):
            index.discard(address)

    def _indexes(self, address: Address, body: Body) -> Iterator[set[Address]]:
        yield self._by_kind[address[:2]]
        owner = controller_of(body)
        if owner is not None:
            yield self._by_owner[owner["uid"]]
        deployment = (body["metadata"].get("labels") or {}).get(names.LABEL_DEPLOYMENT)
        if deployment is not None:
            yield self._by_deployment[(address[1], deployment)]


def controller_of(body: Body) -> Body | None:
    """The owner reference of an object's controller, or None."""
    references = body["metadata"].get("ownerReferences") or ()
    return next((one for one in references if one.get("controller")), None)


def _address(body: Body) -> Address:
    meta = body["metadata"]
    return body["kind"], meta.get("namespace", ""), meta["name"]


def version_of(body: Body) -> int:
    """An object's resourceVersion; those of one kind are ordered."""
    return int(body["metadata"]["resourceVersion"])


def _slim(body: Body) -> Body:
    """Managed fields are half of an object, and nobody looks at them."""
    meta = {key: value for key, value in body["metadata"].items() if key != "managedFields"}
    return {**body, "metadata": meta}
