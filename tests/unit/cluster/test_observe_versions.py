"""Facts of a model version: its inspection pod, the log beside it, its siblings."""

from typing import Any

import pytest

from builders import (
    NAMESPACE,
    a_model_body,
    a_schema,
    a_version_body,
    an_inspection,
)
from fakes.apiserver import outage
from mlz.cluster.client import ApiOutageError
from mlz.errors import Reason
from mlz.model.report import to_log_line, to_message
from unit.cluster.watched import Manifest, Place, an_inspection_body, owned_by


def test_an_inspection_pod_belongs_to_the_very_version() -> None:
    message = to_message(an_inspection())
    ours = Place(an_inspection_body(message))
    theirs = Place(an_inspection_body(message, **owned_by("another-uid")))

    assert ours.version_facts(a_version_body()).pod is not None
    assert theirs.version_facts(a_version_body()).pod is None


def test_a_schema_in_the_message_needs_no_log() -> None:
    place = Place(an_inspection_body(to_message(an_inspection())))

    facts = place.version_facts(a_version_body())

    assert facts.pod is not None
    assert facts.pod.outcome == an_inspection()
    assert place.server.requests == []


def test_a_schema_that_did_not_fit_is_read_from_the_log() -> None:
    huge = a_schema(3000)
    place = Place(an_inspection_body(to_message(an_inspection(model_schema=huge))))
    place.server.logs[NAMESPACE, "churn-v1-inspect"] = f"words\n{to_log_line(huge)}\n"

    facts = place.version_facts(a_version_body())

    assert facts.pod is not None
    assert facts.pod.outcome is not None
    assert facts.pod.outcome.model_schema == huge


def test_a_log_without_the_schema_is_a_finding() -> None:
    place = Place(an_inspection_body(to_message(an_inspection(model_schema=a_schema(3000)))))

    facts = place.version_facts(a_version_body())

    assert facts.pod is not None
    assert facts.pod.outcome is None
    assert facts.pod.finding is not None
    assert facts.pod.finding.reason is Reason.ENGINE_CRASHED


def test_a_log_that_cannot_be_read_now_is_an_outage() -> None:
    place = Place(an_inspection_body(to_message(an_inspection(model_schema=a_schema(3000)))))
    place.server.before = outage

    with pytest.raises(ApiOutageError):
        place.version_facts(a_version_body())


def test_siblings_are_numbered_versions_of_the_same_model() -> None:
    def numbered(name: str, number: int, **fields: Any) -> Manifest:
        return a_version_body(name, {"versionSeq": number}, **fields)

    place = Place(
        a_model_body(),
        a_version_body(),
        numbered("churn-v2", 2),
        numbered("churn-v3", 3),
        numbered("fraud-v9", 9, model="fraud"),
        a_version_body("churn-v4"),
    )

    assert sorted(place.version_facts(a_version_body()).siblings) == [2, 3]
    assert place.version_facts(a_version_body(model=None)).siblings == ()
    assert place.observer.latest_version(NAMESPACE, "churn") == "churn-v3"


def test_a_version_needs_the_image_of_its_engine_type() -> None:
    known = Place().version_facts(a_version_body())
    unknown = Place(images={"pmml": ""}).version_facts(a_version_body(engineType="pmml"))

    assert known.engine_image
    assert not unknown.engine_image
