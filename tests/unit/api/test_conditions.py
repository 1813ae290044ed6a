"""Conditions: honest transition times, a stable order, words of any length."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import EARLIER_TEXT, NOW, NOW_TEXT
from mlz.api.conditions import (
    MESSAGE_LIMIT,
    Condition,
    ConditionType,
    condition,
    dated,
    find,
    moment,
    timestamp,
)
from mlz.errors import Reason

one_condition = st.builds(
    condition,
    st.sampled_from(ConditionType),
    st.sampled_from([True, False, None]),
    st.sampled_from(Reason),
    st.text(max_size=20),
)
some_conditions = st.lists(one_condition, max_size=5, unique_by=lambda one: one.type)


def before(status: bool | None) -> Condition:
    ready = condition(ConditionType.READY, status, Reason.SERVING)
    return ready.model_copy(update={"last_transition_time": EARLIER_TEXT})


@pytest.mark.parametrize(
    ("status", "word"),
    [
        pytest.param(True, "True", id="it holds"),
        pytest.param(False, "False", id="it does not"),
        pytest.param(None, "Unknown", id="nobody knows"),
    ],
)
def test_a_status_is_a_word(status: bool | None, word: str) -> None:
    assert condition(ConditionType.READY, status, Reason.SERVING).status == word


@pytest.mark.parametrize(
    ("previous", "time"),
    [
        pytest.param([], NOW_TEXT, id="a new condition changed now"),
        pytest.param([before(False)], NOW_TEXT, id="another status is a change"),
        pytest.param([before(None)], NOW_TEXT, id="so is knowing"),
        pytest.param([before(True)], EARLIER_TEXT, id="the same status is none"),
        pytest.param(
            [before(True).model_copy(update={"reason": "PodsUnavailable", "message": "else"})],
            EARLIER_TEXT,
            id="another reason with the same status is none",
        ),
        pytest.param(
            [before(True).model_copy(update={"last_transition_time": ""})],
            NOW_TEXT,
            id="a time that was lost is given anew",
        ),
    ],
)
def test_a_transition_time_moves_with_the_status_alone(
    previous: list[Condition], time: str
) -> None:
    wanted = condition(ConditionType.READY, True, Reason.SERVING)

    (found,) = dated([wanted], previous, 3, NOW)

    assert found.last_transition_time == time
    assert found.observed_generation == 3


@given(some_conditions, some_conditions)
def test_conditions_are_ordered_and_none_of_the_old_ones_is_left(
    wanted: list[Condition], previous: list[Condition]
) -> None:
    found = dated(wanted, previous, 1, NOW)

    assert [one.type for one in found] == sorted(one.type for one in wanted)


@given(some_conditions)
def test_dating_again_changes_nothing(wanted: list[Condition]) -> None:
    once = dated(wanted, [], 1, NOW)

    assert dated(wanted, once, 1, NOW.replace(year=2031)) == once


def test_a_condition_is_found_by_type_or_is_none() -> None:
    ready = before(True)

    assert find([ready], ConditionType.READY) is ready
    assert find([ready], ConditionType.STALLED) is None


@pytest.mark.parametrize(
    ("length", "kept"),
    [
        pytest.param(MESSAGE_LIMIT, MESSAGE_LIMIT, id="as long as it may be"),
        pytest.param(MESSAGE_LIMIT + 1, MESSAGE_LIMIT, id="one character too many"),
        pytest.param(10**6, MESSAGE_LIMIT, id="a million characters"),
    ],
)
def test_words_of_others_may_be_of_any_length(length: int, kept: int) -> None:
    found = condition(ConditionType.READY, False, Reason.INVALID_SPEC, "x" * length)

    assert len(found.message) == kept


@given(st.integers(0, 2**33))
def test_a_time_survives_its_text(seconds: int) -> None:
    whole = datetime.fromtimestamp(seconds, tz=UTC)

    assert moment(timestamp(whole)) == whole


def test_a_time_with_fractions_is_read() -> None:
    assert moment("2030-01-01T12:00:00.250000Z") > NOW
