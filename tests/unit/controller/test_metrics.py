"""Metrics: what is true now is read from the cache, what happened is counted."""

from typing import Any

import pytest
from prometheus_client import generate_latest

from builders import a_condition, a_deployment_body, a_status
from mlz.cluster.cache import Cache
from mlz.controller.metrics import Metrics, StateCollector
from mlz.lifecycle.report import AssetUpdate


def exposed(*bodies: dict[str, Any], **numbers: Any) -> str:
    metrics, cache = Metrics(), Cache()
    for body in bodies:
        cache.put(body)
    metrics.registry.register(StateCollector(cache, numbers))
    return generate_latest(metrics.registry).decode()


def test_each_deployment_is_there_with_its_state() -> None:
    text = exposed(
        a_deployment_body("churn", a_status("ACTIVE", provider="cpu")), a_deployment_body("new")
    )

    assert (
        'mlz_deployment_info{engine_type="onnx",name="churn",namespace="models",provider="cpu",'
        'state="ACTIVE"} 1.0'
    ) in text
    assert 'name="new",namespace="models",provider="",state=""} 1.0' in text


@pytest.mark.parametrize(
    ("conditions", "line"),
    [
        pytest.param(
            [a_condition("Ready", "False", "X"), a_condition("Stalled", "True", "Unschedulable")],
            'mlz_deployment_stalled{name="churn",namespace="models",reason="Unschedulable"} 1.0',
            id="a stalled one says why",
        ),
        pytest.param([a_condition("Ready", "True", "Serving")], None, id="others are not there"),
        pytest.param([], None, id="nor is one without conditions"),
    ],
)
def test_stalled_deployments_are_counted_by_reason(conditions: list[Any], line: str | None) -> None:
    text = exposed(a_deployment_body("churn", a_status("INITIALIZING", conditions=conditions)))

    lines = [one for one in text.splitlines() if one.startswith("mlz_deployment_stalled{")]
    assert lines == ([] if line is None else [line])


def test_a_deleted_deployment_is_gone_from_the_metrics() -> None:
    metrics, cache = Metrics(), Cache()
    body = a_deployment_body("churn")
    cache.put(body)
    metrics.registry.register(StateCollector(cache, {}))

    cache.drop(body)

    assert "churn" not in generate_latest(metrics.registry).decode()


def test_numbers_are_asked_for_when_somebody_looks() -> None:
    text = exposed(mlz_leader=("Whether this process holds the lease.", lambda: 1.0))

    assert "# HELP mlz_leader Whether this process holds the lease." in text
    assert "mlz_leader 1.0" in text


def test_what_happens_is_counted() -> None:
    metrics = Metrics()

    metrics.passed("MLzDeployment", "success", 0.03)
    metrics.passed("MLzDeployment", "bug", 0.03)
    metrics.missed("deleted")
    metrics.source_restarted()

    text = generate_latest(metrics.registry).decode()
    for line in (
        'mlz_reconcile_total{kind="MLzDeployment",outcome="success"} 1.0',
        'mlz_reconcile_total{kind="MLzDeployment",outcome="bug"} 1.0',
        'mlz_reconcile_duration_seconds_bucket{kind="MLzDeployment",le="0.05"} 2.0',
        'mlz_audit_missed_total{type="deleted"} 1.0',
        "mlz_source_restarts_total 1.0",
    ):
        assert line in text


def test_two_operators_in_one_process_do_not_share_counters() -> None:
    one, other = Metrics(), Metrics()

    one.source_restarted()

    assert other.registry.get_sample_value("mlz_source_restarts_total") == 0.0


@pytest.mark.parametrize(
    ("update", "verdict"),
    [
        (AssetUpdate("Compatible", "Promoted", 7.5), "Compatible"),
        (AssetUpdate(None, "Failed", 7.5), "none"),
    ],
)
def test_an_update_is_counted_by_verdict_and_outcome(update: AssetUpdate, verdict: str) -> None:
    metrics = Metrics()

    metrics.updated(update)

    value = metrics.registry.get_sample_value
    labels = {"verdict": verdict, "outcome": update.outcome}
    assert value("mlz_asset_updates_total", labels) == 1
    outcome = {"outcome": update.outcome}
    assert value("mlz_asset_update_duration_seconds_sum", outcome) == 7.5
    assert value("mlz_asset_update_duration_seconds_bucket", outcome | {"le": "5.0"}) == 0
    assert value("mlz_asset_update_duration_seconds_bucket", outcome | {"le": "10.0"}) == 1
