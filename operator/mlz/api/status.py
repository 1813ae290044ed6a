"""
The status of each kind: what users read of what is true.

The CRDs and the reference docs are generated from these types, so a description here is what users
read in ``kubectl explain``. Words of a closed set are plain text here: a newer operator may have
written one that this one does not know, and all the rest must stay readable.
"""

from pydantic import Field

from mlz.api.conditions import Condition
from mlz.model.asset import EngineType, Framework
from mlz.model.document import StatusDocument
from mlz.model.schema import Schema
from mlz.model.verdict import Change, Verdict


class DeployedAsset(StatusDocument):
    """An asset as status tells of it."""

    version: str = Field(description="Name of the MLzModelVersion.")
    guid: str | None = Field(None, description="Guid of the version.")
    version_seq: int | None = Field(None, description="Sequence number of the version.")
    digest: str | None = Field(None, description="sha256:<hex> of the asset.")
    schema_digest: str | None = Field(None, description="Digest of the schema.")
    since: str | None = Field(
        None,
        description="Since when it serves, or is wanted.",
        json_schema_extra={"format": "date-time"},
    )


class AssetStatus(StatusDocument):
    """Which asset serves and which one is wanted."""

    active: DeployedAsset | None = Field(
        None, description="The asset that serves, or served last while nothing does."
    )
    target: DeployedAsset | None = Field(None, description="The asset that is wanted.")


class SchemaStatus(StatusDocument):
    """Whether the asset of the last update matches the one before it."""

    verdict: str = Field(
        description="Identical and Compatible match; Incompatible and Unknown do not."
    )
    changes: tuple[Change, ...] = Field((), description="What differs, at most 50.")
    omitted: int | None = Field(None, description="How many more changes there are.")
    diff_digest: str | None = Field(
        None, description="Digest of all changes; what RequireAck wants acknowledged."
    )
    asset_digest: str | None = Field(None, description="The new asset.")

    @property
    def is_match(self) -> bool:
        """Whether the verdict is a match; that of a newer operator is none to us."""
        return self.verdict in (Verdict.IDENTICAL, Verdict.COMPATIBLE)


class StatusMessage(StatusDocument):
    """Something for people to read. Source: watsonx v4, ``entity.status.message``."""

    level: str = Field(description="How much it matters: warning.")
    text: str = Field(description="A sentence for people.")


class HistoryEntry(StatusDocument):
    """One asset that was tried."""

    version: str = Field(description="Name of the MLzModelVersion.")
    digest: str | None = Field(None, description="sha256:<hex> of the asset.")
    verdict: str | None = Field(
        None, description="Against the asset before it; absent for a first one."
    )
    outcome: str = Field(
        description="Promoted: it came to serve. Failed: it did not; what served before goes on."
    )
    reason: str | None = Field(None, description="Why it failed: a condition's reason.")
    time: str = Field(description="When.", json_schema_extra={"format": "date-time"})


class Failure(StatusDocument):
    """Why the wanted asset does not serve; kept until the spec changes."""

    reason: str = Field(description="A condition's reason.")
    message: str = Field(description="A sentence for people.")
    asset_digest: str | None = Field(None, description="The asset it is about.")
    spec_digest: str | None = Field(
        None, description="Digest of the spec it is about, replicas apart: another is a new try."
    )
    time: str = Field(description="When.", json_schema_extra={"format": "date-time"})


class DeploymentStatus(StatusDocument):
    """What is true of a deployment."""

    observed_generation: int | None = Field(
        None, description="The generation of the spec that this status speaks of."
    )
    state: str | None = Field(
        None, description="INITIALIZING, ACTIVE, updating, ready, FAILED or SUSPENDED."
    )
    conditions: tuple[Condition, ...] = Field(
        (),
        description="Ready, Available; Reconciling, Stalled, SchemaMismatch, Suspended only while "
        "they hold.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )
    message: StatusMessage | None = Field(None, description="A word on the last update.")
    failure: Failure | None = Field(None, description="Why the wanted asset does not serve.")
    asset: AssetStatus | None = Field(None, description="The assets, active and wanted.")
    model_schema: SchemaStatus | None = Field(
        None, alias="schema", description="The verdict on the last update."
    )
    history: tuple[HistoryEntry, ...] = Field(
        (), description="The last ten assets that were tried, the newest first."
    )
    provider: str | None = Field(None, description="The execution provider that runs.")
    provider_note: str | None = Field(
        None, description="Why it is not the provider that was asked for."
    )
    guid: str | None = Field(None, description="The public id.")
    scoring_url: str | None = Field(None, description="Where to score, by guid.")
    serving_url: str | None = Field(None, description="Where to score, by servingId.")
    replicas: int | None = Field(None, description="Pods asked for.")
    ready_replicas: int | None = Field(None, description="Pods that are ready.")
    selector: str | None = Field(None, description="Label selector of the pods, for /scale.")


class ModelVersionStatus(StatusDocument):
    """What inspection found."""

    observed_generation: int | None = Field(None, description="The generation inspected.")
    conditions: tuple[Condition, ...] = Field(
        (),
        description="Ready: the asset was inspected and may serve.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )
    guid: str | None = Field(None, description="Public id of the version.")
    version_seq: int | None = Field(None, description="Sequence number within the model.")
    digest: str | None = Field(None, description="sha256:<hex> of the asset.")
    size_bytes: int | None = Field(None, description="Size of the asset.")
    engine_type: EngineType | None = Field(None, description="Engine type found in the bytes.")
    framework: Framework | None = Field(None, description="What wrote the model.")
    schema_digest: str | None = Field(None, description="Digest of the schema.")
    model_schema: Schema | None = Field(None, alias="schema", description="The schema.")


class ModelStatus(StatusDocument):
    """Which versions a model has."""

    observed_generation: int | None = Field(None, description="The generation observed.")
    conditions: tuple[Condition, ...] = Field(
        (),
        description="Ready: the model is known.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )
    latest_version: str | None = Field(None, description="Name of the newest inspected version.")


class ScoringServiceStatus(StatusDocument):
    """What is true of a scoring service."""

    observed_generation: int | None = Field(None, description="The generation observed.")
    conditions: tuple[Condition, ...] = Field(
        (),
        description="Ready: deployments may use it.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )
    guid: str | None = Field(None, description="Public id; MLz's scoringGroupId.")
