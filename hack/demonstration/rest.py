"""
The last chapter: the same by REST, as an application written for MLz does it, all by curl.

Every command that a reader could type is printed before it runs; `kubectl get --watch` beside it
shows that both see the same world.
"""

import base64
import json
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cluster.places import CHECKOUT
from cluster.progress import say
from demonstration import models
from demonstration.shell import forwarded, quiet
from stack.bringup import NAMESPACE as SYSTEM
from stack.bringup import RELEASE, REST_NAMESPACE, kubernetes_environment

SERVICE = f"{RELEASE}-rest"
USER = "demo"
NAME = "Credit score by REST"
_AUTHORITY = models.FOLDER / "rest-ca.crt"

Json = dict[str, Any]


class Api:
    """The facade behind a port-forward, spoken to by curl."""

    def __init__(self, port: int) -> None:
        self._base = f"https://localhost:{port}"
        self._token = ""

    def log_in(self, name: str, password: str) -> None:
        """POST /auth/generateToken."""
        body = json.dumps({"username": name, "password": password})
        words = ["-H", "Content-Type: application/json", "-d", body]
        found = self._curl(words, "/auth/generateToken", hide=password)
        self._token = found["token"]

    def get(self, path: str) -> Any:
        """A document."""
        return self._curl([], path)

    def send(self, method: str, path: str, body: Any) -> Any:
        """A JSON body, and the answer."""
        words = ["-X", method, "-H", "Content-Type: application/json", "-d", json.dumps(body)]
        return self._curl(words, path)

    def upload(self, path: str, file: Path, metadata: Json | None = None) -> Any:
        """A model file."""
        parts = [] if metadata is None else ["-F", f"metadata={json.dumps(metadata)}"]
        return self._curl([*parts, "-F", f"file=@{file.relative_to(CHECKOUT)}"], path)

    def delete(self, path: str) -> None:
        """DELETE; 204 has no document."""
        self._curl(["-X", "DELETE"], path)

    def _curl(self, words: list[str], path: str, hide: str = "") -> Any:
        ca = str(_AUTHORITY.relative_to(CHECKOUT))
        told = ["curl", *words, path]
        if self._token:
            told[1:1] = ["-H", "Authorization: Bearer $TOKEN"]
            words = ["-H", f"Authorization: Bearer {self._token}", *words]
        told = [one.replace(hide, "…") if hide else one for one in told]
        say("$ " + " ".join(f"'{one}'" if " " in one or "{" in one else one for one in told))
        try:
            answer = quiet(
                ["curl", "--silent", "--show-error", "--fail-with-body", "--cacert", ca,
                 "--globoff", *words, f"{self._base}{path}"]
            )  # fmt: skip
        except subprocess.CalledProcessError as error:  # as it was shown: without the secrets
            raise subprocess.CalledProcessError(error.returncode, told) from None
        return json.loads(answer) if answer.strip() else None


def tell() -> None:
    """Log in, import, deploy, score, update to another schema, delete."""
    title = "The same by REST, as MLz's clients do it (PMML)"
    say(f"\n── {title} " + "─" * (70 - len(title)))
    password = _user()
    _write_authority()
    with forwarded(f"svc/{SERVICE}", SYSTEM, 443) as port, _watching():
        api = Api(port)
        api.log_in(USER, password)
        clear(api)
        _story(api)


def _story(api: Api) -> None:
    metadata = {"name": NAME, "engineType": "pmml", "description": "German credit data"}
    model = api.upload("/v3/ml_assets/models", models.FOLDER / "credit.pmml", metadata)
    guid, version = model["metadata"]["guid"], model["entity"]["model_version"]
    say(f"  model {guid}, version {version['versionSeq']}: {version['guid']}")
    group = api.get("/v3/deployments/scoring")["resources"][0]["metadata"]["guid"]
    info = {"scoringGroupId": group, "engineType": "pmml", "artifactVersionHref": version["url"]}
    body = {"type": "online", "name": NAME, "deploy_info": info}
    deployment = api.send("POST", f"/v3/published_models/{guid}/deployments", body)
    path = f"/v3/published_models/{guid}/deployments/{deployment['metadata']['guid']}"
    say(f"  {deployment['entity']['status']}: {deployment['entity']['scoring_url']}")
    _score(api, deployment, models.NUMBERS)

    second = api.upload(f"/v3/ml_assets/models/{guid}/versions", models.FOLDER / "credit-2.pmml")
    href = second["entity"]["model_version"]["url"]
    change = [{"op": "replace", "path": "/deploy_info/artifactVersionHref", "value": href}]
    answer = api.send("PATCH", f"{path}?sync=true", change)
    say(f"  {answer['entity']['status']}: {answer['entity']['status_message']['text']}")
    _score(api, deployment, models.MORE_NUMBERS)
    api.delete(path)
    api.delete(f"/v3/ml_assets/models/{guid}")


def _score(api: Api, deployment: Json, names: tuple[str, ...]) -> None:
    """Through the facade's v4 form, which hands the request on to the scoring pods."""
    rows = [row for _, row in models.credit_records(3)]
    values = [[row[name] for name in names] for row in rows]
    body = {"input_data": [{"fields": list(names), "values": values}]}
    guid = deployment["metadata"]["guid"]
    answer = api.send("POST", f"/ml/v4/deployments/{guid}/predictions", body)
    for one in answer["predictions"]:
        for value in one["values"]:
            say(f"  {dict(zip(one['fields'], value, strict=True))}")


def clear(api: Api) -> None:
    """What an interrupted demo has left."""
    for deployment in api.get("/v3/deployments")["resources"]:
        if deployment["entity"]["name"] == NAME:
            api.delete(urlsplit(deployment["metadata"]["url"]).path)
    for model in api.get("/v3/ml_assets/models")["resources"]:
        if model["entity"]["name"] == NAME:
            api.delete(f"/v3/ml_assets/models/{model['metadata']['guid']}")


def _user() -> str:
    """A user with a password of chance; one of an earlier demo gets it as a new one."""
    password = secrets.token_urlsafe(18)
    there = [one["name"] for one in json.loads(quiet(_mlz_user("list", "-o", "json")))]
    words = ["passwd", USER] if USER in there else ["add", USER, "--role", "mladm"]
    command = _mlz_user(*words, "--password-stdin")
    say(f"$ {' '.join(command)} < password")
    subprocess.run(
        command, cwd=CHECKOUT, env=kubernetes_environment(), input=password, text=True, check=True
    )
    return password


def _mlz_user(*words: str) -> list[str]:
    return [".venv/bin/mlz", "user", *words, "-n", SYSTEM, "--secret", SERVICE]


def _write_authority() -> None:
    """The certificate that the chart has signed itself."""
    path = "jsonpath={.data.ca\\.crt}"
    packed = quiet(["kubectl", "-n", SYSTEM, "get", "secret", f"{SERVICE}-tls", "-o", path])
    _AUTHORITY.write_bytes(base64.b64decode(packed))


@contextmanager
def _watching() -> Iterator[None]:
    """What kubectl sees meanwhile."""
    watch = ["kubectl", "-n", REST_NAMESPACE, "get", "mlzd", "--watch"]
    say(f"$ {' '.join(watch)} &")
    watcher = subprocess.Popen(
        watch, cwd=CHECKOUT, env=kubernetes_environment(), stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        watcher.terminate()
        watcher.wait()
