"""
Kubernetes' own controllers over the server in memory: workloads get pods, pods start or fail.

Work is done in small steps, so that a test decides what happens between two of them.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from fakes.apiserver import FakeApiServer
from fakes.clock import FakeClock
from mlz.api import names
from mlz.api.conditions import timestamp
from mlz.model.asset import EngineType, Inspection
from mlz.model.report import to_message
from mlz.model.schema import FieldType, InputField, OutputField, Schema

Manifest = dict[str, Any]
Step = Callable[[], object]

TEMPLATE_HASH = "pod-template-hash"
GRACE_SECONDS = 40
SCHEMA = Schema(
    inputs=(InputField(name="age", type=FieldType.FLOAT, shape=(None, 1), required=True),),
    outputs=(OutputField(name="label", type=FieldType.INT64, shape=(None,)),),
    classes=("no", "yes"),
)


class Kubernetes:
    """
    The controllers and one node.

    Attributes:
        refused: what `mlz fetch` says of an asset, by its sha256; others are accepted.
        unfit: what `mlz engine` says of an asset that passed inspection, by its sha256.
        schemas: what inspection finds, by sha256; ``SCHEMA`` for others.
    """

    def __init__(self, server: FakeApiServer, clock: FakeClock) -> None:
        self._server = server
        self._clock = clock
        self._pods = 0
        self.refused: dict[str, Inspection] = {}
        self.unfit: dict[str, Inspection] = {}
        self.schemas: dict[str, Schema] = {}

    def steps(self) -> list[Step]:
        """What could be done next; nothing when all is as it should be."""
        found: list[Step] = []
        if any(self._server.garbage()):
            found.append(self._server.collect_garbage)
        for workload in self._server.all("Deployment"):
            found.extend(self._of_workload(workload))
        for pod in self._server.all("Pod"):
            found.extend(self._of_pod(pod))
        return found

    def settle(self) -> None:
        """Do everything there is to do."""
        for _ in range(1000):
            steps = self.steps()
            if not steps:
                return
            steps[0]()
        raise AssertionError("Kubernetes does not come to rest")

    def pods_of(self, workload: Manifest) -> list[Manifest]:
        """The pods that a workload has made."""
        uid = workload["metadata"]["uid"]
        return [
            pod
            for pod in self._server.all("Pod", workload["metadata"]["namespace"])
            if any(one["uid"] == uid for one in pod["metadata"].get("ownerReferences") or ())
        ]

    # Workloads: surge 1, unavailable 0

    def _of_workload(self, workload: Manifest) -> Iterator[Step]:
        wanted = workload["spec"].get("replicas", 1)
        mark = names.short_hash(workload["spec"]["template"])
        pods = [pod for pod in self.pods_of(workload) if not _is_leaving(pod)]
        new = [pod for pod in pods if pod["metadata"]["labels"][TEMPLATE_HASH] == mark]
        old = [pod for pod in pods if pod not in new]
        if len(new) < wanted and len(pods) <= wanted:
            yield lambda: self._make_pod(workload, mark)
        if len(new) > wanted:
            yield lambda: self._delete(_least_ready(new))
        spare = sum(map(_is_ready, pods)) > wanted or wanted == 0
        if old and (spare or not _is_ready(_least_ready(old))):
            yield lambda: self._delete(_least_ready(old))
        status = {
            "observedGeneration": workload["metadata"]["generation"],
            "replicas": len(pods),
            "updatedReplicas": len(new),
            "readyReplicas": sum(map(_is_ready, pods)),
        }
        if workload.get("status") != status:
            yield lambda: self._server.put({**workload, "status": status})

    def _make_pod(self, workload: Manifest, mark: str) -> None:
        self._pods += 1
        template, meta = workload["spec"]["template"], workload["metadata"]
        owner = {"kind": "ReplicaSet", "name": mark, "uid": meta["uid"], "controller": True}
        self._server.put(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {
                    "name": f"{meta['name']}-{mark}-{self._pods}",
                    "namespace": meta["namespace"],
                    "labels": {**template["metadata"]["labels"], TEMPLATE_HASH: mark},
                    "ownerReferences": [owner],
                },
                "spec": template["spec"],
            }
        )

    def _delete(self, pod: Manifest) -> None:
        """A pod that serves drains first; it is no longer behind the Service."""
        if not _is_ready(pod):
            self._remove(pod)
            return
        ends = timestamp(self._clock.wall() + timedelta(seconds=GRACE_SECONDS))
        self._server.put({**pod, "metadata": {**pod["metadata"], "deletionTimestamp": ends}})

    def _remove(self, pod: Manifest) -> None:
        self._server.remove("Pod", pod["metadata"]["name"], pod["metadata"]["namespace"])

    # Pods

    def _of_pod(self, pod: Manifest) -> Iterator[Step]:
        if _is_leaving(pod):
            yield lambda: self._remove(pod)
            return
        spec = pod["spec"]
        tried = "status" in pod
        if tried and "initContainerStatuses" not in pod["status"]:
            return
        fetching = (spec.get("initContainers") or spec["containers"])[0]
        sha256 = next(
            (one["value"] for one in fetching["env"] if one["name"] == "MLZ_ASSET_SHA256"), ""
        )
        refusal = self.refused.get(sha256)
        if "initContainers" not in spec:
            yield lambda: self._end(pod, refusal or self._accepted(sha256))
        elif refusal is not None and not tried:
            yield lambda: self._fail(pod, refusal)
        elif refusal is None and sha256 in self.unfit:
            yield lambda: self._crash(pod, self.unfit[sha256])
        elif refusal is None:
            yield lambda: self._put_status(pod, self._status("Running", ready=True))

    def _end(self, pod: Manifest, outcome: Inspection) -> None:
        phase = "Succeeded" if outcome.accepted else "Failed"
        ended = {"name": "inspect", "state": self._terminated(outcome)}
        self._put_status(pod, self._status(phase, ready=False) | {"containerStatuses": [ended]})

    def _fail(self, pod: Manifest, outcome: Inspection) -> None:
        ended = {"name": "fetch", "state": self._terminated(outcome), "restartCount": 1}
        self._put_status(
            pod, self._status("Pending", ready=False) | {"initContainerStatuses": [ended]}
        )

    def _crash(self, pod: Manifest, outcome: Inspection) -> None:
        ended = {"name": "engine", "state": self._terminated(outcome), "restartCount": 1}
        self._put_status(pod, self._status("Running", ready=False) | {"containerStatuses": [ended]})

    def _accepted(self, sha256: str) -> Inspection:
        schema = self.schemas.get(sha256, SCHEMA)
        return Inspection(
            digest=f"sha256:{sha256}",
            size_bytes=1,
            engine_type=EngineType.ONNX,
            schema_digest=schema.digest(),
            model_schema=schema,
        )

    def _terminated(self, outcome: Inspection) -> Manifest:
        return {
            "terminated": {
                "exitCode": 0 if outcome.accepted else 3,
                "finishedAt": timestamp(self._clock.wall()),
                "message": to_message(outcome),
            }
        }

    def _status(self, phase: str, *, ready: bool) -> Manifest:
        now = timestamp(self._clock.wall())
        condition = {"type": "Ready", "status": str(ready), "lastTransitionTime": now}
        return {"phase": phase, "startTime": now, "conditions": [condition]}

    def _put_status(self, pod: Manifest, status: Manifest) -> None:
        self._server.put({**pod, "status": status})


def is_ready(pod: Manifest) -> bool:
    """Behind the Service."""
    return _is_ready(pod) and not _is_leaving(pod)


def _is_leaving(pod: Manifest) -> bool:
    return "deletionTimestamp" in pod["metadata"]


def _is_ready(pod: Manifest) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _least_ready(pods: list[Manifest]) -> Manifest:
    return min(pods, key=lambda pod: (_is_ready(pod), pod["metadata"]["name"]))
