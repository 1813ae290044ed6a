"""Scripts of ours as Argo CD runs them: the answer of a health check, the patch of an action."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from charts import CHART
from cluster.binaries import Binaries
from cluster.places import cache_folder

ARGOCD = CHART / "argocd"
SCRIPTS = ARGOCD / "mlz.dev"
ACTION_SCRIPTS = SCRIPTS / "MLzDeployment" / "actions"
ACTIONS = {"suspend", "resume", "acknowledge-schema-change", "scale"}

Json = dict[str, Any]


def run_lua(script: Path, body: Json, *parameters: str) -> subprocess.CompletedProcess[str]:
    program = Binaries(cache_folder(os.environ), os.environ).path("argolua")
    assert program.exists(), "argolua is not built; python3 hack/cluster build argolua does it"
    return subprocess.run(
        [str(program), str(script), *parameters],
        input=json.dumps(body),
        capture_output=True,
        text=True,
        timeout=10,
    )


def lua(script: Path, body: Json, *parameters: str) -> Json:
    answer = run_lua(script, body, *parameters)
    assert answer.returncode == 0, answer.stderr
    returned: Json = json.loads(answer.stdout)
    return returned


def health(body: Json) -> tuple[str, str]:
    answer = lua(SCRIPTS / body["kind"] / "health.lua", body)
    return answer["status"], answer.get("message", "")


def enabled_actions(body: Json) -> set[str]:
    found = lua(ACTION_SCRIPTS / "discovery.lua", body)
    assert set(found) == ACTIONS
    return {name for name, action in found.items() if not action.get("disabled")}


def patch_of_action(name: str, body: Json, *parameters: str) -> Json:
    """What Argo CD sends to the API server; it restores empty objects, which Lua cannot know."""
    returned = lua(ACTION_SCRIPTS / name / "action.lua", body, *parameters)
    return merge_patch(with_empty_tables(body), returned)


def with_empty_tables(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: with_empty_tables(one) for key, one in value.items()} or []
    return [with_empty_tables(one) for one in value] if isinstance(value, list) else value


def merge_patch(before: Json, after: Json) -> Json:
    """RFC 7386."""
    patch: Json = {}
    for key in before.keys() | after.keys():
        old, new = before.get(key), after.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            new = merge_patch(old, new)
            old = {}
        if old != new:
            patch[key] = new
    return patch
