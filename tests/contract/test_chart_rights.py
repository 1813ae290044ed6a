"""What the chart lets the operator and the facade do: exactly the rights that we mean."""

import pytest

from charts import CHART, Json, render
from contract.rendering import EVERYTHING, NARROW, named, of_kind, operator_environment

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


def rights(role: Json) -> dict[tuple[str, str], set[str]]:
    """(group, resource) → verbs, over all rules."""
    found: dict[tuple[str, str], set[str]] = {}
    for rule in role["rules"]:
        for group in rule.get("apiGroups", ()):
            for resource in rule["resources"]:
                found.setdefault((group, resource), set()).update(rule["verbs"])
    return found
