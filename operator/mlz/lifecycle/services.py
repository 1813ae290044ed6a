"""The status of a scoring service: whether deployments may use it."""

from datetime import datetime

from mlz.api.conditions import Condition, ConditionType, condition, dated
from mlz.api.parsing import ScoringService
from mlz.api.status import ScoringServiceStatus
from mlz.errors import Reason


def status_of(service: ScoringService, now: datetime) -> ScoringServiceStatus:
    """The whole status of a scoring service."""
    generation = service.meta.generation
    return ScoringServiceStatus(
        observed_generation=generation,
        conditions=dated([_ready(service)], service.status.conditions, generation, now),
        guid=service.meta.uid,
    )


def _ready(service: ScoringService) -> Condition:
    if service.spec is None:
        text = service.fault or ""
        return condition(ConditionType.READY, False, Reason.INVALID_SPEC, text)
    if service.spec.active is False:
        text = "spec.active is false: no deployment may use it"
        return condition(ConditionType.READY, False, Reason.SCORING_SERVICE_INACTIVE, text)
    return condition(ConditionType.READY, True, Reason.ACCEPTED, "deployments may use it")
