"""Inspections and failures through a termination message and a pod's log."""

import base64
import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import a_refusal, a_schema, an_inspection
from mlz.errors import MlzError, Reason, RejectedError, RetryableError
from mlz.model import report
from mlz.model.asset import Framework
from mlz.model.report import LOG_PREFIX, MESSAGE_LIMIT_BYTES
from mlz.model.schema import Schema

HUGE = a_schema(features=3000)


def bytes_of(text: str) -> int:
    return len(text.encode())


def test_an_accepted_inspection_comes_back_as_it_was() -> None:
    inspection = an_inspection(framework=Framework(name="onnx", version="1.17"))

    found = report.from_message(report.to_message(inspection))

    assert found == inspection


@pytest.mark.parametrize("retryable", [True, False])
def test_a_refusal_comes_back_as_it_was(retryable: bool) -> None:
    refusal = a_refusal(Reason.STORE_UNREACHABLE, retryable, "host 'm' is unknown: „déjà vu“ 🙂")

    found = report.from_message(report.to_message(refusal))

    assert found == refusal


@pytest.mark.parametrize(
    ("error", "retryable"),
    [
        pytest.param(RejectedError(Reason.MODEL_UNSAFE, "a DTD"), False, id="a refusal is final"),
        pytest.param(
            RetryableError(Reason.STORE_UNREACHABLE, "no answer"), True, id="a hiccup may pass"
        ),
    ],
)
def test_an_error_becomes_an_outcome_with_its_reason(error: MlzError, retryable: bool) -> None:
    outcome = report.failure(error)

    assert (outcome.reason, outcome.message, outcome.retryable) == (
        error.reason,
        error.message,
        retryable,
    )
    assert not outcome.accepted


def test_words_that_are_no_text_do_not_silence_a_refusal() -> None:
    error = RejectedError(Reason.ARCHIVE_UNSAFE, "'\udcff/../model.onnx' leads outside")

    outcome = report.from_message(report.to_message(report.failure(error)))

    assert outcome is not None
    assert outcome.message == "'?/../model.onnx' leads outside"


def test_a_schema_that_does_not_fit_goes_to_the_log_and_is_found_there_by_its_digest() -> None:
    inspection = an_inspection(model_schema=HUGE)

    message = report.to_message(inspection)
    log = f"fetching\n{report.to_log_line(a_schema())}\n{report.to_log_line(HUGE)}\ndone\n"

    found = report.from_message(message)
    assert bytes_of(message) <= MESSAGE_LIMIT_BYTES
    assert found is not None
    assert found.model_schema is None
    assert report.from_log(log, found.schema_digest or "") == HUGE


@pytest.mark.parametrize(
    "log",
    [
        pytest.param("", id="an empty log"),
        pytest.param("Traceback: no\n", id="a log of somebody else"),
        pytest.param(f"{LOG_PREFIX}\n", id="a prefix with nothing behind it"),
        pytest.param(f"{LOG_PREFIX} ///\n", id="a prefix with no base64 behind it"),
        pytest.param(report.to_log_line(a_schema(1))[:-9], id="a line that was cut off"),
        pytest.param(report.to_log_line(a_schema(1)), id="another schema than the one asked for"),
    ],
)
def test_a_log_without_the_schema_of_that_digest_answers_none(log: str) -> None:
    assert report.from_log(log, HUGE.digest()) is None


@given(st.text(min_size=1, max_size=40), st.integers(4000, 20_000))
def test_a_long_sentence_is_clipped_to_the_limit_and_stays_readable(words: str, size: int) -> None:
    sentence = words * (size // len(words))

    message = report.to_message(a_refusal(message=sentence))

    found = report.from_message(message)
    assert bytes_of(message) <= MESSAGE_LIMIT_BYTES
    assert found is not None
    assert found.reason is Reason.DIGEST_MISMATCH
    assert sentence.startswith((found.message or "").removesuffix("…"))


def test_a_file_that_names_its_framework_at_length_still_fits() -> None:
    framework = Framework(name="x" * 5000)

    message = report.to_message(an_inspection(framework=framework, model_schema=HUGE))

    found = report.from_message(message)
    assert bytes_of(message) <= MESSAGE_LIMIT_BYTES
    assert found is not None
    assert found.accepted
    assert found.schema_digest == HUGE.digest()


FOREIGN = [
    pytest.param("", id="nothing"),
    pytest.param("Segmentation fault", id="another program's words"),
    pytest.param("7", id="a number"),
    pytest.param("[]", id="a list"),
    pytest.param('["packedSchema"]', id="a list that speaks of a schema"),
    pytest.param('"packedSchema"', id="a text that speaks of a schema"),
    pytest.param("null", id="null"),
    pytest.param('{"version": 2}', id="a version to come"),
    pytest.param('{"version": 1, "unheard": 1}', id="an unknown field"),
    pytest.param('{"version": 1, "reason": "Unheard"}', id="an unknown reason"),
    pytest.param('{"packedSchema": 7}', id="a packed schema that is no text"),
    pytest.param('{"packedSchema": "é"}', id="a packed schema that is no base64"),
    pytest.param('{"packedSchema": "aGk="}', id="a packed schema that is not deflated"),
    pytest.param("[" * 4096, id="a message of brackets, too deep for a parser"),
    pytest.param('{"a":' * 800, id="a message of braces, too deep for a parser"),
    pytest.param(report.to_message(an_inspection())[:-20], id="a message that was cut off"),
]


@pytest.mark.parametrize("text", FOREIGN)
def test_what_is_not_ours_answers_none(text: str) -> None:
    assert report.from_message(text) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)
near_misses = st.dictionaries(
    st.sampled_from(
        [
            "version",
            "digest",
            "sizeBytes",
            "engineType",
            "packedSchema",
            "schema",
            "reason",
            "message",
            "retryable",
        ]
    ),
    json_values | st.sampled_from([1, "onnx", "ModelInvalid", True]),
).map(json.dumps)


@given(st.text() | near_misses)
def test_reading_a_message_never_raises(text: str) -> None:
    report.from_message(text)


@given(st.text() | st.binary().map(lambda raw: f"{LOG_PREFIX} {base64.b64encode(raw).decode()}"))
def test_reading_a_log_never_raises(text: str) -> None:
    report.from_log(text, "sha256:0")


def test_a_schema_that_unfolds_without_end_is_refused() -> None:
    bomb = base64.b64encode(zlib.compress(b" " * (17 * 1024 * 1024), 9)).decode()

    with pytest.raises(ValueError, match="unfolds to more than"):
        report.unpack(bomb)


@given(st.integers(0, 40))
def test_packing_is_undone_by_unpacking(features: int) -> None:
    schema = a_schema(features)

    assert report.unpack(report.pack(schema)) == schema


def test_the_same_schema_packs_to_the_same_text() -> None:
    copy = Schema.model_validate(a_schema().to_document())

    assert report.pack(copy) == report.pack(a_schema())
