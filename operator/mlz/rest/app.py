"""
The application: all routes, and how what they raise is answered.

Made once; its facade comes with the event loop (``process``), since it waits in that loop.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mlz import __version__
from mlz.rest.edge import Edge, refused
from mlz.rest.facade import Facade
from mlz.rest.metrics import Metrics
from mlz.rest.openapi import completed
from mlz.rest.problems import Refusal, invalid_field
from mlz.rest.routes import access, deployments, models, services, watsonx

_DESCRIPTION = """
Deployments of machine-learning models with the API of IBM Machine Learning for z/OS 3.2.

Log in at `POST /auth/generateToken`, and send the token as `Authorization: Bearer …`. What is made
here are custom resources of Kubernetes: `kubectl get mlz` shows the same.
"""

Facades = Callable[[], AbstractAsyncContextManager[Facade]]


def create_app(facades: Facades, metrics: Metrics) -> Edge:
    """
    The application behind its edge.

    Args:
        facades: makes the facade in the event loop, for as long as the application lives.
    """
    app = FastAPIOffline(
        title="mlz",
        version=__version__,
        description=_DESCRIPTION,
        lifespan=_lifespan(facades),
        docs_url="/docs",
        redoc_url=None,
        redirect_slashes=False,
        separate_input_output_schemas=False,
    )
    app.state.metrics = metrics
    app.state.leaving = False
    app.add_exception_handler(Refusal, refused)
    app.add_exception_handler(HTTPException, refused)
    app.add_exception_handler(RequestValidationError, _invalid_parameter)
    for one in (access, deployments, models, services, watsonx):
        app.router.routes.extend(one.routes.routes)
    _describe(app)
    return Edge(app, metrics)


def leave(app: Edge) -> None:
    """Be ready no longer; what is under way goes on."""
    inner = app.app
    if isinstance(inner, FastAPI):
        inner.state.leaving = True


def _lifespan(facades: Facades) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with facades() as facade:
            app.state.facade = facade
            yield

    return lifespan


async def _invalid_parameter(request: Request, error: Exception) -> Response:
    """A query parameter of a wrong type, in MLz's own form."""
    faults = error.errors() if isinstance(error, RequestValidationError) else []
    first = faults[0] if faults else {"loc": ("query",), "msg": "another"}
    name = ".".join(str(part) for part in first["loc"][1:]) or "parameter"
    found = str(first.get("input"))[:80]
    return await refused(request, invalid_field(name, str(first["msg"]), f"'{found}'"))


def _describe(app: FastAPI) -> None:
    """What /openapi.json says beside what the framework knows."""
    document = app.openapi
    described = cache(lambda: completed(document()))
    app.openapi = described  # type: ignore[method-assign]  # FastAPI's own way to extend it
