"""
One deployment, two edits of its asset, one crash: every order of things there is.

After each step, whoever answered goes on answering and nothing is called active that not every pod
serves; in the end the last spec is true, or its failure is told and the asset before it serves.
"""

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from builders import NAMESPACE, a_deployment_body, a_service_body, some_defaults
from fakes.apiserver import FakeApiServer, Request
from fakes.clock import FakeClock
from fakes.kubernetes import SCHEMA, Kubernetes, is_ready
from fakes.operator import FakeOperator
from mlz.api import names
from mlz.errors import Reason
from mlz.model.asset import Inspection

Manifest = dict[str, Any]

FIRST, SAME, MISMATCH, UNFIT, REFUSED = (letter * 64 for letter in "abdec")
EDITS = (FIRST, SAME, MISMATCH, UNFIT, REFUSED)
STEPS = 14
WRITES = 16
# Asset and policy; the policy decides only about the mismatching one.
POLICY = "Block"


class Death(BaseException):
    """The process is killed."""


class Walk:
    """A deployment that serves an asset, and all that works on it, step by step."""

    def __init__(self, first: str = FIRST) -> None:
        self.clock = FakeClock()
        self.server = FakeApiServer()
        self.kubernetes = Kubernetes(self.server, self.clock)
        self.kubernetes.refused = {REFUSED: Inspection(reason=Reason.MODEL_INVALID, message="no")}
        self.kubernetes.unfit = {UNFIT: Inspection(reason=Reason.WARM_UP_FAILED, message="no")}
        self.kubernetes.schemas = {MISMATCH: SCHEMA.model_copy(update={"classes": ("no", "why")})}
        service = a_service_body()
        self.server.put(service | {"metadata": {"name": "default", "namespace": NAMESPACE}})
        self.operator = FakeOperator(self.server, self.clock, some_defaults())
        self.ask_for(first)
        self.settle()

    def ask_for(self, sha256: str) -> None:
        asset = {"uri": f"https://store.example.com/{sha256[:4]}", "sha256": sha256}
        body = a_deployment_body(asset=asset, schemaPolicy=POLICY)
        known = self.server.find("MLzDeployment", "churn")
        if known is None:
            known = body | {"metadata": {"name": "churn", "namespace": NAMESPACE}}
        self.server.put(known | {"spec": body["spec"]})

    def step(self) -> bool:
        """Everybody does one thing; whether anything moved."""
        before = self.server._version
        self.operator.hear_all()
        try:
            self.operator.run_all()
        except Death:
            self.server.before = lambda _: None
            self.operator.restart(some_defaults())
        self.check()
        for work in self.kubernetes.steps()[:1]:
            work()
        self.clock.advance(1)
        self.operator.ripen()
        self.check()
        return self.server._version != before or bool(self.operator.waiting)

    def settle(self) -> None:
        for _ in range(200):
            if not self.step():
                return
        raise AssertionError("it does not come to rest")

    def die_at(self, number: int) -> None:
        """At the write of that number from now on."""
        left = number

        def count(request: Request) -> None:
            nonlocal left
            left -= request.is_write
            if request.is_write and left == 0:
                raise Death

        self.server.before = count

    def check(self) -> None:
        status = self.status()
        active = (status.get("asset") or {}).get("active")
        if active is None:
            return
        pods = [pod for pod in self.server.all("Pod") if "inspect" not in pod["metadata"]["name"]]
        known = {pod["metadata"]["labels"][names.LABEL_ASSET] for pod in pods}
        assert REFUSED[:16] not in known, "inspection comes before pods"
        ready = [pod["metadata"]["labels"][names.LABEL_ASSET] for pod in pods if is_ready(pod)]
        assert ready, "an outage"
        assert UNFIT[:16] not in ready
        assert active["digest"] not in (f"sha256:{REFUSED}", f"sha256:{UNFIT}")
        if (status["state"], self.condition("Ready")) == ("ready", "Serving"):
            labels = {pod["metadata"]["labels"][names.LABEL_ASSET] for pod in pods}
            assert labels == {names.asset_label(active["digest"])}, "ready, and others answer"

    def status(self) -> Manifest:
        return (self.server.find("MLzDeployment", "churn") or {}).get("status") or {}

    def condition(self, kind: str) -> str | None:
        found = (one["reason"] for one in self.status()["conditions"] if one["type"] == kind)
        return next(found, None)

    def check_end(self, wanted: str, before: set[str]) -> None:
        """``before``: assets of which one serves where the wanted one may not."""
        status = self.status()
        active = status["asset"]["active"]["digest"].removeprefix("sha256:")
        refusals = {REFUSED: "ModelInvalid", UNFIT: "WarmUpFailed", MISMATCH: "SchemaBlocked"}
        assert status["state"] in ("ACTIVE", "ready")
        if wanted in refusals:
            assert self.condition("Stalled") == refusals[wanted] == status["failure"]["reason"]
            assert status["failure"]["assetDigest"] == f"sha256:{wanted}"
            assert active in before
        else:
            assert self.condition("Stalled") is None
            assert "failure" not in status
            assert active == wanted
        pods = [pod["metadata"]["labels"][names.LABEL_ASSET] for pod in self.server.all("Pod")]
        assert pods == [active[:16]]
        written = len(self.server.writes())
        self.operator.wake_all()
        self.operator.run_all()
        assert self.server.writes()[written:] == []


def walks(first: str, second: str) -> Iterator[tuple[Walk, str]]:
    """Each with what happened to it."""
    for steps in range(STEPS):
        yield started(first, steps, second), f"second edit after {steps} steps"
    for number in range(1, WRITES + 1):
        walk = started(first, STEPS // 2, second)
        walk.die_at(number)
        yield walk, f"second edit after {STEPS // 2} steps, killed at write {number}"


def started(first: str, steps: int, second: str) -> Walk:
    walk = Walk()
    walk.ask_for(first)
    for _ in range(steps):
        walk.step()
    walk.ask_for(second)
    return walk


@pytest.mark.parametrize(
    ("first", "second"),
    [pytest.param(a, b, id=f"{a[0]} then {b[0]}") for a, b in product(EDITS, EDITS) if a != b],
)
def test_the_last_edit_wins_and_nobody_loses_an_answer(first: str, second: str) -> None:
    for walk, story in walks(first, second):
        try:
            walk.settle()
            walk.check_end(second, {FIRST, SAME} if first == SAME else {FIRST})
        except AssertionError as error:
            error.add_note(story)
            raise


# A rollback walk

OF_A_RUN = frozenset(
    {"uid", "resourceVersion", "creationTimestamp", "generation", "observedGeneration", "guid"}
    | {"since", "lastTransitionTime", "time", "mlz.dev/applied-hash", "scoringUrl"}
)
CHILDREN = ("Deployment", "Service", "ServiceAccount", "NetworkPolicy", "PodDisruptionBudget")


def test_after_every_bad_asset_a_good_one_is_as_if_it_were_the_first() -> None:
    walk, fresh = Walk(), Walk(SAME)

    for bad in (REFUSED, UNFIT, MISMATCH, UNFIT, REFUSED):
        walk.ask_for(bad)
        walk.settle()
        walk.check_end(bad, {FIRST})
    walk.ask_for(SAME)
    walk.settle()

    found, wanted = everything(walk), everything(fresh)
    assert [one.pop("state") for one in statuses(found)] == ["ready"]
    assert [one.pop("state") for one in statuses(wanted)] == ["ACTIVE"]
    for one in (*statuses(found), *statuses(wanted)):
        one.pop("schema", None)
        one.pop("history")
    assert found == wanted


def everything(walk: Walk) -> list[Any]:
    """All that is there, without what differs between two runs."""
    kinds = ("MLzDeployment", "MLzModelVersion", *CHILDREN)
    found = [masked(body) for kind in kinds for body in walk.server.all(kind)]
    return [*found, len(walk.server.all("Pod"))]


def statuses(found: list[Any]) -> list[Manifest]:
    return [
        one["status"] for one in found if isinstance(one, dict) and one["kind"] == "MLzDeployment"
    ]


def masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: masked(one) for key, one in value.items() if key not in OF_A_RUN}
    return [masked(one) for one in value] if isinstance(value, list) else value
