"""
When a wait for the operator is over, and what its caller is told then.

Each question is asked of a deployment's body whenever it changes; None means: wait on. A status
counts only where it speaks of the generation that was written, or of a later one.
"""

from dataclasses import dataclass

from mlz.api.conditions import ConditionType
from mlz.api.parsing import Body
from mlz.errors import Reason
from mlz.lifecycle.deployments import State
from mlz.rest.documents.bodies import part
from mlz.rest.documents.v3 import condition_of, failure_of, state_of
from mlz.rest.problems import Code, Refusal

_SERVES = frozenset({State.ACTIVE.value, State.READY.value})
_LOST: dict[str, Code] = {
    Reason.DUPLICATE_DISPLAY_NAME.value: Code.DUPLICATE_DEPLOYMENT_NAME,
    Reason.DUPLICATE_DEPLOYMENT.value: Code.DUPLICATE_DEPLOYMENT,
    Reason.DUPLICATE_SERVING_ID.value: Code.DUPLICATE_SERVING_ID,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    How a wait ended.

    Attributes:
        refusal: what to answer instead of the document, or None.
        lost: an older deployment holds the name, the servingId or the version: what was written has
            to be undone before the refusal is told.
    """

    refusal: Refusal | None = None
    lost: bool = False


WELL = Outcome()


def created(body: Body) -> Outcome | None:
    """After a create: it serves, or will not without a change (FAILED is told in the document)."""
    if not _is_observed(body, 1):
        return None
    if state_of(body) in {*_SERVES, State.FAILED, State.SUSPENDED}:
        return WELL
    return _lost(body)


def observed(body: Body, generation: int) -> Outcome | None:
    """After a change that is no update of the asset: the operator has seen it."""
    if not _is_observed(body, generation):
        return None
    return _lost(body) or WELL


def verdict_known(body: Body, generation: int) -> Outcome | None:
    """
    After another asset was asked for: whether it matches is known, or can no more be known.

    Nothing is compared where nothing has served yet, and while the deployment is suspended.
    """
    if not _is_observed(body, generation):
        return None
    ended = _ended(body) or _lost(body)
    if ended is not None:
        return ended
    serves_another = bool(part(body, "status", "asset", "active"))
    return None if serves_another and not _is_judged(body) else WELL


def updated(body: Body, generation: int) -> Outcome | None:
    """After another asset was asked for: it serves, or will not without a change."""
    if not _is_observed(body, generation):
        return None
    ended = _ended(body) or _lost(body)
    if ended is None and _ready_reason(body) == Reason.AWAITING_ACKNOWLEDGEMENT:
        return WELL
    return ended


def _ended(body: Body) -> Outcome | None:
    """Neither INITIALIZING nor updating."""
    state = state_of(body)
    if state == State.SUSPENDED:
        return WELL
    if state != State.FAILED and state not in _SERVES:
        return None
    failure = failure_of(body)
    if failure is None:
        return WELL
    return Outcome(_update_refused(str(failure["reason"]), str(failure["message"])))


def _update_refused(reason: str, message: str) -> Refusal:
    code = Code.SCHEMA_MISMATCH if reason == Reason.SCHEMA_BLOCKED else Code.UPDATE_FAILED
    return Refusal(code, f"{reason}: {message}", [{"reason": reason, "message": message}])


def _is_observed(body: Body, generation: int) -> bool:
    seen = part(body, "status").get("observedGeneration")
    return isinstance(seen, int) and seen >= generation


def _is_judged(body: Body) -> bool:
    """A verdict of an earlier update goes when another asset is wanted."""
    return bool(part(body, "status", "schema"))


def _ready_reason(body: Body) -> str:
    ready = condition_of(body, ConditionType.READY)
    return "" if ready is None else str(ready.get("reason"))


def _lost(body: Body) -> Outcome | None:
    stalled = condition_of(body, ConditionType.STALLED)
    reason = "" if stalled is None else str(stalled.get("reason"))
    if stalled is None or reason not in _LOST:
        return None
    return Outcome(Refusal(_LOST[reason], str(stalled.get("message"))), lost=True)
