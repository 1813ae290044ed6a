"""What a workload is made of, for the tests of this folder."""

from typing import Any

from builders import DIGEST, a_deployment, a_service, an_accepted_version, some_defaults
from mlz.model.asset import Provider
from mlz.resources.workload import Workload


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
