"""
What a test of imports begins with: the real facade, operator, API server and registry in one
namespace. Nothing runs: what an inspection finds is said by the test.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from cluster.controlplane import ControlPlane
from controlplane.facades import FacadeProcess, Facades, installed_facades
from controlplane.operators import Admin, Kubelet, Manifest, installed, until, well
from controlplane.registries import Gate, Registry, running_registry
from mlz.errors import Reason
from mlz.model.asset import Inspection

MODELS = "/v3/ml_assets/models"
MEBIBYTE = 1024 * 1024


@dataclass(slots=True)
class Place:
    """
    All of it, in one namespace.

    Attributes:
        refused: sha256 of what an inspection refuses.
    """

    admin: Admin
    registry: Registry
    gate: Gate
    facades: Facades
    refused: set[str] = field(default_factory=set)

    def inspect(self, sha256: str) -> Inspection:
        if sha256 in self.refused:
            return Inspection(reason=Reason.MODEL_INVALID, message="no graph in it")
        return well(sha256)

    def another(self, name: str, **settings: str) -> FacadeProcess:
        """A facade with a folder for uploads of its own, one pod's."""
        return self.facades.start(MLZ_UPLOAD_FOLDER=str(self.uploads_of(name)), **settings)

    def uploads_of(self, name: str) -> Path:
        return self.facades.folder / "uploads" / name

    def versions(self, model: str) -> list[Manifest]:
        found = self.admin.all("MLzModelVersion")
        return [one for one in found if one["spec"]["model"] == model]

    def manifests(self, model: str) -> list[str]:
        start = f"models/{model}@"
        return [one for one in self.registry.manifests() if one.startswith(start)]

    def left_of(self, model: str) -> list[object]:
        """Whatever there is of a model, wherever it is."""
        return [
            *filter(None, [self.admin.find("MLzModel", model)]),
            *self.versions(model),
            *self.manifests(model),
            *self.registry.tags(),
        ]

    def nothing_is_left_of(self, model: str) -> None:
        until(lambda: not self.left_of(model), f"nothing is left of {model}")
        self.registry.purge()
        assert not self.registry.uploads()


@contextmanager
def import_stage(
    plane: ControlPlane, kubectl: Callable[..., Any], namespace: str, folder: Path
) -> Iterator[Place]:
    """Everything runs but a facade; the user ``ada`` may import."""
    kubectl("create", "namespace", namespace)
    (folder / "operator").mkdir()
    with (
        running_registry(folder / "registry") as registry,
        Gate(registry.port) as gate,
        installed(plane, kubectl, namespace, folder / "operator") as operator,
        installed_facades(
            plane, kubectl, namespace, folder / "rest", MLZ_REGISTRY=f"{gate.host}/models"
        ) as facades,
    ):
        place = Place(operator.admin, registry, gate, facades)
        with Kubelet(operator.admin, place.inspect):
            operator.start()
            facades.add_user("ada", "mladm")
            until(operator.leader, "somebody leads")
            yield place


def parts(content: bytes | BinaryIO, **metadata: str) -> dict[str, Any]:
    """What httpx makes a form of."""
    told = {"engineType": "onnx"} | metadata
    return {
        "files": {"file": ("m.onnx", content)},
        "data": {"metadata": json.dumps(told)},
    }


def mebibytes(facade: FacadeProcess, which: str) -> float:
    """Memory: VmRSS is now, VmHWM the most there ever was. Source: proc_pid_status(5)."""
    text = Path(f"/proc/{facade.process.pid}/status").read_text(encoding="ascii")
    return int(text.partition(f"{which}:")[2].split()[0]) / 1024
