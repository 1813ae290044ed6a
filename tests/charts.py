"""helm, and what it makes of the chart of this checkout; no cluster is needed for it."""

import json
import os
import subprocess
from typing import Any

import yaml

from cluster.binaries import Binaries
from cluster.places import CHECKOUT, cache_folder

Json = dict[str, Any]

CHART = CHECKOUT / "charts" / "mlz-operator"


def helm(*words: str, values: Json | None = None) -> subprocess.CompletedProcess[str]:
    """Run helm, and build it first where it is not; it reads ``values`` from its input."""
    binaries = Binaries(cache_folder(os.environ), os.environ)
    binaries.ensure(["helm"])
    given = ["--values", "-"] if values is not None else []
    return subprocess.run(
        [str(binaries.path("helm")), *words, *given],
        input=json.dumps(values),
        capture_output=True,
        text=True,
        timeout=120,
    )


def render(values: Json | None = None, *options: str, namespace: str = "mlz-system") -> list[Json]:
    """The objects of a release ``mlz``."""
    place = f"--namespace={namespace}"
    answer = helm("template", "mlz", str(CHART), place, *options, values=values or {})
    assert answer.returncode == 0, answer.stderr
    return [one for one in yaml.safe_load_all(answer.stdout) if one]
