"""What dies: operators in every way, and the API server under them. Nothing is lost by it."""

import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster.controlplane import ControlPlane
from controlplane.operators import (
    CHILDREN,
    DEADLINE_SECONDS,
    Admin,
    Installation,
    Kubelet,
    OperatorProcess,
    installed,
    until,
)

# Of a process that was killed: 15 s of its lease, and time to notice on a busy machine.
TAKEOVER_SECONDS = 60.0


@pytest.fixture
def home(
    control_plane: ControlPlane, kubectl: Callable[..., Any], namespace: str, tmp_path: Path
) -> Iterator[Installation]:
    with installed(control_plane, kubectl, namespace, tmp_path) as made:
        yield made


@pytest.fixture
def admin(home: Installation) -> Iterator[Admin]:
    with Kubelet(home.admin):
        yield home.admin


def leads(home: Installation, number: int) -> bool:
    return (home.leader() or "").startswith(f"operator-{number}_")


def test_only_the_leader_writes_and_when_it_is_killed_the_standby_takes_over(
    home: Installation, admin: Admin
) -> None:
    leader = home.start()
    until(lambda: leads(home, 0), "the first one leads")
    standby = home.start()
    until(lambda: watches(standby), "the second one watches")
    admin.deploy("before")
    admin.becomes("before", "ACTIVE")
    until(lambda: "versionSeq" in admin.status("before")["asset"]["active"], "all of it is told")
    written_by_standby = [one for one in standby.said() if one["message"] == "leading"]

    leader.kill()
    since = home.audit_lines()
    admin.deploy("after")
    until(lambda: leads(home, 1), "the second one leads", TAKEOVER_SECONDS)
    admin.becomes("after", "ACTIVE")

    assert written_by_standby == []
    assert not [one for one in home.writes(since) if one.endswith(" before")]


def watches(process: OperatorProcess) -> bool:
    return any(one["message"] == "watching" for one in process.said())


def test_a_leader_that_is_ended_hands_over_at_once_and_a_standby_ends_at_once(
    home: Installation, admin: Admin
) -> None:
    first = home.start()
    until(lambda: leads(home, 0), "the first one leads")
    second = home.start()
    third = home.start()
    until(lambda: watches(second) and watches(third), "the others watch")
    admin.deploy("kept")
    admin.becomes("kept", "ACTIVE")
    before = admin.find("Deployment", "kept")

    statuses = [first.end(20)]
    until(lambda: leads(home, 1) or leads(home, 2), "another one leads", 15)
    idle = third if leads(home, 1) else second
    statuses.append(idle.end(15))

    after = admin.find("Deployment", "kept")
    assert statuses == [0, 0]
    assert before is not None
    assert after is not None
    assert after["spec"] == before["spec"]


def test_killed_at_random_moments_everything_converges_and_nothing_is_left_over(
    home: Installation, admin: Admin
) -> None:
    """The lease of the dead is removed, so that nobody waits for it to run out."""
    dice = random.Random(7)
    names = [f"model-{number}" for number in range(5)]
    home.start()
    until(home.leader, "somebody leads")
    pause = threading.Event()
    for round_number in range(6):
        for name in names:
            admin.deploy(name, replicas=1 + round_number % 2)
        if round_number == 3:
            admin.delete("MLzDeployment", names[0])
            admin.delete("MLzDeployment", names[1])
        pause.wait(dice.uniform(0.0, 1.5))
        home.processes[-1].kill()
        admin.delete("Lease", "mlz-operator")
        home.start()
    admin.delete("MLzDeployment", names[2])

    for name in names[3:]:
        until(lambda n=name: admin.status(n).get("readyReplicas") == 2, f"{name} has two pods")
        admin.becomes(name, "ACTIVE")
    for name in names[:2]:
        admin.becomes(name, "ACTIVE")

    until(lambda: not admin.children(names[2]), "what was deleted has no children")
    until(lambda: not orphans(admin), "nothing belongs to nobody")
    # One made anew may take over its predecessor's workload, where no garbage collector was sooner.
    assert revisions(admin).items() >= dict.fromkeys(names[3:], "1").items()


def orphans(admin: Admin) -> list[str]:
    """Children whose owner is not there."""
    owners = {
        one["metadata"]["uid"]
        for kind in ("MLzDeployment", "MLzModelVersion")
        for one in admin.all(kind)
    }
    return [
        f"{kind} {one['metadata']['name']}"
        for kind in (*CHILDREN, "MLzModelVersion")
        for one in admin.all(kind)
        for owner in one["metadata"].get("ownerReferences", ())
        if owner["kind"].startswith("MLz") and owner["uid"] not in owners
    ]


def revisions(admin: Admin) -> dict[str, str]:
    """How many pod templates each workload has had in its life: Kubernetes counts them."""
    return {
        meta["name"]: meta["annotations"]["deployment.kubernetes.io/revision"]
        for meta in (one["metadata"] for one in admin.all("Deployment"))
    }


def test_watches_that_were_cut_are_taken_up_again(home: Installation, admin: Admin) -> None:
    """The API server goes away under the operator, and comes back."""
    process = home.start()
    until(home.leader, "somebody leads")
    admin.deploy("before")
    admin.becomes("before", "ACTIVE")

    home.plane.processes.stop(["kube-apiserver"])
    home.plane.resume()
    until(lambda: admin.deploy("during"), "the API server answers again")

    until(
        lambda: alive(home) and admin.state("during") == "ACTIVE",
        "what came meanwhile is ACTIVE",
        TAKEOVER_SECONDS + DEADLINE_SECONDS,
    )
    admin.delete("Service", "before")
    until(lambda: alive(home) and admin.find("Service", "before"), "a deletion is noticed again")
    assert [one for one in process.said() if one["message"] == "pass failed unexpectedly"] == []


def alive(home: Installation) -> bool:
    """Who loses its lease ends; Kubernetes would start it again, and so do we."""
    if home.processes[-1].process.poll() is not None:
        home.start()
    return home.processes[-1].process.poll() is None
