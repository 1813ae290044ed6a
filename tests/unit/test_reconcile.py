"""The pass over one resource, on a server in memory with Kubernetes' controllers beside it."""

from collections.abc import Callable
from typing import Any

import pytest

from builders import HEX, NAMESPACE, OTHER_HEX, a_deployment_body, a_service_body, some_defaults
from fakes.apiserver import FakeApiServer, Request
from fakes.clock import FakeClock
from fakes.kubernetes import Kubernetes
from fakes.operator import FakeOperator
from mlz.cluster.client import ApiOutageError, ApiRefusalError
from mlz.errors import Reason
from mlz.model.asset import Inspection

Manifest = dict[str, Any]
ASSET = {"uri": "https://store.example.com/churn.onnx", "sha256": HEX}
OTHER_ASSET = {"uri": "https://store.example.com/churn-2.onnx", "sha256": OTHER_HEX}
REFUSED = Inspection(reason=Reason.MODEL_INVALID, message="no model")


class Death(BaseException):
    """The process is killed."""


class Cluster:
    """A server, Kubernetes, the operator, and a user."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.server = FakeApiServer(now=lambda: "2030-01-01T12:00:00Z")
        self.kubernetes = Kubernetes(self.server, self.clock)
        self.user_applies(a_service_body())
        self.operator = FakeOperator(self.server, self.clock, some_defaults())
        self.settle()
        self.server.requests.clear()

    def user_applies(self, body: Manifest) -> None:
        known = self.server.find(body["kind"], body["metadata"]["name"])
        if known is None:
            meta = {"name": body["metadata"]["name"], "namespace": NAMESPACE}
            self.server.put({**body, "metadata": meta})
        else:
            self.server.put({**known, "spec": body["spec"]})

    def deploy(self, **spec: Any) -> None:
        self.user_applies(a_deployment_body(**{"asset": ASSET} | spec))

    def settle(self) -> None:
        """Until nothing moves any more."""
        for _ in range(100):
            before = self.server._version
            self.operator.hear_all()
            self.operator.run_all()
            for step in self.kubernetes.steps()[:1]:
                step()
            self.clock.advance(1)
            self.operator.ripen()
            if self.server._version == before and not self.operator.waiting:
                return
        raise AssertionError("it does not come to rest")

    def status(self, name: str = "churn") -> Manifest:
        body = self.server.find("MLzDeployment", name)
        return {} if body is None else body.get("status") or {}

    def condition(self, kind: str) -> tuple[str, str] | None:
        for one in self.status()["conditions"]:
            if one["type"] == kind:
                return one["status"], one["reason"]
        return None

    def workload(self) -> Manifest | None:
        return self.server.find("Deployment", "churn")

    def objects(self) -> list[str]:
        kinds = "Deployment Service ServiceAccount NetworkPolicy PodDisruptionBudget Pod "
        return [kind for kind in (kinds + "MLzModelVersion").split() if self.server.all(kind)]


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


# Create, scale, suspend, delete


def test_a_deployment_becomes_active(cluster: Cluster) -> None:
    cluster.deploy()

    cluster.settle()

    status = cluster.status()
    assert status["state"] == "ACTIVE"
    assert status["provider"] == "cpu"
    assert status["asset"]["active"]["digest"] == f"sha256:{HEX}"
    assert (status["replicas"], status["readyReplicas"]) == (1, 1)
    assert cluster.condition("Ready") == ("True", "Serving")
    assert cluster.condition("Reconciling") is None


def test_from_create_to_active_takes_at_most_twelve_writes_and_no_reads(cluster: Cluster) -> None:
    cluster.deploy()

    cluster.settle()

    told = [f"{one.verb} {one.kind} {one.subresource}".strip() for one in cluster.server.requests]
    assert cluster.status()["state"] == "ACTIVE"
    assert len(told) <= 12, told
    assert [one for one in cluster.server.requests if not one.is_write] == []


def test_at_rest_nothing_is_written(cluster: Cluster) -> None:
    cluster.deploy(replicas=2)
    cluster.settle()
    cluster.server.requests.clear()

    for _ in range(5):
        cluster.operator.wake_all()
        cluster.operator.run_all()

    assert cluster.server.requests == []


def test_one_to_three_to_one(cluster: Cluster) -> None:
    cluster.deploy()
    cluster.settle()
    states = []

    for replicas in (3, 1):
        cluster.deploy(replicas=replicas)
        cluster.settle()
        states.append((cluster.status()["state"], cluster.status()["readyReplicas"]))

    assert states == [("ACTIVE", 3), ("ACTIVE", 1)]
    assert "PodDisruptionBudget" not in cluster.objects()


def test_a_suspended_deployment_has_no_pods_and_comes_back(cluster: Cluster) -> None:
    cluster.deploy()
    cluster.settle()

    cluster.deploy(suspend=True)
    cluster.settle()
    suspended = cluster.status()["state"], "Pod" in cluster.objects()
    cluster.deploy()
    cluster.settle()

    assert suspended == ("SUSPENDED", False)
    assert cluster.status()["state"] == "ACTIVE"


def test_a_deleted_deployment_leaves_nothing(cluster: Cluster) -> None:
    cluster.deploy(replicas=2)
    cluster.settle()

    cluster.server.remove("MLzDeployment", "churn")
    cluster.settle()

    assert cluster.objects() == []


def test_a_refused_asset_fails_and_a_mended_spec_heals(cluster: Cluster) -> None:
    cluster.kubernetes.refused[HEX] = REFUSED
    cluster.deploy()
    cluster.settle()
    failed = cluster.status()["state"], cluster.condition("Stalled"), "Pod" in cluster.objects()

    cluster.deploy(asset=OTHER_ASSET)
    cluster.settle()

    assert failed == ("FAILED", ("True", "ModelInvalid"), False)
    assert cluster.status()["state"] == "ACTIVE"
    assert "failure" not in cluster.status()


def test_a_new_generation_is_never_called_ready_before_its_pods_are(cluster: Cluster) -> None:
    """Source: kserve#4626: all conditions True while a new template rolled out."""
    cluster.deploy()
    cluster.settle()

    cluster.deploy(env=[{"name": "A", "value": "1"}])
    cluster.operator.hear_all()
    cluster.operator.run_all()

    assert cluster.status()["observedGeneration"] == 2
    assert cluster.condition("Reconciling") is not None


# Refusals


def refuse(kind: str, error: Exception) -> Callable[[Request], None]:
    def check(request: Request) -> None:
        if request.kind == kind and request.is_write and not request.subresource:
            raise error

    return check


@pytest.mark.parametrize(
    ("kind", "error", "reason"),
    [
        pytest.param(
            "Deployment", ApiRefusalError(422, "not valid"), "ObjectRefused", id="not valid"
        ),
        pytest.param(
            "Service", ApiRefusalError(403, "exceeded quota: q"), "QuotaExceeded", id="a quota"
        ),
        pytest.param(
            "MLzModelVersion", ApiRefusalError(403, "no"), "ObjectRefused", id="its own version"
        ),
    ],
)
def test_a_refused_object_is_told_in_status_and_heals(
    cluster: Cluster, kind: str, error: Exception, reason: str
) -> None:
    cluster.server.before = refuse(kind, error)
    cluster.deploy()
    for _ in range(3):
        cluster.operator.hear_all()
        cluster.operator.run_all()
        cluster.clock.advance(2)
        cluster.operator.ripen()
    told = cluster.status().get("state"), cluster.condition("Stalled")

    cluster.server.before = lambda _: None
    cluster.settle()

    assert told == ("INITIALIZING", ("True", reason))
    assert cluster.status()["state"] == "ACTIVE"
    assert cluster.condition("Stalled") is None


def test_a_strangers_service_is_told_of_spared_and_replaced_when_it_goes(cluster: Cluster) -> None:
    stranger = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "churn", "namespace": NAMESPACE},
        "spec": {},
    }
    cluster.server.put(stranger)
    cluster.server.edit("Service", "churn", lambda body: body["spec"].update(type="ExternalName"))
    cluster.deploy()
    cluster.operator.hear_all()
    cluster.operator.run_all()
    told = cluster.condition("Stalled")
    spared = cluster.server.find("Service", "churn")

    cluster.server.remove("Service", "churn")
    cluster.clock.advance(2)
    cluster.operator.ripen()
    cluster.settle()

    assert told == ("True", "NameConflict")
    assert spared is not None
    assert spared["spec"] == {"type": "ExternalName"}
    assert cluster.status()["state"] == "ACTIVE"


def test_an_outage_tells_nothing_and_is_tried_again(cluster: Cluster) -> None:
    cluster.server.before = refuse("Service", ApiOutageError(503, "later"))
    cluster.deploy()
    cluster.operator.hear_all()
    cluster.operator.run_all()
    told = cluster.status()

    cluster.server.before = lambda _: None
    cluster.clock.advance(2)
    cluster.operator.ripen()
    cluster.settle()

    assert told == {}
    assert cluster.status()["state"] == "ACTIVE"


# Pausing


def test_a_paused_deployment_is_left_alone(cluster: Cluster) -> None:
    cluster.deploy()
    cluster.settle()
    cluster.server.edit(
        "MLzDeployment",
        "churn",
        lambda body: body["metadata"].update(annotations={"mlz.dev/paused": "true"}),
    )
    cluster.server.requests.clear()

    cluster.deploy(replicas=3)
    cluster.settle()

    assert cluster.server.requests == []


# Two of a name, one after the other


def test_a_deployment_made_anew_at_once_does_not_wait_for_a_human(cluster: Cluster) -> None:
    cluster.deploy()
    cluster.settle()
    cluster.server.remove("MLzDeployment", "churn")
    cluster.deploy(replicas=2)

    for _ in range(5):
        cluster.clock.advance(2)
        cluster.operator.ripen()
        cluster.settle()

    found = cluster.server.find("MLzDeployment", "churn")
    workload = cluster.workload()
    assert found is not None
    assert workload is not None
    owners = {one["uid"] for one in workload["metadata"]["ownerReferences"]}
    assert owners == {found["metadata"]["uid"]}
    assert cluster.status()["state"] == "ACTIVE"
    assert cluster.status()["readyReplicas"] == 2


# A crash at every write


def scenario(cluster: Cluster) -> None:
    """Create, scale and change the asset, suspend, resume."""
    for spec in (
        {},
        {"replicas": 2, "asset": OTHER_ASSET},
        {"suspend": True, "asset": OTHER_ASSET},
        {"asset": OTHER_ASSET},
    ):
        cluster.deploy(**spec)
        survive(cluster)


def survive(cluster: Cluster) -> None:
    """Settle; whoever is killed starts again."""
    while True:
        try:
            cluster.settle()
        except Death:
            cluster.server.before = cluster.server.after = lambda _: None
            cluster.operator.restart(some_defaults())
        else:
            return


def end_state(cluster: Cluster) -> Any:
    """What is left, without what differs between two runs."""
    status = cluster.status()
    return (
        status["state"],
        status["asset"]["active"]["version"],
        sorted((one["type"], one["status"], one["reason"]) for one in status["conditions"]),
        cluster.objects(),
        (cluster.workload() or {})["spec"],
    )


def run_and_kill_at(number: int, moment: str) -> tuple[Cluster, bool]:
    """
    The scenario, with a process that dies at its write of that number.

    Args:
        moment: ``before`` it is sent, or ``after``, when only its answer is missing.

    Returns:
        The cluster, and whether there were so many writes.
    """
    cluster = Cluster()
    count = 0

    def die(request: Request) -> None:
        nonlocal count
        count += request.is_write
        if request.is_write and count == number:
            raise Death

    setattr(cluster.server, moment, die)
    scenario(cluster)
    return cluster, count >= number


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_at_any_write_it_ends_the_same(moment: str) -> None:
    whole = Cluster()
    scenario(whole)

    for number in range(1, 1000):
        cluster, died = run_and_kill_at(number, moment)
        if not died:
            break
        assert end_state(cluster) == end_state(whole), f"killed {moment} write {number}"

    assert number > 20, "the scenario has more writes than that"
