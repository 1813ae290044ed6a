"""What tests of the chart do alike: render it, and find an object or a part in what came out."""

import json
import os
import subprocess
from collections.abc import Iterator
from typing import Any

import yaml

from cluster.binaries import Binaries
from cluster.places import CHECKOUT, cache_folder

Json = dict[str, Any]

CHART = CHECKOUT / "charts" / "mlz-operator"
EVERYTHING = {
    "registry": {"enabled": True},
    "rest": {"enabled": True, "tls": {"hosts": ["mlz.example.com"]}},
    "scoringService": {"enabled": True, "namespaces": ["a", "b"]},
    "serviceMonitor": {"enabled": True},
    "operator": {"replicas": 2, "priorityClassName": "high", "nodeSelector": {"a": "b"}},
    "imagePullSecrets": ["mine"],
}
NARROW = {"watchNamespaces": ["a", "b"]}


def helm(*arguments: str, values: Json | None = None) -> subprocess.CompletedProcess[str]:
    program = Binaries(cache_folder(os.environ), os.environ).path("helm")
    assert program.exists(), "helm is not built; python3 hack/cluster build does it"
    given = ["--values", "-"] if values is not None else []
    return subprocess.run(
        [str(program), *arguments, *given],
        input=json.dumps(values),
        capture_output=True,
        text=True,
        timeout=60,
    )


def render(values: Json | None = None, *options: str) -> list[Json]:
    answer = helm(
        "template", "mlz", str(CHART), "--namespace=mlz-system", *options, values=values or {}
    )
    assert answer.returncode == 0, answer.stderr
    return [one for one in yaml.safe_load_all(answer.stdout) if one]


def of_kind(objects: list[Json], kind: str) -> list[Json]:
    return [one for one in objects if one["kind"] == kind]


def named(objects: list[Json], kind: str, name: str) -> Json:
    (found,) = (one for one in of_kind(objects, kind) if one["metadata"]["name"] == name)
    return found


def pod_templates(objects: list[Json]) -> Iterator[Json]:
    for workload in of_kind(objects, "Deployment"):
        yield workload["spec"]["template"]


def operator_environment(objects: list[Json]) -> dict[str, str | None]:
    (container,) = named(objects, "Deployment", "mlz-operator")["spec"]["template"]["spec"][
        "containers"
    ]
    return {one["name"]: one.get("value") for one in container["env"]}
