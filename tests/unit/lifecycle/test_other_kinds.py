"""What a scoring service and a model say of themselves."""

from typing import Any

import pytest

from builders import (
    a_model,
    a_service,
    some_facts,
)
from mlz.lifecycle import models, services


@pytest.mark.parametrize(
    ("service", "ready"),
    [
        pytest.param(a_service(), ("True", "Accepted"), id="usable unless it says otherwise"),
        pytest.param(a_service(active=True), ("True", "Accepted"), id="active"),
        pytest.param(a_service(active=False), ("False", "ScoringServiceInactive"), id="not active"),
        pytest.param(a_service(type="cics"), ("False", "InvalidSpec"), id="unreadable"),
    ],
)
def test_a_scoring_service_says_whether_it_may_be_used(
    service: Any, ready: tuple[str, str]
) -> None:
    found = services.status_of(service, some_facts().now)

    assert [(one.type, one.status, one.reason) for one in found.conditions] == [("Ready", *ready)]
    assert found.guid == "uid-of-default"


@pytest.mark.parametrize(
    ("model", "ready"),
    [
        pytest.param(a_model(), ("True", "Accepted"), id="known"),
        pytest.param(a_model(colour="red"), ("False", "InvalidSpec"), id="unreadable"),
    ],
)
def test_a_model_says_that_it_is_known(model: Any, ready: tuple[str, str]) -> None:
    found = models.status_of(model, "churn-v2", some_facts().now)

    assert [(one.type, one.status, one.reason) for one in found.conditions] == [("Ready", *ready)]
    assert found.latest_version == "churn-v2"
