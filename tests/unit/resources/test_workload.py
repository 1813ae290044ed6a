"""What the pods of a workload get."""

from dataclasses import replace
from typing import Any

import pytest

from builders import (
    DIGEST,
    HEX,
    OTHER_DIGEST,
    a_deployment,
    a_service,
    a_version,
    some_defaults,
)
from mlz.api import names
from mlz.model.asset import Provider
from mlz.resources import workload
from mlz.settings import EngineSettings
from unit.resources.inputs import a_workload, engine, environment, template


def test_the_selector_never_changes() -> None:
    selectors = {
        str(workload.build(one, None)["spec"]["selector"])
        for one in (
            a_workload(),
            a_workload(digest=OTHER_DIGEST, provider=Provider.TELUM2, replicas=9),
            a_workload(deployment=a_deployment(servingId="churn_1", engineType="pmml")),
        )
    }

    assert selectors == {
        "{'matchLabels': {'mlz.dev/deployment': 'churn', 'app.kubernetes.io/component': 'engine'}}"
    }


def test_pods_carry_what_they_are_selected_and_known_by() -> None:
    built = workload.build(a_workload(), None)

    labels = built["spec"]["template"]["metadata"]["labels"]
    assert labels.items() >= built["spec"]["selector"]["matchLabels"].items()
    assert labels[names.LABEL_ASSET] == "a" * 16


def test_an_update_takes_nothing_away_before_the_new_pod_is_ready() -> None:
    spec = workload.build(a_workload(), None)["spec"]
    strategy = spec["strategy"]

    assert strategy["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert spec["minReadySeconds"] == 1


def test_the_engine_is_told_what_it_serves_and_as_whom() -> None:
    deployment = a_deployment(servingId="churn_1", timeoutInMs=250)

    told = environment(engine(a_workload(deployment=deployment)))

    assert told == {
        "MLZ_ASSET_DIGEST": DIGEST,
        "MLZ_MODEL_NAME": "churn",
        "MLZ_DEPLOYMENT_GUID": "uid-of-churn",
        "MLZ_SERVING_ID": "churn_1",
        "MLZ_PROVIDER": "cpu",
        "MLZ_THREADS": "1",
        "MLZ_TIMEOUT_IN_MS": "250",
        "MLZ_DRAIN_TIMEOUT_SECONDS": "30",
    }


@pytest.mark.parametrize("timeout", [None, 250, 29_500, 30_001, 60_000])
def test_a_pod_may_take_as_long_to_leave_as_its_last_score_may(timeout: int | None) -> None:
    wanted = a_workload(deployment=a_deployment(timeoutInMs=timeout))

    grace = template(wanted)["spec"]["terminationGracePeriodSeconds"]
    drain = float(environment(engine(wanted))["MLZ_DRAIN_TIMEOUT_SECONDS"])

    assert drain >= (timeout or 0) / 1000
    assert grace > EngineSettings().drain_delay_seconds + drain


def test_a_users_variables_never_beat_ours() -> None:
    deployment = a_deployment(
        env=[{"name": "MLZ_ASSET_DIGEST", "value": "mine"}, {"name": "A", "value": "1"}]
    )

    told = environment(engine(a_workload(deployment=deployment)))

    assert (told["MLZ_ASSET_DIGEST"], told["A"]) == (DIGEST, "1")


def test_the_fetch_is_told_where_the_asset_is_and_within_which_limits() -> None:
    version = a_version(
        artifact={"uri": "s3://b/m", "sha256": HEX, "secretRef": {"name": "store"}},
        schema={"classes": ["a"]},
    )
    defaults = some_defaults(fetch={"maxAssetBytes": 7, "allowedRedirectHosts": ["a", "b"]})
    wanted = a_workload(version=version, defaults=defaults)

    told = environment(template(wanted)["spec"]["initContainers"][0])

    assert told == {
        "MLZ_ASSET_URI": "s3://b/m",
        "MLZ_ASSET_SHA256": HEX,
        "MLZ_ENGINE_TYPE": "onnx",
        "MLZ_DECLARED_SCHEMA": '{"classes": ["a"]}',
        "MLZ_SECRET_NAME": "store",
        "MLZ_MAX_ASSET_BYTES": "7",
        "MLZ_ALLOWED_REDIRECT_HOSTS": "a,b",
    }


def test_a_volume_is_mounted_read_only_where_the_fetch_looks_for_it() -> None:
    version = a_version(artifact={"uri": "pvc://models/churn/1.onnx", "sha256": HEX})

    spec = template(a_workload(version=version))["spec"]

    mount = {"name": "claim", "mountPath": "/claims/models", "readOnly": True}
    assert mount in spec["initContainers"][0]["volumeMounts"]
    assert {
        "name": "claim",
        "persistentVolumeClaim": {"claimName": "models", "readOnly": True},
    } in (spec["volumes"])


@pytest.mark.parametrize(
    ("limits", "threads"),
    [
        pytest.param(None, "1", id="one without a limit"),
        pytest.param({"cpu": "2"}, "2", id="as many as whole CPUs"),
        pytest.param({"cpu": 3}, "3", id="a number is a quantity, too"),
        pytest.param({"cpu": "1500m"}, "2", id="a part of a CPU counts"),
        pytest.param({"cpu": "100m"}, "1", id="at least one"),
        pytest.param({"cpu": "0.5"}, "1", id="at least one of a fraction"),
        pytest.param({"cpu": "2k"}, "1", id="one where the limit says nothing sensible"),
        pytest.param({"memory": "1Gi"}, "1", id="memory is no CPU"),
    ],
)
def test_threads_follow_the_cpu_limit(limits: Any, threads: str) -> None:
    resources = None if limits is None else {"limits": limits}

    told = environment(engine(a_workload(deployment=a_deployment(resources=resources))))

    assert told["MLZ_THREADS"] == threads


@pytest.mark.parametrize(
    ("deployment", "service", "memory"),
    [
        pytest.param(a_deployment(), a_service(), "1Gi", id="the chart's"),
        pytest.param(
            a_deployment(),
            a_service(engines={"onnx": {"resources": {"limits": {"memory": "2Gi"}}}}),
            "2Gi",
            id="the service's before the chart's",
        ),
        pytest.param(
            a_deployment(resources={"limits": {"memory": "3Gi"}}),
            a_service(engines={"onnx": {"resources": {"limits": {"memory": "2Gi"}}}}),
            "3Gi",
            id="the deployment's before all",
        ),
    ],
)
def test_resources(deployment: Any, service: Any, memory: str) -> None:
    found = engine(a_workload(deployment=deployment, service=service))

    assert found["resources"]["limits"]["memory"] == memory


@pytest.mark.parametrize(
    ("provider", "keys"),
    [
        pytest.param(Provider.CPU, [], id="a CPU is everywhere"),
        pytest.param(
            Provider.ZAIU,
            ["kubernetes.io/arch", "feature.node.kubernetes.io/cpu-cpuid.NNPA"],
            id="z16 and later",
        ),
        pytest.param(
            Provider.TELUM2,
            [
                "kubernetes.io/arch",
                "feature.node.kubernetes.io/cpu-cpuid.NNPA",
                "feature.node.kubernetes.io/cpu-model.id",
            ],
            id="z17 alone",
        ),
    ],
)
def test_accelerated_pods_go_where_the_accelerator_is(provider: Provider, keys: list[str]) -> None:
    spec = template(a_workload(provider=provider))["spec"]

    terms = (
        spec.get("affinity", {})
        .get("nodeAffinity", {})
        .get("requiredDuringSchedulingIgnoredDuringExecution", {})
        .get("nodeSelectorTerms", [])
    )
    assert [one["key"] for term in terms for one in term["matchExpressions"]] == keys


def test_a_variant_of_the_engine_has_its_own_image() -> None:
    defaults = some_defaults(
        engines={"onnx": {"image": "cpu:1", "providers": {"zaiu": {"image": "zaiu:1"}}}}
    )

    images = [
        engine(a_workload(defaults=defaults, provider=provider))["image"] for provider in Provider
    ]

    assert images == ["cpu:1", "zaiu:1", "cpu:1"]


def test_a_fallback_to_the_cpu_uses_the_cpus_image() -> None:
    defaults = some_defaults(
        engines={"onnx": {"image": "cpu:1", "providers": {"zaiu": {"image": "zaiu:1"}}}}
    )
    fallen_back = a_workload(deployment=a_deployment(zaiu=True), defaults=defaults)

    assert engine(fallen_back)["image"] == "cpu:1"
    assert environment(engine(fallen_back))["MLZ_PROVIDER"] == "cpu"


def test_only_a_scoring_cluster_is_spread_over_nodes() -> None:
    alone = template(a_workload())["spec"]
    cluster = template(a_workload(service=a_service(type="cluster")))["spec"]

    assert "topologySpreadConstraints" not in alone
    assert cluster["topologySpreadConstraints"][0]["topologyKey"] == "kubernetes.io/hostname"


def test_only_the_number_of_pods_differs_between_two_numbers_of_pods() -> None:
    one, three = (workload.build(a_workload(replicas=number), None) for number in (1, 3))

    assert {**one, "spec": one["spec"] | {"replicas": 3}} == three
    assert workload.template_inputs(a_workload()) == workload.template_inputs(
        replace(a_workload(), replicas=3)
    )
