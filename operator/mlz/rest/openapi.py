"""
What /openapi.json says of a route beside its parameters: who may, what comes, what may go wrong.

Bodies are read by ``documents``, not by the framework, so that each fault gets MLz's own code; here
they are described. Every operation has an example.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, TypeAdapter

from mlz.rest import examples, shapes
from mlz.rest.guard import OPERATION, GuardedRoute
from mlz.rest.identity.roles import MATRIX, Operation
from mlz.rest.problems import ROWS, STATUSES, Code
from mlz.rest.waiting import GUID

_GUARDED = (
    Code.INVALID_TOKEN,
    Code.EXPIRED_TOKEN,
    Code.INVALID_ROLE,
    Code.UNAVAILABLE,
    Code.INTERNAL,
)
_WITH_BODY = (Code.BODY_TOO_LARGE, Code.UNSUPPORTED_MEDIA_TYPE, Code.REQUEST_TIMEOUT)
_FRAMEWORKS_OWN = "HTTPValidationError"
SECURITY = {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}

Json = dict[str, Any]
Shape = Any  # a pydantic model, or a list of one


def router(tag: str) -> APIRouter:
    """Routes of one kind of thing, behind the guard."""
    return APIRouter(route_class=GuardedRoute, tags=[tag])


@dataclass(frozen=True)
class Described:
    """
    One operation.

    Attributes:
        operation: what it does, by which the guard knows who may; None is open to everybody.
        status: of a good answer.
        shape: of its document; None where there is none.
        body: the shape of a JSON body; None where there is none.
        refusals: codes beside those that every operation has.
        form: a body that is no JSON, as OpenAPI describes it.
        also: other statuses of a good answer.
    """

    operation: Operation | None
    status: int
    shape: Shape | None
    body: Shape | None = None
    refusals: Sequence[Code] = ()
    form: Json | None = None
    also: Sequence[int] = ()

    @property
    def options(self) -> Json:
        """Arguments of a route's decorator."""
        return {
            "status_code": self.status,
            "response_model": None,
            "responses": self._responses(),
            "openapi_extra": self._extra(),
        }

    def _responses(self) -> dict[int | str, Json]:
        good: Json = {"description": "Done."}
        if self.shape is not None:
            found = examples.ANSWERS.get(_name(self.shape))
            content: Json = {} if found is None else {"example": found}
            good |= {"model": self.shape, "content": {"application/json": content}}
        responses: dict[int | str, Json] = dict.fromkeys((self.status, *self.also), good)
        for status, codes in _by_status(self._codes()).items():
            told = " ".join(f"`{code.value}`: {ROWS[code].meaning}" for code in codes)
            content = {"example": examples.error(codes[0])}
            responses[status] = {
                "description": told,
                "model": shapes.Error,
                "content": {"application/json": content},
            }
        return responses

    def _codes(self) -> list[Code]:
        codes = [*self.refusals, Code.INVALID_FIELD]
        if self.operation is None:
            codes += [Code.UNAVAILABLE, Code.INTERNAL]
        else:
            codes += _GUARDED
            row = MATRIX[self.operation]
            if any(grant.value.startswith("own") for grant in (row.devuser, row.apiuser)):
                codes.append(Code.NOT_OWNER)
        if self.body is not None or self.form is not None:
            codes += [*_WITH_BODY, Code.PARSING_ERROR]
        return list(dict.fromkeys(codes))

    def _extra(self) -> Json:
        extra: Json = {}
        if self.operation is not None:
            extra |= {OPERATION: self.operation.value, "security": [{"bearer": []}]}
        if self.form is not None:
            extra["requestBody"] = self.form
        if self.body is not None:
            extra["requestBody"] = {
                "required": True,
                "content": {
                    "application/json": {
                        "schema": schema_of(self.body),
                        "example": examples.BODIES[_name(self.body)],
                    }
                },
            }
        return extra


def completed(document: Json) -> Json:
    """
    The framework's document with what it does not know of us, and without what is not ours.

    It would tell of its own errors, and of parameters that may be null.
    """
    components = document.setdefault("components", {})
    components["securitySchemes"] = SECURITY
    for name in (_FRAMEWORKS_OWN, "ValidationError"):
        components.get("schemas", {}).pop(name, None)
    for path in document["paths"].values():
        for operation in path.values():
            if _FRAMEWORKS_OWN in str(operation["responses"].get("422")):
                del operation["responses"]["422"]
            for parameter in operation.get("parameters", ()):
                parameter["schema"] = _parameter(parameter)
    return document


def _parameter(parameter: Json) -> Json:
    schema: Json = parameter["schema"]
    if parameter["in"] == "path":
        return {**schema, "pattern": f"^{GUID.pattern}$"}
    found = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    rest = {key: one for key, one in schema.items() if key != "anyOf"}
    return {**rest, **found[0]} if len(found) == 1 else schema


def _by_status(codes: Sequence[Code]) -> dict[int, list[Code]]:
    found: dict[int, list[Code]] = {}
    for code in codes:
        found.setdefault(STATUSES[code], []).append(code)
    return found


def schema_of(shape: Shape) -> Json:
    """Written out in place: the framework collects only the shapes that it parses itself."""
    schema: Json = TypeAdapter(shape).json_schema()
    definitions = schema.pop("$defs", {})
    return _inlined(schema, definitions) if definitions else schema


def _inlined(value: Any, definitions: Json) -> Any:
    if isinstance(value, list):
        return [_inlined(one, definitions) for one in value]
    if not isinstance(value, dict):
        return value
    name = str(value.get("$ref", "")).rpartition("/")[2]
    if name in definitions:
        return _inlined(definitions[name], definitions)
    return {key: _inlined(one, definitions) for key, one in value.items()}


def _name(shape: Shape) -> str:
    if isinstance(shape, type) and issubclass(shape, BaseModel):
        return shape.__name__
    return f"{shape.__args__[0].__name__}[]"
