"""
The same deployments in watsonx's v4 form, and scoring in its tables.

The queries ``version``, ``space_id`` and ``project_id`` are accepted without effect.
"""

from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from mlz.cluster import kinds
from mlz.cluster.cache import Body
from mlz.rest import asks, shapes
from mlz.rest.bodies import BodyLimits, json_body
from mlz.rest.documents import paging, predictions, v3, v4, v4_patch
from mlz.rest.documents.bodies import owner_of
from mlz.rest.documents.related import Related
from mlz.rest.exchange import answer, base_url, caller_of, check_unchanged, facade_of, listed
from mlz.rest.facade import owners_of, unknown
from mlz.rest.identity.roles import Operation, Owners, check, may
from mlz.rest.openapi import Described, router
from mlz.rest.problems import Code
from mlz.rest.routes.deployments import Limit, Start
from mlz.rest.scoring import score
from mlz.rest.threads import in_thread
from mlz.rest.updates import Update

routes = router("deployments, v4")

_DEPLOYMENTS = "/ml/v4/deployments"
_DEPLOYMENT = f"{_DEPLOYMENTS}/{{deployment_id}}"


@routes.get(
    _DEPLOYMENTS, **Described(Operation.LIST_DEPLOYMENTS, 200, shapes.V4Deployments).options
)
async def list_v4_deployments(
    request: Request,
    limit: Limit = None,
    start: Start = None,
) -> Response:
    """List deployments, as far as the caller may read them."""
    facade, caller, base = facade_of(request), caller_of(request), base_url(request)
    found = [
        body
        for body in facade.world.all(kinds.DEPLOYMENT)
        if may(caller, Operation.READ_DEPLOYMENT, Owners(deployment=owner_of(body)))
    ]
    span = paging.span(limit, start)
    page = listed(request, found, lambda body: v4.deployment(facade.related(body), base), span)
    return answer({"total_count": page.pop("count"), **page})


@routes.get(
    _DEPLOYMENT,
    **Described(
        Operation.READ_DEPLOYMENT, 200, shapes.V4Deployment, refusals=(Code.NOT_FOUND,)
    ).options,
)
async def get_v4_deployment(request: Request, deployment_id: str) -> Response:
    """Get the details of a deployment."""
    found = await _found(request, deployment_id)
    check(caller_of(request), Operation.READ_DEPLOYMENT, owners_of(found))
    return answer(v4.deployment(found, base_url(request)), found.deployment)


@routes.patch(
    _DEPLOYMENT,
    **Described(
        Operation.UPDATE_DEPLOYMENT,
        200,
        shapes.V4Deployment,
        body=list[asks.V4Patch],
        refusals=(
            Code.PARSING_ERROR, Code.INVALID_FIELD, Code.ONLY_ASSET_CAN_BE_PATCHED, Code.NOT_FOUND,
            Code.SCHEMA_MISMATCH, Code.UPDATE_FAILED, Code.DUPLICATE_DEPLOYMENT,
            Code.DUPLICATE_DEPLOYMENT_NAME, Code.PRECONDITION_FAILED, Code.CONFLICT,
        ),
        also=(202,),
    ).options,
)  # fmt: skip
async def update_v4_deployment(request: Request, deployment_id: str) -> Response:
    """
    Update a deployment by JSON Patch.

    `/asset` is patched alone: 202, the state is `updating`, poll until it is `ready`.
    """
    facade = facade_of(request)
    found = await _found(request, deployment_id)
    check(caller_of(request), Operation.UPDATE_DEPLOYMENT, owners_of(found))
    change = v4_patch.change_of(await json_body(request, facade.limits))
    update = Update(facade, caller_of(request), partial(check_unchanged, request))
    body = await update.made(found, change, sync=False)
    status = 202 if v4_patch.is_asset_update(change) else 200
    return answer(v4.deployment(facade.related(body), base_url(request)), body, status)


@routes.delete(
    _DEPLOYMENT,
    **Described(
        Operation.DELETE_DEPLOYMENT, 204, None, refusals=(Code.NOT_FOUND, Code.PRECONDITION_FAILED)
    ).options,
)
async def delete_v4_deployment(request: Request, deployment_id: str) -> Response:
    """Delete a deployment."""
    found = await _found(request, deployment_id)
    check(caller_of(request), Operation.DELETE_DEPLOYMENT, owners_of(found))
    check_unchanged(request, found.deployment)
    await in_thread(partial(facade_of(request).claims.delete, found.deployment))
    return Response(status_code=204)


@routes.post(
    f"{_DEPLOYMENT}/predictions",
    **Described(
        Operation.SCORE,
        200,
        shapes.Predictions,
        body=asks.Scoring,
        refusals=(
            Code.PARSING_ERROR, Code.INVALID_FIELD, Code.NOT_FOUND, Code.BAD_INPUT,
            Code.ANSWER_NOT_FINITE, Code.SCORING_REFUSED, Code.TOO_MANY_RECORDS, Code.NOT_READY,
            Code.OVERLOADED, Code.SCORING_TIMEOUT, Code.TIMED_OUT,
        ),
    ).options,
)  # fmt: skip
async def predict(request: Request, deployment_id: str) -> Response:
    """Score tables of fields and values; by the guid of the deployment or its servingId."""
    facade = facade_of(request)
    found = await _scored(request, deployment_id)
    check(caller_of(request), Operation.SCORE, owners_of(found))
    settings = facade.settings
    limits = BodyLimits(settings.max_score_bytes, settings.body_timeout_seconds)
    inputs = predictions.inputs_of(found.serving.version or {})
    asked = predictions.questions(await json_body(request, limits), inputs)
    url = v3.scoring_url(found.deployment, found.guid)
    token = request.headers.get("authorization", "")
    answers = await score(facade.scoring, url, token, asked.records)
    return answer(predictions.predictions(asked, answers))


async def _found(request: Request, guid: str) -> Related:
    facade = facade_of(request)
    return facade.related(await facade.found(kinds.DEPLOYMENT, guid, "deployment"))


async def _scored(request: Request, identity: str) -> Related:
    """By either of the two public ids."""
    facade = facade_of(request)
    body = facade.world.by_guid(kinds.DEPLOYMENT, identity)
    if body is None:
        body = _only(facade.world.by_serving_id(identity), identity)
    if body is None:
        body = await facade.found(kinds.DEPLOYMENT, identity, "deployment")
    return facade.related(body)


def _only(found: list[Body], serving_id: str) -> Body | None:
    """A servingId is unique in a scoring service, and there may be several."""
    if len(found) > 1:
        raise unknown(
            "single deployment", serving_id, ": several scoring services have it; take the guid"
        )
    return found[0] if found else None
