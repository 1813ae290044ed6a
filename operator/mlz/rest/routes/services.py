"""Scoring services: list, create, read, change, delete; and what MLz's nodes are here."""

from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from mlz.cluster import kinds
from mlz.cluster.cache import Body
from mlz.cluster.client import Manifest
from mlz.rest import asks, shapes
from mlz.rest.bodies import json_body
from mlz.rest.documents import paging, services
from mlz.rest.documents.bodies import name_of
from mlz.rest.exchange import answer, base_url, check_unchanged, facade_of, listed, noted
from mlz.rest.facade import unknown
from mlz.rest.identity.roles import Operation
from mlz.rest.openapi import Described, router
from mlz.rest.problems import Code, Refusal
from mlz.rest.routes.deployments import Limit, Start
from mlz.rest.threads import in_thread
from mlz.rest.world import TakenError

routes = router("scoring services")

_SERVICES = "/v3/deployments/scoring"
_SERVICE = f"{_SERVICES}/{{guid}}"


@routes.get(
    _SERVICES, **Described(Operation.READ_SCORING_SERVICES, 200, shapes.ScoringServices).options
)
async def list_services(request: Request, limit: Limit = None, start: Start = None) -> Response:
    """List the scoring services; a guid of theirs is what scoringGroupId takes."""
    base = base_url(request)
    found = facade_of(request).world.all(kinds.SCORING_SERVICE)
    span = paging.span(limit, start)
    return answer(listed(request, found, lambda body: services.scoring_service(body, base), span))


@routes.post(
    _SERVICES,
    **Described(
        Operation.WRITE_SCORING_SERVICES,
        201,
        shapes.ScoringService,
        body=asks.CreateScoringService,
        refusals=(Code.PARSING_ERROR, Code.INVALID_FIELD, Code.SCORING_SERVICE_EXISTS),
    ).options,
)
async def create_service(request: Request) -> Response:
    """Create a scoring service."""
    facade = facade_of(request)
    wanted = services.creation(await json_body(request, facade.limits))
    manifest = noted(services.manifest(wanted, facade.world.namespace), request)
    try:
        body = await in_thread(partial(facade.world.create, kinds.SCORING_SERVICE, manifest))
    except TakenError as error:
        raise Refusal(
            Code.SCORING_SERVICE_EXISTS, f"there is a scoring service '{wanted.name}' already"
        ) from error
    return answer(services.scoring_service(body, base_url(request)), body, 201)


@routes.get(
    _SERVICE,
    **Described(
        Operation.READ_SCORING_SERVICES, 200, shapes.ScoringService, refusals=(Code.NOT_FOUND,)
    ).options,
)
async def get_service(request: Request, guid: str) -> Response:
    """Get a scoring service."""
    body = await _service(request, guid)
    return answer(services.scoring_service(body, base_url(request)), body)


@routes.patch(
    _SERVICE,
    **Described(
        Operation.WRITE_SCORING_SERVICES,
        200,
        shapes.ScoringService,
        body=list[asks.ServicePatch],
        refusals=(
            Code.PARSING_ERROR, Code.INVALID_FIELD, Code.NOT_FOUND, Code.PRECONDITION_FAILED,
            Code.CONFLICT,
        ),
    ).options,
)  # fmt: skip
async def update_service(request: Request, guid: str) -> Response:
    """Change a scoring service by JSON Patch: /active, /type, /replicas."""
    facade, known = facade_of(request), await _service(request, guid)
    document = await json_body(request, facade.limits)

    def compute(current: Body) -> Manifest:
        check_unchanged(request, current)
        return services.merge_patch(document, current)

    change = partial(facade.world.change, kinds.SCORING_SERVICE, name_of(known), compute)
    body = await in_thread(change)
    if body is None:
        raise unknown("scoring service", guid)
    return answer(services.scoring_service(body, base_url(request)), body)


@routes.delete(
    _SERVICE,
    **Described(
        Operation.WRITE_SCORING_SERVICES,
        204,
        None,
        refusals=(Code.NOT_FOUND, Code.SCORING_SERVICE_IN_USE, Code.PRECONDITION_FAILED),
    ).options,
)
async def delete_service(request: Request, guid: str) -> Response:
    """Delete a scoring service; refused while deployments run in it."""
    facade, body = facade_of(request), await _service(request, guid)
    check_unchanged(request, body)
    await facade.lookups.refreshed(kinds.DEPLOYMENT)
    users = sorted(map(name_of, facade.world.deployments_in(name_of(body))))
    if users:
        raise Refusal(
            Code.SCORING_SERVICE_IN_USE,
            f"deployments run in scoring service '{name_of(body)}': {', '.join(users[:20])}; "
            "delete them first",
        )
    await in_thread(partial(facade.world.delete, kinds.SCORING_SERVICE, body))
    return Response(status_code=204)


@routes.post(
    "/v3/deployments/ha/scoring/node",
    **Described(Operation.ADD_NODE, 204, None, refusals=(Code.NOT_SUPPORTED,)).options,
)
async def add_node(request: Request) -> Response:
    """Add a scoring service node: refused, for Kubernetes decides on which nodes pods run."""
    raise Refusal(
        Code.NOT_SUPPORTED,
        "nodes are Kubernetes' here: for more pods change the replicas of a scoring service of "
        "type cluster (PATCH /v3/deployments/scoring/{guid})",
    )


async def _service(request: Request, guid: str) -> Body:
    return await facade_of(request).found(kinds.SCORING_SERVICE, guid, "scoring service")
