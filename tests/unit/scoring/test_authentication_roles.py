"""Who may score: roles, owners and ServiceAccounts."""

import json
from pathlib import Path
from typing import Any

import pytest

from mlz.model.trust import MLZ_ALGORITHMS, MLZ_AUDIENCE, KeySet, Trust, TrustedIssuer
from mlz.rest.identity import roles
from mlz.rest.identity.keys import Lifetimes, active_key, jwks, new_jwk, plan
from mlz.rest.identity.roles import Operation, Owners
from mlz.rest.identity.tokens import Terms, issue
from mlz.scoring.authentication import Role
from unit.scoring.guarded import ACCOUNTS, SHOP, USERS, Watched, watched
from unit.scoring.tokens import NOW, a_trust

__all__ = ["watched"]

# What users may score

MATRIX = [
    pytest.param("sysadm", "u", "ok", id="sysadm scores all"),
    pytest.param("mladm", "u", "ok", id="mladm scores all"),
    pytest.param("appuser", "u", "ok", id="appuser scores all"),
    pytest.param("devuser", "mona", "ok", id="devuser scores what is made of own models"),
    pytest.param("devuser", "dora", "not_owner", id="not own deployments of others' models"),
    pytest.param("apiuser", "dora", "ok", id="apiuser scores own deployments"),
    pytest.param("apiuser", "mona", "not_owner", id="not others' deployments of own models"),
    pytest.param("apiuser", "Dora", "not_owner", id="names are compared letter by letter"),
]


@pytest.mark.parametrize(("role", "name", "code"), MATRIX)
def test_roles(watched: Watched, role: str, name: str, code: str) -> None:
    assert watched.answer(USERS.token(name, role=role)) == code


@pytest.mark.parametrize("role", ["devuser", "apiuser"])
@pytest.mark.parametrize("nobody", [{}, {"deploymentOwner": "", "modelOwner": ""}])
def test_what_nobody_made_is_nobodys_own(tmp_path: Path, role: str, nobody: dict[str, str]) -> None:
    content = a_trust(USERS) | {"deploymentOwner": None, "modelOwner": None} | nobody
    watched = Watched(tmp_path, content)

    assert watched.answer(USERS.token("u", role=role)) == "not_owner"


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("name", ["mona", "dora", "u"])
def test_the_facade_says_the_same_of_every_role(watched: Watched, role: Role, name: str) -> None:
    caller = roles.Caller(name, roles.Role(role.value), "mlz")
    owners = Owners(model="mona", deployment="dora")

    allowed = watched.answer(USERS.token(name, role=role)) == "ok"

    assert allowed == roles.may(caller, Operation.SCORE, owners)
    assert {one.value for one in Role} == {one.value for one in roles.Role}


@pytest.mark.parametrize("minutes", [0, 5, 60])
def test_tokens_as_the_facade_makes_them_are_taken_of_keys_that_it_showed_before(
    tmp_path: Path, minutes: int
) -> None:
    """The way of a key: the facade's Secret, its JWKS, the operator, the file; all by real code."""
    terms = Terms("https://rest")
    keys = plan((), NOW, Lifetimes(), new_jwk).keys
    shown = KeySet.model_validate_json(json.dumps(jwks(keys)))
    issuer = TrustedIssuer(
        kind="mlz",
        issuer=terms.issuer,
        audience=MLZ_AUDIENCE,
        algorithms=MLZ_ALGORITHMS,
        keys=shown.keys,
    )
    document = Trust(issuers=(issuer,), model_owner="mona").model_dump(mode="json", by_alias=True)
    watched = Watched(tmp_path, document)
    watched.clock.now = now = NOW + 60 * minutes
    active = active_key(plan(keys, now, Lifetimes(), new_jwk).keys)
    assert active is not None

    mona = roles.Caller("mona", roles.Role.DEVUSER, "mlz")
    other = roles.Caller("other", roles.Role.DEVUSER, "mlz")
    answers = [watched.answer(issue(one, active, terms, now, "id")) for one in (mona, other)]

    assert answers == ["ok", "not_owner"]


# ServiceAccounts


@pytest.mark.parametrize(
    ("subject", "code"),
    [
        pytest.param("system:serviceaccount:apps:shop", "ok", id="named"),
        pytest.param("system:serviceaccount:models:any", "ok", id="of a namespace that may"),
        pytest.param("system:serviceaccount:apps:other", "ALNB101E", id="not named"),
        pytest.param("system:serviceaccount:other:shop", "ALNB101E", id="of another namespace"),
        pytest.param("system:serviceaccount:apps:shop:x", "ALNB101E", id="named and more"),
        pytest.param("system:serviceaccount:models-2:any", "ALNB101E", id="a like namespace"),
        pytest.param("system:serviceaccount:models", "ALNB102E", id="no name"),
        pytest.param("models:any", "ALNB102E", id="no ServiceAccount"),
        pytest.param("system:node:models", "ALNB102E", id="a node"),
        pytest.param("sysadm", "ALNB102E", id="a user's name"),
    ],
)
def test_service_accounts(watched: Watched, subject: str, code: str) -> None:
    assert watched.answer(ACCOUNTS.token(subject)) == code


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({"aud": ["https://kubernetes.default.svc"]}, id="for the API server"),
        pytest.param({"aud": ["mlz"]}, id="for the facade"),
        pytest.param({"exp": NOW - 60}, id="expired"),
    ],
)
def test_a_token_of_another_use_is_none(watched: Watched, claims: dict[str, Any]) -> None:
    assert watched.answer(ACCOUNTS.token(SHOP, **claims)).startswith("ALNB10")


def test_a_role_in_a_service_accounts_token_means_nothing(watched: Watched) -> None:
    token = ACCOUNTS.token("system:serviceaccount:other:x", role="sysadm")

    assert watched.answer(token) == "ALNB101E"


def test_an_empty_list_lets_no_service_account_in(tmp_path: Path) -> None:
    watched = Watched(tmp_path, a_trust(ACCOUNTS, serviceAccounts=[]))

    assert watched.answer(ACCOUNTS.token(SHOP)) == "ALNB101E"
