"""The role matrix: five roles, every operation, one's own and others' things."""

import pytest

from mlz.rest.identity.roles import (
    MATRIX,
    NOBODY,
    Caller,
    Grant,
    Operation,
    Owners,
    Role,
    check,
    check_role,
    matrix_table,
    may,
)
from mlz.rest.problems import Code, Refusal

OWN_MODEL = Owners(model="alice", deployment="bob")
OWN_DEPLOYMENT = Owners(model="bob", deployment="alice")
OWN_BOTH = Owners(model="alice", deployment="alice")
FOREIGN = Owners(model="bob", deployment="bob")


def alice(role: Role) -> Caller:
    return Caller("alice", role, "mlz")


def who_may(operation: Operation, owners: Owners) -> str:
    return " ".join(role for role in Role if may(alice(role), operation, owners))


@pytest.mark.parametrize(
    ("operation", "others", "model", "deployment"),
    [
        pytest.param(
            Operation.CREATE_DEPLOYMENT,
            "sysadm mladm",
            "sysadm mladm apiuser",
            "sysadm mladm",
            id="create checks who owns the model",
        ),
        pytest.param(
            Operation.READ_DEPLOYMENT,
            "sysadm mladm appuser",
            "sysadm mladm appuser",
            "sysadm mladm apiuser appuser",
            id="read checks who owns the deployment",
        ),
        pytest.param(
            Operation.LIST_DEPLOYMENTS,
            "sysadm mladm appuser",
            "sysadm mladm appuser",
            "sysadm mladm apiuser appuser",
            id="a list holds what may be read",
        ),
        *(
            pytest.param(
                operation,
                "sysadm mladm",
                "sysadm mladm",
                "sysadm mladm apiuser",
                id=f"{operation} checks who owns the deployment",
            )
            for operation in (
                Operation.UPDATE_DEPLOYMENT,
                Operation.DELETE_DEPLOYMENT,
                Operation.VALIDATE_UPDATE,
            )
        ),
        *(
            pytest.param(
                operation,
                "sysadm mladm",
                "sysadm mladm devuser apiuser",
                "sysadm mladm",
                id=f"{operation} checks who owns the model",
            )
            for operation in (
                Operation.LIST_MODELS,
                Operation.READ_MODEL,
                Operation.LIST_VERSIONS,
                Operation.IMPORT_VERSION,
            )
        ),
        pytest.param(
            Operation.READ_VERSION,
            "sysadm mladm appuser",
            "sysadm mladm devuser apiuser appuser",
            "sysadm mladm appuser",
            id="appuser reads any version, but lists no models",
        ),
        pytest.param(
            Operation.DELETE_MODEL,
            "sysadm mladm",
            "sysadm mladm apiuser",
            "sysadm mladm",
            id="devuser deletes nothing",
        ),
        pytest.param(
            Operation.IMPORT_MODEL,
            *["sysadm mladm devuser apiuser"] * 3,
            id="a new model is nobody's yet",
        ),
        pytest.param(
            Operation.READ_SCORING_SERVICES,
            *["sysadm mladm devuser apiuser appuser"] * 3,
            id="clients need the guid",
        ),
        pytest.param(Operation.WRITE_SCORING_SERVICES, *["sysadm"] * 3, id="sysadm alone"),
        pytest.param(Operation.ADD_NODE, *["sysadm"] * 3, id="sysadm alone, as documented"),
        pytest.param(
            Operation.SCORE,
            "sysadm mladm appuser",
            "sysadm mladm devuser appuser",
            "sysadm mladm apiuser appuser",
            id="devuser scores own models, apiuser own deployments",
        ),
    ],
)
def test_who_may(operation: Operation, others: str, model: str, deployment: str) -> None:
    assert who_may(operation, FOREIGN) == others
    assert who_may(operation, OWN_MODEL) == model
    assert who_may(operation, OWN_DEPLOYMENT) == deployment


def test_every_operation_has_its_row() -> None:
    assert list(MATRIX) == list(Operation)


@pytest.mark.parametrize("operation", Operation)
def test_sysadm_may_do_everything(operation: Operation) -> None:
    check(alice(Role.SYSADM), operation, FOREIGN)


@pytest.mark.parametrize("operation", Operation)
@pytest.mark.parametrize("role", Role)
def test_what_nobody_owns_is_reached_by_a_grant_of_all_alone(
    operation: Operation, role: Role
) -> None:
    assert may(alice(role), operation, NOBODY) is (MATRIX[operation].grant(role) is Grant.ALL)


@pytest.mark.parametrize("operation", Operation)
@pytest.mark.parametrize("role", Role)
def test_a_refusal_says_whether_it_is_the_role_or_the_owner(
    operation: Operation, role: Role
) -> None:
    grant = MATRIX[operation].grant(role)
    if grant is Grant.ALL:
        check(alice(role), operation, FOREIGN)
        return

    with pytest.raises(Refusal) as caught:
        check(alice(role), operation, FOREIGN)

    expected = Code.INVALID_ROLE if grant is Grant.NONE else Code.NOT_OWNER
    assert caught.value.code is expected
    assert caught.value.status == 403
    assert operation in caught.value.message


def test_a_role_that_may_do_it_with_its_own_passes_the_first_check() -> None:
    check_role(alice(Role.APIUSER), Operation.LIST_DEPLOYMENTS)

    with pytest.raises(Refusal) as caught:
        check_role(alice(Role.DEVUSER), Operation.LIST_DEPLOYMENTS)

    assert caught.value.code is Code.INVALID_ROLE


def test_names_are_compared_character_for_character() -> None:
    for name in ("Alice", "alice ", "", "ALICE", "oidc:alice"):
        owners = Owners(model=name, deployment=name)
        assert not may(alice(Role.APIUSER), Operation.UPDATE_DEPLOYMENT, owners)


def test_own_things_are_own_things() -> None:
    check(alice(Role.APIUSER), Operation.UPDATE_DEPLOYMENT, OWN_BOTH)


def test_the_table_of_the_docs_has_every_operation_and_role() -> None:
    lines = matrix_table().splitlines()

    assert lines[0] == "| operation | sysadm | mladm | devuser | apiuser | appuser | source |"
    assert len(lines) == 2 + len(Operation)
    assert lines[2].startswith("| create a deployment | all | all | no | own model | no | ")
    assert all(line.count("|") == 8 for line in lines)
