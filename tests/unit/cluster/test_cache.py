"""What is watched, as it was last seen: newest wins, indexes agree, threads do no harm."""

import threading
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import a_deployment_body
from mlz.api import names
from mlz.cluster import kinds
from mlz.cluster.cache import Cache, controller_of


def an_object(name: str = "one", version: int = 1, **overrides: Any) -> dict[str, Any]:
    """A Service; ``owner`` is the uid of its controller, ``deployment`` its label."""
    meta = {
        "name": name,
        "namespace": overrides.get("namespace", "models"),
        "uid": overrides.get("uid", f"uid-of-{name}"),
        "resourceVersion": str(version),
        "labels": {},
    }
    if "owner" in overrides:
        meta["ownerReferences"] = [
            {"uid": "somebody", "kind": "X", "name": "x"},
            {"uid": overrides["owner"], "kind": "MLzDeployment", "name": "o", "controller": True},
        ]
    if "deployment" in overrides:
        meta["labels"] = {names.LABEL_DEPLOYMENT: overrides["deployment"]}
    return {"kind": overrides.get("kind", "Service"), "metadata": meta}


def version_of(cache: Cache, name: str = "one") -> int | None:
    found = cache.get(kinds.SERVICE, "models", name)
    return None if found is None else int(found["metadata"]["resourceVersion"])


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        pytest.param(an_object(version=9), an_object(version=10), 10, id="a newer one is kept"),
        pytest.param(
            an_object(version=10),
            an_object(version=9),
            10,
            id="an older one, though 9 > 10 as text",
        ),
        pytest.param(an_object(version=10), an_object(version=10), 10, id="the same again"),
        pytest.param(
            an_object(version=10), an_object(version=11, uid="new"), 11, id="one made anew"
        ),
        pytest.param(
            an_object(version=11, uid="new"), an_object(version=10), 11, id="a late word of the old"
        ),
    ],
)
def test_the_newest_is_kept(first: Any, second: Any, kept: int) -> None:
    cache = Cache()
    cache.put(first)

    cache.put(second)

    assert version_of(cache) == kept


@given(st.permutations(range(1, 7)))
def test_in_whatever_order_events_come_the_last_version_stays(versions: list[int]) -> None:
    cache = Cache()

    told = [cache.put(an_object(version=version)) for version in versions]

    assert version_of(cache) == 6
    assert sum(told) == sum(one == max(versions[: i + 1]) for i, one in enumerate(versions))


def test_a_deleted_object_is_forgotten_in_every_index() -> None:
    cache = Cache()
    body = an_object(owner="boss", deployment="churn")
    cache.put(body)

    assert cache.drop(body)

    assert cache.get(kinds.SERVICE, "models", "one") is None
    assert cache.owned_by("boss") == []
    assert cache.of_deployment(kinds.SERVICE, "models", "churn") == []
    assert cache.in_namespace(kinds.SERVICE, "models") == []
    assert cache.of_kind(kinds.SERVICE) == []


def test_the_late_death_of_an_old_object_spares_its_successor() -> None:
    cache = Cache()
    cache.put(an_object(uid="new"))

    assert not cache.drop(an_object(uid="old", version=99))

    assert version_of(cache) == 1


def test_what_is_dead_never_comes_back() -> None:
    """A write of ours may be answered after the event that tells of the deletion."""
    cache = Cache()
    cache.put(an_object(version=1))
    cache.drop(an_object(version=3))

    assert not cache.put(an_object(version=2))

    assert version_of(cache) is None
    assert cache.put(an_object(version=4, uid="new"))


def test_events_of_the_old_and_the_new_object_of_a_name_come_in_any_order() -> None:
    """Watches are taken apart by uid, so only each object's own events are in order."""
    old = [("put", an_object(version=1)), ("put", an_object(version=2)),
           ("drop", an_object(version=3))]  # fmt: skip
    new = [("put", an_object(version=4, uid="new")), ("put", an_object(version=5, uid="new"))]
    for places in combinations(range(5), len(old)):
        cache, olds, news = Cache(), iter(old), iter(new)
        for number in range(5):
            verb, body = next(olds if number in places else news)
            getattr(cache, verb)(body)
        assert version_of(cache) == 5, places


def test_forgetting_what_is_unknown_is_nothing() -> None:
    assert not Cache().drop(an_object())


def test_an_object_that_changes_hands_moves_in_the_indexes() -> None:
    cache = Cache()
    cache.put(an_object(owner="boss", deployment="churn"))

    cache.put(an_object(version=2, owner="other", deployment="fraud"))

    assert cache.owned_by("boss") == []
    assert [one["metadata"]["name"] for one in cache.owned_by("other")] == ["one"]
    assert cache.of_deployment(kinds.SERVICE, "models", "churn") == []
    assert len(cache.of_deployment(kinds.SERVICE, "models", "fraud")) == 1


def test_objects_are_found_by_kind_namespace_owner_and_deployment() -> None:
    cache = Cache()
    cache.put(an_object("b", owner="boss", deployment="churn"))
    cache.put(an_object("a", owner="boss", deployment="churn"))
    cache.put(an_object("p", kind="Pod", deployment="churn"))
    cache.put(an_object("far", namespace="other", owner="boss", deployment="churn"))

    found = {
        "namespace": cache.in_namespace(kinds.SERVICE, "models"),
        "owner": cache.owned_by("boss"),
        "deployment": cache.of_deployment(kinds.POD, "models", "churn"),
        "kind": cache.of_kind(kinds.SERVICE),
    }

    named = {key: [one["metadata"]["name"] for one in bodies] for key, bodies in found.items()}
    assert named["namespace"] == ["a", "b"]
    assert named["owner"] == ["a", "b", "far"]
    assert named["deployment"] == ["p"]
    assert sorted(named["kind"]) == ["a", "b", "far"]


def test_managed_fields_are_not_kept() -> None:
    cache = Cache()
    body = an_object()
    body["metadata"]["managedFields"] = [{"manager": "kubectl"}]

    cache.put(body)

    found = cache.get(kinds.SERVICE, "models", "one")
    assert found is not None
    assert "managedFields" not in found["metadata"]
    assert "managedFields" in body["metadata"], "what came in is not ours to change"


def test_objects_are_counted_by_any_measure() -> None:
    cache = Cache()
    cache.put(an_object("a"))
    cache.put(an_object("b"))
    cache.put(an_object("p", kind="Pod"))

    assert cache.counted(lambda body: body["kind"]) == {"Service": 2, "Pod": 1}


@pytest.mark.parametrize(
    ("body", "owner"),
    [
        pytest.param(a_deployment_body(), None, id="nobody's"),
        pytest.param(an_object(owner="boss"), "boss", id="the one that controls, not any owner"),
    ],
)
def test_the_controller_of_an_object(body: Any, owner: str | None) -> None:
    found = controller_of(body)

    assert (found and found["uid"]) == owner


def test_many_threads_leave_the_newest_and_whole_indexes() -> None:
    cache = Cache()

    def write(offset: int) -> None:
        for version in range(1 + offset, 400, 4):
            cache.put(an_object(version=version, owner=f"boss-{version % 3}"))

    threads = [threading.Thread(target=write, args=(offset,)) for offset in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    owners = [len(cache.owned_by(f"boss-{number}")) for number in range(3)]
    assert version_of(cache) == 399
    assert sorted(owners) == [0, 0, 1]
