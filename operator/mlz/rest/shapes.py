"""
What the API's answers look like, for /openapi.json; the answers are made by ``documents``.

A test holds every document against its shape, so neither can change alone. Fields that are absent
where they have no value are not required; unknown fields are forbidden.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

EXAMPLE_MODEL = "179e5d7e-05a8-4ec9-bf23-381456663565"
EXAMPLE_VERSION = "4dd86b2c-c09e-4328-acc1-999a57ab09eb"
EXAMPLE_DEPLOYMENT = "17650863-0dc2-4b32-81de-7c6f407085f1"
EXAMPLE_SERVICE = "a9955c98-2a95-429c-9413-9c86edbe2017"

Engine = Literal["onnx", "pmml", "xgboost"]


class Shape(BaseModel):
    """A JSON object of the API, in the API's own spelling."""

    model_config = ConfigDict(extra="forbid")


class Fault(BaseModel):
    """A part of an error."""

    model_config = ConfigDict(extra="allow")

    field: str | None = Field(None, description="The field it is about.")
    path: str | None = Field(None, description="JSONPath into the body.")
    fault: str | None = Field(None, description="What is wrong with it.")
    reason: str | None = Field(None, description="A condition's reason of the resource.")


class Error(Shape):
    """Every refusal."""

    code: str = Field(description="The error, in a word that is never renamed.")
    message: str = Field(description="What was wanted, what was found, what to do.")
    requestId: str = Field(description="As in the header X-Request-Id and in the log.")
    errors: list[Fault] | None = Field(None, description="The parts of it, where there are parts.")


class Token(Shape):
    """What a log-in brings."""

    token: str = Field(description="Bearer token, a JWT.")
    expiresAt: str | None = Field(None, description="When it ends.")


class Author(Shape):
    """Who made it."""

    name: str | None = None
    email: str | None = None


class Message(Shape):
    """A word for people."""

    level: str | None = Field(None, description="warning.")
    text: str | None = None


class Failure(Shape):
    """Why the wanted asset does not serve."""

    reason: str = Field(description="A condition's reason: operator/reference/reasons.md.")
    message: str


class DeployInfo(Shape):
    """What is deployed where; numbers that are strings in MLz are strings here."""

    artifactVersionHref: str = Field(description="The wanted model version.")
    engineType: Engine
    nextFire: str = Field(description='Of batch deployments; "0".')
    scheduleStatus: str = Field(description='Of batch deployments; "".')
    scoringGroupId: str = Field(description="guid of the scoring service.")
    versionSeq: str = Field(description="Number of the version within its model.")
    telum2: bool | None = None
    timeout: int | None = Field(None, description="Milliseconds; pmml only.")
    zaiu: bool | None = None


class Reference(Shape):
    """A model version."""

    guid: str
    url: str


class PublishedModel(Shape):
    """The model of a deployment."""

    author: Author
    created_at: str
    description: str
    guid: str
    name: str
    url: str


class Metadata(Shape):
    """Of a deployment."""

    url: str
    guid: str = Field(description="The deployment's id.")
    modified_at: str
    created_at: str
    model_status: list[Any] = Field(description="Always empty.")


class DeploymentEntity(Shape):
    """A deployment."""

    author: Author
    deploy_info: DeployInfo
    deployed_version: Reference = Field(description="The version that serves.")
    description: str
    model_type: str
    name: str
    published_model: PublishedModel
    runtime_environment: str
    scoring_url: str
    servingId: str | None = Field(None, description="Ours: where one was asked for.")
    status: str = Field(description="INITIALIZING, ACTIVE, updating, ready, FAILED or SUSPENDED.")
    status_message: Message | None = Field(None, description="Ours: a word on the last update.")
    failure: Failure | None = Field(None, description="Ours: why the wanted asset does not serve.")
    type: Literal["online"]


class Deployment(Shape):
    """A deployment as MLz's v3 API shows it."""

    metadata: Metadata
    entity: DeploymentEntity


class Next(Shape):
    """Where a list goes on."""

    href: str


class Deployments(Shape):
    """A page of deployments."""

    count: int = Field(description="Of all pages.")
    resources: list[Deployment]
    next: Next | None = None


class Inspection(Shape):
    """What inspection made of a version."""

    state: Literal["pending", "accepted", "refused"]
    reason: str | None = None
    message: str | None = None


class Runtime(Shape):
    """What runs a model."""

    name: str


class Framework(Shape):
    """What wrote a model."""

    name: str
    version: str | None = None
    runtimes: list[Runtime]


class VersionReference(Shape):
    """A version of a model."""

    guid: str
    url: str = Field(description="What artifactVersionHref takes.")
    versionSeq: str


class ModelEntity(BaseModel):
    """A model, or one version of it."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    author: Author
    description: str
    digest: str | None = Field(None, description="sha256:<hex> of the asset.")
    engineType: str | None = None
    framework: Framework | None = None
    inspection: Inspection | None = None
    label_column: str | None = None
    model_type: str
    model_url: str
    model_version: VersionReference | None = None
    name: str
    prediction_column: str | None = None
    probability_column: str | None = None
    versionSeq: str | None = None
    # Named so in the API; pydantic's own word is in the way.
    model_schema: dict[str, Any] | None = Field(
        None, alias="schema", description="Inputs, outputs and classes: operator/reference."
    )


class ThingMetadata(Shape):
    """Of a model, a version or a scoring service."""

    guid: str
    url: str
    created_at: str
    modified_at: str


class Model(Shape):
    """A model as MLz's v3 API shows it."""

    metadata: ThingMetadata
    entity: ModelEntity


class Models(Shape):
    """A page of models."""

    count: int
    resources: list[Model]
    next: Next | None = None


class ServiceEntity(Shape):
    """A scoring service."""

    name: str
    type: Literal["standard", "cluster"]
    active: bool
    replicas: int | None = None


class ScoringService(Shape):
    """A scoring service; its guid is what scoringGroupId names."""

    metadata: ThingMetadata
    entity: ServiceEntity


class ScoringServices(Shape):
    """A page of scoring services."""

    count: int
    resources: list[ScoringService]
    next: Next | None = None


class SchemaChange(BaseModel):
    """One difference of two schemas."""

    model_config = ConfigDict(extra="allow")

    path: str
    kind: str


class Verdict(BaseModel):
    """Whether a new asset fits the callers of the old one; as `mlz diff -o json` prints it."""

    model_config = ConfigDict(extra="allow")

    verdict: Literal["Identical", "Compatible", "Incompatible", "Unknown"]
    changes: list[SchemaChange]


class KeySet(BaseModel):
    """A JSON Web Key Set. Source: RFC 7517."""

    keys: list[dict[str, str]]


class V4Deployment(BaseModel):
    """A deployment in watsonx's v4 form."""

    model_config = ConfigDict(extra="forbid")

    metadata: dict[str, Any]
    entity: dict[str, Any]


class V4Deployments(BaseModel):
    """Deployments in watsonx's v4 form."""

    model_config = ConfigDict(extra="allow")

    resources: list[V4Deployment]


class Prediction(BaseModel):
    """Rows of answers, and their fields."""

    fields: list[str]
    values: list[list[Any]]


class Predictions(BaseModel):
    """What was scored."""

    predictions: list[Prediction]


class Live(BaseModel):
    """The process."""

    model_config = ConfigDict(extra="allow")
