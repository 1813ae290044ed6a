"""How often a request is tried, how long is waited between, and what is told in the end."""

import pytest

from mlz.cluster.client import (
    ApiConflictError,
    ApiError,
    ApiOutageError,
    ApiRefusalError,
    NamespaceTerminatingError,
)
from mlz.rest.problems import Code, Refusal
from mlz.rest.tries import Tries, refusal_of


class Patient:
    """Fails with these errors, then answers."""

    def __init__(self, *errors: ApiError) -> None:
        self.errors = list(errors)
        self.asked = 0
        self.pauses: list[float] = []
        self.tries = Tries(pause=self.pauses.append, jitter=lambda: 0.5)

    def ask(self) -> str:
        self.asked += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


def test_an_outage_is_outlasted_with_growing_pauses() -> None:
    patient = Patient(*[ApiOutageError(503, "no")] * 5)

    answer = patient.tries.outlast(patient.ask)

    assert answer == "answer"
    assert patient.pauses == sorted(patient.pauses)
    assert len(set(patient.pauses)) == 5
    assert sum(patient.pauses) < 5


def test_no_request_is_tried_for_ever() -> None:
    patient = Patient(*[ApiOutageError(503, "no")] * 100)

    with pytest.raises(Refusal) as caught:
        patient.tries.outlast(patient.ask)

    assert caught.value.code is Code.UNAVAILABLE
    assert caught.value.headers == {"Retry-After": "5"}
    assert (patient.asked, len(patient.pauses)) == (6, 5)


def test_a_conflict_is_the_callers_to_judge() -> None:
    patient = Patient(ApiConflictError(409, "exists"))

    with pytest.raises(ApiConflictError):
        patient.tries.outlast(patient.ask)

    assert patient.asked == 1


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        pytest.param(
            ApiRefusalError(422, "spec.type: Invalid value"),
            Code.INVALID_FIELD,
            "spec.type",
            id="what is invalid is told in the server's words",
        ),
        pytest.param(
            ApiRefusalError(403, "exceeded quota"),
            Code.UNAVAILABLE,
            "exceeded quota",
            id="so is a quota, which may have room later",
        ),
        pytest.param(
            NamespaceTerminatingError(403, "being terminated"),
            Code.UNAVAILABLE,
            "being terminated",
            id="so is a namespace on its way out",
        ),
        pytest.param(ApiConflictError(409, "changed"), Code.CONFLICT, "changed", id="a conflict"),
        pytest.param(
            ApiOutageError(0, "10.0.0.1: connection refused"),
            Code.UNAVAILABLE,
            "does not answer",
            id="addresses inside the cluster are nobody's business",
        ),
    ],
)
def test_what_a_caller_is_told(error: ApiError, code: Code, words: str) -> None:
    refusal = refusal_of(error)

    assert refusal.code is code
    assert words in refusal.message
    assert "10.0.0.1" not in refusal.message
