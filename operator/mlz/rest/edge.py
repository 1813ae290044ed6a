"""
The outermost layer of each request: its id, its metrics, its line in the audit log, the last catch.

Everything else may raise: what is no ``Refusal`` becomes a 500 that says an id and nothing more.
"""

import json
import logging
import re
import time
import uuid
from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mlz.rest.metrics import Metrics
from mlz.rest.problems import Code, Refusal, error_document

log = logging.getLogger(__name__)
audit = logging.getLogger("mlz.rest.audit")

REQUEST_ID = b"x-request-id"
_GIVEN_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_OF_STATUS = {404: Code.NOT_FOUND, 405: Code.METHOD_NOT_ALLOWED}


class Edge:
    """
    Wraps the whole application.

    Args:
        app: answers; what it raises is answered here.
        metrics: where requests are counted.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the life of the process."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        one = _Exchange(scope, send)
        self._metrics.under_way.inc()
        try:
            await self.app(scope, receive, one.send)
        except Exception as error:  # noqa: BLE001 - the outermost edge of a request
            if one.status is None:
                await answer(error, one.request_id, self._metrics)(scope, receive, one.send)
        finally:
            self._metrics.under_way.dec()
            seconds = time.perf_counter() - one.began
            status = one.status or 499  # the client has left without an answer
            self._metrics.observe(one.route, scope["method"], status, seconds)
            if scope["method"] in _WRITES:
                one.audit(status)


class _Exchange:
    """One request under way."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.began = time.perf_counter()
        self.status: int | None = None
        self.request_id = _request_id(scope)
        self._scope = scope
        self._send = send
        scope.setdefault("state", {})["request_id"] = self.request_id

    @property
    def route(self) -> str:
        """The template of the path; one word for all paths that nobody knows."""
        route = self._scope.get("route")
        return getattr(route, "path", "none")

    async def send(self, message: Message) -> None:
        """Pass on, with the request's id among the headers."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [
                *message.get("headers", []),
                (REQUEST_ID, self.request_id.encode()),
                (b"x-content-type-options", b"nosniff"),
                (b"cache-control", b"no-store"),
            ]
        await self._send(message)

    def audit(self, status: int) -> None:
        """Who has changed what, and what came of it; never a body."""
        state: Mapping[str, Any] = self._scope["state"]
        caller = state.get("caller")
        audit.info(
            "write",
            extra={
                "requestId": self.request_id,
                "user": getattr(caller, "name", None),
                "role": getattr(caller, "role", None),
                "method": self._scope["method"],
                "path": self._scope["path"],
                "status": status,
                "code": state.get("code"),
            },
        )


def answer(error: Exception, request_id: str, metrics: Metrics) -> Response:
    """An error as callers see it."""
    refusal = _refusal(error)
    if refusal is None:
        log.error("request failed", extra={"requestId": request_id}, exc_info=error)
        text = f"an error on our side; its text is in the log as {request_id}"
        refusal = Refusal(Code.INTERNAL, text)
    metrics.refusals.labels(refusal.code.value).inc()
    document = error_document(refusal.code, refusal.message, request_id, refusal.errors)
    return Response(
        json.dumps(document, ensure_ascii=False),
        refusal.status,
        refusal.headers,
        media_type="application/json",
    )


async def refused(request: Request, error: Exception) -> Response:
    """The application's handler of refusals, its own and the router's."""
    refusal = _refusal(error)
    request.state.code = None if refusal is None else refusal.code.value
    if refusal is not None and refusal.code is Code.METHOD_NOT_ALLOWED:
        refusal.headers = {"Allow": ", ".join(_methods(request))}
    return answer(refusal or error, request.state.request_id, request.app.state.metrics)


def _refusal(error: Exception) -> Refusal | None:
    if isinstance(error, Refusal):
        return error
    if not isinstance(error, HTTPException):
        return None
    code = _OF_STATUS.get(error.status_code)
    if code is None:
        return Refusal(Code.PARSING_ERROR, str(error.detail), status=error.status_code)
    text = "there is nothing at this path; see /openapi.json"
    if code is Code.METHOD_NOT_ALLOWED:
        text = "the path has other methods: see the header Allow"
    return Refusal(code, text, headers=dict(error.headers or {}))


def _methods(request: Request) -> list[str]:
    """Of every route at the path; the framework tells those of the first alone."""
    routes = [one for one in request.app.routes if one.matches(request.scope)[0] is not Match.NONE]
    return sorted({method for one in routes for method in getattr(one, "methods", ())})


def _request_id(scope: Scope) -> str:
    """The caller's own, where it is one that a log line bears."""
    given: bytes = dict(scope["headers"]).get(REQUEST_ID, b"")
    return given.decode() if _GIVEN_ID.fullmatch(given) else uuid.uuid4().hex
