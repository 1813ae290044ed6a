"""
The five roles, every operation of the API, and which role may do what with whose things.

One table decides; the reference docs are generated from it. The owner of a thing is the user name
that the facade noted when it made it. What was made by other means (kubectl, Git) has no owner, so
only a grant of all reaches it.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from mlz.rest.problems import Code, Refusal


class Role(StrEnum):
    """What a user is. Source: "Machine Learning for IBM z/OS Security"; mlz-api 1.3."""

    SYSADM = "sysadm"
    MLADM = "mladm"
    DEVUSER = "devuser"
    APIUSER = "apiuser"
    APPUSER = "appuser"


class Operation(StrEnum):
    """What can be asked of the API, in the words of the reference docs."""

    CREATE_DEPLOYMENT = "create a deployment"
    READ_DEPLOYMENT = "read a deployment"
    LIST_DEPLOYMENTS = "list deployments"
    UPDATE_DEPLOYMENT = "update a deployment"
    DELETE_DEPLOYMENT = "delete a deployment"
    VALIDATE_UPDATE = "validate an update"
    LIST_MODELS = "list models"
    READ_MODEL = "read a model"
    READ_VERSION = "read a model version"
    LIST_VERSIONS = "list the versions of a model"
    IMPORT_MODEL = "import a model"
    IMPORT_VERSION = "import a version of a model"
    DELETE_MODEL = "delete a model"
    READ_SCORING_SERVICES = "read scoring services"
    WRITE_SCORING_SERVICES = "change scoring services"
    ADD_NODE = "add a scoring service node"
    SCORE = "score"


class Grant(StrEnum):
    """How far a role's right to an operation goes."""

    ALL = "all"
    OWN_MODEL = "own model"
    OWN_DEPLOYMENT = "own deployment"
    NONE = "no"


@dataclass(frozen=True, slots=True)
class Caller:
    """
    Who asks: a user of ours, or one of the outside issuer, as the token says.

    ``issued`` is when the token was made, in seconds since 1970.
    """

    name: str
    role: Role
    kind: Literal["mlz", "oidc"]
    issued: float = 0


@dataclass(frozen=True, slots=True)
class Owners:
    """Whose the things are that an operation is about; None is nobody's, or not about one."""

    model: str | None = None
    deployment: str | None = None


NOBODY = Owners()


@dataclass(frozen=True, slots=True)
class Row:
    """
    Who may do one operation; sysadm may do everything.

    Attributes:
        source: the page of MLz 3.2 that says so, or why it is so where none does.
    """

    mladm: Grant
    devuser: Grant
    apiuser: Grant
    appuser: Grant
    source: str

    def grant(self, role: Role) -> Grant:
        """How far that role's right goes."""
        if role is Role.SYSADM:
            return Grant.ALL
        found: Grant = getattr(self, role.value)
        return found


_ALL, _NONE = Grant.ALL, Grant.NONE
_MODEL, _DEPLOYMENT = Grant.OWN_MODEL, Grant.OWN_DEPLOYMENT

MATRIX: dict[Operation, Row] = {
    Operation.CREATE_DEPLOYMENT: Row(
        _ALL, _NONE, _MODEL, _NONE, 'documented: "Create online deployment API"'
    ),
    Operation.READ_DEPLOYMENT: Row(
        _ALL, _NONE, _DEPLOYMENT, _ALL, 'documented: "Get deployment detail API"'
    ),
    Operation.LIST_DEPLOYMENTS: Row(
        _ALL, _NONE, _DEPLOYMENT, _ALL, "ours: who may read one; only those are listed"
    ),
    Operation.UPDATE_DEPLOYMENT: Row(
        _ALL, _NONE, _DEPLOYMENT, _NONE, 'documented: "Update online deployment API"'
    ),
    Operation.DELETE_DEPLOYMENT: Row(
        _ALL, _NONE, _DEPLOYMENT, _NONE, 'documented: "DELETE deployment API"'
    ),
    Operation.VALIDATE_UPDATE: Row(_ALL, _NONE, _DEPLOYMENT, _NONE, "ours: who may update"),
    Operation.LIST_MODELS: Row(_ALL, _MODEL, _MODEL, _NONE, 'documented: "Get models API"'),
    Operation.READ_MODEL: Row(_ALL, _MODEL, _MODEL, _NONE, "ours: as the list of models"),
    Operation.READ_VERSION: Row(_ALL, _MODEL, _MODEL, _ALL, 'documented: "Get model version API"'),
    Operation.LIST_VERSIONS: Row(_ALL, _MODEL, _MODEL, _NONE, "ours: as the list of models"),
    Operation.IMPORT_MODEL: Row(
        _ALL, _ALL, _ALL, _NONE, "ours: the roles that have own models; who imports owns"
    ),
    Operation.IMPORT_VERSION: Row(
        _ALL, _MODEL, _MODEL, _NONE, "ours: the roles that have own models"
    ),
    Operation.DELETE_MODEL: Row(
        _ALL, _NONE, _MODEL, _NONE, "ours: apiuser has models, devuser imports and reads them"
    ),
    Operation.READ_SCORING_SERVICES: Row(
        _ALL, _ALL, _ALL, _ALL, "ours: scoringGroupId is needed by all"
    ),
    Operation.WRITE_SCORING_SERVICES: Row(
        _NONE, _NONE, _NONE, _NONE, "ours: as to add a node"
    ),
    Operation.ADD_NODE: Row(
        _NONE, _NONE, _NONE, _NONE, 'documented: "Add scoring service node API"'
    ),
    Operation.SCORE: Row(
        _ALL,
        _MODEL,
        _DEPLOYMENT,
        _ALL,
        'documented: "Online scoring error messages", "Machine Learning for IBM z/OS Security"',
    ),
}  # fmt: skip


def check(caller: Caller, operation: Operation, owners: Owners = NOBODY) -> None:
    """
    Pass who may do it with that very thing.

    An update that names another model version needs CREATE_DEPLOYMENT on that version's model as
    well: else who owns a deployment could bring a stranger's model into it, and score it there.

    Raises:
        Refusal: ALNB101E, the role may not do it at all; not_owner, only with one's own.
    """
    check_role(caller, operation)
    if not may(caller, operation, owners):
        grant = MATRIX[operation].grant(caller.role)
        raise Refusal(
            Code.NOT_OWNER,
            f"role {caller.role} may {operation} only for an {grant}; this one is not"
            f" {caller.name}'s",
        )


def check_role(caller: Caller, operation: Operation) -> None:
    """
    Pass who may do it with something at least: for lists, and before anything is looked up.

    Raises:
        Refusal: ALNB101E.
    """
    if MATRIX[operation].grant(caller.role) is Grant.NONE:
        raise Refusal(Code.INVALID_ROLE, f"Invalid user role: {caller.role} may not {operation}")


def may(caller: Caller, operation: Operation, owners: Owners = NOBODY) -> bool:
    """Whether that caller may do it with that very thing."""
    grant = MATRIX[operation].grant(caller.role)
    if grant is Grant.OWN_MODEL:
        return owners.model == caller.name
    if grant is Grant.OWN_DEPLOYMENT:
        return owners.deployment == caller.name
    return grant is Grant.ALL


def matrix_table() -> str:
    """The matrix for the reference docs, in Markdown."""
    lines = [
        f"| operation | {' | '.join(Role)} | source |",
        f"|---|{'---|' * len(Role)}---|",
        *(
            f"| {operation} | {' | '.join(row.grant(role) for role in Role)} | {row.source} |"
            for operation, row in MATRIX.items()
        ),
    ]
    return "\n".join(lines) + "\n"
