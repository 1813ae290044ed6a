"""What the operator costs, by the API server's own book: requests, rest, rights."""

from time import monotonic
from typing import Any

import pytest

from e2e import manifests
from e2e.auditlog import AuditLog, Request
from e2e.figures import Figures
from e2e.fleet import Fleet
from e2e.kubectl import Kubectl
from e2e.models import Models
from e2e.places import Place
from e2e.waiting import let_pass, until

pytestmark = pytest.mark.timeout(900)

MOST_REQUESTS = 12
REST_SECONDS = 120
DELETED_WITHIN_SECONDS = 60
READS = frozenset({"get", "list"})

Right = tuple[str, str, str]  # group, resource, verb


def test_one_deployment_costs_at_most_twelve_requests(
    place: Place, models: Models, audit: AuditLog, figures: Figures
) -> None:
    model = models.pushed("xgboost")
    before = audit.beginning
    until(
        lambda: any(one.resource == "events" for one in _in_place(audit, before, place)),
        "the scoring service is told of",
    )
    mark = audit.mark()

    place.apply(manifests.deployment("counted", model))
    place.until_state("counted", "ACTIVE")
    until(lambda: "versionSeq" in place.status("counted")["asset"]["active"], "all is told")

    requests = _in_place(audit, mark, place)
    told = "\n".join(map(str, requests))
    figures.tell(f"Show 7: one deployment costs {len(requests)} requests from apply to ACTIVE")
    assert len(requests) <= MOST_REQUESTS, told
    assert not [one for one in requests if one.verb in READS], told


def test_deployments_at_rest_cost_nothing(fleet: Fleet, audit: AuditLog, figures: Figures) -> None:
    let_pass(fleet.ready_at + REST_SECONDS - monotonic())

    requests = _in_place(audit, fleet.mark, fleet.place)

    seconds = monotonic() - fleet.ready_at
    writes = [one for one in requests if one.is_write and one.resource != "events"]
    restless = _changed_pods(audit, fleet)  # a busy machine misses a probe: that has to be told
    unasked = [one for one in writes if not any(p.startswith(f"{one.name}-") for p in restless)]
    figures.tell(
        f"Show 7: {fleet.size} deployments at rest for {seconds:.0f} s: {len(writes)} writes, "
        f"{len(unasked)} of them about pods that had not changed"
    )
    assert [str(one) for one in unasked] == []
    assert fleet.pods() == fleet.first_pods


def test_a_namespace_with_deployments_is_deleted_in_time(fleet: Fleet, figures: Figures) -> None:
    began = monotonic()

    fleet.place.kubectl("delete", "namespace", fleet.place.name)

    seconds = monotonic() - began
    figures.tell(f"Show 9: namespace with {fleet.size} deployments gone in {seconds:.0f} s")
    assert seconds < DELETED_WITHIN_SECONDS


def test_every_right_is_used_and_none_is_missing(audit: AuditLog, kubectl: Kubectl) -> None:
    """Over all that this cluster has seen of the operator, so also its starts."""
    granted = _granted(kubectl.json("get", "clusterrole", "mlz-operator")) | _granted(
        kubectl.json("-n", "mlz-system", "get", "role", "mlz-operator-lease")
    )

    requests = audit.of_operator(since=0)

    missing = [str(one) for one in requests if not one.may]
    unused = granted - {right for one in requests for right in _used(one)}
    assert missing == []
    assert unused == set()


def _in_place(audit: AuditLog, mark: int, place: Place) -> list[Request]:
    return [one for one in audit.of_operator(mark) if one.namespace == place.name]


def _changed_pods(audit: AuditLog, fleet: Fleet) -> set[str]:
    """Pods whose kubelet has told a change of theirs."""
    told = [one for one in audit.of_nodes(fleet.mark) if one.namespace == fleet.place.name]
    return {one.name for one in told if one.resource == "pods/status"}


def _granted(role: dict[str, Any]) -> set[Right]:
    return {
        (group, resource, verb)
        for rule in role["rules"]
        if "resources" in rule
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def _used(request: Request) -> set[Right]:
    """An apply that made something used the right to create, too."""
    verbs = {request.verb} | ({"create"} if request.status == 201 else set())
    return {(request.group, request.resource, verb) for verb in verbs}
