"""Models and their versions: list, read, import, delete."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from mlz.cluster import kinds
from mlz.cluster.cache import Body
from mlz.rest import asks, candidates, shapes
from mlz.rest.bodies import declared_length, pieces, too_large
from mlz.rest.candidates import Candidate
from mlz.rest.documents import models, paging, related
from mlz.rest.documents.bodies import name_of, owner_of
from mlz.rest.documents.related import AssetBodies
from mlz.rest.exchange import (
    answer,
    base_url,
    caller_of,
    check_unchanged,
    facade_of,
    idempotency_key,
    listed,
)
from mlz.rest.facade import Facade, Imports, unknown
from mlz.rest.identity.roles import Operation, Owners, check, may
from mlz.rest.openapi import Described, router, schema_of
from mlz.rest.problems import Code, Refusal
from mlz.rest.routes.deployments import Limit, Start
from mlz.rest.threads import in_thread
from mlz.rest.unfinished import is_unfinished
from mlz.rest.uploads import receive

routes = router("models")

ModelName = Annotated[str | None, Query(description="Only models of that name.")]

_MODELS = "/v3/ml_assets/models"
_MODEL = f"{_MODELS}/{{model_id}}"
_VERSIONS = f"{_MODEL}/versions"
_FORM = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {
                    "metadata": schema_of(asks.ImportMetadata),
                    "file": {"type": "string", "format": "binary"},
                },
                "required": ["file"],
            },
            "encoding": {"metadata": {"contentType": "application/json"}},
            "example": {"metadata": {"name": "churn", "engineType": "onnx"}, "file": "…"},
        }
    },
}
_IMPORT_REFUSALS = (
    Code.INVALID_FIELD,
    Code.UNSUPPORTED_ENGINE,
    Code.DUPLICATE_MODEL_NAME,
    Code.CONFLICT,
    Code.MODEL_REFUSED,
    Code.NOT_FOUND,
    Code.NOT_SUPPORTED,
    Code.TIMED_OUT,
)


@routes.get(_MODELS, **Described(Operation.LIST_MODELS, 200, shapes.Models).options)
async def list_models(
    request: Request,
    modelName: ModelName = None,  # noqa: N803 - as documented
    limit: Limit = None,
    start: Start = None,
) -> Response:
    """Get models, each with its latest version, as far as the caller may read them."""
    facade, caller = facade_of(request), caller_of(request)
    found = [
        body
        for body in facade.world.all(kinds.MODEL)
        if models.has_name(body, modelName)
        and not is_unfinished(body)
        and may(caller, Operation.LIST_MODELS, Owners(model=owner_of(body)))
    ]
    base, span = base_url(request), paging.span(limit, start)
    return answer(
        listed(request, found, lambda body: models.model(_latest(facade, body), base), span)
    )


@routes.post(
    _MODELS,
    **Described(
        Operation.IMPORT_MODEL, 201, shapes.Model, refusals=_IMPORT_REFUSALS, form=_FORM
    ).options,
)
async def import_model(request: Request) -> Response:
    """Import a model file: it goes to the registry, and is inspected before this answers."""
    async with _candidate(request, is_new_model=True) as (imports, wanted):
        imported = await imports.importer.run(wanted)
    asset = AssetBodies(imported.version, imported.model)
    return answer(models.model(asset, base_url(request)), imported.model, 201)


@routes.get(
    _MODEL,
    **Described(Operation.READ_MODEL, 200, shapes.Model, refusals=(Code.NOT_FOUND,)).options,
)
async def get_model(request: Request, model_id: str) -> Response:
    """Get a model with its latest version."""
    facade = facade_of(request)
    body = await _model(request, model_id, Operation.READ_MODEL)
    return answer(models.model(_latest(facade, body), base_url(request)), body)


@routes.delete(
    _MODEL,
    **Described(
        Operation.DELETE_MODEL,
        204,
        None,
        refusals=(Code.NOT_FOUND, Code.MODEL_DEPLOYED, Code.PRECONDITION_FAILED),
    ).options,
)
async def delete_model(request: Request, model_id: str) -> Response:
    """Delete a model with its versions; refused while deployments use one of them."""
    facade = facade_of(request)
    body = await _model(request, model_id, Operation.DELETE_MODEL)
    check_unchanged(request, body)
    await in_thread(partial(facade.cleaner.delete_model, body))
    return Response(status_code=204)


@routes.get(
    _VERSIONS,
    **Described(Operation.LIST_VERSIONS, 200, shapes.Models, refusals=(Code.NOT_FOUND,)).options,
)
async def list_versions(
    request: Request, model_id: str, limit: Limit = None, start: Start = None
) -> Response:
    """List the versions of a model."""
    facade, base = facade_of(request), base_url(request)
    body = await _model(request, model_id, Operation.LIST_VERSIONS)
    return answer(
        listed(
            request,
            facade.world.versions_of(name_of(body)),
            lambda version: models.version(AssetBodies(version, body), base),
            paging.span(limit, start),
        )
    )


@routes.post(
    _VERSIONS,
    **Described(
        Operation.IMPORT_VERSION, 201, shapes.Model, refusals=_IMPORT_REFUSALS, form=_FORM
    ).options,
)
async def import_version(request: Request, model_id: str) -> Response:
    """Import a new version of a model; the same bytes again are the same version."""
    body = await _model(request, model_id, Operation.IMPORT_VERSION)
    async with _candidate(request, is_new_model=False) as (imports, wanted):
        imported = await imports.importer.run(wanted, body)
    asset = AssetBodies(imported.version, imported.model)
    return answer(models.model(asset, base_url(request)), imported.version, 201)


@routes.get(
    f"{_VERSIONS}/{{version_id}}",
    **Described(Operation.READ_VERSION, 200, shapes.Model, refusals=(Code.NOT_FOUND,)).options,
)
async def get_version(request: Request, model_id: str, version_id: str) -> Response:
    """Get a model version, with its schema."""
    facade = facade_of(request)
    version = await facade.found(kinds.MODEL_VERSION, version_id, "model version")
    asset = facade.asset(version)
    if related.model_guid(asset) != model_id:
        raise unknown("model version", version_id, f" of model '{model_id[:80]}'")
    owner = None if asset.model is None else owner_of(asset.model)
    check(caller_of(request), Operation.READ_VERSION, Owners(model=owner))
    return answer(models.version(asset, base_url(request)), version)


async def _model(request: Request, guid: str, operation: Operation) -> Body:
    body = await facade_of(request).found(kinds.MODEL, guid, "model")
    check(caller_of(request), operation, Owners(model=owner_of(body)))
    return body


def _latest(facade: Facade, model: Body) -> AssetBodies:
    versions = facade.world.versions_of(name_of(model))
    return AssetBodies(models.latest_version(model, versions), model)


@asynccontextmanager
async def _candidate(
    request: Request, *, is_new_model: bool
) -> AsyncIterator[tuple[Imports, Candidate]]:
    """The file that comes with a request; it is there as long as the context is."""
    imports = facade_of(request).imports
    if imports is None:
        raise Refusal(
            Code.NOT_SUPPORTED,
            "models cannot be imported: no registry is configured (chart: rest.registry)",
        )
    if (declared_length(request) or 0) > imports.limits.body_bytes:
        raise too_large(imports.limits.body_bytes)
    kind = request.headers.get("content-type", "")
    async with receive(pieces(request), kind, imports.limits, imports.space) as upload:
        metadata = candidates.metadata_of(upload.metadata, is_new_model=is_new_model)
        owner, key = caller_of(request).name, idempotency_key(request)
        yield imports, candidates.candidate(upload, metadata, owner, key)
