"""
Who may do what, as a caller over HTTP finds it: five roles, every operation, own and other things;
and tokens that are none.

The facade alone, without an operator: what is allowed is asked for, not waited for.
"""

import json
import time
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from cluster.controlplane import ControlPlane
from controlplane.facades import ISSUER, ROLES, Caller, Facades, installed_facades, logged_in
from controlplane.operators import HEX, Admin, resource
from mlz.rest.identity.account import KeyState, SigningKey
from mlz.rest.identity.keys import active_key, new_jwk
from mlz.rest.identity.roles import MATRIX, Grant, Operation, Role
from mlz.rest.identity.roles import Caller as Identity
from mlz.rest.identity.tokens import Terms, issue

NAMESPACE = "rest-roles"
OTHER = "somebody"
PATCH = [{"op": "replace", "path": "/deploy_info/zaiu", "value": False}]


@dataclass(frozen=True)
class Things:
    """A model with a version and a deployment, all of one owner."""

    model: str
    version: str
    deployment: str

    @property
    def path(self) -> str:
        return f"/v3/published_models/{self.model}/deployments/{self.deployment}"

    @property
    def assets(self) -> str:
        return f"/v3/ml_assets/models/{self.model}"


Ask = Callable[[Caller, Things], Any]
ASKS: dict[Operation, Ask] = {
    Operation.CREATE_DEPLOYMENT: lambda one, its: one(
        "POST", f"/v3/published_models/{its.model}/deployments", json={"type": "online"}
    ),
    Operation.READ_DEPLOYMENT: lambda one, its: one("GET", its.path),
    Operation.LIST_DEPLOYMENTS: lambda one, its: one("GET", "/v3/deployments"),
    Operation.UPDATE_DEPLOYMENT: lambda one, its: one("PATCH", its.path, json=PATCH),
    Operation.VALIDATE_UPDATE: lambda one, its: one("POST", f"{its.path}/validate", json=PATCH),
    Operation.LIST_MODELS: lambda one, its: one("GET", "/v3/ml_assets/models"),
    Operation.READ_MODEL: lambda one, its: one("GET", its.assets),
    Operation.READ_VERSION: lambda one, its: one("GET", f"{its.assets}/versions/{its.version}"),
    Operation.LIST_VERSIONS: lambda one, its: one("GET", f"{its.assets}/versions"),
    Operation.IMPORT_MODEL: lambda one, its: one("POST", "/v3/ml_assets/models", data={"a": "b"}),
    Operation.IMPORT_VERSION: lambda one, its: one("POST", f"{its.assets}/versions"),
    Operation.READ_SCORING_SERVICES: lambda one, its: one("GET", "/v3/deployments/scoring"),
    Operation.WRITE_SCORING_SERVICES: lambda one, its: one(
        "POST", "/v3/deployments/scoring", json={}
    ),
    Operation.ADD_NODE: lambda one, its: one("POST", "/v3/deployments/ha/scoring/node"),
    Operation.SCORE: lambda one, its: one(
        "POST", f"/ml/v4/deployments/{its.deployment}/predictions", json={}
    ),
    # Last, for they leave nothing to ask about.
    Operation.DELETE_DEPLOYMENT: lambda one, its: one("DELETE", its.path),
    Operation.DELETE_MODEL: lambda one, its: one("DELETE", its.assets),
}
# Of these a caller gets what is his, not a refusal.
LISTS = {Operation.LIST_DEPLOYMENTS, Operation.LIST_MODELS}


@pytest.fixture(scope="module")
def facades(
    control_plane: ControlPlane,
    kubectl: Callable[..., Any],
    crds: list[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Facades]:
    kubectl("create", "namespace", NAMESPACE)
    folder = tmp_path_factory.mktemp("rest-roles")
    with installed_facades(control_plane, kubectl, NAMESPACE, folder, MLZ_WAIT_SECONDS="1") as made:
        for role in ROLES:
            made.add_user(f"the-{role}", role)
        made.start()
        yield made


@pytest.mark.parametrize("role", list(Role))
def test_a_role_may_do_what_the_table_says(facades: Facades, role: Role) -> None:
    admin, name = facades.admin, f"the-{role}"
    things = {owner: _things(admin, f"{role}-of-{owner}", owner) for owner in (name, OTHER)}

    with logged_in(facades.processes[0], name) as caller:
        found = {
            (operation, owner): _verdict(ask(caller, its))
            for operation, ask in ASKS.items()
            for owner, its in things.items()
        }

    assert found == {
        (operation, owner): _expected(operation, role, owner == name)
        for operation in ASKS
        for owner in things
    }


def test_every_operation_is_asked_for() -> None:
    assert set(ASKS) == set(Operation) == set(MATRIX)


def test_what_kubectl_made_is_nobodys(facades: Facades) -> None:
    its = _things(facades.admin, "of-nobody", None)

    with logged_in(facades.processes[0], "the-apiuser") as caller:
        assert _verdict(ASKS[Operation.READ_DEPLOYMENT](caller, its)) == "not_owner"
        listed = caller("GET", "/v3/deployments").json()["resources"]

    assert its.deployment not in {one["metadata"]["guid"] for one in listed}


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        pytest.param("none", 401, "ALNB102E", id="no token"),
        pytest.param("nonsense", 401, "ALNB102E", id="no JWT"),
        pytest.param("unsigned", 401, "ALNB102E", id="alg none"),
        pytest.param("forged", 401, "ALNB102E", id="of another key"),
        pytest.param("audience", 401, "ALNB102E", id="for somebody else"),
        pytest.param("issuer", 401, "ALNB102E", id="of somebody else"),
        pytest.param("early", 401, "ALNB102E", id="not valid yet"),
        pytest.param("expired", 401, "ALNB103E", id="expired"),
        pytest.param("removed", 401, "ALNB102E", id="of a user who is gone"),
    ],
)
def test_a_token_that_is_none_opens_nothing(
    facades: Facades, kind: str, status: int, code: str
) -> None:
    its = Things("m", "v", "d")
    with Caller(facades.processes[0].url, _token(facades, kind)) as caller:
        answers = [ask(caller, its) for ask in ASKS.values()]

    assert {(one.status_code, one.json()["code"]) for one in answers} == {(status, code)}
    assert all(one.headers["www-authenticate"].startswith("Bearer") for one in answers)


def _expected(operation: Operation, role: Role, own: bool) -> str:
    grant = MATRIX[operation].grant(role)
    if grant is Grant.NONE:
        return "ALNB101E"
    free = own or grant is Grant.ALL or operation in LISTS
    return "may" if free else "not_owner"


def _verdict(answer: Any) -> str:
    """Allowed is whatever is not refused for who asks."""
    if answer.status_code not in (401, 403):
        return "may"
    return str(answer.json()["code"])


def _things(admin: Admin, name: str, owner: str | None) -> Things:
    model = admin.apply(_owned(resource("MLzModel", name, {}), owner))
    artifact = {"uri": f"https://store.example.com/{name}.onnx", "sha256": HEX}
    spec = {"model": name, "artifact": artifact, "engineType": "onnx"}
    version = admin.apply(_owned(resource("MLzModelVersion", f"{name}-1", spec), owner))
    wanted = {
        "type": "online",
        "scoringService": "default",
        "engineType": "onnx",
        "asset": {"modelVersion": f"{name}-1"},
    }
    deployment = admin.apply(_owned(resource("MLzDeployment", name, wanted), owner))
    return Things(*(one["metadata"]["uid"] for one in (model, version, deployment)))


def _owned(manifest: dict[str, Any], owner: str | None) -> dict[str, Any]:
    if owner is not None:
        manifest["metadata"]["annotations"] = {"mlz.dev/created-by": owner}
    return manifest


def _token(facades: Facades, kind: str) -> str | None:
    if kind == "none":
        return None
    if kind == "nonsense":
        return "a.b.c"
    now = time.time()
    good = _signed(facades, now)
    if kind == "unsigned":
        head = urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode())
        return f"{head.decode().rstrip('=')}.{good.split('.')[1]}."
    return {
        "forged": lambda: _signed(facades, now, key=_stranger()),
        "audience": lambda: _signed(facades, now, Terms(ISSUER, audience="others")),
        "issuer": lambda: _signed(facades, now, Terms("https://elsewhere.test")),
        "early": lambda: _signed(facades, now + 3600),
        "expired": lambda: _signed(facades, now - 7200),
        "removed": lambda: _signed(facades, now, name="nobody"),
    }[kind]()


def _signed(
    facades: Facades,
    now: float,
    terms: Terms | None = None,
    key: SigningKey | None = None,
    name: str = "the-sysadm",
) -> str:
    """A token by the facade's own key, as nobody outside could make it."""
    chosen = key or _active(facades)
    caller = Identity(name, Role.SYSADM, "mlz")
    return issue(caller, chosen, terms or Terms(ISSUER), now, "test")


def _active(facades: Facades) -> SigningKey:
    found = facades.admin.request("GET", f"/api/v1/namespaces/{NAMESPACE}/secrets/mlz-rest")[
        "data"
    ]["keys.json"]
    document = json.loads(b64decode(found))
    key = active_key([SigningKey.model_validate(one) for one in document["keys"]])
    assert key is not None
    return key


def _stranger() -> SigningKey:
    return SigningKey(kid="stranger", state=KeyState.ACTIVE, created=0, since=0, jwk=new_jwk())
