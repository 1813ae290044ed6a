"""The life of a model version: inspected once, tried again with a back-off, remembered for ever."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import (
    DIGEST,
    EARLIER_TEXT,
    HEX,
    NOW,
    NOW_TEXT,
    a_condition,
    a_finding,
    a_refusal,
    a_refused_version,
    a_schema,
    a_stalled_version,
    a_version,
    an_accepted_version,
    an_inspection,
    an_inspection_pod,
    seconds,
    some_version_facts,
)
from mlz.api.conditions import ConditionType, find
from mlz.api.parsing import ModelVersion
from mlz.errors import Reason
from mlz.lifecycle import versions
from mlz.lifecycle.facts import InspectionPodFacts, VersionFacts

HICCUP = a_refusal(Reason.STORE_UNREACHABLE, retryable=True, message="no answer")
SOMETHING = an_inspection_pod(finding=a_finding(Reason.UNSCHEDULABLE))


def conditions(facts: VersionFacts) -> dict[str, tuple[str, str]]:
    status = versions.decide(facts).status
    return {one.type: (one.status, one.reason) for one in status.conditions}


def stalled_since(moment: str, reason: Reason = Reason.STORE_UNREACHABLE) -> ModelVersion:
    return a_version(
        status={
            "observedGeneration": 1,
            "conditions": [
                a_condition("Ready", "Unknown", "Inspecting"),
                a_condition("Reconciling", "True", "Inspecting"),
                a_condition("Stalled", "True", reason, "no answer", since=moment),
            ],
        }
    )


WAITING = {"Ready": ("Unknown", "Inspecting"), "Reconciling": ("True", "Inspecting")}
ACCEPTED = {"Ready": ("True", "Inspected")}


def stalled(reason: str) -> dict[str, tuple[str, str]]:
    return WAITING | {"Stalled": ("True", reason)}


def refused(reason: str) -> dict[str, tuple[str, str]]:
    return {"Ready": ("False", reason), "Stalled": ("True", reason)}


@pytest.mark.parametrize(
    ("facts", "inspect", "told"),
    [
        pytest.param(
            some_version_facts(), True, {}, id="a new version is inspected; nothing is told yet"
        ),
        pytest.param(
            some_version_facts(pod=an_inspection_pod()), True, {}, id="its pod is on its way"
        ),
        pytest.param(
            some_version_facts(version=a_version(engineType="spark")),
            False,
            refused("InvalidSpec"),
            id="an unreadable spec is refused without a pod",
        ),
        pytest.param(
            some_version_facts(engine_image=False),
            False,
            stalled("EngineNotAvailable"),
            id="without an image there is no pod, and it may come",
        ),
        pytest.param(
            some_version_facts(pod=SOMETHING),
            True,
            stalled("Unschedulable"),
            id="a pod that cannot start says why and stays",
        ),
        pytest.param(
            some_version_facts(pod=an_inspection_pod(an_inspection())),
            False,
            ACCEPTED,
            id="an accepted asset is remembered and its pod goes",
        ),
        *(
            pytest.param(
                some_version_facts(pod=an_inspection_pod(a_refusal(reason))),
                False,
                refused(reason),
                id=f"a refused asset is remembered and its pod goes: {reason}",
            )
            for reason in (Reason.DIGEST_MISMATCH, Reason.MODEL_UNSAFE, Reason.ASSET_NOT_FOUND)
        ),
        pytest.param(
            some_version_facts(pod=an_inspection_pod(HICCUP)),
            True,
            stalled("StoreUnreachable"),
            id="a hiccup is told and its pod stays until the next try",
        ),
        pytest.param(
            some_version_facts(
                pod=an_inspection_pod(finished=NOW, finding=a_finding(Reason.OUT_OF_MEMORY))
            ),
            True,
            stalled("OutOfMemory"),
            id="a pod that ends without a word is a hiccup",
        ),
        pytest.param(
            some_version_facts(version=stalled_since(EARLIER_TEXT)),
            True,
            stalled("StoreUnreachable"),
            id="a new try does not unsay what stopped the last one",
        ),
        pytest.param(
            some_version_facts(version=stalled_since(EARLIER_TEXT), pod=an_inspection_pod()),
            True,
            stalled("StoreUnreachable"),
            id="nor does a pod that is on its way",
        ),
        pytest.param(
            some_version_facts(
                version=stalled_since(EARLIER_TEXT), pod=an_inspection_pod(an_inspection())
            ),
            False,
            ACCEPTED,
            id="success does",
        ),
        pytest.param(
            some_version_facts(
                version=a_version(
                    status={
                        "observedGeneration": 1,
                        "conditions": [
                            a_condition("Ready", "False", "UnheardOf"),
                            a_condition("Stalled", "True", "UnheardOf"),
                        ],
                    }
                )
            ),
            True,
            WAITING,
            id="what only a newer operator can say is found out anew",
        ),
    ],
)
def test_decide(facts: VersionFacts, inspect: bool, told: dict[str, tuple[str, str]]) -> None:
    decision = versions.decide(facts)

    assert decision.inspect is inspect
    assert conditions(facts) == told


@pytest.mark.parametrize(
    "version",
    [
        pytest.param(an_accepted_version(), id="accepted"),
        pytest.param(a_refused_version(Reason.MODEL_UNSAFE), id="refused"),
    ],
)
@pytest.mark.parametrize(
    "pod",
    [
        pytest.param(None, id="without a pod"),
        pytest.param(an_inspection_pod(), id="with a pod of old"),
        pytest.param(an_inspection_pod(HICCUP), id="with a pod that failed"),
    ],
)
def test_what_inspection_has_said_is_final(
    version: ModelVersion, pod: InspectionPodFacts | None
) -> None:
    decision = versions.decide(some_version_facts(version=version, pod=pod))

    assert decision.status == version.status
    assert not decision.inspect
    assert decision.requeue_seconds is None


def test_a_verdict_about_another_generation_is_none() -> None:
    version = an_accepted_version(meta={"generation": 2})

    assert not versions.is_final(version)
    assert versions.decide(some_version_facts(version=version)).inspect


def test_an_accepted_version_tells_all_that_inspection_found() -> None:
    facts = some_version_facts(pod=an_inspection_pod(an_inspection()), siblings=(1, 7, 3))

    status = versions.decide(facts).status

    assert status.digest == DIGEST
    assert status.size_bytes == 1234
    assert status.engine_type == "onnx"
    assert status.model_schema == a_schema()
    assert status.schema_digest == a_schema().digest()
    assert status.guid == "uid-of-churn-v1"
    assert status.observed_generation == 1


@pytest.mark.parametrize(
    ("siblings", "number"),
    [
        pytest.param((), 1, id="the first version is number one"),
        pytest.param((1, 2), 3, id="the next one has the next number"),
        pytest.param((5, 2), 6, id="numbers of deleted versions do not come back"),
    ],
)
def test_versions_of_a_model_are_numbered(siblings: tuple[int, ...], number: int) -> None:
    facts = some_version_facts(pod=an_inspection_pod(an_inspection()), siblings=siblings)

    assert versions.decide(facts).status.version_seq == number


# The back-off


@pytest.mark.parametrize(
    ("since", "finished", "waits"),
    [
        pytest.param(NOW, NOW, 10, id="ten seconds after the first hiccup"),
        pytest.param(NOW - seconds(15), NOW, 15, id="as long again as it has lasted"),
        pytest.param(NOW - seconds(100), NOW - seconds(40), 20, id="counted from the last try"),
        pytest.param(NOW - seconds(9000), NOW, 300, id="at most five minutes"),
    ],
)
def test_a_hiccup_is_tried_again_after_as_long_as_it_has_lasted(
    since: Any, finished: Any, waits: float
) -> None:
    version = stalled_since(since.strftime("%Y-%m-%dT%H:%M:%SZ"))
    facts = some_version_facts(version=version, pod=an_inspection_pod(HICCUP, finished=finished))

    decision = versions.decide(facts)

    assert decision.inspect
    assert decision.requeue_seconds == waits


def test_when_the_wait_is_over_the_old_pod_goes_and_a_new_one_follows() -> None:
    version = stalled_since(EARLIER_TEXT)
    old = an_inspection_pod(HICCUP, finished=NOW - seconds(300))

    over = versions.decide(some_version_facts(version=version, pod=old))
    then = versions.decide(some_version_facts(version=version))

    assert (over.inspect, over.requeue_seconds) == (False, 1)
    assert then.inspect


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_the_wait_is_never_longer_than_five_minutes(lasted: int, ago: int) -> None:
    since = NOW - seconds(lasted + ago)
    facts = some_version_facts(
        version=stalled_since(since.strftime("%Y-%m-%dT%H:%M:%SZ")),
        pod=an_inspection_pod(HICCUP, finished=NOW - seconds(ago)),
    )

    decision = versions.decide(facts)

    assert decision.requeue_seconds is not None
    assert 0 < decision.requeue_seconds <= 300


def test_a_lasting_hiccup_keeps_its_transition_time_so_that_the_status_is_quiet() -> None:
    facts = some_version_facts(
        version=stalled_since(EARLIER_TEXT), pod=an_inspection_pod(HICCUP, finished=NOW)
    )

    first = versions.decide(facts).status
    again = versions.decide(
        some_version_facts(
            version=a_version(status=first.model_dump(mode="json", by_alias=True)), pod=facts.pod
        )
    ).status

    assert again == first


def test_a_hiccup_of_another_kind_is_told_and_the_back_off_goes_on() -> None:
    facts = some_version_facts(
        version=stalled_since(EARLIER_TEXT, Reason.UNSCHEDULABLE), pod=an_inspection_pod(HICCUP)
    )

    status = versions.decide(facts).status

    found = find(status.conditions, ConditionType.STALLED)
    assert found is not None
    assert (found.reason, found.last_transition_time) == ("StoreUnreachable", EARLIER_TEXT)


def test_transition_times_are_those_of_the_change() -> None:
    facts = some_version_facts(
        version=stalled_since(EARLIER_TEXT), pod=an_inspection_pod(an_inspection())
    )

    ready = find(versions.decide(facts).status.conditions, ConditionType.READY)

    assert ready is not None
    assert ready.last_transition_time == NOW_TEXT


# What others ask about a version


@pytest.mark.parametrize(
    ("version", "accepted", "refused_for_good"),
    [
        pytest.param(a_version(), False, False, id="nothing is known yet"),
        pytest.param(an_accepted_version(), True, False, id="accepted"),
        pytest.param(a_refused_version(Reason.MODEL_UNSAFE), False, True, id="refused"),
        pytest.param(a_stalled_version(Reason.STORE_UNREACHABLE), False, False, id="a hiccup"),
    ],
)
def test_a_version_is_accepted_or_refused_or_neither(
    version: ModelVersion, accepted: bool, refused_for_good: bool
) -> None:
    assert versions.is_accepted(version) is accepted
    assert versions.is_refused(version) is refused_for_good


@pytest.mark.parametrize(
    ("version", "permanent"),
    [
        pytest.param(a_refused_version(Reason.MODEL_UNSAFE), True, id="a refusal is for good"),
        pytest.param(a_stalled_version(Reason.MODEL_UNSAFE), False, id="a hiccup may pass"),
        pytest.param(a_version(engineType="spark"), True, id="an unreadable spec is for good"),
    ],
)
def test_what_inspection_has_against_a_version(version: ModelVersion, permanent: bool) -> None:
    found = versions.refusal(version)

    assert found is not None
    assert found.permanent is permanent


@pytest.mark.parametrize("version", [a_version(), an_accepted_version()])
def test_nothing_is_against_a_version_that_is_not_refused(version: ModelVersion) -> None:
    assert versions.refusal(version) is None


@pytest.mark.parametrize(
    ("version", "digest"),
    [
        pytest.param(a_version(), f"sha256:{HEX}", id="as declared, before inspection"),
        pytest.param(an_accepted_version(), DIGEST, id="as found by inspection"),
        pytest.param(
            a_version(artifact={"uri": f"oci://host/churn@sha256:{HEX}"}),
            None,
            id="unknown: the digest in an oci URI is the manifest's",
        ),
        pytest.param(a_version(engineType="spark"), None, id="unknown: an unreadable spec"),
    ],
)
def test_the_digest_of_the_bytes(version: ModelVersion, digest: str | None) -> None:
    assert versions.wanted_digest(version) == digest
