"""The table of refusals, and what an error answer looks like."""

import pytest

from mlz.rest.problems import (
    ROWS,
    STATUSES,
    Code,
    Refusal,
    error_document,
    invalid_field,
    invalid_href,
    retry_after,
    table,
)

# Source: MLz 3.2, "Create online deployment API", Table 3.
DOCUMENTED = {
    "empty_deploy_info": 400,
    "parsing_error": 400,
    "not_supported_deployment_type": 400,
    "duplicate_deployment_name": 400,
    "duplicate_deployment": 400,
    "timeout_not_supported": 400,
}


@pytest.mark.parametrize(("code", "status"), DOCUMENTED.items())
def test_documented_codes_have_their_documented_statuses(code: str, status: int) -> None:
    assert STATUSES[Code(code)] == status
    assert ROWS[Code(code)].documented


@pytest.mark.parametrize(
    ("code", "status"), [("ALNB101E", 403), ("ALNB102E", 401), ("ALNB103E", 401)]
)
def test_codes_of_tokens_are_ibms_and_their_statuses_the_usual_ones(code: str, status: int) -> None:
    assert STATUSES[Code(code)] == status


def test_every_code_has_a_row_with_a_sentence() -> None:
    assert list(ROWS) == list(Code)
    assert all(row.meaning.endswith(".") for row in ROWS.values())
    assert all(400 <= row.status < 600 for row in ROWS.values())


def test_an_unknown_id_is_a_404_and_an_href_that_names_nothing_a_500() -> None:
    assert Refusal(Code.NOT_FOUND, "no such deployment").status == 404
    assert invalid_href("/v3/x").status == 500
    assert invalid_href("/v3/x").code == "not_found"
    assert len(invalid_href("x" * 10_000).message) < 600


def test_an_error_answer_has_a_code_a_message_and_a_request_id() -> None:
    assert error_document(Code.NOT_FOUND, "no such deployment", "42") == {
        "code": "not_found",
        "message": "no such deployment",
        "requestId": "42",
    }


def test_parts_of_an_error_are_listed() -> None:
    refusal = invalid_field("$.name", "a string", "a number")

    document = error_document(refusal.code, refusal.message, "42", refusal.errors)

    assert document["errors"] == [
        {"path": "$.name", "fault": "type", "expected": "a string", "found": "a number"}
    ]


@pytest.mark.parametrize(("seconds", "header"), [(0, "1"), (0.2, "1"), (1.01, "2"), (60, "60")])
def test_retry_after_is_in_whole_seconds(seconds: float, header: str) -> None:
    refusal = retry_after(Code.UNAVAILABLE, "later", seconds)

    assert refusal.headers == {"Retry-After": header}
    assert refusal.status == 503


def test_the_table_has_a_row_for_every_code() -> None:
    rows = table().splitlines()[2:]

    assert len(rows) == len(Code)
    assert "| 400 | `empty_deploy_info` | No deploy_info is provided. | IBM |" in rows
