"""What the chart renders: valid objects, exactly the rights we mean, pods that pass restricted."""

import json
import re
from collections.abc import Iterator
from typing import Any

import kubernetes_validate
import pytest
import yaml

import mlz
from contract.rendering import CHART, EVERYTHING, NARROW, helm, named, of_kind, render
from mlz.model.asset import EngineType
from mlz.settings import Defaults, OperatorSettings, RestSettings

KUBERNETES = "1.35"
NOT_OF_KUBERNETES = {"MLzScoringService", "ServiceMonitor"}
Json = dict[str, Any]

READ = {"list", "watch"}
KEEP = READ | {"create", "patch"}
OWN = KEEP | {"delete"}
# Everything the operator may do in a namespace it serves; nothing else, and no wildcard.
RIGHTS = {
    ("mlz.dev", "mlzdeployments"): READ,
    ("mlz.dev", "mlzmodels"): READ,
    ("mlz.dev", "mlzscoringservices"): READ,
    ("mlz.dev", "mlzmodelversions"): OWN,
    ("mlz.dev", "mlzdeployments/status"): {"patch"},
    ("mlz.dev", "mlzmodels/status"): {"patch"},
    ("mlz.dev", "mlzmodelversions/status"): {"patch"},
    ("mlz.dev", "mlzscoringservices/status"): {"patch"},
    ("apps", "deployments"): OWN,
    ("", "services"): KEEP,
    ("", "serviceaccounts"): KEEP,
    ("", "pods"): OWN,
    ("", "pods/log"): {"get"},
    ("", "configmaps"): KEEP,
    ("", "events"): {"create"},
    ("policy", "poddisruptionbudgets"): OWN,
    ("networking.k8s.io", "networkpolicies"): KEEP,
}
LEASE_RIGHTS = {("coordination.k8s.io", "leases"): {"get", "create", "update"}}


def rights(role: Json) -> dict[tuple[str, str], set[str]]:
    """(group, resource) → verbs, over all rules."""
    found: dict[tuple[str, str], set[str]] = {}
    for rule in role["rules"]:
        for group in rule.get("apiGroups", ()):
            for resource in rule["resources"]:
                found.setdefault((group, resource), set()).update(rule["verbs"])
    return found


def pod_templates(objects: list[Json]) -> Iterator[Json]:
    for workload in of_kind(objects, "Deployment"):
        yield workload["spec"]["template"]


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


def test_the_operator_may_do_exactly_what_the_table_says() -> None:
    objects = render()

    assert rights(named(objects, "ClusterRole", "mlz-operator")) == RIGHTS
    assert rights(named(objects, "Role", "mlz-operator-lease")) == LEASE_RIGHTS
    assert len(of_kind(objects, "ClusterRole")) == len(of_kind(objects, "Role")) == 1


def test_with_listed_namespaces_nothing_is_cluster_wide() -> None:
    objects = render(NARROW)

    assert of_kind(objects, "ClusterRole") == of_kind(objects, "ClusterRoleBinding") == []
    places = {
        one["metadata"]["namespace"]: rights(one)
        for one in of_kind(objects, "Role")
        if one["metadata"]["name"] == "mlz-operator"
    }
    assert places == {"a": RIGHTS, "b": RIGHTS}
    assert operator_environment(objects)["MLZ_WATCH_NAMESPACES"] == "a,b"


@pytest.mark.parametrize("values", [{}, NARROW], ids=["cluster-wide", "narrow"])
def test_every_role_is_bound_to_the_operators_account_alone(values: Json) -> None:
    objects = render(values)
    account = {"kind": "ServiceAccount", "name": "mlz-operator", "namespace": "mlz-system"}

    for kind in ("Role", "ClusterRole"):
        roles = {
            (r["metadata"].get("namespace"), r["metadata"]["name"]) for r in of_kind(objects, kind)
        }
        bindings = of_kind(objects, f"{kind}Binding")
        assert all(one["subjects"] == [account] for one in bindings)
        bound = {(b["metadata"].get("namespace"), b["roleRef"]["name"]) for b in bindings}
        assert bound == roles


def test_every_rule_has_its_reason() -> None:
    lines = (CHART / "templates" / "_helpers.tpl").read_text().splitlines()
    starts = [n for n, line in enumerate(lines) if line.startswith("- apiGroups")]

    assert len(starts) == 11
    assert all(lines[n - 1].startswith("# ") for n in starts)


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


def test_only_who_asks_the_api_server_gets_a_token() -> None:
    objects = render(EVERYTHING)
    tokens = {
        workload["metadata"]["name"]: workload["spec"]["template"]["spec"][
            "automountServiceAccountToken"
        ]
        for workload in of_kind(objects, "Deployment")
    }

    assert tokens == {"mlz-operator": True, "mlz-registry": False, "mlz-rest": True}
    for account in of_kind(objects, "ServiceAccount"):
        assert account["automountServiceAccountToken"] is False


def operator_environment(objects: list[Json]) -> dict[str, str | None]:
    (container,) = named(objects, "Deployment", "mlz-operator")["spec"]["template"]["spec"][
        "containers"
    ]
    return {one["name"]: one.get("value") for one in container["env"]}


def test_the_operators_environment_is_its_settings() -> None:
    environment = operator_environment(render())

    assert set(environment) == {f"MLZ_{name.upper()}" for name in OperatorSettings.model_fields}
    settings = OperatorSettings.from_environment(
        {name: value for name, value in environment.items() if value is not None}
    )
    assert settings == OperatorSettings()


def test_the_facade_may_touch_our_kinds_in_one_namespace_and_one_secret() -> None:
    objects = render({"rest": {"enabled": True, "namespace": "models"}})
    kinds = ("mlzdeployments", "mlzmodels", "mlzmodelversions", "mlzscoringservices")
    verbs = READ | {"get", "create", "patch", "delete"}

    role = named(objects, "Role", "mlz-rest")
    secret = named(objects, "Role", "mlz-rest-secret")

    assert role["metadata"]["namespace"] == "models"
    assert rights(role) == {("mlz.dev", kind): verbs for kind in kinds}
    assert rights(secret) == {("", "secrets"): {"get", "update"}}
    assert secret["rules"][0]["resourceNames"] == ["mlz-rest"]
    for name in ("mlz-rest", "mlz-rest-secret"):
        (subject,) = named(objects, "RoleBinding", name)["subjects"]
        assert subject["name"] == "mlz-rest"


def test_the_facades_environment_is_of_its_settings() -> None:
    objects = render({"rest": {"enabled": True}, "registry": {"enabled": True}})
    (container,) = named(objects, "Deployment", "mlz-rest")["spec"]["template"]["spec"][
        "containers"
    ]
    environment = {one["name"]: one["value"] for one in container["env"]}

    assert set(environment) <= {f"MLZ_{name.upper()}" for name in RestSettings.model_fields}
    settings = RestSettings.from_environment(environment)
    assert settings.registry == "mlz-registry.mlz-system.svc:5000"
    assert settings.issuer == "https://mlz-rest.mlz-system.svc"


@pytest.mark.parametrize(
    ("values", "mode"),
    [
        pytest.param({}, "None", id="without REST there is nobody to log in at"),
        pytest.param({"rest": {"enabled": True}}, "Required", id="REST brings log-ins"),
        pytest.param(
            {"rest": {"enabled": True}, "authentication": {"mode": "None"}}, "None", id="as said"
        ),
        pytest.param({"authentication": {"mode": "Required"}}, "Required", id="accounts alone"),
    ],
)
def test_scoring_asks_for_tokens_by_default_where_rest_is(values: Json, mode: str) -> None:
    defaults = Defaults.model_validate_json(
        named(render(values), "ConfigMap", "mlz-operator-defaults")["data"]["defaults.json"]
    )

    assert defaults.authentication.mode == mode
    assert (defaults.authentication.facade is None) is ("rest" not in values)


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


def test_defaults_are_what_the_operator_reads() -> None:
    defaults = Defaults.model_validate_json(
        named(render(EVERYTHING), "ConfigMap", "mlz-operator-defaults")["data"]["defaults.json"]
    )

    assert set(defaults.engines) == set(EngineType)
    assert defaults.image_pull_secrets == ("mine",)
    assert defaults.fetch == Defaults().fetch
    for engine in defaults.engines.values():
        assert engine.image
        assert set(engine.resources["limits"]) == {"memory"}
        assert engine.resources["requests"]["cpu"] == "50m"


def test_other_defaults_restart_the_operator() -> None:
    checksums = {
        template["metadata"]["annotations"]["checksum/defaults"]
        for values in ({}, {"images": {"onnx": "example.com/onnx:2"}})
        for template in pod_templates(render(values))
    }

    assert len(checksums) == 2


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


def test_every_value_is_explained_by_the_schema() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())

    assert set(schema["properties"]) - {"global"} == set(values)
    assert set(schema["properties"]["engines"]["properties"]) == set(EngineType)


TYPOS = [
    ("a misspelt value", {"oprator": {}}, "'oprator' not allowed"),
    ("a misspelt value further down", {"operator": {"replica": 2}}, "'replica' not allowed"),
    ("three operators", {"operator": {"replicas": 3}}, "/operator/replicas"),
    ("an unknown log level", {"operator": {"logLevel": "LOUD"}}, "/operator/logLevel"),
    ("too many workers", {"operator": {"workers": 65}}, "/operator/workers"),
    ("an unknown engine", {"engines": {"spark": {}}}, "'spark' not allowed"),
    ("an unknown provider", {"engines": {"onnx": {"providers": {"gpu": {}}}}}, "'gpu' not allowed"),
    ("a provider of pmml", {"engines": {"pmml": {"providers": {}}}}, "'providers' not allowed"),
    ("a number as quantity", {"registry": {"resources": {"limits": {"cpu": 1}}}}, "limits/cpu"),
    ("an image in two words", {"images": {"onnx": "a b"}}, "/images/onnx"),
    ("no operator image", {"images": {"operator": ""}}, "/images/operator"),
    ("an unknown image", {"images": {"spark": "x"}}, "'spark' not allowed"),
    ("one namespace, not a list", {"watchNamespaces": "a"}, "/watchNamespaces"),
    ("a namespace twice", {"watchNamespaces": ["a", "a"]}, "/watchNamespaces"),
    ("a switch in words", {"crds": {"keep": "yes"}}, "/crds/keep"),
    ("a scoring service of type cics", {"scoringService": {"spec": {"type": "cics"}}}, "spec/type"),
    ("no size", {"fetch": {"maxAssetBytes": 0}}, "/fetch/maxAssetBytes"),
    ("an interval without a unit", {"serviceMonitor": {"interval": "30"}}, "interval"),
]


@pytest.mark.parametrize(
    ("values", "message"), [pytest.param(values, text, id=name) for name, values, text in TYPOS]
)
def test_a_typo_in_the_values_is_refused(values: Json, message: str) -> None:
    answer = helm("template", "mlz", str(CHART), values=values)

    assert answer.returncode != 0
    assert message in answer.stderr


@pytest.mark.parametrize(
    ("release", "name"),
    [("mlz", "mlz-operator"), ("mlz-operator", "mlz-operator"), ("a" * 53, f"{'a' * 43}-operator")],
)
def test_the_operators_name(release: str, name: str) -> None:
    answer = helm("template", release, str(CHART), "--show-only=templates/operator.yaml")

    assert yaml.safe_load(answer.stdout)["metadata"]["name"] == name


def test_the_chart_names_no_registry_of_ours() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())

    assert all(re.match(r"localhost/mlz-[a-z-]+:", one) for one in values["images"].values())
