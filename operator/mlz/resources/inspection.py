"""The pod that inspects a model version: `mlz fetch`, once, with no rights in the cluster."""

from collections.abc import Mapping

from mlz.api import names
from mlz.api.parsing import ModelVersion
from mlz.errors import Reason, RejectedError
from mlz.model.asset import Provider
from mlz.resources import fetching
from mlz.resources.manifest import Manifest, labels, owned, restricted_pod
from mlz.settings import Defaults, EngineDefaults

CONTAINER = "inspect"
_CPU_REQUEST = "10m"


def build(version: ModelVersion, defaults: Defaults, deadline_seconds: int) -> Manifest:
    """The inspection pod of a version."""
    if version.spec is None:
        raise RejectedError(Reason.INVALID_SPEC, f"{version.meta.name}: {version.fault}")
    engine_type = version.spec.engine_type
    fetch = fetching.Fetch(
        version=version,
        image=defaults.image(engine_type, Provider.CPU),
        resources=_in_the_background(defaults.engines.get(engine_type, EngineDefaults()).resources),
        defaults=defaults,
    )
    pod = owned("v1", "Pod", names.inspection_name(version.meta.name), version)
    pod["metadata"]["labels"] = labels(
        "inspection", version.meta.name, model_version=version.meta.name
    )
    pod["spec"] = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "restartPolicy": "Never",
        "activeDeadlineSeconds": deadline_seconds,
        "terminationGracePeriodSeconds": 5,
        "securityContext": restricted_pod(),
        "containers": [fetching.container(fetch, CONTAINER)],
        "volumes": fetching.volumes(version),
    } | pull_secrets(defaults)
    return pod


def _in_the_background(resources: Mapping[str, Mapping[str, str]]) -> Manifest:
    """On a full node pods that score come first: the request is also a pod's share of the CPUs."""
    requests = {**resources.get("requests", {}), "cpu": _CPU_REQUEST}
    return {**resources, "requests": requests}


def pull_secrets(defaults: Defaults) -> Manifest:
    """The pull secrets of a pod; nothing where there are none."""
    if not defaults.image_pull_secrets:
        return {}
    return {"imagePullSecrets": [{"name": name} for name in defaults.image_pull_secrets]}
