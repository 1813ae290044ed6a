"""
What tests of the facade's writes do alike: what it writes, what goes wrong, and who owns it then.

A file of tests takes the fixture with ``from unit.rest.writing import server``.
"""

from collections.abc import Callable
from typing import Any

import pytest

from builders import NAMESPACE, a_deployment_body
from fakes.apiserver import FakeApiServer, Request
from mlz.api import names

Manifest = dict[str, Any]


def a_manifest(name: str = "churn", **spec: Any) -> Manifest:
    """As the facade makes it: nothing that the API server fills in."""
    body = a_deployment_body(name, **spec)
    annotations = {names.ANNOTATION_CREATED_BY: "ada"}
    return body | {"metadata": {"name": name, "namespace": NAMESPACE, "annotations": annotations}}


def described(text: str) -> Callable[[Any], Manifest]:
    return lambda _: {"spec": {"description": text}}


def once(*errors: Exception) -> Callable[[Request], None]:
    """Each write meets the next of these errors; in the end all goes well."""
    left = list(errors)

    def meet(request: Request) -> None:
        if request.is_write and left:
            raise left.pop(0)

    return meet


def leave(server: FakeApiServer) -> None:
    """Somebody has deleted it, and a finalizer holds it."""
    going = {"deletionTimestamp": "2030-01-01T12:00:00Z"}
    server.edit("MLzDeployment", "churn", lambda body: body["metadata"].update(going))


def managers(server: FakeApiServer, name: str = "churn") -> list[str]:
    body = server.find("MLzDeployment", name)
    assert body is not None
    fields = [one["fieldsV1"] for one in body["metadata"].get("managedFields", ())]
    return [key for one in fields for key in one]


@pytest.fixture
def server() -> FakeApiServer:
    return FakeApiServer()
