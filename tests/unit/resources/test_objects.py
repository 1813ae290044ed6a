"""
The objects that we own: pure, accepted by Kubernetes' own schemas, restricted, named and labelled.
"""

import copy
from types import MappingProxyType
from typing import Any

import kubernetes_validate
import pytest

from builders import (
    DIGEST,
    HEX,
    NAMESPACE,
    a_deployment,
    a_service,
    a_version,
    an_accepted_version,
    some_defaults,
)
from mlz.api import names
from mlz.api.parsing import ModelVersion
from mlz.api.status import DeployedAsset
from mlz.errors import RejectedError
from mlz.model.asset import Provider
from mlz.resources import desired, disruption, inspection, workload
from mlz.resources.desired import Plan
from mlz.resources.manifest import Manifest
from unit.resources.inputs import SECRET

KUBERNETES = "1.37"
EVERYTHING: dict[str, Any] = {
    "guid": "6f2a8f0e-3c39-4b5e-9a50-7d0f0f9f3b11",
    "servingId": "churn_1",
    "timeoutInMs": 500,
    "replicas": 3,
    "resources": {"requests": {"cpu": "50m"}, "limits": {"cpu": "1500m", "memory": "1Gi"}},
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [
        {"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5}
    ],
    "env": [{"name": "A", "value": "1"}, {"name": "B", "value": ""}],
}
# Source: Pod Security Standards, restricted, "Volume Types".
VOLUMES = {"emptyDir", "secret", "persistentVolumeClaim", "configMap"}
CLAIM = {"uri": "pvc://models/churn/1.onnx", "sha256": HEX}


def a_plan(**overrides: Any) -> Plan:
    fields: dict[str, Any] = {
        "deployment": a_deployment(),
        "scoring_service": a_service(),
        "run": an_accepted_version(),
        "digest": DIGEST,
        "keep": False,
        "active": None,
        "told": None,
        "provider": Provider.CPU,
        "replicas": 1,
        "observed": None,
        "defaults": some_defaults(),
    } | overrides
    return Plan(**fields)


def with_artifact(artifact: Manifest) -> ModelVersion:
    return a_version(artifact=artifact)


PLANS = [
    pytest.param(a_plan(), id="the least there is"),
    pytest.param(a_plan(deployment=a_deployment(**EVERYTHING), replicas=3), id="all there is"),
    pytest.param(
        a_plan(deployment=a_deployment(asset=SECRET), run=with_artifact(SECRET)),
        id="an asset by URI with credentials",
    ),
    pytest.param(a_plan(run=with_artifact(CLAIM)), id="an asset on a volume"),
    pytest.param(
        a_plan(scoring_service=a_service(type="cluster"), replicas=2), id="a scoring cluster"
    ),
    pytest.param(
        a_plan(deployment=a_deployment(zaiu=True), provider=Provider.ZAIU), id="an accelerator"
    ),
    pytest.param(
        a_plan(deployment=a_deployment(telum2=True), provider=Provider.TELUM2), id="telum2"
    ),
    pytest.param(a_plan(defaults=some_defaults(imagePullSecrets=["pull"])), id="pull secrets"),
    pytest.param(a_plan(deployment=a_deployment("a" * 45)), id="the longest name"),
    pytest.param(a_plan(replicas=0, deployment=a_deployment(suspend=True)), id="suspended"),
    pytest.param(a_plan(run=None, digest=None), id="nothing to run"),
    pytest.param(
        a_plan(scoring_service=a_service(authentication={"mode": "Required"})), id="with tokens"
    ),
]
INSPECTIONS = [
    pytest.param(a_version(), id="a version by https"),
    pytest.param(with_artifact(SECRET), id="a version with credentials"),
    pytest.param(with_artifact(CLAIM), id="a version on a volume"),
    pytest.param(a_version(schema={"classes": ["a"]}), id="a version with a declared schema"),
    pytest.param(a_version("v" * 55), id="a version with a long name"),
    pytest.param(a_version(engineType="pmml"), id="a version of another engine type"),
]


def an_inspection(version: ModelVersion) -> Manifest:
    return inspection.build(version, some_defaults(), 1900)


def frozen(value: Any) -> Any:
    """The same value with every mapping and list in it made unchangeable."""
    if isinstance(value, dict):
        return MappingProxyType({key: frozen(one) for key, one in value.items()})
    return tuple(map(frozen, value)) if isinstance(value, list) else value


def pod_specs(manifests: list[Manifest]) -> list[Manifest]:
    specs = [one["spec"] for one in manifests if one["kind"] == "Pod"]
    specs += [one["spec"]["template"]["spec"] for one in manifests if one["kind"] == "Deployment"]
    return specs


def containers(spec: Manifest) -> list[Manifest]:
    return [*spec.get("initContainers", ()), *spec["containers"]]


# Pure


@pytest.mark.parametrize("plan", PLANS)
def test_the_same_plan_gives_the_same_objects(plan: Plan) -> None:
    assert desired.objects(plan) == desired.objects(plan)


@pytest.mark.parametrize("plan", PLANS)
def test_what_is_built_shares_nothing_with_what_was_built_before(plan: Plan) -> None:
    first = desired.objects(plan)
    expected = copy.deepcopy(first)

    for manifest in desired.objects(plan):
        spoil(manifest)

    assert first == expected
    assert desired.objects(plan) == expected


def spoil(value: Any) -> None:
    """Change everything in a manifest, as a careless caller might."""
    if isinstance(value, dict):
        for one in value.values():
            spoil(one)
        value["spoilt"] = True
    if isinstance(value, list):
        for one in value:
            spoil(one)
        value.append("spoilt")


def test_the_observed_workload_is_only_read() -> None:
    built = desired.objects(a_plan())[-1]

    again = desired.objects(a_plan(observed=frozen(built)))[-1]

    assert again == built


@pytest.mark.parametrize("version", INSPECTIONS)
def test_the_same_version_gives_the_same_inspection_pod(version: ModelVersion) -> None:
    first = an_inspection(version)
    expected = copy.deepcopy(first)

    spoil(an_inspection(version))

    assert an_inspection(version) == first == expected


# Accepted


@pytest.mark.parametrize("plan", PLANS)
def test_kubernetes_takes_every_object_of_a_deployment(plan: Plan) -> None:
    for manifest in desired.objects(plan):
        if manifest["apiVersion"] != names.API_VERSION:
            kubernetes_validate.validate(manifest, KUBERNETES, strict=True)


@pytest.mark.parametrize("version", INSPECTIONS)
def test_kubernetes_takes_every_inspection_pod(version: ModelVersion) -> None:
    kubernetes_validate.validate(an_inspection(version), KUBERNETES, strict=True)


def every_object() -> list[Manifest]:
    built = [one for plan in PLANS for one in desired.objects(plan.values[0])]
    return built + [an_inspection(one.values[0]) for one in INSPECTIONS]


def test_names_have_at_most_63_characters() -> None:
    assert max(len(one["metadata"]["name"]) for one in every_object()) <= 63


def test_label_values_have_at_most_63_characters() -> None:
    values = [value for one in every_object() for value in one["metadata"]["labels"].values()]

    assert max(map(len, values)) <= 63


def test_everything_goes_with_its_owner_and_nobody_waits_for_it() -> None:
    for manifest in every_object():
        (owner,) = manifest["metadata"]["ownerReferences"]
        assert owner["controller"] is True
        assert "blockOwnerDeletion" not in owner
        assert owner["uid"].startswith("uid-of-")
        assert manifest["metadata"]["namespace"] == NAMESPACE


def test_everything_is_labelled_as_ours() -> None:
    for manifest in every_object():
        labels = manifest["metadata"]["labels"]
        assert labels["app.kubernetes.io/managed-by"] == "mlz-operator"
        assert labels["app.kubernetes.io/part-of"] == "mlz"
        assert labels["app.kubernetes.io/component"] in {"engine", "inspection", "model-version"}


# Restricted


def test_every_pod_passes_pod_security_restricted() -> None:
    """Source: Pod Security Standards, restricted."""
    specs = pod_specs(every_object())

    assert len(specs) > 10
    for spec in specs:
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC", "hostUsers"} & spec.keys()
        for volume in spec["volumes"]:
            assert (volume.keys() - {"name"}) <= VOLUMES
        for container in containers(spec):
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert context["readOnlyRootFilesystem"] is True
            assert "privileged" not in context
            assert all("hostPort" not in port for port in container.get("ports", ()))


def test_no_pod_gets_a_token() -> None:
    for spec in pod_specs(every_object()):
        assert spec["automountServiceAccountToken"] is False


def test_secrets_come_from_references_only_and_are_mounted_read_only() -> None:
    (spec,) = pod_specs(desired.objects(a_plan(run=with_artifact(SECRET))))

    mounts = [
        (container["name"], mount["name"], mount.get("readOnly"))
        for container in containers(spec)
        for mount in container["volumeMounts"]
        if mount["name"] == "credentials"
    ]
    assert mounts == [("fetch", "credentials", True)]


# What there is, and in which order


@pytest.mark.parametrize(
    ("plan", "kinds"),
    [
        pytest.param(
            a_plan(),
            ["ServiceAccount", "Service", "NetworkPolicy", "Deployment"],
            id="what pods need comes before the pods",
        ),
        pytest.param(
            a_plan(deployment=a_deployment(asset=SECRET), replicas=2),
            [
                "MLzModelVersion",
                "ServiceAccount",
                "Service",
                "NetworkPolicy",
                "PodDisruptionBudget",
                "Deployment",
            ],
            id="a version of its own, and a budget from two pods on",
        ),
        pytest.param(
            a_plan(run=None, digest=None),
            ["ServiceAccount", "Service", "NetworkPolicy"],
            id="without anything to run the address stays",
        ),
        pytest.param(
            a_plan(keep=True),
            ["ServiceAccount", "Service", "NetworkPolicy"],
            id="a kept workload is not built",
        ),
        pytest.param(
            a_plan(digest=None),
            ["ServiceAccount", "Service", "NetworkPolicy"],
            id="an asset without a digest runs nowhere",
        ),
        pytest.param(
            a_plan(deployment=a_deployment(engineType="spark")),
            ["ServiceAccount", "Service", "NetworkPolicy"],
            id="an unreadable spec runs nothing",
        ),
    ],
)
def test_the_objects_of_a_plan(plan: Plan, kinds: list[str]) -> None:
    assert [one["kind"] for one in desired.objects(plan)] == kinds


def test_what_serves_and_what_is_kept_must_not_be_pruned() -> None:
    running = desired.objects(a_plan())[-1]
    plan = a_plan(keep=True, observed=running, active=DeployedAsset(version="churn-v0"))

    found = desired.kept(plan, desired.objects(plan))

    told = desired.kept(a_plan(told="churn-v0"), [])

    assert [one["metadata"]["name"] for one in told] == ["churn-v0"]
    identities = {(one["kind"], one["metadata"]["name"]) for one in found}
    assert identities >= {("Deployment", "churn"), ("MLzModelVersion", "churn-v0")}


def test_an_inspection_stands_back_where_pods_score() -> None:
    """The CPU request is also a pod's share of the CPUs; memory is as much as scoring needs."""
    pod = inspection.build(an_accepted_version(), some_defaults(), 600)

    (container,) = pod["spec"]["containers"]
    assert container["resources"]["requests"] == {"cpu": "10m", "memory": "256Mi"}
    assert container["resources"]["limits"] == {"memory": "1Gi"}


@pytest.mark.parametrize(
    ("replicas", "budget"),
    [
        pytest.param(0, None, id="no pods"),
        pytest.param(1, None, id="a budget for one pod would forbid every drain"),
        pytest.param(2, 1, id="of two pods one at a time"),
    ],
)
def test_a_budget_from_two_pods_on(replicas: int, budget: int | None) -> None:
    found = disruption.build(a_deployment(), replicas)

    assert (found and found["spec"]["maxUnavailable"]) == budget


def test_nothing_is_built_of_an_unreadable_version() -> None:
    unreadable = a_version(engineType="spark")

    with pytest.raises(RejectedError, match=r"churn-v1: spec\.engineType"):
        an_inspection(unreadable)
    with pytest.raises(RejectedError, match=r"churn-v1: spec\.engineType"):
        desired.objects(a_plan(run=unreadable))


def test_the_engine_image_is_the_services_before_the_charts() -> None:
    spec = a_deployment().spec
    service = a_service(engines={"onnx": {"image": "localhost/mine:2"}})

    assert spec is not None
    assert workload.engine_image(spec, service, some_defaults()) == "localhost/mine:2"
    assert workload.engine_image(spec, None, some_defaults()) == "localhost/engine-onnx:1"
    assert workload.engine_image(spec, None, some_defaults({"onnx": ""})) == ""
