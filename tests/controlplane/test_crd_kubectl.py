"""What kubectl shows of our kinds and does with them, and what of a schema is stored."""

import json
from itertools import pairwise
from pathlib import Path

import pytest

from controlplane.operators import Manifest
from controlplane.planes import Kubectl
from controlplane.specs import apply_status, mlzd, mlzv
from mlz.api import crd


def test_the_crds_are_established_without_complaint(kubectl: Kubectl, crds: list[str]) -> None:
    found = json.loads(kubectl("get", "-o", "json", *crds).stdout)["items"]

    assert len(found) == 4
    for one in found:
        conditions = {item["type"]: item["status"] for item in one["status"]["conditions"]}
        assert conditions == {"NamesAccepted": "True", "Established": "True"}, conditions


def test_a_schema_in_status_comes_back_as_it_was(kubectl: Kubectl, namespace: str) -> None:
    kubectl("create", "-n", namespace, mlzv())
    schema = {
        "inputs": [
            {"name": "x", "shape": [None, 4], "type": "float"},
            {"name": "scalar", "shape": []},
            {"name": "mixed", "categories": [True, 1, 2.5, "1", 9007199254740993]},
            {"name": "limited", "range": [{"min": 0, "closed": "left"}, {"max": -1.5e300}]},
        ],
        "outputs": [{"name": "y", "shape": [None, None, 3], "byClass": False}],
        "classes": ["no", "yes"],
    }

    apply_status(kubectl, namespace, mlzv(), {"schema": schema})

    found = _stored(kubectl, namespace, "mlzv/one")["status"]["schema"]
    assert found == schema
    assert [type(one) for one in found["inputs"][2]["categories"]] == [bool, int, float, str, int]


def test_a_declared_schema_keeps_its_free_dimensions(kubectl: Kubectl, namespace: str) -> None:
    schema = {"inputs": [{"name": "x", "shape": [None, 4]}]}

    kubectl("apply", "-n", namespace, mlzv(schema=schema))

    assert _stored(kubectl, namespace, "mlzv/one")["spec"]["schema"] == schema


def test_scale_reads_and_writes_replicas(kubectl: Kubectl, namespace: str) -> None:
    kubectl("create", "-n", namespace, mlzd(replicas=1))
    apply_status(kubectl, namespace, mlzd(), {"replicas": 1, "selector": "mlz.dev/deployment=one"})

    kubectl("scale", "-n", namespace, "mlzd/one", "--replicas=3")

    path = f"/apis/mlz.dev/v1alpha1/namespaces/{namespace}/mlzdeployments/one/scale"
    scale = json.loads(kubectl("get", "--raw", path).stdout)
    assert scale["spec"] == {"replicas": 3}
    assert scale["status"] == {"replicas": 1, "selector": "mlz.dev/deployment=one"}


def test_scale_sets_replicas_where_there_were_none(kubectl: Kubectl, namespace: str) -> None:
    kubectl("create", "-n", namespace, mlzd())

    kubectl("scale", "-n", namespace, "mlzd/one", "--replicas=2")

    assert _stored(kubectl, namespace, "mlzd/one")["spec"]["replicas"] == 2


READY = {"type": "Ready", "status": "True", "reason": "Serving"}
UNREADY = {"type": "Ready", "status": "False", "reason": "PodsUnavailable"}
AVAILABLE = {"type": "Available", "status": "True", "reason": "Serving"}
RECONCILING = {"type": "Reconciling", "status": "True", "reason": "RollingOut"}
STALLED = {"type": "Stalled", "status": "True", "reason": "QuotaExceeded"}
SUSPENDED = {"type": "Suspended", "status": "True", "reason": "Suspended"}


def test_get_wide_shows_the_columns(kubectl: Kubectl, namespace: str) -> None:
    kubectl("create", "-n", namespace, mlzd(engineType="onnx"))
    active = {"version": "churn-1", "schemaDigest": "sha256:ab"}
    status = {
        "state": "ACTIVE",
        "provider": "cpu",
        "scoringUrl": "http://one",
        "asset": {"active": active},
        "schema": {"verdict": "Compatible"},
        "conditions": _dated(AVAILABLE, READY),
    }

    apply_status(kubectl, namespace, mlzd(), status)

    assert _row(kubectl, namespace, "mlzd") == {
        "NAME": "one",
        "STATE": "ACTIVE",
        "READY": "True",
        "ENGINE": "onnx",
        "PROVIDER": "cpu",
        "ASSET": "churn-1",
        "SCHEMA": "Compatible",
        "URL": "http://one",
        "REASON": "Serving",
    }


def test_the_reason_shown_is_the_one_that_explains_the_most(
    kubectl: Kubectl, namespace: str
) -> None:
    kubectl("create", "-n", namespace, mlzd())
    steps = [
        ([AVAILABLE, READY], "Serving"),
        ([AVAILABLE, READY, RECONCILING], "RollingOut"),
        ([AVAILABLE, READY, STALLED], "QuotaExceeded"),
        ([AVAILABLE, READY, RECONCILING, STALLED], "QuotaExceeded"),
        ([AVAILABLE, UNREADY], "PodsUnavailable"),
        ([AVAILABLE, UNREADY, SUSPENDED], "Suspended"),
        ([AVAILABLE, READY, RECONCILING], "RollingOut"),
    ]

    shown = []
    for conditions, _ in steps:
        apply_status(kubectl, namespace, mlzd(), {"conditions": _dated(*conditions)})
        shown.append(_row(kubectl, namespace, "mlzd")["REASON"])

    assert shown == [reason for _, reason in steps]


def test_all_kinds_are_in_the_category(
    kubectl: Kubectl, namespace: str, examples: list[Path]
) -> None:
    for path in examples:
        kubectl("apply", "-n", namespace, "-f", str(path))

    names = kubectl("get", "-n", namespace, "mlz", "-o", "name").stdout.split()

    assert len(names) == len(examples)
    assert {name.split(".")[0] for name in names} == {kind.name.lower() for kind in crd.KINDS}


@pytest.mark.parametrize("kind", crd.KINDS, ids=lambda kind: kind.short_name)
def test_explain_tells_about_every_field(kubectl: Kubectl, crds: list[str], kind: crd.Kind) -> None:
    tree = kubectl("explain", "--recursive", kind.short_name).stdout
    spec = kubectl("explain", f"{kind.short_name}.spec").stdout

    assert kind.description in tree.replace("\n    ", " ")
    for name in kind.spec.model_json_schema(by_alias=True)["properties"]:
        assert f"  {name}\t<" in spec
    assert "<no description>" not in spec


def _stored(kubectl: Kubectl, namespace: str, name: str) -> Manifest:
    found: Manifest = json.loads(kubectl("get", "-n", namespace, name, "-o", "json").stdout)
    return found


def _dated(*conditions: Manifest) -> list[Manifest]:
    return [one | {"lastTransitionTime": "2026-01-01T00:00:00Z"} for one in conditions]


def _row(kubectl: Kubectl, namespace: str, kind: str) -> dict[str, str]:
    """The only row of ``kubectl get -o wide``, by column, without the age."""
    header, row = kubectl("get", "-n", namespace, kind, "-o", "wide").stdout.splitlines()
    starts = [header.index(name) for name in header.split()] + [None]
    cells = [(header[a:b].strip(), row[a:b].strip()) for a, b in pairwise(starts)]
    return {name: value for name, value in cells if name != "AGE"}
