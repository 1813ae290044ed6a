"""
An API server in memory with two model versions, and a replica that claims them for deployments.

A file of tests takes the fixture with ``from unit.rest.claiming import scene``.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest

from builders import NAMESPACE, NOW, NOW_TEXT, a_deployment_body, a_version_body
from fakes.apiserver import FakeApiServer
from fakes.facade import Replica
from mlz.api import names
from mlz.rest.claims import Claim, Claims, claim_on
from mlz.rest.problems import Code, Refusal
from mlz.rest.titles import Titles

Manifest = dict[str, Any]


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def a_manifest(name: str = "churn", key: str | None = None, **spec: Any) -> Manifest:
    annotations = {} if key is None else {names.ANNOTATION_IDEMPOTENCY_KEY: key}
    meta = {"name": name, "namespace": NAMESPACE, "annotations": annotations}
    return a_deployment_body(name, **spec) | {"metadata": meta}


def asset(version: str) -> Manifest:
    return {"spec": {"asset": {"modelVersion": version}}}


@dataclass
class Scene:
    """A server with two versions, and the claims of one replica."""

    server: FakeApiServer = field(default_factory=lambda: FakeApiServer(now=lambda: NOW_TEXT))
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.server.put(a_version_body("churn-v1"))
        self.server.put(a_version_body("churn-v2"))
        self.replica = Replica(self.server)
        self.claims = self.another()

    def another(self, name: str = "a") -> Claims:
        replica = self.replica if name == "a" else Replica(self.server, name)
        return Claims(replica.world, Titles(replica.world), self.clock)

    def put_claim(self, text: str) -> None:
        self.server.edit(
            "MLzModelVersion",
            "churn-v1",
            lambda body: body["metadata"].update(
                annotations={names.claim_annotation("default"): text}
            ),
        )

    def claim(self, version: str = "churn-v1") -> Claim | None:
        body = self.server.find("MLzModelVersion", version)
        assert body is not None
        return claim_on(body, "default")

    def deployments(self) -> list[str]:
        return [one["metadata"]["name"] for one in self.server.all("MLzDeployment")]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def refusal(caught: pytest.ExceptionInfo[Refusal]) -> tuple[Code, int]:
    return caught.value.code, caught.value.status
