"""Real models that answer, for tests that only score."""

from dataclasses import dataclass

from e2e.endpoints import Endpoint
from e2e.models import ENGINE_TYPES
from e2e.places import Place
from zoo.models import ZooModel

MODELS = (*ENGINE_TYPES, "tabular")  # the last one is ONNX with named columns


@dataclass(frozen=True)
class Served:
    """One of them."""

    place: Place
    name: str
    model: ZooModel
    guid: str
    serving_id: str
    digest: str
    endpoint: Endpoint


def until_served(place: Place, name: str, model: ZooModel) -> Served:
    """The model, once its deployment of that name is ACTIVE."""
    status = place.until_state(name, "ACTIVE")
    return Served(
        place=place,
        name=name,
        model=model,
        guid=status["guid"],
        serving_id=serving_id_of(name),
        digest=status["asset"]["active"]["digest"],
        endpoint=Endpoint(place.address(name), status["guid"]),
    )


def serving_id_of(name: str) -> str:
    """The second public id of a deployment."""
    return f"{name}_it"
