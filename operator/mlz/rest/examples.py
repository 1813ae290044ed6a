"""An example for every operation of /openapi.json; those that IBM prints are IBM's values."""

from typing import Any

from mlz.rest.problems import ROWS, Code
from mlz.rest.shapes import EXAMPLE_DEPLOYMENT, EXAMPLE_MODEL, EXAMPLE_SERVICE, EXAMPLE_VERSION

_BASE = "https://mlz.example.com"
_HREF = f"/v3/ml_assets/models/{EXAMPLE_MODEL}/versions/{EXAMPLE_VERSION}"
_TIME = "2026-03-01T06:50:25.387Z"
_DEPLOYMENT_URL = f"{_BASE}/v3/published_models/{EXAMPLE_MODEL}/deployments/{EXAMPLE_DEPLOYMENT}"


def error(code: Code) -> dict[str, Any]:
    """An error answer."""
    return {
        "code": code.value,
        "message": ROWS[code].meaning,
        "requestId": "5f0c1b9e4d2a4c6f8a7b3e1d9c0f2a4b",
    }


BODIES: dict[str, Any] = {
    "Credentials": {"username": "alice", "password": "correct horse battery"},
    "CreateDeployment": {
        "type": "online",
        "name": "CVT-online",
        "description": "This is online deployment created for tests",
        "author": {"name": "John Smith", "email": "john.smith@example.com"},
        "deploy_info": {
            "scoringGroupId": EXAMPLE_SERVICE,
            "engineType": "onnx",
            "artifactVersionHref": _HREF,
        },
    },
    "Patch[]": [{"op": "replace", "path": "/deploy_info/artifactVersionHref", "value": _HREF}],
    "V4Patch[]": [{"op": "replace", "path": "/asset", "value": {"id": EXAMPLE_VERSION}}],
    "ServicePatch[]": [{"op": "replace", "path": "/replicas", "value": 3}],
    "CreateScoringService": {"name": "production", "type": "cluster", "replicas": 2},
    "Scoring": {"input_data": [{"fields": ["age", "income"], "values": [[42, 51000]]}]},
}

_DEPLOYMENT: dict[str, Any] = {
    "metadata": {
        "url": _DEPLOYMENT_URL,
        "guid": EXAMPLE_DEPLOYMENT,
        "modified_at": _TIME,
        "model_status": [],
        "created_at": _TIME,
    },
    "entity": {
        "author": {"email": "john.smith@example.com", "name": "John Smith"},
        "deploy_info": {
            "artifactVersionHref": _HREF,
            "engineType": "onnx",
            "nextFire": "0",
            "scheduleStatus": "",
            "scoringGroupId": EXAMPLE_SERVICE,
            "versionSeq": "1",
        },
        "deployed_version": {"guid": EXAMPLE_VERSION, "url": _HREF},
        "description": "This is online deployment created for tests",
        "model_type": "onnx",
        "name": "CVT-online",
        "published_model": {
            "author": {"name": "alice"},
            "created_at": _TIME,
            "description": "",
            "guid": EXAMPLE_MODEL,
            "name": "churn",
            "url": f"{_BASE}/v3/published_models/{EXAMPLE_MODEL}",
        },
        "runtime_environment": "onnx",
        "scoring_url": "http://cvt-online.mlz-models.svc:8080/iml/v2/scoring/online/"
        + EXAMPLE_DEPLOYMENT,
        "status": "ACTIVE",
        "type": "online",
    },
}
_MODEL: dict[str, Any] = {
    "metadata": {
        "guid": EXAMPLE_MODEL,
        "url": f"{_BASE}/v3/ml_assets/models/{EXAMPLE_MODEL}",
        "created_at": _TIME,
        "modified_at": _TIME,
    },
    "entity": {
        "author": {"name": "alice"},
        "description": "",
        "engineType": "onnx",
        "framework": {"name": "onnx", "version": "1.16", "runtimes": [{"name": "onnx"}]},
        "inspection": {"state": "accepted"},
        "model_type": "standard",
        "model_url": f"{_BASE}/v3/ml_assets/models/{EXAMPLE_MODEL}",
        "model_version": {"guid": EXAMPLE_VERSION, "url": _HREF, "versionSeq": "1"},
        "name": "churn",
        "versionSeq": "1",
    },
}
_SERVICE: dict[str, Any] = {
    "metadata": {
        "guid": EXAMPLE_SERVICE,
        "url": f"{_BASE}/v3/deployments/scoring/{EXAMPLE_SERVICE}",
        "created_at": _TIME,
        "modified_at": _TIME,
    },
    "entity": {"name": "default", "type": "standard", "active": True},
}
_V4: dict[str, Any] = {
    "metadata": {"id": EXAMPLE_DEPLOYMENT, "name": "CVT-online", "created_at": _TIME},
    "entity": {"asset": {"id": EXAMPLE_VERSION}, "status": {"state": "ready"}},
}

ANSWERS: dict[str, Any] = {
    "Token": {"token": "eyJ0eXAiOiJKV1QiLCJhbGciOiJFZERTQSJ9.e30.c2lnbmF0dXJl"},
    "KeySet": {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiM"}]},
    "Deployment": _DEPLOYMENT,
    "Deployments": {"count": 1, "resources": [_DEPLOYMENT]},
    "Model": _MODEL,
    "Models": {"count": 1, "resources": [_MODEL]},
    "ScoringService": _SERVICE,
    "ScoringServices": {"count": 1, "resources": [_SERVICE]},
    "Verdict": {"verdict": "Identical", "changes": [], "diffDigest": None},
    "V4Deployment": _V4,
    "V4Deployments": {"resources": [_V4]},
    "Predictions": {"predictions": [{"fields": ["prediction"], "values": [[1]]}]},
    "Live": {"live": True},
}
