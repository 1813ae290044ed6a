"""What tests of the chart render it with, and how they find a part in what came out."""

from collections.abc import Iterator

from charts import Json

EVERYTHING = {
    "registry": {"enabled": True},
    "rest": {"enabled": True, "tls": {"hosts": ["mlz.example.com"]}},
    "scoringService": {"enabled": True, "namespaces": ["a", "b"]},
    "serviceMonitor": {"enabled": True},
    "operator": {"replicas": 2, "priorityClassName": "high", "nodeSelector": {"a": "b"}},
    "imagePullSecrets": ["mine"],
}
NARROW = {"watchNamespaces": ["a", "b"]}


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
