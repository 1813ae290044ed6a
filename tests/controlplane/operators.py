"""
The real operator as processes of a test, with the rights that the chart gives it and no more, and
a kubelet that is none: it says of pods what a test wants.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from cluster.controlplane import ControlPlane
from cluster.ports import random_free
from controlplane.planes import rendered
from mlz.cluster import kinds
from mlz.model.asset import EngineType, Inspection
from mlz.model.report import to_message
from mlz.model.schema import Schema

Manifest = dict[str, Any]

HEX = "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"
# What an API server that goes away, or an object that does, looks like to a client.
AWAY = (ApiException, HTTPError, OSError)
DEADLINE_SECONDS = 120.0
POLL_SECONDS = 0.1
SCHEMA = Schema(classes=("no", "yes"))
PATHS = {
    "MLzDeployment": "/apis/mlz.dev/v1alpha1/namespaces/{}/mlzdeployments",
    "MLzModelVersion": "/apis/mlz.dev/v1alpha1/namespaces/{}/mlzmodelversions",
    "MLzModel": "/apis/mlz.dev/v1alpha1/namespaces/{}/mlzmodels",
    "MLzScoringService": "/apis/mlz.dev/v1alpha1/namespaces/{}/mlzscoringservices",
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
    "Service": "/api/v1/namespaces/{}/services",
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
    "PodDisruptionBudget": "/apis/policy/v1/namespaces/{}/poddisruptionbudgets",
    "Pod": "/api/v1/namespaces/{}/pods",
    "Lease": "/apis/coordination.k8s.io/v1/namespaces/{}/leases",
    "Event": "/api/v1/namespaces/{}/events",
}
CHILDREN = ("Deployment", "Service", "ServiceAccount", "NetworkPolicy", "PodDisruptionBudget")


def until(fact: Callable[[], Any], what: str, seconds: float = DEADLINE_SECONDS) -> Any:
    """Wait for a fact; answers it."""
    deadline = time.monotonic() + seconds
    while True:
        with suppress(*AWAY):
            if found := fact():
                return found
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(POLL_SECONDS)


class Admin:
    """An administrator in one namespace: raw JSON in and out."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self.namespace = namespace
        configuration = client.Configuration()
        config.load_kube_config(str(kubeconfig), client_configuration=configuration)
        configuration.retries = False
        self._api = client.ApiClient(configuration)

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> Manifest:
        prepared = self._api.param_serialize(
            method,
            path,
            header_params={"Accept": "application/json", "Content-Type": "application/json"}
            | headers,
            body=body,
        )
        answer = self._api.call_api(*prepared, _request_timeout=10)
        raw = answer.read()
        if answer.status >= 400:
            raise ApiException(status=answer.status, reason=raw.decode(errors="replace"))
        found: Manifest = json.loads(raw)
        return found

    def path(self, kind: str, name: str = "") -> str:
        return "/".join(part for part in (PATHS[kind].format(self.namespace), name) if part)

    def find(self, kind: str, name: str) -> Manifest | None:
        try:
            return self.request("GET", self.path(kind, name))
        except ApiException as error:
            if error.status == 404:
                return None
            raise

    def all(self, kind: str) -> list[Manifest]:
        items: list[Manifest] = self.request("GET", self.path(kind))["items"]
        return items

    def apply(self, manifest: Manifest) -> Manifest:
        path = self.path(manifest["kind"], manifest["metadata"]["name"])
        path += "?fieldManager=user&force=true"
        return self.request(
            "PATCH", path, manifest, **{"Content-Type": "application/apply-patch+yaml"}
        )

    def patch(self, kind: str, name: str, change: Manifest, subresource: str = "") -> Manifest:
        path = "/".join(part for part in (self.path(kind, name), subresource) if part)
        merge = {"Content-Type": "application/merge-patch+json"}
        return self.request("PATCH", path, change, **merge)

    def delete(self, kind: str, name: str) -> None:
        with suppress(ApiException):
            self.request("DELETE", self.path(kind, name))

    # Words of ours

    def deploy(self, name: str, **spec: Any) -> Manifest:
        """A deployment by URI, with other fields."""
        fields = {
            "type": "online",
            "scoringService": "default",
            "engineType": "onnx",
            "asset": {"uri": f"https://store.example.com/{name}.onnx", "sha256": HEX},
        } | spec
        return self.apply(resource("MLzDeployment", name, fields))

    def status(self, name: str) -> Manifest:
        return (self.find("MLzDeployment", name) or {}).get("status") or {}

    def state(self, name: str) -> str | None:
        return self.status(name).get("state")

    def condition(self, name: str, kind: str) -> tuple[str, str] | None:
        for one in self.status(name).get("conditions", ()):
            if one["type"] == kind:
                return one["status"], one["reason"]
        return None

    def becomes(self, name: str, state: str) -> None:
        until(lambda: self.state(name) == state, f"{name} is {state}")

    def children(self, name: str) -> list[str]:
        return [kind for kind in CHILDREN if self.find(kind, name) is not None]


def resource(kind: str, name: str, spec: Manifest) -> Manifest:
    return {
        "apiVersion": "mlz.dev/v1alpha1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": spec,
    }


class Kubelet:
    """
    Makes pods ready and lets inspections end, until it is told to stop.

    Args:
        inspect: what an inspection finds in the asset of this sha256; well, unless given.
    """

    def __init__(self, admin: Admin, inspect: Callable[[str], Inspection] | None = None) -> None:
        self._admin = admin
        self._inspect = inspect or well
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kubelet", daemon=True)

    def __enter__(self) -> "Kubelet":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(20)

    def _run(self) -> None:
        while not self._stopping.wait(POLL_SECONDS):
            # The API server may be away, and pods may go while we look at them.
            with suppress(*AWAY):
                for pod in self._admin.all("Pod"):
                    self._tend(pod)

    def _tend(self, pod: Manifest) -> None:
        meta = pod["metadata"]
        if "deletionTimestamp" in meta:
            self._admin.request(
                "DELETE", self._admin.path("Pod", meta["name"]), {"gracePeriodSeconds": 0}
            )
        elif pod["status"].get("phase") == "Pending":
            inspects = meta["labels"].get("app.kubernetes.io/component") == "inspection"
            status = _ended(self._inspect(_sha256_of(pod))) if inspects else _running()
            with suppress(ApiException):
                self._admin.patch("Pod", meta["name"], {"status": status}, "status")


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _running() -> Manifest:
    ready = [
        {"type": kind, "status": "True", "lastTransitionTime": _now()}
        for kind in ("Ready", "ContainersReady", "PodScheduled")
    ]
    return {"phase": "Running", "startTime": _now(), "conditions": ready}


def well(sha256: str, schema: Schema = SCHEMA) -> Inspection:
    """An inspection that finds nothing wrong with an onnx model."""
    return Inspection(
        digest=f"sha256:{sha256}",
        size_bytes=1,
        engine_type=EngineType.ONNX,
        schema_digest=schema.digest(),
        model_schema=schema,
    )


def _sha256_of(pod: Manifest) -> str:
    """What the inspection was told that the asset is."""
    given = pod["spec"]["containers"][0].get("env") or ()
    return next((one["value"] for one in given if one["name"] == "MLZ_ASSET_SHA256"), HEX)


def _ended(outcome: Inspection) -> Manifest:
    ended = {
        "exitCode": 0,
        "startedAt": _now(),
        "finishedAt": _now(),
        "message": to_message(outcome),
    }
    inspect = {
        "name": "inspect",
        "state": {"terminated": ended},
        "ready": False,
        "restartCount": 0,
        "image": "x",
        "imageID": "x",
    }
    return {"phase": "Succeeded", "startTime": _now(), "containerStatuses": [inspect]}


@dataclass(slots=True)
class OperatorProcess:
    """One running `mlz operator`."""

    process: subprocess.Popen[bytes]
    health_port: int
    log: Path

    def kill(self) -> None:
        """As a node that dies: no goodbye."""
        self.process.kill()
        self.process.wait(10)

    def end(self, seconds: float = 30) -> int:
        """As Kubernetes ends a pod."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def said(self) -> list[Manifest]:
        """What it has logged."""
        lines = self.log.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


@dataclass(slots=True)
class Installation:
    """The chart's rights in one namespace, and processes that have them."""

    plane: ControlPlane
    admin: Admin
    folder: Path
    processes: list[OperatorProcess] = field(default_factory=list)

    @property
    def namespace(self) -> str:
        return self.admin.namespace

    @property
    def user(self) -> str:
        return f"system:serviceaccount:{self.namespace}:mlz-operator"

    def start(self, **settings: str) -> OperatorProcess:
        """Start one more; it leads or stands by."""
        metrics_port, health_port = random_free(2)
        log = self.folder / f"operator-{len(self.processes)}.log"
        environment = {
            "PATH": os.environ["PATH"],
            "KUBECONFIG": str(self.folder / "kubeconfig"),
            "MLZ_NAMESPACE": self.namespace,
            "MLZ_WATCH_NAMESPACES": self.namespace,
            "MLZ_POD_NAME": f"operator-{len(self.processes)}",
            "MLZ_DEFAULTS_FILE": str(self.folder / "defaults.json"),
            "MLZ_METRICS_PORT": str(metrics_port),
            "MLZ_HEALTH_PORT": str(health_port),
        } | settings
        with log.open("wb") as stream:
            process = subprocess.Popen(
                [str(Path(sys.executable).with_name("mlz")), "operator"],
                env=environment,
                stdout=stream,
                stderr=stream,
            )
        self.processes.append(OperatorProcess(process, health_port, log))
        return self.processes[-1]

    def leader(self) -> str | None:
        """The identity in the lease; None while nobody holds it."""
        lease = self.admin.find("Lease", "mlz-operator") or {"spec": {}}
        return lease["spec"].get("holderIdentity") or None

    def requests(self, since: int = 0) -> list[Manifest]:
        """Requests of the operator by the audit log, from a line of it on; leases left out."""
        with self.plane.audit_log.open(encoding="utf-8") as stream:
            entries = [json.loads(line) for number, line in enumerate(stream) if number >= since]
        return [
            one
            for one in entries
            if one["user"]["username"] == self.user
            and one.get("objectRef", {}).get("resource") != "leases"
        ]

    def watches_everything(self) -> bool:
        """Whether every watch has begun: until then there are lists."""
        watched = {one["objectRef"]["resource"] for one in self.requests() if is_watch(one)}
        return len(watched) == len(kinds.WATCHED)

    def writes(self, since: int = 0) -> list[str]:
        return [
            f"{one['verb']} {one['objectRef']['resource']} {one['objectRef'].get('name', '')}"
            for one in self.requests(since)
            if one["verb"] not in ("get", "list", "watch")
        ]

    def audit_lines(self) -> int:
        with self.plane.audit_log.open(encoding="utf-8") as stream:
            return sum(1 for _ in stream)

    def stop(self) -> None:
        for one in self.processes:
            if one.process.poll() is None:
                one.kill()


def is_watch(entry: Manifest) -> bool:
    return bool(entry["verb"] == "watch")


@contextmanager
def installed(
    plane: ControlPlane, kubectl: Callable[..., Any], namespace: str, folder: Path
) -> Iterator[Installation]:
    """Install the chart's account, rights and defaults; processes end with the block."""
    watched = f"watchNamespaces={{{namespace}}}"
    documents = rendered(namespace, watched, "account", "rbac", "defaults")
    rights = [one for one in documents if one["kind"] != "ConfigMap"]
    kubectl("apply", "-n", namespace, *rights)
    defaults = next(one for one in documents if one["kind"] == "ConfigMap")
    (folder / "defaults.json").write_text(defaults["data"]["defaults.json"], encoding="utf-8")
    token = kubectl("create", "token", "mlz-operator", "-n", namespace).stdout.strip()
    write_kubeconfig(plane.kubeconfig, folder / "kubeconfig", token)
    admin = Admin(plane.kubeconfig, namespace)
    admin.apply(resource("MLzScoringService", "default", {"type": "standard"}))
    made = Installation(plane, admin, folder)
    try:
        yield made
    finally:
        made.stop()


def write_kubeconfig(admin: Path, path: Path, token: str) -> None:
    document = yaml.safe_load(admin.read_text(encoding="utf-8"))
    user = document["users"][0]["name"]
    document["users"] = [{"name": user, "user": {"token": token}}]
    path.write_text(json.dumps(document), encoding="utf-8")
