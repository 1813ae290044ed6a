"""What a route reads of its request and puts into its answer, beside the bodies."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from mlz.api import names
from mlz.cluster.cache import Body
from mlz.rest.documents import paging
from mlz.rest.documents.bodies import Json, part
from mlz.rest.facade import Facade
from mlz.rest.identity.roles import Caller
from mlz.rest.problems import Code, Refusal

_LONGEST_KEY = 200
_PASSING_NOTES = frozenset({names.LABEL_RENAMED, names.ANNOTATION_REQUEST})


def facade_of(request: Request) -> Facade:
    """The facade of the application."""
    return cast(Facade, request.app.state.facade)


def caller_of(request: Request) -> Caller:
    """Who asks; the guard has found out."""
    return cast(Caller, request.state.caller)


def base_url(request: Request) -> str:
    """What callers call us: as configured, else as this one has called us."""
    configured = facade_of(request).settings.public_url
    return configured or f"{request.url.scheme}://{request.url.netloc}"


def answer(document: Json, body: Body | None = None, status: int = 200) -> Response:
    """A document; of one resource, with its ETag."""
    headers = {} if body is None else {"ETag": etag(body)}
    return Response(to_json(document), status, headers, media_type="application/json")


def listed(
    request: Request, bodies: Iterable[Body], write: Callable[[Body], Json], wanted: paging.Span
) -> Json:
    """The page of a list that is wanted, and where it goes on; the query is kept but for that."""
    query = {key: value for key, value in request.query_params.items() if key != "start"}
    url = f"{base_url(request)}{request.url.path}"
    return paging.document(paging.page(bodies, wanted), write, url, query)


def etag(body: Body) -> str:
    """Changes whenever the resource does, but for what we note there in the middle of a change."""
    meta = part(body, "metadata")
    told = [meta.get("uid"), meta.get("generation"), meta.get("deletionTimestamp")]
    told += [_without_ours(part(meta, key)) for key in ("labels", "annotations")]
    return f'"{names.full_hash([*told, body.get("status")])[:16]}"'


def _without_ours(notes: Mapping[str, Any]) -> Json:
    return {key: value for key, value in notes.items() if key not in _PASSING_NOTES}


def check_unchanged(request: Request, body: Body) -> None:
    """
    Whether the resource is what the caller has seen, where If-Match says what that was.

    Raises:
        Refusal: precondition_failed.
    """
    wanted = request.headers.get("if-match")
    if wanted is None or wanted.strip() == "*":
        return
    if etag(body) not in [one.strip() for one in wanted.split(",")]:
        raise Refusal(
            Code.PRECONDITION_FAILED,
            f"it has changed: If-Match says {wanted[:80]}, it is {etag(body)} now; read it again",
        )


def idempotency_key(request: Request) -> str | None:
    """
    What makes a repeated request the same one, of who sends it and the Idempotency-Key; or None.

    Raises:
        Refusal: invalid_field.
    """
    given = request.headers.get("idempotency-key")
    if given is None:
        return None
    if not given.strip() or len(given) > _LONGEST_KEY:
        raise Refusal(
            Code.INVALID_FIELD, f"Idempotency-Key: expected 1 to {_LONGEST_KEY} characters"
        )
    told = "\0".join((caller_of(request).name, request.url.path, given))
    return hashlib.sha256(told.encode()).hexdigest()[:32]


def noted(manifest: Json, request: Request) -> Json:
    """The manifest of what is to be made, with the key of the request that makes it."""
    key = idempotency_key(request)
    if key is None:
        return manifest
    meta: dict[str, Any] = manifest["metadata"]
    notes = {**meta.get("annotations", {}), names.ANNOTATION_IDEMPOTENCY_KEY: key}
    return {**manifest, "metadata": {**meta, "annotations": notes}}
