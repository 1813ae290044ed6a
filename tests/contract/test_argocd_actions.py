"""What Argo CD offers to do to a deployment, and what it then sends to the API server."""

from collections.abc import Callable

import pytest

from builders import a_condition, a_deployment_body, a_status
from contract import argocd_stories as stories
from contract.argocd_lua import ACTION_SCRIPTS, Json, enabled_actions, patch_of_action, run_lua

ACKNOWLEDGED = "mlz.dev/acknowledge-schema-change"
AWAITS = a_condition("Ready", "False", "AwaitingAcknowledgement")

OFFERED: list[tuple[Callable[[], Json], set[str]]] = [
    (stories.a_deployment_that_nobody_has_seen, {"suspend", "scale"}),
    (stories.a_first_asset_that_serves, {"suspend", "scale"}),
    (stories.an_update_on_its_way, {"suspend", "scale"}),
    (stories.an_update_that_waits, {"suspend", "scale", "acknowledge-schema-change"}),
    (stories.an_update_that_was_acknowledged, {"suspend", "scale"}),
    (stories.a_bad_first_asset, {"suspend", "scale"}),
    (stories.a_suspended_deployment, {"resume", "scale"}),
    (stories.a_resumed_deployment, {"suspend", "scale"}),
    (dict, {"suspend", "scale"}),
]


@pytest.mark.parametrize(
    ("story", "offered"),
    [pytest.param(*row, id=row[0].__name__.replace("_", " ")) for row in OFFERED],
)
def test_actions_of_what_the_operator_reports(story: Callable[[], Json], offered: set[str]) -> None:
    assert enabled_actions(story()) == offered


@pytest.mark.parametrize("name", stories.EXPECTED)
def test_actions_of_a_recorded_resource(name: str) -> None:
    offered = stories.EXPECTED[name]["actions"]

    assert enabled_actions(stories.recorded(name)) == set(offered)


PATCHES: list[tuple[str, tuple[str, ...], Json]] = [
    ("suspend", (), {"spec": {"suspend": True}}),
    ("scale", ("replicas=3",), {"spec": {"replicas": 3}}),
]


@pytest.mark.parametrize("name", [name for name in stories.EXPECTED if name != "is-suspended"])
@pytest.mark.parametrize(("action", "parameters", "patch"), PATCHES)
def test_an_action_changes_its_field_and_nothing_else(
    action: str, parameters: tuple[str, ...], patch: Json, name: str
) -> None:
    assert patch_of_action(action, stories.recorded(name), *parameters) == patch


def test_empty_objects_survive_an_action() -> None:
    body = a_deployment_body(nodeSelector={}, env=[], status=a_status(schema={}, conditions=[]))

    assert patch_of_action("suspend", body) == {"spec": {"suspend": True}}


def test_a_resumed_deployment_is_as_if_it_had_never_been_suspended() -> None:
    body = stories.a_suspended_deployment()

    assert patch_of_action("resume", body) == {"spec": {"suspend": None}}


@pytest.mark.parametrize("annotations", [None, {}, {"a": "b"}, {ACKNOWLEDGED: "sha256:older"}])
def test_an_acknowledgement_is_of_exactly_this_difference(annotations: Json | None) -> None:
    meta = {} if annotations is None else {"annotations": annotations}
    status = a_status("updating", conditions=[AWAITS], schema={"diffDigest": "sha256:d1ff"})
    body = a_deployment_body(status=status, meta=meta)

    assert "acknowledge-schema-change" in enabled_actions(body)
    patch = patch_of_action("acknowledge-schema-change", body)

    assert patch == {"metadata": {"annotations": {ACKNOWLEDGED: "sha256:d1ff"}}}
    body["metadata"]["annotations"] = patch["metadata"]["annotations"]
    assert "acknowledge-schema-change" not in enabled_actions(body)


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("acknowledge-schema-change", (), "there is no schema change to acknowledge"),
        ("scale", (), "replicas must be a number, got 'nil'"),
        ("scale", ("replicas=many",), "replicas must be a number, got 'many'"),
    ],
)
def test_an_action_that_makes_no_sense_says_so(
    name: str, parameters: tuple[str, ...], message: str
) -> None:
    answer = run_lua(ACTION_SCRIPTS / name / "action.lua", a_deployment_body(), *parameters)

    assert answer.returncode == 1
    assert message in answer.stderr
