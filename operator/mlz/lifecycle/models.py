"""The status of a model: it is known, and which of its versions is the newest."""

from datetime import datetime

from mlz.api.conditions import ConditionType, condition, dated
from mlz.api.parsing import Model
from mlz.api.status import ModelStatus
from mlz.errors import Reason


def status_of(model: Model, latest_version: str | None, now: datetime) -> ModelStatus:
    """The whole status of a model."""
    if model.fault is None:
        ready = condition(ConditionType.READY, True, Reason.ACCEPTED, "the model is known")
    else:
        ready = condition(ConditionType.READY, False, Reason.INVALID_SPEC, model.fault)
    generation = model.meta.generation
    return ModelStatus(
        observed_generation=generation,
        conditions=dated([ready], model.status.conditions, generation, now),
        latest_version=latest_version,
    )
