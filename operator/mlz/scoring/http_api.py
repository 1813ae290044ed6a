"""
Routes and answers over HTTP: which path does what, and the one table from problems to statuses.

Knows no sockets: a ``Head`` and a body come in, a ``Response`` goes out, now or later.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote

from mlz import __version__
from mlz.scoring import codec
from mlz.scoring.metrics import Exposition
from mlz.scoring.oip_answer import model_metadata
from mlz.scoring.problems import Problem, RequestError
from mlz.scoring.runtime import Runtime
from mlz.scoring.scorer import Door, Dropped, Job, Outcome, Scored, new_request_id
from mlz.scoring.service import Service

log = logging.getLogger(__name__)

STATUSES: dict[Problem, int] = {
    Problem.BAD_INPUT: 400,
    Problem.BAD_REQUEST: 400,
    Problem.INVALID_TOKEN: 401,
    Problem.EXPIRED_TOKEN: 401,
    Problem.INVALID_ROLE: 403,
    Problem.NOT_OWNER: 403,
    Problem.NOT_FOUND: 404,
    Problem.METHOD_NOT_ALLOWED: 405,
    Problem.REQUEST_TIMEOUT: 408,
    Problem.BODY_TOO_LARGE: 413,
    Problem.TOO_MANY_RECORDS: 413,
    Problem.UNSUPPORTED_MEDIA_TYPE: 415,
    Problem.ANSWER_NOT_FINITE: 422,
    Problem.SCORING_REFUSED: 422,
    Problem.HEADERS_TOO_LARGE: 431,
    Problem.INTERNAL: 500,
    Problem.NOT_READY: 503,
    Problem.OVERLOADED: 503,
    Problem.SCORING_TIMEOUT: 504,
}
_RETRY_AFTER_SECONDS = b"1"
_METRICS_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
_JSON_TYPES = (b"application/json", b"text/json")
_SHOWN_BYTES = 200


@dataclass(slots=True)
class Head:
    """
    What the API needs of a request's head; a header that was not sent is empty.

    ``route`` and ``refusal`` are filled in by ``Api.admit``.
    """

    method: str
    path: str
    content_type: bytes = b""
    content_encoding: bytes = b""
    authorization: bytes = b""
    route: "Route | None" = None
    refusal: RequestError | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """An answer; ``headers`` are those beside type, length and the asset's digest."""

    status: int
    body: bytes
    content_type: bytes = b"application/json"
    headers: tuple[tuple[bytes, bytes], ...] = ()


Respond = Callable[[Response], None]


@dataclass(frozen=True, slots=True)
class Route:
    """One path: its name in metrics, its method, and either an answer or a door to scoring."""

    name: str
    method: str
    answer: Callable[[], Response] | None = None
    door: Callable[[Runtime], Door] | None = None

    @property
    def methods(self) -> tuple[str, ...]:
        """All methods that this path takes."""
        return ("GET", "HEAD") if self.method == "GET" else (self.method,)


class Api:
    """
    Everything that one service answers.

    Attributes:
        scores_asked: requests for a score so far, whatever became of them.
    """

    def __init__(self, service: Service) -> None:
        self.service = service
        self.scores_asked = 0
        self._exposition = Exposition(service.metrics)
        self._routes = self._all_routes()

    def admit(self, head: Head) -> RequestError | None:
        """
        Find a request's route, and what is wrong with it before its body is there.

        Returns:
            The refusal for its path, method, caller or media type; also kept in the head.
        """
        head.route = self._routes.get(head.path) or self._routes.get(unquote(head.path))
        head.refusal = self._refusal(head)
        return head.refusal

    def handle(self, head: Head, body: bytes, respond: Respond) -> Job | None:
        """
        Answer an admitted request, now or later; ``respond`` is called exactly once.

        Returns:
            The job of a request that is scored later.
        """
        start = time.perf_counter()
        route = head.route
        name = route.name if route else "none"

        def finish(response: Response) -> None:
            self.service.metrics.observe(name, response.status, time.perf_counter() - start)
            respond(response)

        if head.refusal is not None or route is None:
            finish(self.error(head.refusal or AssertionError(head.path), head))
            return None
        try:
            if route.door is not None:
                return self._score(route.door, body, finish)
            if route.answer is not None:
                finish(route.answer())
        except Exception as error:  # noqa: BLE001 - the outermost edge of a request
            finish(self.error(error, head))
        return None

    def refused(self, error: Exception, head: Head | None) -> Response:
        """The answer to what never became a whole request."""
        response = self.error(error, head)
        name = head.route.name if head is not None and head.route is not None else "none"
        self.service.metrics.observe(name, response.status, 0.0)
        return response

    def error(
        self, error: Exception, head: Head | None = None, request_id: str | None = None
    ) -> Response:
        """An error as callers see it; what is no ``RequestError`` shows an id only."""
        request_id = request_id or new_request_id()
        if not isinstance(error, RequestError):
            if not isinstance(error, Dropped):
                log.error("request failed", extra={"requestId": request_id}, exc_info=error)
            error = RequestError(
                Problem.INTERNAL, f"an error on our side; its text is in the log as {request_id}"
            )
        self.service.metrics.rejected[error.problem.value] += 1
        document: dict[str, object] = {
            "code": error.problem.value,
            "message": error.message,
            "requestId": request_id,
        }
        if error.faults:
            document["errors"] = error.faults
        status = STATUSES[error.problem]
        return Response(status, codec.encode(document), headers=_headers(status, head))

    def _refusal(self, head: Head) -> RequestError | None:
        route = head.route
        if route is None:
            return RequestError(Problem.NOT_FOUND, f"there is nothing at {head.path[:200]!r}")
        if head.method not in route.methods:
            taken = " and ".join(route.methods)
            return RequestError(Problem.METHOD_NOT_ALLOWED, f"{head.path} takes {taken} only")
        if route.door is None:
            return None
        guard = self.service.guard
        refusal = None if guard is None else guard.refusal(head.authorization)
        return refusal if refusal is not None or _is_json(head) else _not_json(head)

    def _score(self, door_of: Callable[[Runtime], Door], body: bytes, finish: Respond) -> Job:
        self.scores_asked += 1
        door = door_of(self.service.loaded())

        def reply(outcome: Outcome) -> None:
            if isinstance(outcome, Scored):
                self.service.metrics.records += outcome.records
                finish(Response(200, outcome.body))
            else:
                finish(self.error(outcome, request_id=job.request_id))

        job = self.service.submit(door, body, reply)
        return job

    def _all_routes(self) -> dict[str, Route]:
        model = f"/v2/models/{self.service.name}"
        routes = {
            "/v2": Route("server", "GET", self._server),
            "/v2/health/live": Route("live", "GET", self._live),
            "/v2/health/ready": Route("ready", "GET", self._ready),
            "/metrics": Route("metrics", "GET", self._metrics),
            model: Route("model", "GET", self._model),
            f"{model}/ready": Route("ready", "GET", self._ready),
            f"{model}/infer": Route("infer", "POST", door=lambda runtime: runtime.tensors),
        }
        score = Route("score", "POST", door=lambda runtime: runtime.records)
        return routes | {f"/iml/v2/scoring/online/{name}": score for name in self.service.ids}

    def _live(self) -> Response:
        if self.service.stuck:
            raise RequestError(Problem.NOT_READY, self.service.stuck)
        return _json({"live": True})

    def _ready(self) -> Response:
        if self.service.stuck:
            raise RequestError(Problem.NOT_READY, self.service.stuck)
        if self.service.ready:
            return _json({"ready": True, "name": self.service.name})
        state = "draining" if self.service.draining else "being loaded"
        raise RequestError(Problem.NOT_READY, f"model {self.service.name!r} is {state}")

    def _server(self) -> Response:
        return _json({"name": "mlz", "version": __version__, "extensions": []})

    def _model(self) -> Response:
        return _json(model_metadata(self.service.name, self.service.loaded().asset))

    def _metrics(self) -> Response:
        return Response(200, self._exposition.text(), _METRICS_TYPE)


def _not_json(head: Head) -> RequestError:
    found = head.content_type or b"none"
    if head.content_encoding:
        found += b" with content-encoding " + head.content_encoding
    return RequestError(
        Problem.UNSUPPORTED_MEDIA_TYPE,
        "the body must be JSON: wanted content-type application/json without a content-encoding, "
        f"found {found[:_SHOWN_BYTES].decode('latin-1')}",
    )


def _headers(status: int, head: Head | None) -> tuple[tuple[bytes, bytes], ...]:
    if status == 503:
        return ((b"retry-after", _RETRY_AFTER_SECONDS),)
    if status == 401:
        return ((b"www-authenticate", b"Bearer"),)
    if status == 405 and head is not None and head.route is not None:
        return ((b"allow", ", ".join(head.route.methods).encode()),)
    return ()


def _json(document: dict[str, object]) -> Response:
    return Response(200, codec.encode(document))


def _is_json(head: Head) -> bool:
    """A body without a type is taken as JSON; ``application/…+json`` is JSON as well."""
    if head.content_type == b"application/json" and not head.content_encoding:
        return True
    kind = head.content_type.split(b";")[0].strip().lower()
    fine = (
        not kind or kind in _JSON_TYPES or (kind[:12] == b"application/" and kind[-5:] == b"+json")
    )
    return fine and head.content_encoding.strip().lower() in (b"", b"identity")
