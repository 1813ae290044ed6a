"""
The four kinds, every field of their spec, once; what status says is in ``api.status``.

The CRDs and the reference docs are generated from these types, so a description here is what users
read in ``kubectl explain``. Only what works has a field. The parser of a live object is
``api.parsing``, because an older CRD may have let through what these types refuse.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from mlz.api.names import NAME_LIMIT, NAME_PATTERN
from mlz.model.asset import EngineType, Framework, Provider
from mlz.model.document import Document
from mlz.model.schema import Schema

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
ObjectName = Annotated[str, Field(min_length=1, max_length=253)]
_QUANTITY = r"^[0-9]+(\.[0-9]+)?([numkMGTPE]|[KMGTPE]i)?$"
Quantity = Annotated[
    str | int,
    Field(json_schema_extra={"x-kubernetes-int-or-string": True, "pattern": _QUANTITY}),
]


def rules(*pairs: tuple[str, str]) -> dict[str, Any]:
    """CEL rules for the schema of a type: (rule, message) each."""
    return {"x-kubernetes-validations": [{"rule": rule, "message": text} for rule, text in pairs]}


NAME_RULE = (
    f"self.metadata.name.matches('{NAME_PATTERN}') && size(self.metadata.name) <= {NAME_LIMIT}",
    f"the name becomes part of a Service name: lower-case letters, digits and '-', first a letter, "
    f"at most {NAME_LIMIT} characters",
)

URI_NEEDS_DIGEST = (
    "!has(self.uri) || has(self.sha256) || self.uri.matches('^oci://.+@sha256:[0-9a-f]{64}$')",
    "a uri needs sha256, the digest of the bytes there; only oci://…@sha256:… carries its own",
)


class Author(Document):
    """Who made it."""

    name: str | None = Field(None, max_length=253, description="Name of the author.")
    email: str | None = Field(None, max_length=253, description="E-mail address of the author.")


class SecretReference(Document):
    """A Secret in the same namespace."""

    name: ObjectName = Field(description="Name of the Secret.")


class Resources(Document):
    """Kubernetes ResourceRequirements, requests and limits only."""

    requests: dict[str, Quantity] | None = Field(
        None, description="What the scheduler sets aside, for example {cpu: 50m, memory: 256Mi}."
    )
    limits: dict[str, Quantity] | None = Field(
        None, description="What may not be exceeded; a CPU limit also sets the engine's threads."
    )


class Toleration(Document):
    """A Kubernetes toleration."""

    key: str | None = Field(None, description="Taint key; absent with Exists matches all.")
    operator: Literal["Exists", "Equal"] | None = Field(None, description="Equal unless given.")
    value: str | None = Field(None, description="Taint value, for Equal.")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        None, description="Taint effect; absent matches all."
    )
    toleration_seconds: int | None = Field(None, description="How long NoExecute is borne.")


class EnvironmentVariable(Document):
    """A plain environment variable of the engine."""

    name: str = Field(
        pattern="^[A-Za-z_][A-Za-z0-9_]*$", max_length=253, description="Name of the variable."
    )
    value: str = Field("", max_length=4096, description="Value of the variable.")


class AssetReference(
    Document,
    json_schema_extra=rules(
        (
            "has(self.modelVersion) != has(self.uri)",
            "exactly one of modelVersion and uri says which asset it is",
        ),
        URI_NEEDS_DIGEST,
        (
            "!has(self.modelVersion) || (!has(self.sha256) && !has(self.secretRef))",
            "sha256 and secretRef belong to uri; a modelVersion has its own",
        ),
    ),
):
    """Which asset shall answer: a published version, or bytes at a URI."""

    model_version: ObjectName | None = Field(
        None, description="Name of an MLzModelVersion in this namespace."
    )
    uri: str | None = Field(
        None,
        max_length=2048,
        pattern="^(oci|s3|gs|az|https|http|pvc)://.+",
        description="Where the asset lies: oci, s3, gs, az, https, http or pvc://claim/path.",
    )
    sha256: Sha256 | None = Field(None, description="Hex digest of the bytes at the URI.")
    secret_ref: SecretReference | None = Field(
        None, description="Credentials for the URI, a key each."
    )


# What an asset update leaves as it is, so that a failed one can be undone by the asset alone.
_FIXED_IN_AN_UPDATE = ("scoringService", "zaiu", "telum2", "timeoutInMs")


def _unchanged(field: str) -> str:
    """A CEL term: the optional field is what it was before."""
    same = f"self.{field} == oldSelf.{field}"
    return f"has(self.{field}) == has(oldSelf.{field}) && (!has(self.{field}) || {same})"


ONLY_THE_ASSET = (
    "self.asset == oldSelf.asset || ("
    + " && ".join(f"({_unchanged(field)})" for field in _FIXED_IN_AN_UPDATE)
    + ")",
    "only the asset (with its engineType) may change in an asset update; make two changes: "
    f"first {', '.join(_FIXED_IN_AN_UPDATE)}, then the asset",
)
# On the whole object: a failure is the one time when a wrong engineType has to be mended alone.
ENGINE_TYPE_COMES_WITH_THE_ASSET = (
    "self.spec.engineType == oldSelf.spec.engineType || self.spec.asset != oldSelf.spec.asset || "
    "(has(self.status) && has(self.status.failure))",
    "engineType is the asset's; it changes only together with spec.asset (alone only where the "
    "asset has failed)",
)


class DeploymentSpec(
    Document,
    json_schema_extra=rules(
        ONLY_THE_ASSET,
        (
            "has(self.guid) == has(oldSelf.guid) && (!has(self.guid) || self.guid == oldSelf.guid)",
            "guid is the public id in every URL and cannot change; create another deployment",
        ),
        (
            "has(self.servingId) == has(oldSelf.servingId) && "
            "(!has(self.servingId) || self.servingId == oldSelf.servingId)",
            "servingId is a public address and cannot change; create another deployment",
        ),
        (
            "self.engineType == 'onnx' || "
            "!((has(self.zaiu) && self.zaiu) || (has(self.telum2) && self.telum2))",
            "zaiu and telum2 accelerate onnx models only; remove them or use engineType onnx",
        ),
        (
            "!has(self.timeoutInMs) || self.engineType == 'pmml'",
            "timeoutInMs works for pmml models only; remove it",
        ),
    ),
):
    """What shall answer, where, and how."""

    type: Literal["online"] = Field(
        description="Kind of deployment; immutable. online answers requests.",
        json_schema_extra=rules(
            ("self == oldSelf", "type cannot change; create another deployment")
        ),
    )
    display_name: str | None = Field(
        None,
        min_length=1,
        max_length=253,
        description="Name for people, unique in the namespace; metadata.name unless given.",
    )
    description: str | None = Field(None, max_length=4096, description="A text for people.")
    author: Author | None = Field(None, description="Who made the deployment.")
    guid: str | None = Field(
        None,
        pattern="^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        description="Public id in every URL, immutable; metadata.uid unless given.",
    )
    serving_id: str | None = Field(
        None,
        pattern="^[A-Za-z][A-Za-z0-9_]{2,35}$",
        description="Second public id of your choice, immutable, unique in the scoring service.",
    )
    scoring_service: ObjectName = Field(
        description="Name of an active MLzScoringService in this namespace."
    )
    asset: AssetReference = Field(description="The asset that shall answer.")
    engine_type: EngineType = Field(description="Engine type of the asset.")
    zaiu: bool | None = Field(None, description="Score on the z16 accelerator (onnx only).")
    telum2: bool | None = Field(
        None, description="Score on the z17 accelerator (onnx only); wins over zaiu."
    )
    timeout_in_ms: int | None = Field(
        None, ge=1, le=60_000, description="Longest time for a score in milliseconds (pmml only)."
    )
    replicas: int | None = Field(
        None, ge=1, le=1000, description="Scoring pods; the scoring service's number unless given."
    )
    resources: Resources | None = Field(
        None, description="Resources of the engine; those of the scoring service unless given."
    )
    node_selector: dict[str, str] | None = Field(None, description="Labels a node must have.")
    tolerations: tuple[Toleration, ...] | None = Field(
        None, max_length=32, description="Taints that the pods bear."
    )
    env: tuple[EnvironmentVariable, ...] | None = Field(
        None,
        max_length=64,
        description="Environment of the engine; names that begin with MLZ_ are ours.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}
        | rules(
            (
                "self.all(one, !one.name.startsWith('MLZ_'))",
                "names that begin with MLZ_ belong to the operator; choose another",
            )
        ),
    )
    suspend: bool | None = Field(None, description="True: no pods, nothing answers.")
    schema_policy: Literal["Warn", "RequireAck", "Block"] | None = Field(
        None,
        description="Where a new asset's schema does not match: Warn (default) goes on and says so,"
        " RequireAck waits for the annotation mlz.dev/acknowledge-schema-change with the digest of"
        " the difference, Block keeps the old asset. With a servingId no mismatch passes.",
    )

    @property
    def provider(self) -> Provider:
        """The provider that is asked for; telum2 wins over zaiu."""
        if self.telum2:
            return Provider.TELUM2
        return Provider.ZAIU if self.zaiu else Provider.CPU


class Artifact(
    Document,
    json_schema_extra=rules(URI_NEEDS_DIGEST),
):
    """Bytes and where they lie."""

    uri: str = Field(
        max_length=2048,
        pattern="^(oci|s3|gs|az|https|http|pvc)://.+",
        description="Where the asset lies: oci, s3, gs, az, https, http or pvc://claim/path.",
    )
    sha256: Sha256 | None = Field(None, description="Hex digest of the bytes at the URI.")
    secret_ref: SecretReference | None = Field(None, description="Credentials for the URI.")


class ModelVersionSpec(
    Document,
    json_schema_extra=rules(
        ("self == oldSelf", "a model version is immutable; create another version")
    ),
):
    """One immutable asset of a model."""

    model: ObjectName | None = Field(
        None, description="Name of the MLzModel; absent for a deployment's own version."
    )
    artifact: Artifact = Field(description="The bytes.")
    engine_type: EngineType = Field(description="Engine type of the asset.")
    model_schema: Schema | None = Field(
        None,
        alias="schema",
        description="Declared schema; what it states must agree with the model's own.",
    )
    framework: Framework | None = Field(None, description="What wrote the model.")


class ModelSpec(Document):
    """A published model."""

    display_name: str | None = Field(None, max_length=253, description="Name for people.")
    description: str | None = Field(None, max_length=4096, description="A text for people.")
    author: Author | None = Field(None, description="Who made the model.")
    label_column: str | None = Field(None, max_length=253, description="Column that is predicted.")
    prediction_column: str | None = Field(None, max_length=253, description="Field of the answer.")
    probability_column: str | None = Field(
        None, max_length=253, description="Field of the answer's probabilities."
    )


class EngineOverride(Document):
    """What a scoring service uses instead of the chart's values for an engine type."""

    image: str | None = Field(None, max_length=1024, description="Engine image.")
    resources: Resources | None = Field(None, description="Resources of the engine.")


class EngineOverrides(Document):
    """Overrides, an engine type each."""

    onnx: EngineOverride | None = Field(None, description="For onnx.")
    pmml: EngineOverride | None = Field(None, description="For pmml.")
    xgboost: EngineOverride | None = Field(None, description="For xgboost.")


_LABEL = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_ACCOUNT_NAME = "[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?"
Accounts = Annotated[str, Field(max_length=317, pattern=rf"^{_LABEL}/(\*|{_ACCOUNT_NAME})$")]


class Authentication(Document):
    """Who may score."""

    mode: Literal["Required", "None"] | None = Field(
        None,
        description="Required: a score needs a bearer token, of the REST API or of a "
        "ServiceAccount. None: whoever reaches the pods may score. The chart's unless given; a "
        "change replaces the pods.",
    )
    service_accounts: tuple[Accounts, ...] | None = Field(
        None,
        max_length=256,
        description="ServiceAccounts that may score with a token for the audience mlz-scoring: "
        "namespace/name, or namespace/* for all of a namespace. Those of the deployment's own "
        "namespace unless given.",
    )


class ScoringServiceSpec(Document):
    """Where and how deployments run."""

    type: Literal["standard", "cluster"] = Field(
        description="standard, or cluster: at least two pods, spread over nodes."
    )
    active: bool | None = Field(
        None, description="False takes no new deployments; true unless given."
    )
    replicas: int | None = Field(
        None, ge=1, le=1000, description="Pods of a deployment that names no number."
    )
    engines: EngineOverrides | None = Field(None, description="Images and resources.")
    accelerator_policy: Literal["Require", "Prefer"] | None = Field(
        None,
        description="Require (default): without the accelerator a deployment stalls. "
        "Prefer: it runs on the CPU and says so.",
    )
    authentication: Authentication | None = Field(None, description="Who may score.")
