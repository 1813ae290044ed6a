"""What the chart renders: valid objects, pods that pass restricted, and what stays."""

import kubernetes_validate
import pytest
import yaml

import mlz
from charts import CHART, Json, helm, render
from contract.rendering import EVERYTHING, NARROW, named, of_kind, pod_templates

KUBERNETES = "1.35"
NOT_OF_KUBERNETES = {"MLzScoringService", "ServiceMonitor"}


def test_lint_finds_nothing() -> None:
    answer = helm("lint", "--strict", str(CHART))

    assert answer.returncode == 0, answer.stdout
    assert "[WARNING]" not in answer.stdout


@pytest.mark.parametrize("values", [{}, EVERYTHING, NARROW], ids=["default", "all", "narrow"])
def test_every_object_is_valid_and_of_this_release(values: Json) -> None:
    for one in render(values):
        if one["kind"] == "CustomResourceDefinition":
            continue
        if one["kind"] not in NOT_OF_KUBERNETES:
            kubernetes_validate.validate(one, KUBERNETES, strict=True)
        labels = one["metadata"]["labels"]
        assert labels["app.kubernetes.io/name"] == labels["app.kubernetes.io/part-of"] == "mlz"
        assert labels["app.kubernetes.io/instance"] == "mlz"
        assert labels["app.kubernetes.io/component"] in {"operator", "registry", "rest"}
        assert labels["app.kubernetes.io/managed-by"] == "Helm"


def test_a_selector_never_contains_a_version() -> None:
    for workload in of_kind(render(EVERYTHING), "Deployment"):
        selector = workload["spec"]["selector"]["matchLabels"]
        labels = workload["spec"]["template"]["metadata"]["labels"]

        assert selector.items() <= labels.items()
        assert not any("version" in key or "chart" in key for key in labels)


def test_the_services_find_their_pods() -> None:
    objects = render(EVERYTHING)
    templates = list(pod_templates(objects))

    for service in of_kind(objects, "Service"):
        selector = service["spec"]["selector"].items()
        (template,) = (one for one in templates if selector <= one["metadata"]["labels"].items())
        ports = [port for one in template["spec"]["containers"] for port in one["ports"]]
        wanted = {port["targetPort"] for port in service["spec"]["ports"]}
        assert wanted <= {port["name"] for port in ports}
    assert {one["metadata"]["name"] for one in of_kind(objects, "Service")} == {
        "mlz-operator-metrics",
        "mlz-registry",
        "mlz-rest",
    }


def test_every_pod_passes_pod_security_restricted() -> None:
    templates = list(pod_templates(render(EVERYTHING)))

    assert len(templates) == 3
    for template in templates:
        pod = template["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == 65532
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
        for volume in pod["volumes"]:
            kinds = {"configMap", "emptyDir", "persistentVolumeClaim", "secret"}
            assert volume.keys() - {"name"} <= kinds
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }


def test_pods_ask_for_little_and_have_no_cpu_limit() -> None:
    for template in pod_templates(render(EVERYTHING)):
        for container in template["spec"]["containers"]:
            resources = container["resources"]
            assert int(resources["requests"]["cpu"].removesuffix("m")) <= 50
            assert set(resources["limits"]) == {"memory"}


def test_a_certificate_of_the_users_own_or_of_cert_manager_takes_the_place_of_ours() -> None:
    own = render({"rest": {"enabled": True, "tls": {"secretName": "mine"}}})
    issued = render({"rest": {"enabled": True, "tls": {"issuerRef": {"name": "ca"}}}})

    assert not [one for one in of_kind(own, "Secret") if one["type"] == "kubernetes.io/tls"]
    assert [one["metadata"]["name"] for one in of_kind(issued, "Certificate")] == ["mlz-rest-tls"]


def test_old_and_new_operator_never_work_side_by_side() -> None:
    objects = render(EVERYTHING)
    spec = named(objects, "Deployment", "mlz-operator")["spec"]

    assert spec["strategy"] == {"type": "Recreate"}
    assert spec["replicas"] == 2
    assert "podAntiAffinity" in spec["template"]["spec"]["affinity"]
    budgets = [one["metadata"]["name"] for one in of_kind(objects, "PodDisruptionBudget")]
    assert budgets == ["mlz-rest"]


def test_versions_agree() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())

    assert chart["version"] == chart["appVersion"] == mlz.__version__
    assert {image.rpartition(":")[2] for image in values["images"].values()} == {mlz.__version__}


@pytest.mark.parametrize("keep", [True, False])
def test_crds_stay_if_asked_to(keep: bool) -> None:
    crds = of_kind(render({"crds": {"keep": keep}}), "CustomResourceDefinition")

    assert len(crds) == 4
    for one in crds:
        policy = one["metadata"].pop("annotations", {}).get("helm.sh/resource-policy")
        plural = one["spec"]["names"]["plural"]
        assert policy == ("keep" if keep else None)
        assert one == yaml.safe_load((CHART / "files" / "crds" / f"{plural}.yaml").read_text())


def test_crds_can_be_left_out() -> None:
    assert of_kind(render({"crds": {"enabled": False}}), "CustomResourceDefinition") == []


def test_the_scoring_service_is_a_hook_only_until_its_kind_is_known() -> None:
    values = {"scoringService": {"enabled": True, "namespaces": ["a", "b"]}}
    first = of_kind(render(values), "MLzScoringService")
    later = of_kind(
        render(values, "--api-versions=mlz.dev/v1alpha1/MLzScoringService"), "MLzScoringService"
    )

    assert [one["metadata"]["namespace"] for one in first] == ["a", "b"]
    for one in first:
        assert one["metadata"]["annotations"].pop("helm.sh/hook") == "post-install,post-upgrade"
    assert later == first


def test_the_model_store_is_as_durable_as_asked() -> None:
    emptied = {"registry": {"enabled": True, "persistence": {"enabled": False}}}
    borrowed = {"registry": {"enabled": True, "persistence": {"existingClaim": "mine"}}}

    claims = [
        of_kind(render(one), "PersistentVolumeClaim") for one in (EVERYTHING, emptied, borrowed)
    ]
    volumes = [
        named(render(one), "Deployment", "mlz-registry")["spec"]["template"]["spec"]["volumes"][1]
        for one in (EVERYTHING, emptied, borrowed)
    ]

    assert [len(one) for one in claims] == [1, 0, 0]
    assert claims[0][0]["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert volumes == [
        {"name": "models", "persistentVolumeClaim": {"claimName": "mlz-registry"}},
        {"name": "models", "emptyDir": {}},
        {"name": "models", "persistentVolumeClaim": {"claimName": "mine"}},
    ]


@pytest.mark.parametrize(
    ("release", "name"),
    [("mlz", "mlz-operator"), ("mlz-operator", "mlz-operator"), ("a" * 53, f"{'a' * 43}-operator")],
)
def test_the_operators_name(release: str, name: str) -> None:
    answer = helm("template", release, str(CHART), "--show-only=templates/operator.yaml")

    assert yaml.safe_load(answer.stdout)["metadata"]["name"] == name
