"""
What schemathesis is told beside `schemathesis.toml`: ids that exist, and a check of our own.

Most ids that it draws name nothing. So half of its valid requests get those of a model, a version,
a deployment and a scoring service that there are.
"""

import json
import os
import random
from typing import Any

import schemathesis

IDS: dict[str, str] = json.loads(os.environ["MLZ_TEST_IDS"])
HREF = "/v3/ml_assets/models/{model_id}/versions/{version_id}".format(**IDS)
_random = random.Random(20260301)


@schemathesis.hook
def before_call(context: Any, case: Any, **_: Any) -> None:
    is_valid = case.meta is not None and case.meta.generation.mode.is_positive
    # Steps of a sequence have ids of the steps before.
    if not is_valid or case.meta.phase.name.value == "stateful" or _random.random() < 0.5:
        return
    if case.method != "DELETE":
        for name in case.path_parameters or {}:
            case.path_parameters[name] = IDS[name]
    if case.operation.label.endswith("/deployments") and isinstance(case.body, dict):
        info = case.body["deploy_info"]
        info |= {"scoringGroupId": IDS["guid"], "artifactVersionHref": HREF, "engineType": "onnx"}


@schemathesis.check
def no_fault_of_ours(context: Any, response: Any, case: Any) -> None:
    """A documented 500 is a refusal; `internal` never is."""
    if response.status_code >= 500 and response.json()["code"] == "internal":
        raise AssertionError(response.text)
