"""
The real operator, with the chart's rights, on a real API server with its controllers.

One operator for the whole file, a deployment for each test. Nothing runs: a kubelet that is none
says that pods are ready.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cluster.controlplane import ControlPlane
from controlplane.operators import (
    CHILDREN,
    Admin,
    Installation,
    Kubelet,
    Manifest,
    installed,
    is_watch,
    until,
)
from mlz.api.conditions import moment

# A creationTimestamp has no smaller unit.
ONE_SECOND = timedelta(seconds=1)
ALWAYS = ["Deployment", "Service", "ServiceAccount", "NetworkPolicy"]


@pytest.fixture(scope="module")
def home(
    control_plane: ControlPlane,
    kubectl: Callable[..., Any],
    crds: list[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Installation]:
    """An operator that leads, in a namespace of its own."""
    kubectl("create", "namespace", "operator-lifecycle")
    folder = tmp_path_factory.mktemp("operator")
    with installed(control_plane, kubectl, "operator-lifecycle", folder) as made:
        made.start()
        until(made.leader, "somebody leads")
        until(made.watches_everything, "every watch has begun")
        yield made


@pytest.fixture
def admin(home: Installation) -> Admin:
    return home.admin


@pytest.fixture
def kubelet(admin: Admin) -> Iterator[Kubelet]:
    with Kubelet(admin) as running:
        yield running


def test_the_objects_are_made_and_the_status_says_that_they_are_on_their_way(
    admin: Admin,
) -> None:
    admin.deploy("first")

    until(lambda: admin.children("first") == ALWAYS, "the children are there")
    until(lambda: admin.state("first") == "INITIALIZING", "it is on its way")

    workload = admin.find("Deployment", "first")
    found = admin.find("MLzDeployment", "first")
    assert workload is not None
    assert found is not None
    assert workload["metadata"]["ownerReferences"][0]["uid"] == found["metadata"]["uid"]
    assert found["status"]["observedGeneration"] == found["metadata"]["generation"]
    assert admin.condition("first", "Ready") == ("Unknown", "Initializing")
    assert "finalizers" not in found["metadata"]


def test_what_was_sent_as_status_is_what_is_stored(admin: Admin, kubelet: Kubelet) -> None:
    """A field that the CRD does not know would be dropped without a word."""
    admin.deploy("whole", servingId="whole_1")
    admin.becomes("whole", "ACTIVE")

    status = admin.status("whole")

    assert status.keys() >= {
        "asset",
        "conditions",
        "guid",
        "observedGeneration",
        "provider",
        "readyReplicas",
        "replicas",
        "scoringUrl",
        "selector",
        "servingUrl",
        "state",
    }
    assert status["asset"]["active"]["version"] == status["asset"]["target"]["version"]


def test_from_create_to_active_takes_at_most_twelve_requests_and_no_reads(
    home: Installation, admin: Admin, kubelet: Kubelet
) -> None:
    since = until(lambda: lines_of_a_quiet_moment(home), "what others have made is at rest")

    admin.deploy("cheap")
    admin.becomes("cheap", "ACTIVE")
    until(lambda: not inspections(admin, "cheap"), "its inspection is over")

    asked = [
        f"{one['verb']} {one['objectRef']['resource']} {one['objectRef'].get('name', '')}"
        for one in home.requests(since)
        if not is_watch(one)
    ]
    assert len(asked) <= 12, asked
    assert [one for one in asked if one.startswith(("get", "list"))] == []


def inspections(admin: Admin, name: str) -> list[str]:
    return [
        pod["metadata"]["name"]
        for pod in admin.all("Pod")
        if pod["metadata"]["name"].startswith(name) and "inspect" in pod["metadata"]["name"]
    ]


def test_scaling_and_suspending(admin: Admin, kubelet: Kubelet) -> None:
    admin.deploy("sized")
    admin.becomes("sized", "ACTIVE")

    admin.request(
        "PATCH",
        admin.path("MLzDeployment", "sized") + "/scale",
        {"spec": {"replicas": 3}},
        **{"Content-Type": "application/merge-patch+json"},
    )
    until(lambda: admin.status("sized").get("readyReplicas") == 3, "three pods are ready")
    three = admin.children("sized")
    admin.deploy("sized", suspend=True, replicas=3)
    admin.becomes("sized", "SUSPENDED")
    until(lambda: not pods(admin, "sized"), "there are no pods")
    admin.deploy("sized", replicas=1)
    admin.becomes("sized", "ACTIVE")

    assert three == list(CHILDREN)
    assert admin.children("sized") == ALWAYS


def pods(admin: Admin, name: str) -> list[str]:
    return [
        pod["metadata"]["name"]
        for pod in admin.all("Pod")
        if pod["metadata"]["labels"].get("mlz.dev/deployment") == name
    ]


@pytest.mark.parametrize("kind", ALWAYS)
def test_a_child_that_a_rival_deletes_is_made_again(admin: Admin, kind: str) -> None:
    admin.deploy("robbed")
    before = until(lambda: admin.find(kind, "robbed"), f"the {kind} is there")

    admin.delete(kind, "robbed")

    after = until(
        lambda: (
            found
            if (found := admin.find(kind, "robbed"))
            and found["metadata"]["uid"] != before["metadata"]["uid"]
            else None
        ),
        f"the {kind} is there again",
    )
    assert after["metadata"]["ownerReferences"] == before["metadata"]["ownerReferences"]


RIVAL_ENGINE = {"name": "engine", "image": "localhost/rival:1"}
DRIFTS = [
    pytest.param(
        "Deployment",
        {"spec": {"replicas": 7}},
        lambda body: body["spec"]["replicas"] == 1,
        id="how many pods",
    ),
    pytest.param(
        "Deployment",
        {"metadata": {"annotations": {"mlz.dev/pod-template": None, "mlz.dev/provider": "gpu"}}},
        lambda body: body["metadata"]["annotations"].get("mlz.dev/provider") == "cpu",
        id="our annotations",
    ),
    pytest.param(
        "Service",
        {"spec": {"selector": {"app": "rival"}}},
        lambda body: body["spec"]["selector"].get("mlz.dev/deployment") == "drifting",
        id="where a Service leads",
    ),
    pytest.param(
        "NetworkPolicy",
        {"spec": {"ingress": [{}]}},
        lambda body: body["spec"]["ingress"][0].get("ports"),
        id="who may come in",
    ),
    pytest.param(
        "ServiceAccount",
        {"automountServiceAccountToken": True},
        lambda body: body["automountServiceAccountToken"] is False,
        id="a token",
    ),
    pytest.param(
        "Service",
        {"metadata": {"ownerReferences": None}},
        lambda body: body["metadata"].get("ownerReferences"),
        id="its owner",
    ),
    pytest.param(
        "Service",
        {"metadata": {"labels": {"app.kubernetes.io/managed-by": None}}},
        lambda body: body["metadata"]["labels"].get("app.kubernetes.io/managed-by"),
        id="the label that we watch it by",
    ),
]


@pytest.mark.parametrize(("kind", "change", "repaired"), DRIFTS)
def test_what_a_rival_edits_is_put_back(
    admin: Admin, kind: str, change: dict[str, Any], repaired: Callable[[Any], bool]
) -> None:
    admin.deploy("drifting")
    until(lambda: admin.children("drifting") == ALWAYS, "the children are there")

    admin.patch(kind, "drifting", change)

    until(lambda: repaired(admin.find(kind, "drifting")), f"the {kind} is as it was")


def test_a_deleted_deployment_takes_its_children_along(admin: Admin, kubelet: Kubelet) -> None:
    admin.deploy("leaving", replicas=2)
    admin.becomes("leaving", "ACTIVE")

    admin.delete("MLzDeployment", "leaving")

    until(lambda: admin.find("MLzDeployment", "leaving") is None, "it is gone")
    until(lambda: not admin.children("leaving"), "its children are gone")
    until(lambda: not pods(admin, "leaving"), "its pods are gone")
    until(
        lambda: not [one for one in admin.all("MLzModelVersion") if of("leaving", one)],
        "its version is gone",
    )


def of(name: str, body: dict[str, Any]) -> bool:
    return bool(body["metadata"]["name"].startswith(name))


def test_a_deployment_made_anew_under_its_name_gets_children_of_its_own(
    admin: Admin, kubelet: Kubelet
) -> None:
    admin.deploy("phoenix")
    admin.becomes("phoenix", "ACTIVE")
    old = admin.find("MLzDeployment", "phoenix")

    admin.delete("MLzDeployment", "phoenix")
    until(lambda: admin.find("MLzDeployment", "phoenix") is None, "it is gone")
    new = admin.deploy("phoenix")
    admin.becomes("phoenix", "ACTIVE")

    assert old is not None
    assert new["metadata"]["uid"] != old["metadata"]["uid"]
    until(
        lambda: all(
            owners(admin.find(kind, "phoenix")) == [new["metadata"]["uid"]] for kind in ALWAYS
        ),
        "every child is the new one's",
    )


def owners(body: dict[str, Any] | None) -> list[str]:
    meta = {} if body is None else body["metadata"]
    return [one["uid"] for one in meta.get("ownerReferences", ())]


def test_a_strangers_service_is_told_of_and_spared_and_the_deployment_heals_when_it_goes(
    admin: Admin, kubelet: Kubelet
) -> None:
    stranger = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "taken"},
        "spec": {"type": "ExternalName", "externalName": "example.com"},
    }
    admin.apply(stranger)

    admin.deploy("taken")
    until(
        lambda: admin.condition("taken", "Stalled") == ("True", "NameConflict"),
        "the conflict is told",
    )
    until(lambda: conflicts_told_of(admin, "taken"), "an event tells of it")
    spared = admin.find("Service", "taken")
    admin.delete("Service", "taken")
    admin.becomes("taken", "ACTIVE")

    assert spared is not None
    assert spared["spec"]["type"] == "ExternalName"
    assert len(conflicts_told_of(admin, "taken")) == 1
    assert admin.condition("taken", "Stalled") is None


def conflicts_told_of(admin: Admin, name: str) -> list[Manifest]:
    return [
        one
        for one in admin.all("Event")
        if (one["involvedObject"]["name"], one["reason"]) == (name, "NameConflict")
    ]


def test_a_refusal_of_the_api_server_is_told_and_a_mended_spec_heals(
    admin: Admin, kubelet: Kubelet
) -> None:
    """More asked for than the limit allows: only the API server knows that rule."""
    admin.deploy("greedy", resources={"requests": {"cpu": "2"}, "limits": {"cpu": "1"}})

    until(
        lambda: admin.condition("greedy", "Stalled") == ("True", "ObjectRefused"),
        "the refusal is told",
    )
    message = next(
        one["message"] for one in admin.status("greedy")["conditions"] if one["type"] == "Stalled"
    )
    admin.deploy("greedy", resources={"requests": {"cpu": "1"}, "limits": {"cpu": "1"}})
    admin.becomes("greedy", "ACTIVE")

    assert "must be less than or equal to cpu limit" in message


def test_a_name_that_is_given_up_goes_to_who_waits_for_it(admin: Admin, kubelet: Kubelet) -> None:
    admin.deploy("elder", displayName="The one")
    admin.becomes("elder", "ACTIVE")
    born = moment((admin.find("MLzDeployment", "elder") or {})["metadata"]["creationTimestamp"])
    until(lambda: datetime.now(UTC) - born >= ONE_SECOND, "the server's clock tells them apart")
    admin.deploy("younger", displayName="The one")
    until(
        lambda: admin.condition("younger", "Stalled") == ("True", "DuplicateDisplayName"),
        "the younger one waits",
    )

    admin.deploy("elder", displayName="Another")

    admin.becomes("younger", "ACTIVE")
    assert admin.state("elder") == "ACTIVE"


def test_at_rest_nothing_is_written(home: Installation, admin: Admin, kubelet: Kubelet) -> None:
    for number in range(3):
        admin.deploy(f"resting-{number}")
    for number in range(3):
        admin.becomes(f"resting-{number}", "ACTIVE")
        until(lambda n=number: not inspections(admin, f"resting-{n}"), "its inspection is over")
    quiet_since = until(lambda: lines_of_a_quiet_moment(home), "a moment without a write")

    until(lambda: leases_since(home, quiet_since) >= 2, "two renewals of the lease have passed")

    assert home.writes(quiet_since) == []


def lines_of_a_quiet_moment(home: Installation) -> int:
    """The length of the audit log, once nothing was written between two renewals."""
    start = home.audit_lines()
    until(lambda: leases_since(home, start) >= 1, "the lease is renewed")
    return home.audit_lines() if not home.writes(start) else 0


def leases_since(home: Installation, line: int) -> int:
    text = home.plane.audit_log.read_text(encoding="utf-8").splitlines()[line:]
    return sum(home.user in one and '"leases"' in one and '"update"' in one for one in text)


def test_no_request_was_forbidden_and_no_pass_failed_by_a_bug(home: Installation) -> None:
    """The last test of the file: everything above ran with the chart's rights alone."""
    forbidden = [
        f"{one['verb']} {one['objectRef']}"
        for one in home.requests()
        if one["responseStatus"]["code"] in (401, 403)
    ]
    bugs = [
        one
        for one in home.processes[0].said()
        # kopf calls it an error when the API server asks it to come back later.
        if one["level"] == "ERROR" and one["logger"].startswith("mlz")
    ]

    assert forbidden == []
    assert bugs == []
