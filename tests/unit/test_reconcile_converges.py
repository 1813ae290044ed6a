"""
Eventually stable reconciliation: whatever happens, in whatever order, when it stops the cluster is
as the last spec says, stays so without a write, and no pod was restarted without a reason.

Source: Sun et al., "Anvil", OSDI 2024 (the property); ``kopf-reliability`` keeps our reasons.
"""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import invariant

from fakes.kubernetes import is_ready
from mlz.api import names
from mlz.cluster.cache import controller_of
from unit.turmoil import (
    BAD,
    BETTER,
    CHILDREN,
    FLAKY,
    GOOD,
    OTHER,
    UNFIT,
    Manifest,
    Turmoil,
    tampered,
)

PASSES_AT_REST = 3
ACCEPTED = (GOOD, BETTER, OTHER, FLAKY)


class Convergence(Turmoil):
    """What holds all the time, and what holds when it stops."""

    def __init__(self) -> None:
        super().__init__()
        self.templates: dict[tuple[str, ...], Manifest] = {}

    # What always holds

    @invariant()
    def templates_change_for_a_reason_only(self) -> None:
        """While nothing that a user can change has changed, a workload's template is the same."""
        for body in self.server.all("Deployment"):
            meta = body["metadata"]
            owner = controller_of(body)
            if owner is None or tampered(body):
                continue
            reason = (
                owner["uid"],
                meta["uid"],
                meta["annotations"][names.ANNOTATION_TEMPLATE_INPUTS],
            )
            template = body["spec"]["template"]
            assert self.templates.setdefault(reason, template) == template

    @invariant()
    def who_answers_goes_on_answering(self) -> None:
        """Ready pods of an accepted asset never go below one by the operator's doing."""
        there = {
            body["metadata"]["name"]: body
            for body in self.server.all("MLzDeployment")
            if not body["spec"].get("suspend")
        }
        served = {
            workload["metadata"]["name"]
            for workload in self.server.all("Deployment")
            if is_of(workload, there)
            and not tampered(workload)
            and any(is_ready(p) and accepted_asset(p) for p in self.kubernetes.pods_of(workload))
        }
        assert self.answering & there.keys() <= served
        self.answering |= {name for name in served if name in there and is_settled(there[name])}

    @invariant()
    def nobody_is_spoken_for_who_is_not_there(self) -> None:
        """A status names a generation that exists."""
        for body in self.server.all("MLzDeployment"):
            observed = (body.get("status") or {}).get("observedGeneration", 0)
            assert observed <= body["metadata"]["generation"]

    # When it stops

    def teardown(self) -> None:
        self.kubernetes.refused.pop(FLAKY, None)
        self.settle()
        for body in self.server.all("MLzDeployment"):
            self.assert_as_the_spec_says(body)
        self.assert_nothing_else_is_there()
        self.assert_quiet()

    def settle(self) -> None:
        """Everything is heard, audited, worked on, and waited for; in the end nothing moves."""
        for _ in range(60):
            before = self.server.writes(), self.state()
            self.operator.hear_all()
            self.operator.audit()
            self.operator.run_all()
            self.kubernetes.settle()
            self.clock.advance(400)
            self.operator.ripen()
            quiet = not self.operator.waiting and not self.server.events
            if quiet and before == (self.server.writes(), self.state()):
                return
        raise AssertionError("it does not come to rest")

    def state(self) -> list[tuple[str, str]]:
        kinds = (*CHILDREN, "Pod", "MLzDeployment", "MLzModelVersion", "MLzScoringService")
        return [
            (body["metadata"]["uid"], body["metadata"]["resourceVersion"])
            for kind in kinds
            for body in self.server.all(kind)
        ]

    def assert_quiet(self) -> None:
        written = len(self.server.writes())
        for _ in range(PASSES_AT_REST):
            self.operator.wake_all()
            self.operator.run_all()
        assert self.server.writes()[written:] == [], "at rest nothing is written"

    def assert_nothing_else_is_there(self) -> None:
        assert list(self.server.garbage()) == []
        there = {body["metadata"]["name"] for body in self.server.all("MLzDeployment")}
        for kind in CHILDREN:
            # Whom a rival has cut from its owner just before that went, nobody collects.
            ours = [one for one in self.server.all(kind) if "ownerReferences" in one["metadata"]]
            assert {body["metadata"]["name"] for body in ours} <= there
        assert [pod for pod in self.server.all("Pod") if "inspect" in pod["metadata"]["name"]] == []

    def assert_as_the_spec_says(self, body: Manifest) -> None:
        name, spec, status = body["metadata"]["name"], body["spec"], body["status"]
        workload = self.server.find("Deployment", name)
        pods = [] if workload is None else self.kubernetes.pods_of(workload)
        assert status["observedGeneration"] == body["metadata"]["generation"]
        if spec.get("suspend"):
            assert (status["state"], pods) == ("SUSPENDED", [])
            return
        reasons = {one["type"]: one["reason"] for one in status["conditions"]}
        if "Stalled" in reasons:
            self.assert_stalled_for_a_reason(body, reasons["Stalled"])
            return
        if reasons["Ready"] == "AwaitingAcknowledgement":
            assert (status["state"], spec["schemaPolicy"]) == ("updating", "RequireAck")
            assert status["asset"]["active"]["digest"] != f"sha256:{spec['asset']['sha256']}"
            return
        assert workload is not None
        assert status["state"] in ("ACTIVE", "ready")
        assert status["readyReplicas"] == spec.get("replicas", 1) == len(pods)
        assert status["asset"]["active"]["digest"] == f"sha256:{spec['asset']['sha256']}"
        budget = self.server.find("PodDisruptionBudget", name)
        assert (budget is not None) is (spec.get("replicas", 1) > 1)
        versions = {
            one["spec"]["artifact"]["sha256"]
            for one in self.server.all("MLzModelVersion")
            if one["metadata"]["labels"][names.LABEL_DEPLOYMENT] == name
        }
        assert versions == {spec["asset"]["sha256"]}
        labels = {pod["metadata"]["labels"][names.LABEL_ASSET] for pod in pods}
        assert labels == {spec["asset"]["sha256"][:16]}
        for kind in ("Deployment", "Service", "ServiceAccount", "NetworkPolicy"):
            child = self.server.find(kind, name)
            assert child is not None
            owners = [one["uid"] for one in child["metadata"]["ownerReferences"]]
            assert owners == [body["metadata"]["uid"]]

    def assert_stalled_for_a_reason(self, body: Manifest, reason: str) -> None:
        service = self.server.find("MLzScoringService", "default")
        spec, sha256 = body["spec"], body["spec"]["asset"]["sha256"]
        rivals = [
            one["metadata"]["uid"]
            for one in self.server.all("MLzDeployment")
            if one["metadata"]["uid"] < body["metadata"]["uid"]
        ]
        assert {
            "ScoringServiceNotFound": service is None,
            "ScoringServiceInactive": (service or {"spec": {}})["spec"].get("active") is False,
            "ModelInvalid": sha256 == BAD,
            "WarmUpFailed": sha256 == UNFIT,
            # An update waits five minutes for its store or its service, and then is over.
            "ProgressDeadlineExceeded": body["status"]["state"] == "ready",
            "SchemaBlocked": "servingId" in spec or spec.get("schemaPolicy") == "Block",
            "DuplicateServingId": bool(rivals),
            "DuplicateDisplayName": bool(rivals),
        }[reason]
        if reason in ("ModelInvalid", "WarmUpFailed", "SchemaBlocked"):
            assert body["status"]["state"] in ("FAILED", "ready")
        if body["status"]["state"] == "ready":
            self.assert_the_old_one_serves(body)

    def assert_the_old_one_serves(self, body: Manifest) -> None:
        """A failed update leaves nothing behind."""
        name, active = body["metadata"]["name"], body["status"]["asset"]["active"]
        workload = self.server.find("Deployment", name)
        pods = [] if workload is None else self.kubernetes.pods_of(workload)
        labels = {pod["metadata"]["labels"][names.LABEL_ASSET] for pod in pods}
        assert labels == {names.asset_label(active["digest"])}
        assert all(is_ready(pod) for pod in pods)


def accepted_asset(pod: Manifest) -> bool:
    label = pod["metadata"]["labels"].get(names.LABEL_ASSET)
    return label in [sha256[:16] for sha256 in ACCEPTED]


def is_of(workload: Manifest, deployments: dict[str, Manifest]) -> bool:
    """One of a deleted deployment goes with it, even if there is a new one of that name."""
    owner = controller_of(workload)
    deployment = deployments.get(workload["metadata"]["name"])
    return bool(owner and deployment and owner["uid"] == deployment["metadata"]["uid"])


def is_settled(body: Manifest) -> bool:
    """Whether the operator has seen the last spec; one before may have asked for no pods."""
    observed = (body.get("status") or {}).get("observedGeneration")
    return bool(observed == body["metadata"]["generation"])


# A failure is worth minutes of looking for the shortest walk to it.
TestConvergence = pytest.mark.timeout(900)(Convergence.TestCase)
TestConvergence.settings = settings(
    max_examples=100,
    report_multiple_bugs=False,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
