"""
The one table of what the REST API refuses: each code, its status, and where the code comes from.

Every refusal is a ``Refusal``, raised where the fault is seen and answered at the edge. Codes that
IBM documents keep their names and statuses; the others are ours, in the same style.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

Fault = Mapping[str, object]


class Code(StrEnum):
    """The ``code`` of an error answer; public, so none is ever renamed."""

    # Documented: MLz 3.2, "Create online deployment API".
    EMPTY_DEPLOY_INFO = "empty_deploy_info"
    PARSING_ERROR = "parsing_error"
    NOT_SUPPORTED_DEPLOYMENT_TYPE = "not_supported_deployment_type"
    DUPLICATE_DEPLOYMENT_NAME = "duplicate_deployment_name"
    DUPLICATE_DEPLOYMENT = "duplicate_deployment"
    TIMEOUT_NOT_SUPPORTED = "timeout_not_supported"
    NOT_FOUND = "not_found"
    # Documented: MLz 3.2, "Online scoring error messages".
    INVALID_ROLE = "ALNB101E"
    INVALID_TOKEN = "ALNB102E"  # noqa: S105 - a public code, no secret
    EXPIRED_TOKEN = "ALNB103E"  # noqa: S105 - a public code, no secret
    # Ours: who asks.
    INVALID_CREDENTIALS = "invalid_credentials"
    NOT_OWNER = "not_owner"
    TOO_MANY_ATTEMPTS = "too_many_attempts"
    # Ours: what is asked.
    INVALID_FIELD = "invalid_field"
    UNKNOWN_SCORING_SERVICE = "unknown_scoring_service"
    INACTIVE_SCORING_SERVICE = "inactive_scoring_service"
    UNSUPPORTED_ENGINE = "unsupported_engine"
    INVALID_SERVING_ID = "invalid_serving_id"
    DUPLICATE_SERVING_ID = "duplicate_serving_id"
    ONLY_ASSET_CAN_BE_PATCHED = "only_asset_can_be_patched"
    NOT_SUPPORTED = "not_supported"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    BODY_TOO_LARGE = "body_too_large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    # Ours: what is there already.
    DUPLICATE_MODEL_NAME = "duplicate_model_name"
    SCORING_SERVICE_EXISTS = "scoring_service_exists"
    SCORING_SERVICE_IN_USE = "scoring_service_in_use"
    MODEL_DEPLOYED = "model_deployed"
    SCHEMA_MISMATCH = "schema_mismatch"
    UPDATE_FAILED = "update_failed"
    CONFLICT = "conflict"
    PRECONDITION_FAILED = "precondition_failed"
    MODEL_REFUSED = "model_refused"
    # Of the scoring pods, handed on: ``scoring.problems``.
    BAD_INPUT = "bad_input"
    ANSWER_NOT_FINITE = "answer_not_finite"
    SCORING_REFUSED = "scoring_refused"
    TOO_MANY_RECORDS = "too_many_records"
    NOT_READY = "not_ready"
    OVERLOADED = "overloaded"
    SCORING_TIMEOUT = "scoring_timeout"
    # Ours: what is wrong on our side.
    REQUEST_TIMEOUT = "request_timeout"
    UNAVAILABLE = "unavailable"
    TIMED_OUT = "timed_out"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Row:
    """
    One row of the table that the reference docs are generated from.

    Attributes:
        documented: whether code and status are IBM's.
    """

    status: int
    meaning: str
    documented: bool = False


ROWS: dict[Code, Row] = {
    Code.EMPTY_DEPLOY_INFO: Row(400, "No deploy_info is provided.", documented=True),
    Code.PARSING_ERROR: Row(
        400, "No type is provided, or the body is not what the operation takes.", documented=True
    ),
    Code.NOT_SUPPORTED_DEPLOYMENT_TYPE: Row(
        400, "The type is none that is offered: online.", documented=True
    ),
    Code.DUPLICATE_DEPLOYMENT_NAME: Row(400, "Another deployment has this name.", documented=True),
    Code.DUPLICATE_DEPLOYMENT: Row(
        400, "This model version is deployed in the scoring service already.", documented=True
    ),
    Code.TIMEOUT_NOT_SUPPORTED: Row(
        400,
        "The timeout is no integer from 1 to 60000, or the engine type is not pmml.",
        documented=True,
    ),
    Code.NOT_FOUND: Row(
        404,
        "Nothing has the id in the path; with status 500: artifactVersionHref names nothing.",
        documented=True,
    ),
    Code.INVALID_ROLE: Row(
        403, "The token's role is missing, unknown, or may not do this at all.", documented=True
    ),
    Code.INVALID_TOKEN: Row(
        401, "There is no token, or it is malformed, forged or not for us.", documented=True
    ),
    Code.EXPIRED_TOKEN: Row(401, "The token has expired: log in again.", documented=True),
    Code.INVALID_CREDENTIALS: Row(401, "User name or password are wrong."),
    Code.NOT_OWNER: Row(403, "The role may do this with one's own only."),
    Code.TOO_MANY_ATTEMPTS: Row(429, "Too many log-ins; Retry-After says when to try again."),
    Code.INVALID_FIELD: Row(400, "A field or parameter has a wrong type or value; it is named."),
    Code.UNKNOWN_SCORING_SERVICE: Row(400, "scoringGroupId is the guid of no scoring service."),
    Code.INACTIVE_SCORING_SERVICE: Row(400, "The scoring service is not active."),
    Code.UNSUPPORTED_ENGINE: Row(400, "The engine type is none that is offered."),
    Code.INVALID_SERVING_ID: Row(
        400, "The servingId is not 3 to 36 letters, digits and '_', first a letter."
    ),
    Code.DUPLICATE_SERVING_ID: Row(
        400, "Another deployment has this servingId in the scoring service."
    ),
    Code.ONLY_ASSET_CAN_BE_PATCHED: Row(
        400, "An update of the asset changes something else too; make two updates."
    ),
    Code.NOT_SUPPORTED: Row(400, "The operation is documented, and means nothing here."),
    Code.METHOD_NOT_ALLOWED: Row(405, "The path has other methods; Allow names them."),
    Code.BODY_TOO_LARGE: Row(413, "The body is larger than the limit."),
    Code.UNSUPPORTED_MEDIA_TYPE: Row(415, "The body's content type is not taken."),
    Code.DUPLICATE_MODEL_NAME: Row(409, "Another model has this name."),
    Code.SCORING_SERVICE_EXISTS: Row(409, "Another scoring service has this name."),
    Code.SCORING_SERVICE_IN_USE: Row(409, "Deployments run in the scoring service."),
    Code.MODEL_DEPLOYED: Row(409, "Deployments use the model; they are named."),
    Code.SCHEMA_MISMATCH: Row(
        409, "The new asset's schema does not match, and policy or a servingId forbids that."
    ),
    Code.UPDATE_FAILED: Row(409, "The new asset was refused, or its update was reverted."),
    Code.CONFLICT: Row(409, "Somebody else changed or made it at the same time."),
    Code.PRECONDITION_FAILED: Row(412, "It is not any more what If-Match says."),
    Code.MODEL_REFUSED: Row(422, "The model file was inspected and refused."),
    Code.BAD_INPUT: Row(400, "Records do not fit the model; each fault is named."),
    Code.ANSWER_NOT_FINITE: Row(422, "The model answers a record with no number."),
    Code.SCORING_REFUSED: Row(422, "The model's library refuses the records."),
    Code.TOO_MANY_RECORDS: Row(413, "There are more records than a request may hold."),
    Code.NOT_READY: Row(503, "The scoring pods are not ready."),
    Code.OVERLOADED: Row(503, "The scoring pods have more to do than they can."),
    Code.SCORING_TIMEOUT: Row(504, "The score took longer than the deployment's timeout."),
    Code.REQUEST_TIMEOUT: Row(408, "The body took too long to arrive."),
    Code.UNAVAILABLE: Row(503, "The cluster does not answer; Retry-After says when to try again."),
    Code.TIMED_OUT: Row(504, "The cluster took too long to answer."),
    Code.INTERNAL: Row(500, "A fault of ours; the log has more under the request id."),
}

STATUSES: dict[Code, int] = {code: row.status for code, row in ROWS.items()}


def table() -> str:
    """The table for the reference docs, in Markdown."""
    lines = ["| status | code | meaning | from |", "|---|---|---|---|"]
    for code, row in ROWS.items():
        source = "IBM" if row.documented else "ours"
        lines.append(f"| {row.status} | `{code}` | {row.meaning} | {source} |")
    return "\n".join(lines) + "\n"


class Refusal(Exception):  # noqa: N818 - says what it is, and is answered, not handled
    """
    One request is refused, for a reason that its caller may read.

    Args:
        code: the public word for it.
        message: what was wanted, what was found, what to do; shown to callers as it is.
        errors: the parts of it, where there are parts: ``field``, ``path``, ``fault``, ``reason``.
        headers: of the answer, for example Retry-After.
        status: where it is not the code's own.
    """

    def __init__(
        self,
        code: Code,
        message: str,
        errors: Sequence[Fault] = (),
        *,
        headers: Mapping[str, str] | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.status = STATUSES[code] if status is None else status


def error_document(
    code: Code, message: str, request_id: str, errors: Sequence[Fault] = ()
) -> dict[str, object]:
    """The body of an error answer; ``errors`` only where there are parts."""
    document: dict[str, object] = {
        "code": code.value,
        "message": message,
        "requestId": request_id,
    }
    if errors:
        document["errors"] = [dict(one) for one in errors]
    return document


def invalid_href(href: str) -> Refusal:
    """
    An ``artifactVersionHref`` that names nothing.

    Source: MLz 3.2, "Create online deployment API": 500 ``not_found``, odd as it is.
    """
    return Refusal(
        Code.NOT_FOUND,
        f"artifactVersionHref '{href[:300]}' names no model version; it looks like "
        "/v3/ml_assets/models/{modelId}/versions/{versionId}, see GET /v3/ml_assets/models",
        status=500,
    )


def invalid_field(path: str, expected: str, found: str) -> Refusal:
    """
    A value of a wrong type or out of range.

    Args:
        path: JSONPath into the body, or the name of a parameter.
    """
    return Refusal(
        Code.INVALID_FIELD,
        f"{path}: expected {expected}, found {found}",
        [{"path": path, "fault": "type", "expected": expected, "found": found}],
    )


def retry_after(code: Code, message: str, seconds: float) -> Refusal:
    """A refusal that says when to try again, in whole seconds, at least one."""
    return Refusal(code, message, headers={"Retry-After": str(max(1, -int(-seconds // 1)))})
