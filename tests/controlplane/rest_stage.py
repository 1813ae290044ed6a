"""
What a test of the REST API over HTTP begins with: the real operator and the real facade in one
namespace, users of every role, models to deploy, and callers whose answers are held to their shape.
"""

import hashlib
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from cluster.controlplane import ControlPlane
from controlplane.facades import (
    ISSUER,
    PASSWORD,
    Caller,
    FacadeProcess,
    Facades,
    installed_facades,
    logged_in,
)
from controlplane.operators import Admin, Kubelet, Manifest, installed, resource, until, well
from mlz.api.names import ANNOTATION_CREATED_BY
from mlz.errors import Reason
from mlz.model.asset import EngineType, Inspection
from mlz.model.schema import FieldType, InputField, OutputField, Schema
from mlz.rest import shapes
from mlz.rest.identity.account import Account, account_data, read_account
from mlz.rest.identity.passwords import Passwords
from mlz.rest.identity.roles import Caller as Identity
from mlz.rest.identity.roles import Role
from mlz.rest.identity.tokens import Terms, issue
from mlz.rest.identity.users import NewUser, added
from mlz.rest.routes import access, deployments, models, services, watsonx
from unit.rest.importing import ModelStore, RegistryServer

# Names of users, and what they are; two of a kind where one owns and the other does not.
USERS = {
    "root": Role.SYSADM,
    "ada": Role.MLADM,
    "dev": Role.DEVUSER,
    "wmlz11": Role.APIUSER,
    "stranger": Role.APIUSER,
    "app": Role.APPUSER,
}
_ROUTES = [
    route for one in (access, deployments, models, services, watsonx) for route in one.routes.routes
]
_TEMPLATE = re.compile(r"\{[a-z_]+\}")
_INTERNALS = re.compile(r'Traceback|File "|<html|<!doctype|site-packages|\.py\b', re.IGNORECASE)


def schema(*names: str) -> Schema:
    """Of a model that asks for numbers of these names."""
    inputs = [InputField(name=one, type=FieldType.DOUBLE, required=True) for one in names]
    outputs = [OutputField(name="prediction", type=FieldType.DOUBLE)]
    return Schema(inputs=tuple(inputs), outputs=tuple(outputs), classes=("no", "yes"))


SCHEMA = schema("age")
ANOTHER_SCHEMA = schema("age", "income")


class StrictCaller(Caller):
    """A caller who looks at each answer: its type, its status and its shape."""

    def __call__(self, method: str, path: str, **options: Any) -> httpx.Response:
        response = super().__call__(method, path, **options)
        check_answer(response)
        return response


def check_answer(response: httpx.Response) -> None:
    """Hold an answer to its shape in ``mlz.rest.shapes``, a refusal to that of all refusals."""
    assert _INTERNALS.search(response.text) is None, response.text
    if response.status_code == 204:
        assert not response.content
        return
    assert response.headers["content-type"] == "application/json"
    if response.is_success:
        _check_shape(response)
        return
    document = response.json()
    shapes.Error.model_validate_json(response.content, strict=True)
    assert document["message"].strip()
    assert document["requestId"] == response.headers["x-request-id"]


def _check_shape(response: httpx.Response) -> None:
    request = response.request
    for route in _ROUTES:
        pattern = _TEMPLATE.sub("[^/]+", route.path)
        if re.fullmatch(pattern, request.url.path) and request.method in route.methods:
            # An answer with a status that /openapi.json does not tell of is wrong as well.
            shape = route.responses[response.status_code]["model"]
            shape.model_validate_json(response.content, strict=True)
            return
    raise AssertionError(f"no route for {request.method} {request.url.path}")


@dataclass(frozen=True, slots=True)
class Version:
    """A model version of a test, by its names and guids."""

    name: str
    guid: str
    model: str
    model_guid: str
    engine_type: str

    @property
    def href(self) -> str:
        return f"/v3/ml_assets/models/{self.model_guid}/versions/{self.guid}"

    @property
    def deployments(self) -> str:
        return f"/v3/published_models/{self.model_guid}/deployments"


@dataclass(slots=True)
class RestStage:
    """
    All of it, in one namespace.

    Attributes:
        group: guid of the scoring service ``default``.
        found: what inspection finds, by the sha256 of the asset.
    """

    admin: Admin
    facades: Facades
    facade: FacadeProcess
    store: ModelStore
    found: dict[str, Inspection]
    group: str = ""
    callers: dict[str, Caller] = field(default_factory=dict)

    def as_(self, user: str) -> Caller:
        """A user of ``USERS`` who has logged in."""
        if user not in self.callers:
            with logged_in(self.facade, user) as known:
                token = known.http.headers["authorization"].partition(" ")[2]
            self.callers[user] = StrictCaller(self.facade.url, token)
        return self.callers[user]

    def bearer(self, token: str | None) -> Caller:
        """Somebody with that token, or without any."""
        return StrictCaller(self.facade.url, token)

    def token(self, user: str, *, age_seconds: float = 0, **terms: Any) -> str:
        """A token as the facade's own key signs it."""
        key = next(one for one in self.account().keys if one.state == "active")
        identity = Identity(user, USERS[user], "mlz")
        now = time.time() - age_seconds
        return issue(identity, key, Terms(**{"issuer": ISSUER} | terms), now, "of-a-test")

    def model(self, name: str, owner: str | None = "wmlz11", **spec: Any) -> str:
        """A model that one of the users owns; its guid."""
        body = resource("MLzModel", name, spec)
        if owner is not None:
            body["metadata"]["annotations"] = {ANNOTATION_CREATED_BY: owner}
        return str(self.admin.apply(body)["metadata"]["uid"])

    def version(
        self,
        name: str,
        model: str,
        finds: Schema | Inspection = SCHEMA,
        engine_type: str = "pmml",
    ) -> Version:
        """A version of a model that is there, and what its inspection finds."""
        digest = hashlib.sha256(name.encode()).hexdigest()
        engine = {"engine_type": EngineType(engine_type)}
        if isinstance(finds, Schema):
            finds = well(digest, finds).model_copy(update=engine)
        self.found[digest] = finds
        artifact = {"uri": f"https://store.example.com/{name}", "sha256": digest}
        spec = {"model": model, "artifact": artifact, "engineType": engine_type}
        made = self.admin.apply(resource("MLzModelVersion", name, spec))
        parent = self.admin.request("GET", self.admin.path("MLzModel", model))
        uids = made["metadata"]["uid"], parent["metadata"]["uid"]
        return Version(name, uids[0], model, uids[1], engine_type)

    def refuse(self, content: bytes, reason: Reason, message: str) -> None:
        """Inspection will refuse these bytes."""
        digest = hashlib.sha256(content).hexdigest()
        self.found[digest] = Inspection(reason=reason, message=message)

    def create_body(self, version: Version, name: str, **deploy_info: Any) -> Manifest:
        """The least that creates a deployment."""
        info = {
            "scoringGroupId": self.group,
            "engineType": version.engine_type,
            "artifactVersionHref": version.href,
        }
        return {"type": "online", "name": name, "deploy_info": info | deploy_info}

    def deploy(self, version: Version, name: str, **more: Any) -> str:
        """A deployment that serves; its path."""
        body = self.create_body(version, name) | more
        response = self.as_("ada")("POST", version.deployments, json=body)
        assert response.status_code == 201, response.text
        assert response.json()["entity"]["status"] == "ACTIVE", response.text
        return f"{version.deployments}/{response.json()['metadata']['guid']}"

    def state(self, path: str) -> str:
        """The state of a deployment of a v3 path."""
        return str(self.as_("ada")("GET", path).json()["entity"]["status"])

    def becomes(self, path: str, state: str) -> Manifest:
        """Poll as clients do, until a deployment has that state; its document."""
        until(lambda: self.state(path) == state, f"{path} is {state}")
        document: Manifest = self.as_("ada")("GET", path).json()
        return document

    def account(self) -> Account:
        return read_account(self.admin.request("GET", self._secret).get("data") or {})

    def add_users(self) -> None:
        """In one go, for a command each takes its time; ``mlz user`` has tests of its own."""
        hashed, account = Passwords(secrets.token_bytes).hashed(PASSWORD, "x"), self.account()
        for name, role in USERS.items():
            account = added(account, NewUser(name, hashed, role), 0)
        merge = {"Content-Type": "application/merge-patch+json"}
        self.admin.request("PATCH", self._secret, {"data": account_data(account)}, **merge)

    @property
    def _secret(self) -> str:
        return f"/api/v1/namespaces/{self.admin.namespace}/secrets/mlz-rest"


@contextmanager
def rest_stage(
    plane: ControlPlane, kubectl: Callable[..., Any], namespace: str, folder: Path
) -> Iterator[RestStage]:
    """Everything runs, and the users can log in."""
    kubectl("create", "namespace", namespace)
    found: dict[str, Inspection] = {}
    (folder / "operator").mkdir()
    with ExitStack() as stack:
        home = stack.enter_context(installed(plane, kubectl, namespace, folder / "operator"))
        inspect = lambda digest: found.get(digest) or well(digest)  # noqa: E731
        stack.enter_context(Kubelet(home.admin, inspect))
        server = stack.enter_context(RegistryServer())
        made = stack.enter_context(
            installed_facades(plane, kubectl, namespace, folder / "rest", MLZ_REGISTRY=server.host)
        )
        home.start()
        facade = made.start(MLZ_WAIT_SECONDS="40", MLZ_BODY_TIMEOUT_SECONDS="3")
        stage = RestStage(home.admin, made, facade, ModelStore(server), found)
        stage.add_users()
        until(home.leader, "somebody leads")
        service = home.admin.request("GET", home.admin.path("MLzScoringService", "default"))
        stage.group = service["metadata"]["uid"]
        yield stage
        for caller in stage.callers.values():
            caller.http.close()
