"""The rendered chart against Kubernetes' own schemas, as package kubernetes-validate ships them."""

import json
import os
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from charts import CHART, Json, helm
from cluster.binaries import Binaries
from cluster.places import CHECKOUT, cache_folder
from contract.rendering import EVERYTHING, NARROW

VALUES = {
    "defaults": {},
    "narrow": NARROW | {"crds": {"enabled": False}},
    "everything": EVERYTHING,
}


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_kubeconform_finds_nothing(values: Json, tmp_path: Path) -> None:
    binaries = Binaries(cache_folder(os.environ), os.environ)
    binaries.ensure(["kubeconform"])
    made = helm("template", "mlz", str(CHART), "--namespace=mlz-system", values=values)
    assert made.returncode == 0, made.stderr
    rendered = made.stdout
    _save_own_schemas(tmp_path)
    _save_schemas(tmp_path, {one["kind"].lower() for one in yaml.safe_load_all(rendered) if one})
    file = "{{.ResourceKind}}{{.KindSuffix}}.json"

    answer = subprocess.run(
        [str(binaries.path("kubeconform")), "-strict", "-summary", "-skip", "ServiceMonitor",
         "-schema-location", f"{tmp_path}/{file}"],
        input=rendered, capture_output=True, text=True,
    )  # fmt: skip

    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "Errors: 0" in answer.stdout


def _save_schemas(folder: Path, kinds: set[str]) -> None:
    """Kubernetes' schemas, each with the definitions that it refers to, as kubeconform wants it."""
    shipped = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema"
    (strict,) = shipped.glob("v1.35.*-local-strict")
    definitions = json.loads((strict / "_definitions.json").read_text())["$defs"]
    for kind in kinds:
        for path in strict.glob(f"{kind}-*.json"):
            whole = json.dumps(json.loads(path.read_text()) | {"$defs": definitions})
            (folder / path.name).write_text(whole.replace("/api/_definitions.json#", "#"))


def _save_own_schemas(folder: Path) -> None:
    """The schemas of our definitions, by the names that kubeconform looks for."""
    for path in sorted((CHECKOUT / "crds").glob("*.yaml")):
        crd = yaml.safe_load(path.read_text())
        kind, version = crd["spec"]["names"]["kind"].lower(), crd["spec"]["versions"][0]
        schema = json.dumps(version["schema"]["openAPIV3Schema"])
        (folder / f"{kind}-mlz-{version['name']}.json").write_text(schema)
