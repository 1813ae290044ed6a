"""
Conditions in Kubernetes' standard shape.

``Ready`` and ``Available`` are always there; every other type is abnormal-true: present only while
it holds (Argo CD and kstatus read an absent one as normal). Times move with the status alone.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Literal

from pydantic import Field

from mlz.errors import Reason
from mlz.model.document import StatusDocument

TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"
MESSAGE_LIMIT = 4096


class ConditionType(StrEnum):
    """The closed set of condition types."""

    READY = "Ready"
    AVAILABLE = "Available"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"
    SCHEMA_MISMATCH = "SchemaMismatch"
    SUSPENDED = "Suspended"


class Condition(StatusDocument):
    """One condition. Source: KEP-1623, the standard condition."""

    type: str = Field(description="What the condition is about.", max_length=316)
    status: Literal["True", "False", "Unknown"] = Field(description="Whether it holds.")
    observed_generation: int | None = Field(None, description="The generation it speaks of.")
    last_transition_time: str = Field(
        "", description="When the status last changed.", json_schema_extra={"format": "date-time"}
    )
    reason: str = Field(description="One CamelCase word of the documented set.", max_length=1024)
    message: str = Field("", description="A sentence for people.", max_length=32768)


def condition(
    kind: ConditionType, status: bool | None, reason: Reason, message: str = ""
) -> Condition:
    """A condition without time and generation; None is Unknown, and long words are clipped."""
    word: Literal["True", "False", "Unknown"] = (
        "Unknown" if status is None else "True" if status else "False"
    )
    return Condition(type=kind.value, status=word, reason=reason.value, message=_clipped(message))


def dated(
    wanted: Iterable[Condition], previous: Sequence[Condition], generation: int, now: datetime
) -> tuple[Condition, ...]:
    """The wanted conditions with honest transition times, ordered by type."""
    before = {one.type: one for one in previous}
    return tuple(
        one.model_copy(
            update={
                "observed_generation": generation,
                "last_transition_time": _transition(one, before.get(one.type), now),
            }
        )
        for one in sorted(wanted, key=lambda one: one.type)
    )


def find(conditions: Iterable[Condition], kind: ConditionType) -> Condition | None:
    """The condition of a type, or None where it is absent."""
    return next((one for one in conditions if one.type == kind.value), None)


def timestamp(moment: datetime) -> str:
    """A moment as Kubernetes writes it: UTC, whole seconds."""
    return moment.astimezone(UTC).strftime(TIME_FORMAT)


def moment(text: str) -> datetime:
    """The reverse of ``timestamp``; fractions of a second are accepted."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def _clipped(message: str) -> str:
    """Others' words have no limit; the API server's is ours, and a screen ends long before."""
    return message if len(message) <= MESSAGE_LIMIT else message[: MESSAGE_LIMIT - 1] + "…"


def _transition(wanted: Condition, previous: Condition | None, now: datetime) -> str:
    if previous is not None and previous.status == wanted.status and previous.last_transition_time:
        return previous.last_transition_time
    return timestamp(now)
