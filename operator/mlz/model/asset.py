"""
The asset: a model's bytes as they lie in a pod, and what inspection found out about them.

``asset.json`` in the model folder carries an ``Asset`` from ``mlz fetch`` to ``mlz engine``; an
``Inspection`` carries the same facts, or the refusal, from a pod to the operator.
"""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from mlz.errors import Reason
from mlz.model.document import Document
from mlz.model.schema import Schema

ASSET_FILE = "asset.json"


class EngineType(StrEnum):
    """
    MLz's engine types that this release serves.

    Source: MLz 3.2, "Create online deployment API", ``engineType``.
    """

    ONNX = "onnx"
    PMML = "pmml"
    XGBOOST = "xgboost"


class Provider(StrEnum):
    """The execution provider of an onnx deployment: a CPU, z16's or z17's on-chip accelerator."""

    CPU = "cpu"
    ZAIU = "zaiu"
    TELUM2 = "telum2"


class Framework(Document):
    """What wrote the model, as far as the file says."""

    name: str = Field(description="Name of the library, for example xgboost.")
    version: str | None = Field(
        None, max_length=253, description="Its version, as the model file says."
    )


class Asset(Document):
    """
    A fetched, verified and inspected model in a folder (``asset.json`` there).

    ``model_file`` and ``sample_file`` are relative to the folder; ``digest`` is ``sha256:<hex>`` of
    the bytes at the URI (the archive, where it is one).
    """

    digest: str
    size_bytes: int
    engine_type: EngineType
    model_file: str
    sample_file: str | None = None
    framework: Framework | None = None
    model_schema: Schema = Field(alias="schema")


class Inspection(Document):
    """
    The outcome of fetching and inspecting, as it leaves a pod.

    Accepted: ``digest size_bytes engine_type schema`` are set. Refused or failed: ``reason`` and
    ``message`` are, and ``retryable`` says whether the same again may succeed.
    """

    version: Literal[1] = 1
    digest: str | None = None
    size_bytes: int | None = None
    engine_type: EngineType | None = None
    framework: Framework | None = None
    schema_digest: str | None = None
    model_schema: Schema | None = Field(None, alias="schema")
    reason: Reason | None = None
    message: str | None = None
    retryable: bool = False

    @property
    def accepted(self) -> bool:
        """Whether the asset may be served."""
        return self.reason is None
