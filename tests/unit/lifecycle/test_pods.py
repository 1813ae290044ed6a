"""
What a pod's status says. The documents in ``pods.json`` were taken from a real kubelet (1.37), one
pod for each way to fail; tests of rare moments change them.
"""

import copy
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from builders import DIGEST
from mlz.api.conditions import moment
from mlz.errors import Reason
from mlz.lifecycle import pods
from mlz.lifecycle.facts import Finding
from mlz.model.asset import Provider
from mlz.model.report import to_message

Manifest = dict[str, Any]

RECORDED: dict[str, Manifest] = json.loads(
    Path(__file__).with_name("pods.json").read_text(encoding="utf-8")
)


def recorded(name: str) -> Manifest:
    return copy.deepcopy(RECORDED[name])


def engine_of(pod: Manifest) -> Manifest:
    container: Manifest = pod["status"]["containerStatuses"][0]
    return container


def condition_of(pod: Manifest, kind: str) -> Manifest:
    return next(one for one in pod["status"]["conditions"] if one["type"] == kind)


def finding_of(pod: Manifest, provider: Provider = Provider.CPU) -> Finding | None:
    return pods.pod_facts(pod, provider).finding


FINDINGS = [
    ("running", None, False, ""),
    ("unschedulable", Reason.UNSCHEDULABLE, False, "0/1 nodes are available"),
    ("claim-missing", Reason.VOLUME_CLAIM_NOT_FOUND, False, '"models" not found'),
    ("image-pull", Reason.IMAGE_PULL_FAILED, False, "connection refused"),
    ("image-name", Reason.IMAGE_PULL_FAILED, False, "invalid reference format"),
    ("image-never", Reason.IMAGE_PULL_FAILED, False, "pull policy of Never"),
    ("config-error", Reason.POD_REFUSED, False, 'secret "none" not found'),
    ("create-error", Reason.ENGINE_CRASHED, False, "'engine' ended with exit code 128"),
    ("engine-gave-up", Reason.MODEL_LOAD_FAILED, True, "onnxruntime cannot load"),
    ("fetch-refused", Reason.DIGEST_MISMATCH, True, "found sha256:bb"),
    ("fetch-hiccup", Reason.STORE_UNREACHABLE, False, "host 'models' is unknown"),
    ("crash-without-word", Reason.ENGINE_CRASHED, False, "'engine' ended with exit code 7"),
    ("crash-in-foreign-words", Reason.ENGINE_CRASHED, False, "exit code 139"),
    ("out-of-memory", Reason.OUT_OF_MEMORY, False, "needed more than its memory limit"),
    ("evicted", Reason.PODS_UNAVAILABLE, False, "Evicted: Usage of EmptyDir"),
]


@pytest.mark.parametrize(
    ("name", "reason", "permanent", "words"),
    [pytest.param(*row, id=f"a pod that is {row[0]}") for row in FINDINGS],
)
def test_what_kubernetes_says_becomes_one_reason(
    name: str, reason: Reason | None, permanent: bool, words: str
) -> None:
    found = finding_of(recorded(name))

    if found is None:
        assert reason is None
    else:
        assert (found.reason, found.permanent) == (reason, permanent)
        assert words in found.message


def test_only_the_pod_that_kubernetes_calls_ready_is_ready() -> None:
    ready = {name for name in RECORDED if pods.is_ready(recorded(name))}

    assert ready == {"running"}


def test_without_a_node_an_accelerated_pod_misses_its_accelerator() -> None:
    found = finding_of(recorded("unschedulable"), Provider.ZAIU)

    assert found is not None
    assert found.reason is Reason.ACCELERATOR_UNAVAILABLE
    assert "zaiu" in found.message
    assert "0/1 nodes are available" in found.message


def test_the_first_crash_without_a_word_may_be_an_accident() -> None:
    pod = recorded("crash-without-word")
    engine_of(pod)["restartCount"] = 1

    assert finding_of(pod) is None


def test_a_finding_stands_while_a_crashed_container_is_tried_again() -> None:
    pod = recorded("crash-without-word")
    before = finding_of(pod)
    engine_of(pod)["state"] = {"running": {"startedAt": "2026-11-21T22:23:00Z"}}

    assert finding_of(pod) == before


def test_the_words_about_an_image_are_the_same_between_tries() -> None:
    waiting = recorded("image-pull")
    trying = recorded("image-pull")
    words = engine_of(trying)["state"]["waiting"]["message"].partition("ErrImagePull: ")[2]
    engine_of(trying)["state"]["waiting"] = {"reason": "ErrImagePull", "message": words}

    assert finding_of(trying) == finding_of(waiting)


def test_a_pod_on_its_way_out_has_no_finding_and_is_not_ready() -> None:
    pod = recorded("engine-gave-up")
    pod["metadata"]["deletionTimestamp"] = "2026-11-21T22:25:00Z"

    facts = pods.pod_facts(pod, Provider.CPU)

    assert (facts.ready, facts.finding) == (False, None)


def test_a_ready_pod_on_its_way_out_is_no_longer_behind_the_service() -> None:
    pod = recorded("running")
    pod["metadata"]["deletionTimestamp"] = "2026-11-21T22:25:00Z"

    assert not pods.is_ready(pod)


def test_a_pod_without_a_status_is_simply_not_done_yet() -> None:
    facts = pods.pod_facts({"metadata": {"name": "new"}, "spec": {}}, Provider.CPU)

    assert (facts.ready, facts.finding, facts.able_since) == (False, None, None)


# The deadline's clock


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("unschedulable", id="no node"),
        pytest.param("claim-missing", id="no volume"),
        pytest.param("image-pull", id="no image"),
        pytest.param("image-never", id="no image and no pull"),
        pytest.param("config-error", id="no Secret"),
        pytest.param("fetch-hiccup", id="no store"),
        pytest.param("evicted", id="evicted: the workload makes another one"),
    ],
)
def test_the_deadline_does_not_run_while_a_pod_cannot_start(name: str) -> None:
    assert pods.pod_facts(recorded(name), Provider.CPU).able_since is None


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("running", id="a pod that runs"),
        pytest.param("crash-without-word", id="an engine that crashes"),
        pytest.param("out-of-memory", id="an engine that is killed"),
    ],
)
def test_the_deadline_runs_from_the_moment_a_node_has_the_pod(name: str) -> None:
    pod = recorded(name)
    for kind in ("Ready", "Initialized"):
        condition_of(pod, kind)["lastTransitionTime"] = pod["status"]["startTime"]

    able_since = pods.pod_facts(pod, Provider.CPU).able_since

    assert able_since == moment(pod["status"]["startTime"])


def test_a_pod_that_was_ready_once_gets_the_whole_deadline_again() -> None:
    pod = recorded("running")
    lost = moment(pod["status"]["startTime"]) + timedelta(days=1)
    ready = condition_of(pod, "Ready")
    ready.update(status="False", lastTransitionTime=lost.strftime("%Y-%m-%dT%H:%M:%SZ"))

    assert pods.pod_facts(pod, Provider.CPU).able_since == lost


def test_an_engine_gets_the_whole_deadline_however_long_the_store_was_away() -> None:
    pod = recorded("running")
    fetched = moment(pod["status"]["startTime"]) + timedelta(hours=1)
    times = {"Initialized": fetched, "Ready": moment(pod["status"]["startTime"])}
    for kind, time in times.items():
        condition_of(pod, kind)["lastTransitionTime"] = time.strftime("%Y-%m-%dT%H:%M:%SZ")

    assert pods.pod_facts(pod, Provider.CPU).able_since == fetched


def test_the_deadline_does_not_run_for_a_pod_on_its_way_out() -> None:
    pod = recorded("running")
    pod["metadata"]["deletionTimestamp"] = "2026-11-21T22:25:00Z"

    assert pods.pod_facts(pod, Provider.CPU).able_since is None


# Inspection pods


def test_an_accepted_inspection_is_read_from_the_pod() -> None:
    facts = pods.inspection_facts(recorded("inspect-accepted"))

    assert facts.outcome is not None
    assert facts.outcome.accepted
    assert facts.outcome.digest == DIGEST
    assert facts.finished == moment("2026-11-21T22:18:44Z")
    assert facts.finding is None


@pytest.mark.parametrize(
    ("name", "reason", "retryable"),
    [
        pytest.param("inspect-refused", Reason.DIGEST_MISMATCH, False, id="a refusal is final"),
        pytest.param("inspect-hiccup", Reason.STORE_UNREACHABLE, True, id="a hiccup may pass"),
    ],
)
def test_what_the_pod_said_is_the_outcome(name: str, reason: Reason, retryable: bool) -> None:
    facts = pods.inspection_facts(recorded(name))

    assert facts.outcome is not None
    assert (facts.outcome.reason, facts.outcome.retryable) == (reason, retryable)
    assert facts.finding is None


@pytest.mark.parametrize(
    ("name", "reason", "words"),
    [
        pytest.param("inspect-crashed", Reason.ENGINE_CRASHED, "exit code 9", id="a crash"),
        pytest.param("inspect-silent", Reason.ENGINE_CRASHED, "exit code 0", id="not a word"),
        pytest.param(
            "inspect-out-of-memory", Reason.OUT_OF_MEMORY, "memory limit", id="too little memory"
        ),
        pytest.param(
            "inspect-deadline", Reason.ENGINE_CRASHED, "DeadlineExceeded", id="too little time"
        ),
    ],
)
def test_an_inspection_that_ends_without_an_outcome_is_a_finding(
    name: str, reason: Reason, words: str
) -> None:
    facts = pods.inspection_facts(recorded(name))

    assert facts.outcome is None
    assert facts.finished is not None
    assert facts.finding is not None
    assert facts.finding.reason is reason
    assert words in facts.finding.message


def test_an_inspection_that_runs_has_neither_outcome_nor_end_nor_finding() -> None:
    facts = pods.inspection_facts(recorded("running") | {"status": {"phase": "Running"}})

    assert (facts.outcome, facts.finished, facts.finding) == (None, None, None)


@pytest.mark.parametrize("name", ["unschedulable", "image-pull"])
def test_an_inspection_that_cannot_start_says_why_and_is_not_over(name: str) -> None:
    facts = pods.inspection_facts(recorded(name))

    assert facts.finding is not None
    assert facts.finished is None


def test_an_inspection_lost_with_its_node_is_over_though_nobody_knows_when() -> None:
    pod = recorded("inspect-crashed")
    engine_of(pod)["state"]["terminated"] = {
        "exitCode": 137,
        "reason": "ContainerStatusUnknown",
        "message": "The container could not be located when the pod was terminated",
        "startedAt": None,
        "finishedAt": None,
    }

    facts = pods.inspection_facts(pod)

    assert facts.finished == moment(pod["metadata"]["creationTimestamp"])
    assert facts.finding is not None


def test_an_inspection_evicted_before_it_started_is_over() -> None:
    pod = recorded("evicted")
    del pod["status"]["containerStatuses"]

    facts = pods.inspection_facts(pod)

    assert facts.finished == moment(pod["metadata"]["creationTimestamp"])


@pytest.mark.parametrize("name", sorted(RECORDED))
def test_no_recorded_pod_is_beyond_us(name: str) -> None:
    pod = recorded(name)

    pods.pod_facts(pod, Provider.TELUM2)
    pods.inspection_facts(pod)


def test_the_pods_speak_the_language_that_reports_are_written_in() -> None:
    """The recorded words were written by hand; they must not drift from what `mlz` writes."""
    outcome = pods.inspection_facts(recorded("inspect-refused")).outcome

    assert outcome is not None
    written = json.loads(to_message(outcome))
    ended = engine_of(recorded("inspect-refused"))["state"]["terminated"]
    assert written == json.loads(ended["message"])
