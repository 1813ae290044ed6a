"""Models in the embedded registry, pushed as a user pushes them."""

import json
import subprocess
import sys
import tarfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2e.kubectl import Kubectl
from zoo.models import Zoo, ZooModel

SYSTEM = "mlz-system"
REGISTRY = "mlz-registry"
ENGINE_TYPES = ("onnx", "xgboost", "pmml")


@dataclass(frozen=True)
class Pushed:
    """A model as a deployment names it; ``sha256`` is None where the URI carries the digest."""

    uri: str
    sha256: str | None
    engine_type: str


class Models:
    """Makes and pushes each model when it is first asked for."""

    def __init__(self, kubectl: Kubectl, folder: Path) -> None:
        self._kubectl = kubectl
        self._folder = folder
        self._zoo = Zoo(folder)
        self._pushed: dict[Path, Pushed] = {}

    @property
    def folder(self) -> Path:
        """Where the files are."""
        return self._folder

    @property
    def credit(self) -> Any:
        """The table of 1,000 real credit applications, the target last."""
        return self._zoo.credit

    def made(self, name: str) -> ZooModel:
        """The real model of an engine type, or ``tabular``, with records."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the libraries that write models
            found: ZooModel = {
                "onnx": lambda: self._zoo.magika,
                "xgboost": lambda: self._zoo.credit_xgboost,
                "pmml": lambda: self._zoo.credit_pmml,
                "tabular": lambda: self._zoo.credit_onnx,
            }[name]()
        return found

    def pushed(self, name: str) -> Pushed:
        """The same in the registry."""
        model = self.made(name)
        if name == "tabular":
            return self.push(_packed(model), "onnx")
        return self.push(model.path, name)

    def push(self, path: Path, engine_type: str) -> Pushed:
        """Any model file, in the registry."""
        if path not in self._pushed:
            self._pushed[path] = self._push(path, engine_type)
        return self._pushed[path]

    def _push(self, path: Path, engine_type: str) -> Pushed:
        with self._kubectl.forwarded(SYSTEM, f"svc/{REGISTRY}", 5000) as port:
            target = f"oci://127.0.0.1:{port}/e2e/{path.name.lower()}"
            said = subprocess.run(
                [str(Path(sys.executable).with_name("mlz")), "push", str(path), target, "-o",
                 "json"],
                check=True, capture_output=True, text=True,
            )  # fmt: skip
        pushed = json.loads(said.stdout)
        uri = pushed["uri"].replace(f"127.0.0.1:{port}", f"{REGISTRY}.{SYSTEM}.svc:5000")
        return Pushed(uri, pushed["sha256"], engine_type)


def _packed(model: ZooModel) -> Path:
    """With a sample: a made-up category is none that this model's encoder knows."""
    archive = model.path.with_suffix(".tar.gz")
    if not archive.exists():
        sample = model.path.with_name("sample.json")
        sample.write_text(json.dumps(model.records[:2]))
        with tarfile.open(archive, "w:gz") as packed:
            packed.add(model.path, model.path.name)
            packed.add(sample, sample.name)
    return archive
