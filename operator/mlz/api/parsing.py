"""
Live objects as types: never raises, because a refusal belongs into the object's status.

An object may have been let in by an older CRD, or hold fields of a newer one; unknown fields and
values that the types refuse become a fault that names the field.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from mlz.api import names
from mlz.api.status import DeploymentStatus, ModelStatus, ModelVersionStatus, ScoringServiceStatus
from mlz.api.v1alpha1 import DeploymentSpec, ModelSpec, ModelVersionSpec, ScoringServiceSpec
from mlz.model.document import Document

Body = Mapping[str, Any]
SpecT = TypeVar("SpecT", bound=Document)
StatusT = TypeVar("StatusT", bound=Document)


@dataclass(frozen=True, slots=True)
class Metadata:
    """The part of an object's metadata that decisions look at."""

    name: str
    namespace: str
    uid: str
    generation: int
    created: str
    deleting: bool = False
    paused: bool = False
    acknowledged: str | None = None
    created_by: str | None = None


@dataclass(frozen=True, slots=True)
class Resource(Generic[SpecT, StatusT]):
    """
    One custom resource.

    ``spec`` is None where it cannot be read; then ``fault`` says why. A status that cannot be read
    is an empty one: it is ours, and will be written anew.
    """

    kind: str
    meta: Metadata
    spec: SpecT | None
    status: StatusT
    fault: str | None = None


Deployment = Resource[DeploymentSpec, DeploymentStatus]
ModelVersion = Resource[ModelVersionSpec, ModelVersionStatus]
Model = Resource[ModelSpec, ModelStatus]
ScoringService = Resource[ScoringServiceSpec, ScoringServiceStatus]


def deployment(body: Body) -> Deployment:
    """An MLzDeployment."""
    return _resource(body, DeploymentSpec, DeploymentStatus)


def model_version(body: Body) -> ModelVersion:
    """An MLzModelVersion."""
    return _resource(body, ModelVersionSpec, ModelVersionStatus)


def model(body: Body) -> Model:
    """An MLzModel."""
    return _resource(body, ModelSpec, ModelStatus)


def scoring_service(body: Body) -> ScoringService:
    """An MLzScoringService."""
    return _resource(body, ScoringServiceSpec, ScoringServiceStatus)


def _resource(
    body: Body, spec_type: type[SpecT], status_type: type[StatusT]
) -> Resource[SpecT, StatusT]:
    spec, fault = _spec(body, spec_type)
    return Resource(
        kind=str(body.get("kind", "")),
        meta=_metadata(body["metadata"]),
        spec=spec,
        status=_status(body, status_type),
        fault=fault,
    )


def _spec(body: Body, spec_type: type[SpecT]) -> tuple[SpecT | None, str | None]:
    try:
        return spec_type.model_validate(body.get("spec") or {}), None
    except ValidationError as error:
        faults = (
            f"spec.{'.'.join(str(part) for part in one['loc'])}: {one['msg']}"
            for one in error.errors()
        )
        return None, "; ".join(faults)


def _status(body: Body, status_type: type[StatusT]) -> StatusT:
    try:
        return status_type.model_validate(body.get("status") or {})
    except ValidationError:
        return status_type()


def _metadata(meta: Mapping[str, Any]) -> Metadata:
    annotations = meta.get("annotations") or {}
    return Metadata(
        name=meta["name"],
        namespace=meta["namespace"],
        uid=meta["uid"],
        generation=int(meta.get("generation", 1)),
        created=meta.get("creationTimestamp", ""),
        deleting="deletionTimestamp" in meta,
        paused=annotations.get(names.ANNOTATION_PAUSED) == "true",
        acknowledged=annotations.get(names.ANNOTATION_ACKNOWLEDGED),
        created_by=annotations.get(names.ANNOTATION_CREATED_BY),
    )
