"""
The REST API as the chart installs it: through TLS, from a model file to an update, and who may
score with which token.
"""

import base64
import json
import secrets
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from e2e.kubectl import Kubectl
from e2e.models import SYSTEM, Models
from e2e.places import Place
from e2e.waiting import until
from mlz.cluster.client import KubeClient

SERVICE = "mlz-rest"
MODELS = "/v3/ml_assets/models"
ROLES = ("sysadm", "mladm", "devuser", "apiuser", "appuser")
NAME = f"e2e {secrets.token_hex(4)}"


class Api:
    """One user of the facade."""

    def __init__(self, client: httpx.Client, name: str, role: str) -> None:
        self._client = client
        password = secrets.token_urlsafe(18)
        _mlz_user("add", name, "--role", role, "--password-stdin", given=password)
        answer = client.post("/auth/generateToken", json={"username": name, "password": password})
        assert answer.status_code == 200, answer.text
        self.token: str = answer.json()["token"]

    def __call__(self, method: str, path: str, status: int, **options: Any) -> Any:
        """The document of an answer of that status."""
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = self._client.request(method, path, headers=headers, **options)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None


@pytest.fixture(scope="module")
def https(kubectl: Kubectl) -> Iterator[httpx.Client]:
    """TLS by the chart's own certificate, which is verified."""
    secret = kubectl.json("-n", SYSTEM, "get", "secret", f"{SERVICE}-tls")
    authority = base64.b64decode(secret["data"]["ca.crt"]).decode()
    context = ssl.create_default_context(cadata=authority)
    with (
        kubectl.forwarded(SYSTEM, f"svc/{SERVICE}", 443) as port,
        httpx.Client(
            base_url=f"https://localhost:{port}", verify=context, timeout=150, trust_env=False
        ) as made,
    ):
        yield made


@pytest.fixture(scope="module")
def users(https: httpx.Client) -> dict[str, Api]:
    """One of each role."""
    return {role: Api(https, f"e2e-{role}-{secrets.token_hex(3)}", role) for role in ROLES}


@pytest.fixture(scope="module")
def rest_place(kubectl: Kubectl, client: KubeClient) -> Place:
    """The namespace of the facade."""
    return Place(kubectl, client, "mlz-models")


def test_from_a_model_file_to_an_update_with_a_warning(
    users: dict[str, Api], models: Models, rest_place: Place
) -> None:
    ada, path = users["mladm"], models.made("pmml").path
    metadata = json.dumps({"name": NAME, "engineType": "pmml"})
    model = _imported(ada, MODELS, path, metadata=metadata)
    guid, version = model["metadata"]["guid"], model["entity"]["model_version"]
    group = ada("GET", "/v3/deployments/scoring", 200)["resources"][0]["metadata"]["guid"]
    info = {"scoringGroupId": group, "engineType": "pmml", "artifactVersionHref": version["url"]}
    body = {"type": "online", "name": NAME, "deploy_info": info}

    made = ada("POST", f"/v3/published_models/{guid}/deployments", 201, json=body)

    assert made["entity"]["status"] == "ACTIVE"
    where = f"/v3/published_models/{guid}/deployments/{made['metadata']['guid']}"
    records = models.made("pmml").records[:2]
    _who_may_score(users, rest_place, made, records)

    narrower = path.with_name("narrower.pmml")
    narrower.write_text(_with_another_field(path.read_text()))
    second = _imported(ada, f"{MODELS}/{guid}/versions", narrower)
    href = second["entity"]["model_version"]["url"]
    change = [{"op": "replace", "path": "/deploy_info/artifactVersionHref", "value": href}]
    planned = ada("POST", f"{where}/validate", 200, json=change)
    answer = ada("PATCH", where, 200, json=change)
    assert planned["verdict"] == "Incompatible"
    assert answer["entity"]["status"] == "updating"
    assert answer["entity"]["status_message"]["text"].startswith("The input schema of the asset")
    until(lambda: ada("GET", where, 200)["entity"]["status"] == "ready", "it is ready", 120)

    ada("DELETE", f"{MODELS}/{guid}", 409)
    ada("DELETE", where, 204)
    until(lambda: not rest_place.run("get", "pods", "-o", "name"), "its pods are gone", 120)
    ada("DELETE", f"{MODELS}/{guid}", 204)
    assert NAME not in rest_place.run("get", "mlz", "-o", "yaml")


def _who_may_score(
    users: dict[str, Api], place: Place, deployment: dict[str, Any], records: list[Any]
) -> None:
    guid = deployment["metadata"]["guid"]
    name = deployment["entity"]["scoring_url"].removeprefix("http://").split(".")[0]
    address = place.address(name)
    place.run("create", "serviceaccount", "caller", check=False)
    own = place.run("create", "token", "caller", "--audience=mlz-scoring").strip()
    plain = place.run("create", "token", "caller").strip()
    words = ("-n", SYSTEM, "create", "token", "default", "--audience=mlz-scoring")
    foreign = place.kubectl(*words).stdout.strip()
    expected = {
        None: 401,
        "nonsense": 401,
        users["sysadm"].token: 200,
        users["mladm"].token: 200,
        users["appuser"].token: 200,
        users["devuser"].token: 403,
        users["apiuser"].token: 403,
        own: 200,
        plain: 401,
        foreign: 403,
    }

    found = {token: _status(address, guid, token, records) for token in expected}

    assert found == expected
    place.run("delete", "service", f"{name}-outside")


def _imported(api: Api, where: str, path: Path, **metadata: str) -> Any:
    with path.open("rb") as stream:
        return api("POST", where, 201, data=metadata, files={"file": (path.name, stream)})


def _status(address: str, guid: str, token: str | None, records: list[Any]) -> int:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return httpx.post(
        f"{address}/iml/v2/scoring/online/{guid}",
        json=records,
        headers=headers,
        timeout=30,
        trust_env=False,
    ).status_code


def _with_another_field(pmml: str) -> str:
    """The same model, one of its inputs by another name."""
    return pmml.replace("age_in_years", "age_in_decades")


def _mlz_user(*words: str, given: str = "") -> None:
    command = [str(Path(sys.executable).with_name("mlz")), "user", *words]
    answer = subprocess.run(
        [*command, "-n", SYSTEM, "--secret", SERVICE], input=given, text=True, capture_output=True
    )
    assert answer.returncode == 0, answer.stderr
