"""A namespace of a test's own, and the questions that tests ask of what is in it."""

import json
from typing import Any

import httpx

from e2e import manifests
from e2e.kubectl import Kubectl, Manifest
from e2e.waiting import until
from mlz.cluster import kinds
from mlz.cluster.client import KubeClient
from mlz.cluster.kinds import Kind

MAXIMUM_SECONDS = 120  # for what takes seconds on a quiet machine

CHILDREN = (kinds.WORKLOAD, kinds.POD, kinds.SERVICE, kinds.ACCOUNT, kinds.BUDGET, kinds.POLICY)
OWN = (*kinds.CUSTOM, *CHILDREN)


class Place:
    """One namespace."""

    def __init__(self, kubectl: Kubectl, client: KubeClient, name: str) -> None:
        self.kubectl = kubectl
        self.client = client
        self.name = name

    def run(self, *arguments: str | Manifest, check: bool = True) -> str:
        """kubectl in this namespace; its output."""
        answer = self.kubectl("-n", self.name, *arguments, check=check)
        return answer.stdout if check else answer.stdout + answer.stderr

    def apply(self, *wanted: Manifest) -> None:
        """`kubectl apply`."""
        self.run("apply", *wanted)

    def get(self, kind: Kind, name: str) -> Manifest | None:
        """An object, or None."""
        return self.client.get(kind, self.name, name)

    def all(self, kind: Kind, selector: str = "") -> list[Manifest]:
        """Every object of a kind."""
        query = {"labelSelector": selector} if selector else {}
        items: list[Manifest] = self.client.list_page(kind, self.name, query)["items"]
        return items

    def status(self, name: str, kind: Kind = kinds.DEPLOYMENT) -> dict[str, Any]:
        """The status of a resource of ours; empty where there is none."""
        return (self.get(kind, name) or {}).get("status") or {}

    def pods(self, deployment: str | None = None) -> list[Manifest]:
        """The scoring pods of one or of all deployments, those on their way out left out."""
        selector = "app.kubernetes.io/component=engine"
        if deployment is not None:
            selector += f",mlz.dev/deployment={deployment}"
        return [
            pod
            for pod in self.all(kinds.POD, selector)
            if "deletionTimestamp" not in pod["metadata"]
        ]

    def until_state(self, name: str, state: str, within: float = MAXIMUM_SECONDS) -> dict[str, Any]:
        """The status, once it has this state for the spec there is."""

        def reached() -> dict[str, Any] | None:
            body = self.get(kinds.DEPLOYMENT, name) or {"metadata": {}}
            status: dict[str, Any] = body.get("status") or {}
            settled = status.get("observedGeneration") == body["metadata"].get("generation")
            return status if settled and status.get("state") == state else None

        try:
            return until(reached, f"{name} is {state}", within)
        except AssertionError as error:
            error.add_note(self.run("get", "mlzd,mlzv,pods,events", "-o", "wide", check=False))
            raise

    def until_ready_pods(self, name: str, count: int) -> dict[str, Any]:
        """The status, once so many pods are ready and nothing else is on its way."""

        def reached() -> dict[str, Any] | None:
            status = self.status(name)
            settled = "Reconciling" not in conditions(status) and "Ready" in conditions(status)
            counted = status.get("readyReplicas") == status.get("replicas") == count
            return status if settled and counted and len(self.pods(name)) == count else None

        return until(reached, f"{name} has {count} ready pods", MAXIMUM_SECONDS)

    def patch(self, name: str, spec: Manifest, kind: str = "mlzd") -> None:
        """`kubectl patch` of a spec."""
        self.run("patch", kind, name, "--type=merge", "-p", json.dumps({"spec": spec}))

    def address(self, name: str) -> str:
        """Where a deployment answers on this machine: a NodePort of the test's own."""
        self.apply(manifests.node_port(f"{name}-outside", name))
        body = self.get(kinds.SERVICE, f"{name}-outside")
        assert body is not None
        address = f"http://127.0.0.1:{body['spec']['ports'][0]['nodePort']}"
        until(lambda: answers(address), f"kube-proxy knows {address}")
        return address

    def leftovers(self) -> list[str]:
        """What is still there of ours, as kind/name."""
        return [
            f"{kind.kind}/{body['metadata']['name']}"
            for kind in OWN
            for body in self.all(kind, "app.kubernetes.io/managed-by=mlz-operator")
        ]


def answers(address: str) -> bool:
    """Whether anybody is there, on a connection of its own."""
    try:
        return httpx.get(f"{address}/v2/health/live", trust_env=False, timeout=2).is_success
    except httpx.TransportError:
        return False


def conditions(status: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Conditions by type."""
    return {one["type"]: one for one in status.get("conditions") or ()}
