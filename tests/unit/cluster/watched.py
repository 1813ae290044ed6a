"""What an observer looks at: a cache with objects as the API server sends them."""

from typing import Any

from builders import (
    NAMESPACE,
    NOW,
    a_deployment,
    some_defaults,
)
from fakes.apiserver import FakeApiServer
from mlz.api import names, parsing
from mlz.cluster.cache import Cache
from mlz.cluster.observe import Observer
from mlz.lifecycle.facts import DeploymentFacts, VersionFacts
from mlz.settings import OperatorSettings

Manifest = dict[str, Any]


class Place:
    """A cache and what an observer makes of it."""

    def __init__(self, *bodies: Manifest, **defaults: Any) -> None:
        self.server = FakeApiServer()
        self.cache = Cache()
        for body in bodies:
            self.cache.put(body)
        self.observer = Observer(
            self.cache, self.server, some_defaults(**defaults), OperatorSettings()
        )

    def facts(self, **deployment: Any) -> DeploymentFacts:
        return self.observer.deployment_facts(a_deployment(**deployment), NOW)

    def version_facts(self, body: Manifest) -> VersionFacts:
        return self.observer.version_facts(parsing.model_version(body), NOW)


def owned_by(uid: str, **meta: Any) -> Manifest:
    owner = {"uid": uid, "kind": "MLzDeployment", "name": "churn", "controller": True}
    return {"ownerReferences": [owner], **meta}


def a_workload_body(status: Manifest | None = None, **meta: Any) -> Manifest:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "churn",
            "namespace": NAMESPACE,
            "uid": "uid-of-workload",
            "generation": 2,
            "resourceVersion": "5",
            **owned_by("uid-of-churn"),
            **meta,
        },
        "spec": {
            "replicas": 3,
            "template": {"metadata": {"labels": {names.LABEL_ASSET: "a" * 16}}},
        },
        "status": status or {},
    }


def a_pod_body(name: str = "churn-1", status: Manifest | None = None, **meta: Any) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "uid": f"uid-of-{name}",
            "resourceVersion": "5",
            "creationTimestamp": "2030-01-01T11:00:00Z",
            "labels": {names.LABEL_DEPLOYMENT: "churn", names.LABEL_ASSET: "a" * 16},
            **meta,
        },
        "spec": {"restartPolicy": "Never"},
        "status": status or {},
    }


def an_inspection_body(message: str, **meta: Any) -> Manifest:
    ended = {"exitCode": 0, "finishedAt": "2030-01-01T11:59:00Z", "message": message}
    status = {
        "phase": "Succeeded",
        "containerStatuses": [{"name": "inspect", "state": {"terminated": ended}}],
    }
    fields = {**owned_by("uid-of-churn-v1"), "labels": {}, **meta}
    return a_pod_body("churn-v1-inspect", status, **fields)
