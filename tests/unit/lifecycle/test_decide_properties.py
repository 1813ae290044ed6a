"""What holds of every decision and status, whatever is known."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from builders import (
    DIGEST,
    NOW,
    OTHER_DIGEST,
    OTHER_HEX,
    a_deployment,
    a_failure,
    a_finding,
    a_pod,
    a_refused_version,
    a_service,
    a_stalled_version,
    a_status,
    a_version,
    a_workload,
    an_accepted_version,
    an_active_asset,
    seconds,
    some_facts,
)
from mlz.errors import Reason
from mlz.lifecycle.deployments import State, decide
from mlz.lifecycle.facts import DeploymentFacts
from mlz.lifecycle.report import status_of
from mlz.model.asset import Provider
from unit.lifecycle.rows import PREFER, digest_unknown, not_inspected, pods_run

deployments = st.builds(
    a_deployment,
    status=st.none()
    | st.builds(
        a_status,
        st.sampled_from([*State, "UNHEARD"]),
        active=st.sampled_from(
            [None, an_active_asset(), an_active_asset("churn-v2", OTHER_DIGEST)]
        ),
        failure=st.sampled_from(
            [None, a_failure(Reason.WARM_UP_FAILED), a_failure("UnheardOf", OTHER_DIGEST)]
        ),
        providerNote=st.none() | st.just("no node"),
    ),
    meta=st.sampled_from([{"generation": 1}, {"generation": 2}]),
    suspend=st.sampled_from([None, True]),
    replicas=st.sampled_from([None, 1, 3]),
    zaiu=st.sampled_from([None, True]),
    engineType=st.sampled_from(["onnx", "onnx", "onnx", "spark"]),
)
wanted_versions = st.sampled_from(
    [
        None,
        an_accepted_version(),
        an_accepted_version("churn-v2", OTHER_HEX),
        an_accepted_version(engineType="pmml"),
        not_inspected(),
        digest_unknown(),
        a_version(engineType="spark"),
        a_refused_version(Reason.MODEL_UNSAFE),
        a_stalled_version(Reason.STORE_UNREACHABLE),
    ]
)
digests = st.sampled_from([DIGEST, OTHER_DIGEST])
counts = st.integers(0, 3)
workloads = st.none() | st.builds(
    a_workload,
    digests,
    counts,
    observed=st.booleans(),
    total=counts,
    updated=counts,
    ready=counts,
    provider=st.sampled_from([Provider.CPU, Provider.ZAIU]),
    finding=st.sampled_from([None, a_finding(Reason.QUOTA_EXCEEDED)]),
)
pods_known = st.lists(
    st.builds(
        a_pod,
        digests,
        st.booleans(),
        able_since=st.sampled_from([None, NOW, NOW - seconds(400)]),
        finding=st.sampled_from(
            [
                None,
                a_finding(Reason.ACCELERATOR_UNAVAILABLE),
                a_finding(Reason.MODEL_LOAD_FAILED, permanent=True),
            ]
        ),
    ),
    max_size=3,
).map(tuple)
any_facts = st.builds(
    some_facts,
    deployment=deployments,
    scoring_service=st.sampled_from([None, a_service(), a_service(active=False), PREFER]),
    version=wanted_versions,
    active_version=st.sampled_from([None, an_accepted_version()]),
    rivals=st.sampled_from([(), (a_finding(Reason.DUPLICATE_DEPLOYMENT),)]),
    engine_image=st.booleans(),
    workload=workloads,
    pods=pods_known,
)


@given(any_facts)
def test_a_decision_is_sound_whatever_is_known(facts: DeploymentFacts) -> None:
    decision = decide(facts)

    permanent = decision.finding is not None and decision.finding.permanent
    assert (decision.failure is not None) is permanent
    if decision.state is State.SUSPENDED:
        assert (decision.replicas, decision.keep, decision.serving) == (0, False, False)
    elif decision.serving:
        assert pods_run(decision) is not None, "what serves is never torn down"
    if decision.state is State.FAILED:
        assert permanent
        assert not decision.serving
    if decision.keep:
        assert facts.workload is not None
    if decision.requeue_seconds is not None:
        assert decision.requeue_seconds >= 1


@given(any_facts)
def test_a_status_settles_when_nothing_changes(facts: DeploymentFacts) -> None:
    """Of a workload that is there and stays as it is; a written status must not move the next."""
    first = with_status(facts)
    second = with_status(first)
    third = with_status(second)

    assert third.deployment.status == second.deployment.status


def with_status(facts: DeploymentFacts) -> DeploymentFacts:
    status = status_of(facts, decide(facts))
    return replace(facts, deployment=replace(facts.deployment, status=status))
