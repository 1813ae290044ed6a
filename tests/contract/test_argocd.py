"""
Health: what Argo CD makes of our resources, by the Lua that it runs.

Statuses come from real passes of the operator over a cluster in memory, and from ``argocd/``: whole
resources as a cluster had them, each with a row in ``argocd/expected.yaml``.
"""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from builders import a_body, a_condition, a_deployment_body, a_failure, a_status
from contract import argocd_stories as stories
from contract.argocd_lua import ACTION_SCRIPTS, ACTIONS, ARGOCD, SCRIPTS, Json, health, lua
from mlz.api import crd

KINDS = tuple(kind.name for kind in crd.KINDS)
GOES_ON = "(the asset accepted before goes on serving)"
WARNING = "the new asset is incompatible with the deployed one: inputs.tenure"
AWAY = f"StoreUnreachable: no answer {GOES_ON}"
STORIES: list[tuple[Callable[[], Json], str, str]] = [
    (stories.a_deployment_that_nobody_has_seen, "Progressing", "has not seen this spec"),
    (stories.a_first_asset_on_its_way, "Progressing", "Initializing: on its way"),
    (stories.a_first_asset_that_serves, "Healthy", "the wanted asset serves"),
    (stories.a_change_that_nobody_has_seen, "Progressing", "has not seen this spec"),
    (stories.an_update_on_its_way, "Progressing", "RollingOut: "),
    (stories.an_update_with_a_schema_warning_on_its_way, "Progressing", f"one by one; {WARNING}"),
    (stories.an_update_that_came_through, "Healthy", "the wanted asset serves"),
    (
        stories.an_update_that_came_through_with_a_schema_warning,
        "Healthy",
        f"the wanted asset serves; {WARNING}",
    ),
    (stories.an_update_to_an_asset_that_is_refused, "Degraded", f"it is no model {GOES_ON}"),
    (stories.an_update_that_the_engine_gives_up, "Degraded", f"it answers NaN {GOES_ON}"),
    (stories.an_update_that_waits, "Suspended", "set the annotation mlz.dev/acknowledge-schema-"),
    (stories.an_update_that_was_acknowledged, "Healthy", f"the wanted asset serves; {WARNING}"),
    (stories.an_update_that_policy_blocks, "Degraded", "SchemaBlocked: "),
    (stories.an_update_that_a_serving_id_blocks, "Degraded", "SchemaBlocked: "),
    (stories.a_bad_update_that_was_taken_back, "Healthy", "the wanted asset serves"),
    (stories.an_update_while_the_store_is_away, "Degraded", AWAY),
    (stories.a_bad_first_asset, "Degraded", "ModelInvalid: it is no model"),
    (stories.a_scoring_service_that_is_not_there, "Degraded", "ScoringServiceNotFound: "),
    (stories.a_suspended_deployment, "Suspended", "spec.suspend"),
    (stories.a_resumed_deployment, "Healthy", "the wanted asset serves"),
    (stories.a_pod_that_was_lost, "Progressing", "PodsUnavailable: no pod of the asset is ready"),
    (stories.a_paused_deployment_that_failed, "Suspended", "mlz.dev/paused"),
    (stories.a_version_that_nobody_has_seen, "Progressing", "not been inspected"),
    (stories.a_version_that_may_serve, "Healthy", "the asset may serve"),
    (stories.a_version_that_is_refused, "Degraded", "ModelInvalid: it is no model"),
    (stories.a_version_whose_store_is_away, "Degraded", "StoreUnreachable: no answer"),
    (stories.a_model_that_nobody_has_seen, "Progressing", "has not seen this spec"),
    (stories.a_model, "Healthy", "the model is known"),
    (stories.a_scoring_service, "Healthy", "deployments may use it"),
    (stories.a_scoring_service_that_is_not_active, "Suspended", "spec.active is false"),
    (stories.a_scoring_service_that_nobody_can_read, "Degraded", "InvalidSpec: "),
]


@pytest.mark.parametrize(
    ("story", "status", "message"),
    [pytest.param(*row, id=row[0].__name__.replace("_", " ")) for row in STORIES],
)
def test_health_of_what_the_operator_reports(
    story: Callable[[], Json], status: str, message: str
) -> None:
    found, said = health(story())

    assert found == status
    assert message in said


def test_every_recorded_resource_has_its_expectation() -> None:
    files = {path.stem for path in stories.RECORDED.glob("*.yaml")} - {"expected"}

    assert files == set(stories.EXPECTED)


@pytest.mark.parametrize("name", stories.EXPECTED)
def test_a_recorded_resource_has_the_expected_health(name: str) -> None:
    found, said = health(stories.recorded(name))

    assert found == stories.EXPECTED[name]["status"]
    assert stories.EXPECTED[name]["message"] in said


AWAITS = a_condition("Ready", "False", "AwaitingAcknowledgement")
MISMATCH = a_condition("SchemaMismatch", "True", "SchemaIncompatible", "look at your payloads")
READY = a_condition("Ready", "True", "Serving", "the wanted asset serves")
UNKNOWN = a_condition("Ready", "Unknown", "RollingOut", "on its way")
STALLED = a_condition("Stalled", "True", "QuotaExceeded", "no room")
AVAILABLE = a_condition("Available", "True", "Serving")
ODDITIES = [
    ("FAILED without a word", a_status("FAILED"), "Degraded", "nothing serves"),
    ("FAILED, told by Ready", a_status("FAILED", conditions=[UNKNOWN]), "Degraded", "RollingOut: "),
    (
        "a failure that no condition tells of",
        a_status("ready", failure=a_failure("ModelInvalid"), conditions=[AVAILABLE]),
        "Degraded",
        f"ModelInvalid: as the pod said {GOES_ON}",
    ),
    (
        "a failure that is over",
        a_status("ready", failure=a_failure("ModelInvalid"), conditions=[READY]),
        "Healthy",
        "the wanted asset serves",
    ),
    (
        "served and stalled, for example by a quota on more pods",
        a_status("ACTIVE", conditions=[AVAILABLE, READY, STALLED]),
        "Degraded",
        "QuotaExceeded: no room",
    ),
    (
        "stalled while it waits: the worse comes first",
        a_status("updating", conditions=[AWAITS, STALLED]),
        "Degraded",
        "QuotaExceeded: no room",
    ),
    (
        "waits and does not say for what",
        a_status("updating", conditions=[AWAITS], schema={"diffDigest": "sha256:d1ff"}),
        "Suspended",
        "to go on, set the annotation mlz.dev/acknowledge-schema-change: sha256:d1ff",
    ),
    (
        "waits while the old asset's pods are gone",
        a_status("updating", conditions=[a_condition("Available", "False", "Serving"), AWAITS]),
        "Suspended",
        "(nothing serves meanwhile)",
    ),
    (
        "waits without a digest",
        a_status("updating", conditions=[AWAITS]),
        "Suspended",
        "the value of status.schema.diffDigest",
    ),
    (
        "ready with a warning",
        a_status("ready", conditions=[MISMATCH, READY]),
        "Healthy",
        "the wanted asset serves; look at your payloads",
    ),
    (
        "on its way with a warning",
        a_status("updating", conditions=[MISMATCH, UNKNOWN]),
        "Progressing",
        "RollingOut: on its way; look at",
    ),
    (
        "suspended before the status word says so",
        a_status("ACTIVE", conditions=[a_condition("Suspended", "True", "Suspended")]),
        "Suspended",
        "nothing answers",
    ),
    (
        "a status from before a restore",
        a_status("ACTIVE", conditions=[READY], observedGeneration=7),
        "Progressing",
        "has not seen this spec",
    ),
]


@pytest.mark.parametrize(
    ("status", "word", "message"), [pytest.param(*row[1:], id=row[0]) for row in ODDITIES]
)
def test_health_of_rare_statuses(status: Json, word: str, message: str) -> None:
    found, said = health(a_deployment_body(status=status))

    assert found == word
    assert message in said


def test_only_the_word_true_pauses() -> None:
    body = a_deployment_body(
        status=a_status("ACTIVE", conditions=[READY]),
        meta={"annotations": {"mlz.dev/paused": "false"}},
    )

    assert health(body)[0] == "Healthy"


BARE = [
    ("nothing at all", {}),
    ("no status", {"metadata": {"generation": 1}}),
    ("an empty status", {"metadata": {"generation": 1}, "status": {}}),
    ("no conditions", {"metadata": {"generation": 1}, "status": {"observedGeneration": 1}}),
    ("no generation", {"metadata": {}, "status": {"observedGeneration": 1}}),
    ("empty conditions", a_body("", "a", {}, a_status())),
    ("a condition without words", a_body("", "a", {}, a_status(conditions=[{"type": "Ready"}]))),
    ("an unknown state", a_body("", "a", {}, a_status("DREAMING", schema={}))),
    ("unknown conditions", a_body("", "a", {}, a_status(conditions=[{}, {"type": "Dreaming"}]))),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("body", [pytest.param(one, id=name) for name, one in BARE])
def test_what_says_nothing_is_progressing(kind: str, body: Json) -> None:
    status, message = health({**body, "kind": kind})

    assert status == "Progressing"
    assert message


def test_every_kind_has_a_health_check_and_every_action_its_script() -> None:
    assert {path.parent.name for path in SCRIPTS.glob("*/health.lua")} == set(KINDS)
    assert {path.parent.name for path in ACTION_SCRIPTS.glob("*/action.lua")} == ACTIONS


@pytest.mark.parametrize("library", ["string", "os", "io", "math", "coroutine", "debug"])
def test_scripts_are_run_without_the_libraries_that_argo_cd_withholds(
    library: str, tmp_path: Path
) -> None:
    script = tmp_path / "script.lua"
    script.write_text(f"return {{ found = type({library}) }}")

    assert lua(script, {}) == {"found": "nil"}


def customizations(name: str) -> Json:
    """Keys of the ConfigMap argocd-cm → values."""
    document: Json = yaml.safe_load((ARGOCD / name).read_text())
    found: Json = document["data"] if "data" in document else document["configs"]["cm"]
    return found


@pytest.mark.parametrize("name", ["argocd-cm.yaml", "values.yaml"])
def test_what_is_installed_is_what_was_tested(name: str) -> None:
    found, prefix = customizations(name), "resource.customizations"
    actions = yaml.safe_load(found.pop(f"{prefix}.actions.mlz.dev_MLzDeployment"))

    assert found == {
        f"{prefix}.health.mlz.dev_{kind}": (SCRIPTS / kind / "health.lua").read_text()
        for kind in KINDS
    }
    assert actions["discovery.lua"] == (ACTION_SCRIPTS / "discovery.lua").read_text()
    assert {one["name"]: one["action.lua"] for one in actions["definitions"]} == {
        action: (ACTION_SCRIPTS / action / "action.lua").read_text() for action in ACTIONS
    }


def test_the_patch_is_for_the_configmap_of_argo_cd_wherever_it_runs() -> None:
    patch = yaml.safe_load((ARGOCD / "argocd-cm.yaml").read_text())

    assert (patch["apiVersion"], patch["kind"]) == ("v1", "ConfigMap")
    assert patch["metadata"] == {"name": "argocd-cm"}
    assert all(re.fullmatch(r"[-._a-zA-Z0-9]+", key) for key in patch["data"])
