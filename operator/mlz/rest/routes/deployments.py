"""Deployments in MLz's v3 form: create, read, list, change, validate, delete."""

from functools import partial
from typing import Annotated, Any

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from mlz.cluster import kinds
from mlz.cluster.cache import Body
from mlz.rest import asks, shapes
from mlz.rest.bodies import json_body
from mlz.rest.documents import creation, paging, progress, related, services, v3, v3_patch, verdict
from mlz.rest.documents.bodies import name_of, owner_of, uid_of
from mlz.rest.documents.creation import Creation, Place
from mlz.rest.exchange import answer, base_url, caller_of, check_unchanged, facade_of, listed, noted
from mlz.rest.facade import Facade, model_owner, owners_of, unknown
from mlz.rest.identity.roles import Operation, Owners, check, may
from mlz.rest.openapi import Described, router
from mlz.rest.problems import Code, Refusal
from mlz.rest.threads import in_thread
from mlz.rest.updates import Update

routes = router("deployments")

Sync = Annotated[
    bool, Query(description="false answers INITIALIZING at once; true waits for the deployment.")
]
SyncUpdate = Annotated[
    bool, Query(description="Ours: true answers when the new asset serves, false at the verdict.")
]
IncludePending = Annotated[bool, Query(description="Documented for dual control; no effect.")]
ModelName = Annotated[str | None, Query(description="Only of the model of that name.")]
Limit = Annotated[
    str | None,
    Query(
        description="Most to answer, 100 unless given.",
        json_schema_extra={"pattern": f"^({paging.LIMIT.pattern})$"},
    ),
]
Start = Annotated[
    str | None,
    Query(
        description="How many to pass over, or next.href's mark.",
        json_schema_extra={"pattern": f"^({paging.START})$"},
    ),
]

_PATH = "/v3/published_models/{model_id}/deployments"


@routes.post(
    _PATH,
    **Described(
        Operation.CREATE_DEPLOYMENT,
        201,
        shapes.Deployment,
        body=asks.CreateDeployment,
        refusals=(
            Code.EMPTY_DEPLOY_INFO, Code.PARSING_ERROR, Code.NOT_SUPPORTED_DEPLOYMENT_TYPE,
            Code.DUPLICATE_DEPLOYMENT_NAME, Code.DUPLICATE_DEPLOYMENT, Code.DUPLICATE_SERVING_ID,
            Code.TIMEOUT_NOT_SUPPORTED, Code.INVALID_FIELD, Code.NOT_FOUND, Code.CONFLICT,
            Code.UNKNOWN_SCORING_SERVICE, Code.INACTIVE_SCORING_SERVICE, Code.UNSUPPORTED_ENGINE,
            Code.INVALID_SERVING_ID,
        ),
    ).options,
)  # fmt: skip
async def create_deployment(request: Request, model_id: str, sync: Sync = True) -> Response:
    """
    Create an online deployment.

    Answers when the deployment is ACTIVE or has FAILED, or with `sync=false` at once.
    """
    facade = facade_of(request)
    model = await facade.found(kinds.MODEL, model_id, "model")
    caller = caller_of(request)
    check(caller, Operation.CREATE_DEPLOYMENT, Owners(model=owner_of(model)))
    wanted = creation.creation(await json_body(request, facade.limits))
    place = await _place(facade, wanted, model_id, caller.name)
    manifest = noted(creation.manifest(wanted, place), request)
    body = await in_thread(partial(facade.claims.create, manifest))
    body = await _settled(facade, body) if sync else creation.accepted(body)
    return answer(v3.deployment(facade.related(body), base_url(request)), body, 201)


@routes.get(
    _PATH,
    **Described(
        Operation.LIST_DEPLOYMENTS, 200, shapes.Deployments, refusals=(Code.NOT_FOUND,)
    ).options,
)
async def list_deployments_of_model(
    request: Request, model_id: str, limit: Limit = None, start: Start = None
) -> Response:
    """List the deployments of a model, as far as the caller may read them."""
    facade = facade_of(request)
    await facade.found(kinds.MODEL, model_id, "model")
    return _listed(request, model_id, paging.span(limit, start))


@routes.get(
    "/v3/deployments", **Described(Operation.LIST_DEPLOYMENTS, 200, shapes.Deployments).options
)
async def list_deployments(request: Request, limit: Limit = None, start: Start = None) -> Response:
    """List all deployments, as far as the caller may read them."""
    return _listed(request, None, paging.span(limit, start))


@routes.get(
    f"{_PATH}/{{deployment_id}}",
    **Described(
        Operation.READ_DEPLOYMENT, 200, shapes.Deployment, refusals=(Code.NOT_FOUND,)
    ).options,
)
async def get_deployment(
    request: Request, model_id: str, deployment_id: str, include_pending: IncludePending = False
) -> Response:
    """Get the details of a deployment."""
    found = await facade_of(request).deployment(model_id, deployment_id)
    check(caller_of(request), Operation.READ_DEPLOYMENT, owners_of(found))
    return answer(v3.deployment(found, base_url(request)), found.deployment)


@routes.patch(
    f"{_PATH}/{{deployment_id}}",
    **Described(
        Operation.UPDATE_DEPLOYMENT,
        200,
        shapes.Deployment,
        body=list[asks.Patch],
        refusals=(
            Code.PARSING_ERROR, Code.INVALID_FIELD, Code.ONLY_ASSET_CAN_BE_PATCHED,
            Code.TIMEOUT_NOT_SUPPORTED, Code.NOT_FOUND, Code.SCHEMA_MISMATCH, Code.UPDATE_FAILED,
            Code.DUPLICATE_DEPLOYMENT, Code.DUPLICATE_DEPLOYMENT_NAME, Code.PRECONDITION_FAILED,
            Code.CONFLICT,
        ),
    ).options,
)  # fmt: skip
async def update_deployment(
    request: Request, model_id: str, deployment_id: str, sync: SyncUpdate = False
) -> Response:
    """
    Update a deployment by JSON Patch.

    Another artifactVersionHref is an update of the asset, and is alone: answers with status
    `updating` and, on a mismatch of schemas, a warning in `status_message`; poll until `ready`.
    """
    facade = facade_of(request)
    found = await facade.deployment(model_id, deployment_id)
    check(caller_of(request), Operation.UPDATE_DEPLOYMENT, owners_of(found))
    change = v3_patch.change_of(await json_body(request, facade.limits))
    update = Update(facade, caller_of(request), partial(check_unchanged, request))
    body = await update.made(found, change, sync=sync)
    return answer(v3.deployment(facade.related(body), base_url(request)), body)


@routes.post(
    f"{_PATH}/{{deployment_id}}/validate",
    **Described(
        Operation.VALIDATE_UPDATE,
        200,
        shapes.Verdict,
        body=list[asks.Patch],
        refusals=(Code.PARSING_ERROR, Code.INVALID_FIELD, Code.NOT_FOUND),
    ).options,
)
async def validate_update(request: Request, model_id: str, deployment_id: str) -> Response:
    """Tell whether the schema of a planned update would match, without doing it."""
    facade = facade_of(request)
    found = await facade.deployment(model_id, deployment_id)
    check(caller_of(request), Operation.VALIDATE_UPDATE, owners_of(found))
    change = v3_patch.change_of(await json_body(request, facade.limits))
    planned = found.wanted
    if change.asset is not None:
        planned = await facade.version(change.asset, found.deployment)
        owners = Owners(model=model_owner(planned))
        check(caller_of(request), Operation.CREATE_DEPLOYMENT, owners)
    if planned.version is None:
        raise unknown("model version of deployment", deployment_id)
    return answer(verdict.verdict(found.deployment, found.serving.version, planned.version))


@routes.delete(
    f"{_PATH}/{{deployment_id}}",
    **Described(
        Operation.DELETE_DEPLOYMENT, 204, None, refusals=(Code.NOT_FOUND, Code.PRECONDITION_FAILED)
    ).options,
)
async def delete_deployment(request: Request, model_id: str, deployment_id: str) -> Response:
    """Delete a deployment; its pods finish what they have begun."""
    facade = facade_of(request)
    found = await facade.deployment(model_id, deployment_id)
    check(caller_of(request), Operation.DELETE_DEPLOYMENT, owners_of(found))
    check_unchanged(request, found.deployment)
    await in_thread(partial(facade.claims.delete, found.deployment))
    return Response(status_code=204)


async def _place(facade: Facade, wanted: Creation, model: str, owner: str) -> Place:
    """What a create names, in the cluster."""
    asset = await facade.version(wanted.href)
    if asset.version is None or related.model_guid(asset) != model:
        raise Refusal(
            Code.NOT_FOUND,
            f"artifactVersionHref names a version of another model than '{model[:80]}' in the path",
            status=500,
        )
    service = await facade.lookups.by_guid(kinds.SCORING_SERVICE, wanted.scoring_group_id)
    if service is None:
        raise services.unknown_service(wanted.scoring_group_id)
    services.check_is_active(service)
    return Place(
        namespace=facade.world.namespace, version=asset.version, service=service, owner=owner
    )


async def _settled(facade: Facade, body: Body) -> Body:
    """The deployment as it is when its caller may be told, or what stands in its way."""
    waited = await facade.until(body, progress.created)
    outcome = waited.outcome
    if waited.body is None:
        raise unknown("deployment", uid_of(body), ": somebody deleted it meanwhile")
    if outcome is not None and outcome.refusal is not None:
        if outcome.lost:
            await in_thread(partial(facade.claims.delete, waited.body))
        raise outcome.refusal
    return waited.body


def _listed(request: Request, model: str | None, span: paging.Span) -> Response:
    facade, caller, base = facade_of(request), caller_of(request), base_url(request)
    shown: dict[str, Any] = {}
    for body in facade.world.all(kinds.DEPLOYMENT):
        owned = may(caller, Operation.READ_DEPLOYMENT, Owners(deployment=owner_of(body)))
        if owned and (model is None or related.is_of_model(facade.related(body), model)):
            shown[name_of(body)] = body
    return answer(
        listed(
            request, shown.values(), lambda body: v3.deployment(facade.related(body), base), span
        )
    )
