"""
What bodies of requests look like, for /openapi.json; ``documents`` reads them.

The API is lax where MLz's is: unknown fields are ignored, so none is forbidden here.
"""

from typing import Any, Literal

from pydantic import BaseModel, Field

from mlz.rest.shapes import Engine

_CONTROLS = r"\x00-\x1f\x7f-\x9f"
# On one line, and not blank.
_NAME = rf"^[^{_CONTROLS}]*[^\s{_CONTROLS}][^{_CONTROLS}]*$"


class Credentials(BaseModel):
    """Who logs in."""

    username: str = Field(description="Name of the user.", pattern="^[A-Za-z0-9._@-]{1,64}$")
    password: str = Field(
        description="The user's password.", max_length=1024, pattern=r"^[^\x00]*$"
    )


class CreateDeployInfo(BaseModel):
    """What is to be deployed where."""

    scoringGroupId: str = Field(description="guid of an active scoring service.")
    engineType: Engine
    artifactVersionHref: str = Field(
        description="The model version.",
        pattern="^/v3/ml_assets/models/[A-Za-z0-9-]+/versions/[A-Za-z0-9-]+$",
    )
    zaiu: bool | None = Field(None, description="onnx only: score on the z16 accelerator.")
    telum2: bool | None = Field(None, description="onnx only: on the z17 one; wins over zaiu.")
    timeout: int | None = Field(None, ge=1, le=60_000, description="Milliseconds; pmml only.")
    predictionHorizon: int | None = Field(None, description="Accepted; watfore only.")


class CreateAuthor(BaseModel):
    """Who makes it."""

    name: str | None = Field(None, pattern=_NAME, max_length=253)
    email: str | None = Field(None, pattern=_NAME, max_length=253)


class CreateDeployment(BaseModel):
    """The body of a create, as documented for MLz 3.2."""

    type: Literal["online", "batch"]
    name: str = Field(pattern=_NAME, max_length=253, description="Unique.")
    servingId: str | None = Field(None, pattern="^[A-Za-z][A-Za-z0-9_]{2,35}$")
    description: str | None = Field(None, max_length=4096)
    author: CreateAuthor | None = None
    deploy_info: CreateDeployInfo


class Patch(BaseModel):
    """One operation of a JSON patch of a deployment."""

    op: Literal["replace", "add", "remove"]
    path: Literal[
        "/name", "/deploy_info/artifactVersionHref", "/deploy_info/engineType",
        "/deploy_info/scoringGroupId", "/deploy_info/zaiu", "/deploy_info/telum2",
        "/deploy_info/batching", "/deploy_info/maxLatencyInMs", "/deploy_info/maxBatchSize",
        "/deploy_info/conventionality", "/deploy_info/timeout",
    ]  # fmt: skip
    value: Any = None


class V4Patch(BaseModel):
    """One operation of a JSON patch of a deployment in watsonx's form."""

    op: Literal["replace", "add", "remove"]
    path: Literal["/asset", "/name", "/description", "/tags", "/custom"]
    value: Any = None


class ServicePatch(BaseModel):
    """One operation of a JSON patch of a scoring service."""

    op: Literal["replace", "add", "remove"]
    path: Literal["/type", "/active", "/replicas"]
    value: Any = None


class ImportMetadata(BaseModel):
    """What is said of a model file."""

    name: str | None = Field(
        None, pattern=_NAME, max_length=253, description="Of the model; a new one needs it."
    )
    description: str | None = Field(None, max_length=4096)
    author: CreateAuthor | None = None
    engineType: Engine | None = Field(None, description="Else the file's name tells it.")
    labelColumn: str | None = Field(None, pattern=_NAME, max_length=253)
    predictionColumn: str | None = Field(None, pattern=_NAME, max_length=253)
    probabilityColumn: str | None = Field(None, pattern=_NAME, max_length=253)
    declared: dict[str, Any] | None = Field(
        None, alias="schema", description="Declared schema: operator/reference."
    )


class CreateScoringService(BaseModel):
    """A scoring service that is to be made."""

    name: str = Field(pattern="^[a-z]([-a-z0-9]*[a-z0-9])?$", max_length=45)
    type: Literal["standard", "cluster"] | None = None
    active: bool | None = None
    replicas: int | None = Field(None, ge=1, le=1000)


class InputData(BaseModel):
    """Rows of values, and the fields that they are of."""

    fields: list[str] | None = None
    values: list[list[Any]]


class Scoring(BaseModel):
    """What is to be scored."""

    input_data: list[InputData] = Field(min_length=1)
