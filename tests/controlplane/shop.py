"""What requests that are refused are about, and how one is written down: a row, a sentence."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from controlplane.operators import Manifest
from controlplane.rest_stage import RestStage, Version
from mlz.rest.problems import Code


@dataclass(slots=True)
class Shop:
    """What the requests of ``refusals`` are about."""

    stage: RestStage
    versions: dict[str, Version]
    path: str = ""

    @property
    def one(self) -> Version:
        """A version that nothing has deployed."""
        return self.versions["spare"]

    @property
    def v4(self) -> str:
        return f"/ml/v4/deployments/{self.path.rpartition('/')[2]}"

    def body(self, **deploy_info: Any) -> Manifest:
        """A create that nothing is wrong with; it is never sent so."""
        return self.stage.create_body(self.one, "a new one", **deploy_info)

    def move(self, version: str) -> list[Manifest]:
        href = self.versions[version].href
        return [{"op": "replace", "path": "/deploy_info/artifactVersionHref", "value": href}]


@dataclass(frozen=True, slots=True)
class Row:
    """
    One refusal.

    Attributes:
        says: why, in a sentence.
        path: of what the request is for; a word of ``PATHS``, or a path.
        body: makes the JSON of the request.
        options: whatever else httpx takes.
    """

    says: str
    code: Code
    method: str
    path: str
    body: Callable[[Shop], object] | None = None
    user: str = "ada"
    status: int | None = None
    options: dict[str, Any] = field(default_factory=dict)


PATHS: dict[str, Callable[[Shop], str]] = {
    "create": lambda shop: shop.one.deployments,
    "deployment": lambda shop: shop.path,
    "v4": lambda shop: shop.v4,
    "predictions": lambda shop: f"{shop.v4}/predictions",
    "validate": lambda shop: f"{shop.path}/validate",
    "model": lambda shop: f"/v3/ml_assets/models/{shop.one.model_guid}",
    "models": lambda _: "/v3/ml_assets/models",
    "versions": lambda shop: f"/v3/ml_assets/models/{shop.one.model_guid}/versions",
    "services": lambda _: "/v3/deployments/scoring",
    "service": lambda shop: f"/v3/deployments/scoring/{shop.stage.group}",
    "node": lambda _: "/v3/deployments/ha/scoring/node",
    "token": lambda _: "/auth/generateToken",
}


def without(document: Manifest, *keys: str) -> Manifest:
    return {key: value for key, value in document.items() if key not in keys}


def patch(path: str, value: object, op: str = "replace") -> Callable[[Shop], object]:
    return lambda _: [{"op": op, "path": path, "value": value}]


def raw(content: bytes, kind: str = "application/json") -> dict[str, Any]:
    return {"content": content, "headers": {"Content-Type": kind}}


def form(name: str, content: bytes, metadata: str) -> dict[str, Any]:
    return {"files": {"file": (name, content)}, "data": {"metadata": metadata}}
