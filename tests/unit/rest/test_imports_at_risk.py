"""Imports whose facade dies at any request, and imports of the same bytes at the same time."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from fakes.apiserver import Request
from mlz.api import names
from mlz.cluster.client import ApiOutageError
from mlz.rest.imports import Imported
from mlz.rest.problems import Code, Refusal
from mlz.rest.unfinished import release
from unit.rest.importing import LATER, NOTHING, Stage, stage
from unit.store.servers import Call, Reply


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Stage]:
    with stage(tmp_path) as found:
        yield found


def refusal(here: Stage, *arguments: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        here.run(*arguments)
    return caught.value


def notes(body: Any) -> Any:
    return body["metadata"]["annotations"]


# A facade that dies


class Death:
    """Counts what this process asks of anybody; from one request on, nobody answers it."""

    def __init__(self, here: Stage, at: int, *, after: bool = False) -> None:
        self.count = 0
        self.at = at
        here.cluster.before = self.api if not after else lambda _: self.check()
        if after:
            here.cluster.after = self.api
        here.store.before = self.registry

    def check(self) -> None:
        if self.count > self.at:
            raise ApiOutageError(0, "dead")

    def api(self, _: Request) -> None:
        self.count += 1
        self.check()

    def registry(self, _: Call) -> Reply | None:
        self.count += 1
        return Reply(503) if self.count > self.at else None


def died(here: Stage, at: int, *, after: bool) -> bool:
    """Whether it did; else the import was through before."""
    death = Death(here, at, after=after)
    with suppress(Refusal):
        here.run()
        return death.count > at
    return True


def revived(here: Stage) -> None:
    here.cluster.before = here.cluster.after = lambda _: None
    here.store.before = lambda _: None
    here.renew()


def restarted(tmp_path: Path, *, after: bool) -> Iterator[tuple[int, Stage]]:
    """One facade after the other; each dies one request later than the one before it."""
    for at in range(100):
        with stage(tmp_path) as here:
            if not died(here, at, after=after):
                assert at > 10
                return
            revived(here)
            yield at, here


@pytest.mark.parametrize("after", [False, True], ids=["not done", "done and not answered"])
def test_whenever_a_facade_dies_a_retry_makes_one_whole_model(tmp_path: Path, after: bool) -> None:
    for at, here in restarted(tmp_path, after=after):
        found = here.run()

        assert [len(one) for one in here.left.values()] == [1, 1, 1], f"died at {at}"
        assert names.ANNOTATION_IMPORT_STARTED not in notes(found.model), f"died at {at}"


@pytest.mark.parametrize("after", [False, True], ids=["not done", "done and not answered"])
def test_whenever_a_facade_dies_the_sweep_leaves_nothing_unfinished(
    tmp_path: Path, after: bool
) -> None:
    for at, here in restarted(tmp_path, after=after):
        here.cleaner.sweep(LATER)

        left = here.left
        # Through but for the answer, or nothing.
        assert left == NOTHING or [len(one) for one in left.values()] == [1, 1, 1], at
        for body in here.cluster.all(names.MODEL) + here.cluster.all(names.MODEL_VERSION):
            assert names.ANNOTATION_IMPORT_STARTED not in notes(body), at


def test_a_dead_import_is_refused_on_behalf_of_it(here: Stage) -> None:
    with suppress(Refusal):
        Death(here, 12)
        here.run()
    revived(here)
    assert here.left["versions"]
    here.inspection.verdict = "ModelUnsafe"

    assert refusal(here).code is Code.MODEL_REFUSED

    assert here.left == NOTHING


# Two at once


def once(here: Stage, method: str, meanwhile: Callable[[], object], reply: Reply | None) -> None:
    """At the first such request of the registry something else happens; then it is answered."""
    left = [meanwhile]

    def before(call: Call) -> Reply | None:
        if call.method != method or not left:
            return None
        left.pop()()
        return reply

    here.store.before = before


def test_who_imports_the_same_bytes_meanwhile_joins_in(here: Stage) -> None:
    joined: list[Imported] = []
    once(here, "POST", lambda: joined.append(here.run()), None)

    first = here.run()

    assert first.made
    assert not joined[0].made
    assert joined[0].version["metadata"]["uid"] == first.version["metadata"]["uid"]
    assert [len(one) for one in here.left.values()] == [1, 1, 1]


def test_who_has_joined_in_keeps_it_though_the_first_one_gives_up(here: Stage) -> None:
    joined: list[Imported] = []
    once(here, "POST", lambda: joined.append(here.run()), Reply(403))

    found = refusal(here)

    assert found.code is Code.UNAVAILABLE
    assert here.left["versions"] == [joined[0].version["metadata"]["name"]]
    assert [len(one) for one in here.left.values()] == [1, 1, 1]


def test_other_words_for_the_same_bytes_wait_until_the_first_one_is_through(here: Stage) -> None:
    refused: list[Refusal] = []
    other = here.wanted(file_name="other.onnx")
    once(here, "POST", lambda: refused.append(refusal(here, other)), None)

    assert here.run().made

    assert refused[0].code is Code.CONFLICT
    assert "Retry-After" in refused[0].headers


def test_a_version_that_is_being_dropped_is_not_released_by_another(here: Stage) -> None:
    seen: list[bool] = []

    def late(request: Request) -> None:
        """The first one has failed and is about to delete; the second has just pushed."""
        if request.verb == "delete" and not seen:
            version = here.cluster.all(names.MODEL_VERSION)[0]
            with pytest.raises(Refusal):
                release(here.replica.world, version)
            seen.append(True)

    here.store.before = lambda call: Reply(500) if call.method == "POST" else None
    here.cluster.before = late

    refusal(here)

    assert seen
    assert here.left == NOTHING
