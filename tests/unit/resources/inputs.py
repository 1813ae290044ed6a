"""What a workload is made of, and parts of what is built of it, for the tests of this folder."""

from typing import Any

from builders import DIGEST, HEX, a_deployment, a_service, an_accepted_version, some_defaults
from mlz.model.asset import Provider
from mlz.resources import workload
from mlz.resources.manifest import Manifest
from mlz.resources.workload import Workload

SECRET = {"uri": "s3://bucket/churn.onnx", "sha256": HEX, "secretRef": {"name": "store"}}


def a_workload(**overrides: Any) -> Workload:
    deployment = overrides.pop("deployment", a_deployment())
    fields: dict[str, Any] = {
        "deployment": deployment,
        "spec": deployment.spec,
        "version": an_accepted_version(),
        "digest": DIGEST,
        "service": a_service(),
        "provider": Provider.CPU,
        "replicas": 1,
        "defaults": some_defaults(),
    } | overrides
    return Workload(**fields)


def template(wanted: Workload, observed: Manifest | None = None) -> Manifest:
    found: Manifest = workload.build(wanted, observed)["spec"]["template"]
    return found


def engine(wanted: Workload) -> Manifest:
    found: Manifest = template(wanted)["spec"]["containers"][0]
    return found


def environment(container: Manifest) -> dict[str, str]:
    return {one["name"]: one["value"] for one in container["env"]}
