"""
Rows of the decision table about deployments, a sentence each.

A row says what is known, and then: the state, what the pods run (a version, ``KEPT`` for a workload
that stays exactly as it is, ``NOTHING``), and the reason of what is in the way.
"""

from typing import Any

import pytest

from builders import (
    DIGEST,
    HEX,
    OTHER_DIGEST,
    OTHER_HEX,
    a_deployment,
    a_failure,
    a_pod,
    a_service,
    a_starting_workload,
    a_status,
    a_stuck_pod,
    a_version,
    an_accepted_version,
    an_active_asset,
    some_facts,
    updating_facts,
)
from mlz.api.names import ANNOTATION_ACKNOWLEDGED
from mlz.errors import Reason
from mlz.lifecycle.deployments import Decision, State, decide
from mlz.lifecycle.facts import DeploymentFacts
from mlz.model.schema import Schema

UPDATED = {"modelVersion": "churn-v2"}
OTHER_ENV = [{"name": "A", "value": "1"}]
KEPT = "kept as it is"
NOTHING = None

Row = tuple[str, DeploymentFacts, State, str | None, Reason | None]


def pods_run(decision: Decision) -> str | None:
    if decision.keep:
        return KEPT
    return None if decision.run is None else decision.run.meta.name


def outcome(facts: DeploymentFacts) -> tuple[State, str | None, Reason | None]:
    decision = decide(facts)
    reason = None if decision.finding is None else decision.finding.reason
    return decision.state, pods_run(decision), reason


def starting(**overrides: object) -> DeploymentFacts:
    """The first pods are on their way."""
    return some_facts(
        **{"workload": a_starting_workload(), "pods": (a_pod(ready=False),)} | overrides
    )


def not_inspected() -> object:
    return a_version(artifact={"uri": "https://store.example.com/churn.onnx", "sha256": HEX})


def digest_unknown() -> object:
    return a_version(artifact={"uri": f"oci://store.example.com/churn@sha256:{HEX}"})


def unreadable(**overrides: object) -> object:
    return a_deployment(engineType="spark", **overrides)


def failed(reason: Reason, generation: int = 1, digest: str = DIGEST, **spec: object) -> object:
    """A deployment that has failed at generation 1; ``spec`` has been changed since."""
    status = a_status("FAILED", failure=a_failure(reason, digest))
    return a_deployment(status=status, meta={"generation": generation}, **spec)


def reverted(reason: Reason, generation: int = 2, **spec: object) -> object:
    """An update to ``churn-v2`` at generation 2 was given up; ``spec`` has been changed since."""
    status = a_status(
        "ready",
        active=an_active_asset(),
        failure=a_failure(reason, OTHER_DIGEST, asset=UPDATED),
        observedGeneration=2,
    )
    return a_deployment(status=status, asset=UPDATED, meta={"generation": generation}, **spec)


def update_to(schema: Schema, facts: dict[str, Any] | None = None, **spec: Any) -> DeploymentFacts:
    """An update of ``churn-v1`` to an asset with that schema; ``meta`` is metadata."""
    meta = {"generation": 2, **spec.pop("meta", {})}
    status = a_status("updating", active=an_active_asset(), observedGeneration=2)
    return updating_facts(
        deployment=a_deployment(status=status, asset=UPDATED, meta=meta, **spec),
        version=an_accepted_version("churn-v2", OTHER_HEX, schema=schema),
        **facts or {},
    )


def acknowledged(digest: str | None) -> dict[str, object]:
    return {"annotations": {ANNOTATION_ACKNOWLEDGED: digest}}


INSPECTION_REFUSALS = (
    Reason.ASSET_NOT_FOUND,
    Reason.ACCESS_DENIED,
    Reason.DIGEST_MISMATCH,
    Reason.ASSET_TOO_LARGE,
    Reason.ADDRESS_FORBIDDEN,
    Reason.REDIRECT_REFUSED,
    Reason.CREDENTIALS_NOT_FOUND,
    Reason.ARCHIVE_UNSAFE,
    Reason.ARCHIVE_INVALID,
    Reason.MODEL_INVALID,
    Reason.MODEL_UNSAFE,
    Reason.ENGINE_TYPE_MISMATCH,
    Reason.FRAMEWORK_VERSION_UNSUPPORTED,
    Reason.SCHEMA_DECLARATION_MISMATCH,
)
HICCUPS = (
    Reason.STORE_UNREACHABLE,
    Reason.DOWNLOAD_INTERRUPTED,
    Reason.IMAGE_PULL_FAILED,
    Reason.UNSCHEDULABLE,
    Reason.VOLUME_CLAIM_NOT_FOUND,
)
MAY_PASS = (
    Reason.IMAGE_PULL_FAILED,
    Reason.UNSCHEDULABLE,
    Reason.ACCELERATOR_UNAVAILABLE,
    Reason.VOLUME_CLAIM_NOT_FOUND,
    Reason.POD_REFUSED,
    Reason.STORE_UNREACHABLE,
    Reason.DOWNLOAD_INTERRUPTED,
    Reason.OUT_OF_MEMORY,
    Reason.ENGINE_CRASHED,
)
GIVES_UP = (Reason.MODEL_LOAD_FAILED, Reason.WARM_UP_FAILED, Reason.DIGEST_MISMATCH)
RIVALRIES = (
    Reason.DUPLICATE_SERVING_ID,
    Reason.DUPLICATE_DEPLOYMENT,
    Reason.DUPLICATE_DISPLAY_NAME,
)

ON_ZAIU = a_deployment(zaiu=True)
PREFER = a_service(acceleratorPolicy="Prefer")
MISSING = a_stuck_pod(Reason.ACCELERATOR_UNAVAILABLE, able_since=None)


def params(*tables: list[Row]) -> list[object]:
    """The rows as pytest takes them; the sentence is the name of the test."""
    return [pytest.param(*row, id=sentence) for table in tables for sentence, *row in table]
