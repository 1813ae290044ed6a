"""
What may go wrong with one request, in words that no protocol owns.

Every refusal of a scoring request is a ``RequestError``: a ``Problem`` (the public ``code``), a
sentence, and the faults of single fields. ``http_api`` has the one table from problems to statuses.
"""

from collections.abc import Sequence
from enum import StrEnum

import msgspec


class Problem(StrEnum):
    """The ``code`` of an error answer; public, so none is ever renamed."""

    BAD_INPUT = "bad_input"
    BAD_REQUEST = "bad_request"
    INVALID_TOKEN = "ALNB102E"  # noqa: S105 - IBM's word for it
    EXPIRED_TOKEN = "ALNB103E"  # noqa: S105 - the same
    INVALID_ROLE = "ALNB101E"
    NOT_OWNER = "not_owner"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    REQUEST_TIMEOUT = "request_timeout"
    BODY_TOO_LARGE = "body_too_large"
    TOO_MANY_RECORDS = "too_many_records"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    ANSWER_NOT_FINITE = "answer_not_finite"
    SCORING_REFUSED = "scoring_refused"
    HEADERS_TOO_LARGE = "headers_too_large"
    NOT_READY = "not_ready"
    OVERLOADED = "overloaded"
    SCORING_TIMEOUT = "scoring_timeout"
    INTERNAL = "internal"


class FaultKind(StrEnum):
    """What is wrong with one value."""

    MISSING = "missing"
    NULL = "null"
    TYPE = "type"
    RANGE = "range"
    CATEGORY = "category"
    SHAPE = "shape"
    OVERFLOW = "overflow"
    SYNTAX = "syntax"
    NOT_FINITE = "not_finite"


class Fault(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """
    One fault of one value, as callers see it.

    ``path`` is JSONPath into the body; ``offset`` (bytes) stands in its place where a parser cannot
    name a field.
    """

    fault: FaultKind
    record: int | None = None
    field: str | None = None
    path: str | None = None
    offset: int | None = None
    expected: str | None = None
    found: str | None = None


class RequestError(Exception):
    """One request is refused, for a reason that its caller may read."""

    def __init__(self, problem: Problem, message: str, faults: Sequence[Fault] = ()) -> None:
        super().__init__(message)
        self.problem = problem
        self.message = message
        self.faults = tuple(faults)


class Mismatch(Exception):  # noqa: N818 - says what it is: a value and its field do not match
    """One value does not fit its field; whoever knows the place turns it into a ``Fault``."""

    def __init__(
        self, fault: FaultKind, expected: str, found: str, indices: tuple[int, ...] = ()
    ) -> None:
        super().__init__(fault)
        self.fault = fault
        self.expected = expected
        self.found = found
        self.indices = indices


class Faults:
    """All faults of a request; the first ``LIMIT`` are kept, the rest are counted."""

    LIMIT = 100

    def __init__(self) -> None:
        self.kept: list[Fault] = []
        self.count = 0

    def add(self, fault: Fault) -> None:
        """Note one fault."""
        self.count += 1
        if self.count <= self.LIMIT:
            self.kept.append(fault)

    def raise_if_any(self) -> None:
        """
        Raises:
            RequestError: there is a fault.
        """
        if not self.count:
            return
        first = self.kept[0]
        sentence = f"{self.count} faults in the input" if self.count > 1 else "a fault in the input"
        more = f"; the first {self.LIMIT} are listed" if self.count > self.LIMIT else ""
        raise RequestError(
            Problem.BAD_INPUT,
            f"{sentence}: at {first.path}: {first.fault}, "
            f"expected {first.expected}, found {first.found}{more}",
            self.kept,
        )
