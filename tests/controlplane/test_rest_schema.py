"""
The running facade against its own /openapi.json: schemathesis asks, with every check it has.

What it may take for granted is in `schemathesis.toml`, each with its reason. `MLZ_FUZZ=5000` asks
for as many cases; without it the run is short.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster.controlplane import ControlPlane
from controlplane.facades import FacadeProcess, installed_facades, logged_in
from controlplane.operators import HEX, Installation, Kubelet, installed, resource, until
from unit.rest.importing import ModelStore, RegistryServer

CONFIG = Path(__file__).with_name("schemathesis.toml")
CASES = int(os.environ.get("MLZ_FUZZ", "0"))
EXAMPLES = max(10, CASES // 20)
SECONDS = max(30, CASES // 12)  # it goes on with other cases until they are over


@pytest.fixture(scope="module")
def home(
    control_plane: ControlPlane,
    kubectl: Callable[..., Any],
    crds: list[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Installation]:
    """An operator that leads, a kubelet, and a model version that can be deployed."""
    kubectl("create", "namespace", "schema")
    folder = tmp_path_factory.mktemp("operator")
    with (
        installed(control_plane, kubectl, "schema", folder) as made,
        Kubelet(made.admin),
    ):
        made.start()
        until(made.leader, "somebody leads")
        made.admin.apply(resource("MLzModel", "churn", {"displayName": "Churn"}))
        artifact = {"uri": "https://store.example.com/churn.onnx", "sha256": HEX}
        spec = {"model": "churn", "artifact": artifact, "engineType": "onnx"}
        made.admin.apply(resource("MLzModelVersion", "churn-1", spec))
        asset = {"modelVersion": "churn-1"}
        made.admin.deploy("churn-online", displayName="Churn online", asset=asset)
        made.admin.becomes("churn-online", "ACTIVE")
        yield made


@pytest.fixture(scope="module")
def facade(
    home: Installation,
    control_plane: ControlPlane,
    kubectl: Callable[..., Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[FacadeProcess]:
    """One facade that imports into a registry of ours, with an administrator."""
    folder = tmp_path_factory.mktemp("rest")
    with RegistryServer() as server:
        ModelStore(server)
        settings = {"MLZ_REGISTRY": f"{server.host}/models", "MLZ_WAIT_SECONDS": "10"}
        with installed_facades(control_plane, kubectl, "schema", folder, **settings) as made:
            made.add_user("root", "sysadm")
            yield made.start()


@pytest.mark.timeout(SECONDS + 240)
def test_it_answers_as_it_says_whatever_it_is_asked(
    home: Installation, facade: FacadeProcess, tmp_path: Path
) -> None:
    with logged_in(facade, "root") as caller:
        authorization = caller.http.headers["authorization"]
    report = tmp_path / "report.json"
    words = [
        str(Path(sys.executable).with_name("schemathesis")),
        f"--config-file={CONFIG}",
        "run",
        f"{facade.url}/openapi.json",
        f"--header=Authorization: {authorization}",
        f"--max-examples={EXAMPLES}",
        f"--max-time={SECONDS}",
        "--seed=20260301",
        f"--report-json-path={report}",
    ]
    environment = os.environ | {
        "MLZ_TEST_IDS": json.dumps(ids(home)),
        "PYTHONPATH": str(CONFIG.parent),
        "SCHEMATHESIS_HOOKS": "schemathesis_hooks",
    }
    answer = subprocess.run(
        words, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=SECONDS + 120
    )

    assert answer.returncode == 0, answer.stdout[-20_000:] + answer.stderr[-2_000:]
    cases = int(re.findall(r"(\d+) generated", answer.stdout)[-1])
    assert cases >= max(CASES, 100), answer.stdout[-2_000:]


def ids(home: Installation) -> dict[str, str]:
    """Of things that there are, by the names of the parameters of paths."""
    names = {
        "model_id": ("MLzModel", "churn"),
        "version_id": ("MLzModelVersion", "churn-1"),
        "deployment_id": ("MLzDeployment", "churn-online"),
        "guid": ("MLzScoringService", "default"),
    }
    found = {key: home.admin.find(*name) or {} for key, name in names.items()}
    return {key: one["metadata"]["uid"] for key, one in found.items()}
