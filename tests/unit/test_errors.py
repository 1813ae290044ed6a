"""Errors: a closed set of public reasons, each with a text and a use."""

import re
from pathlib import Path

import pytest

import mlz
from mlz.errors import REASON_TEXTS, MlzError, Reason, RejectedError, RetryableError


def test_every_reason_has_a_text_and_every_text_a_reason() -> None:
    assert set(REASON_TEXTS) == set(Reason)


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_is_one_camel_case_word_with_a_sentence(reason: Reason) -> None:
    """Source: KEP-1623: a reason is a CamelCase word."""
    assert re.fullmatch(r"([A-Z][a-z]+)+", reason.value)
    assert reason.name == re.sub(r"(?<!^)(?=[A-Z])", "_", reason.value).upper()
    assert REASON_TEXTS[reason].endswith(".")


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_used(reason: Reason) -> None:
    package = Path(mlz.__file__).parent
    users = [
        path
        for path in package.rglob("*.py")
        if path.name != "errors.py" and f"Reason.{reason.name}" in path.read_text()
    ]

    assert users


@pytest.mark.parametrize("kind", [RejectedError, RetryableError])
def test_an_error_says_why_and_what(kind: type[MlzError]) -> None:
    error = kind(Reason.MODEL_INVALID, "wanted a model, found a cat")

    assert (error.reason, error.message) == (Reason.MODEL_INVALID, "wanted a model, found a cat")
    assert str(error) == error.message
