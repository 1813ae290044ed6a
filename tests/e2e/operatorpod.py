"""The operator's own pod: kill it, stop it, ask for its metrics."""

import os
import signal
from pathlib import Path
from typing import Any

import httpx

from e2e.kubectl import Kubectl
from e2e.waiting import until
from mlz.cluster import kinds
from mlz.cluster.client import KubeClient

SYSTEM = "mlz-system"
NAME = "mlz-operator"
_SELECTOR = "app.kubernetes.io/component=operator,app.kubernetes.io/instance=mlz"


class OperatorPod:
    """The one operator of release mlz."""

    def __init__(self, kubectl: Kubectl, client: KubeClient) -> None:
        self._kubectl = kubectl
        self._client = client

    def kill(self) -> bool:
        """
        SIGKILL its process, then take the pod away, so that no back-off delays the next one.

        Returns:
            False where there was no process to kill: the last kill is not a second ago.
        """
        pods = self._pods()
        killed = [_sigkill(pod["metadata"]["uid"]) for pod in pods]
        for pod in pods:
            self._kubectl(
                "-n", SYSTEM, "delete", "pod", pod["metadata"]["name"],
                "--grace-period=0", "--force", "--wait=false", check=False,
            )  # fmt: skip
        return any(killed)

    def scale(self, replicas: int) -> None:
        """Take the operator away, or bring it back, and wait for that."""
        self._kubectl("-n", SYSTEM, "scale", f"deploy/{NAME}", f"--replicas={replicas}")
        if replicas == 0:
            until(lambda: not self._pods(), "the operator is gone")
        else:
            self.until_leading()

    def until_leading(self, within: float = 60) -> None:
        """Its pod is ready, and holds the lease."""
        until(self._leads, "the operator leads", within)

    def metrics(self) -> str:
        """What Prometheus would see."""
        with self._kubectl.forwarded(SYSTEM, f"deploy/{NAME}", 9090) as port:
            text: str = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
        return text

    def image(self) -> str:
        """The image it runs."""
        deploy = self._client.get(kinds.WORKLOAD, SYSTEM, NAME)
        assert deploy is not None
        image: str = deploy["spec"]["template"]["spec"]["containers"][0]["image"]
        return image

    def _pods(self) -> list[dict[str, Any]]:
        query = {"labelSelector": _SELECTOR}
        pods: list[dict[str, Any]] = self._client.list_page(kinds.POD, SYSTEM, query)["items"]
        return pods

    def _leads(self) -> bool:
        lease = self._client.get(kinds.LEASE, SYSTEM, NAME)
        holder = "" if lease is None else lease["spec"].get("holderIdentity") or ""
        ready = [
            pod["metadata"]["name"]
            for pod in self._pods()
            if "deletionTimestamp" not in pod["metadata"]
            and any(
                one["type"] == "Ready" and one["status"] == "True"
                for one in pod["status"].get("conditions", ())
            )
        ]
        return any(holder.startswith(f"{name}_") for name in ready)


def _sigkill(uid: str) -> bool:
    """Kill every process of a pod's containers but the one that holds its sandbox."""
    killed = False
    for group in Path("/proc").glob("[0-9]*/cgroup"):
        try:
            ours = f"pod{uid}" in group.read_text()
            command = group.with_name("cmdline").read_bytes()
            if ours and b"operator" in command.split(b"\0"):
                os.kill(int(group.parent.name), signal.SIGKILL)
                killed = True
        except (FileNotFoundError, ProcessLookupError):
            continue
    return killed
