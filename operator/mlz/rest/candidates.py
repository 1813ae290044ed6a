"""
A model file that asks to be let in: what is said of it, and the resources it becomes.

Pure. The file itself is understood nowhere in the facade: its engine type is what the caller says,
else what its name and its first bytes suggest; the inspection tells whether that is true.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlz.api import names
from mlz.api.parsing import Body
from mlz.errors import Reason, RejectedError
from mlz.model.asset import EngineType
from mlz.rest.documents.bodies import Json, without_absent
from mlz.rest.documents.creation import engine_type_at
from mlz.rest.documents.naming import resource_name, version_name
from mlz.rest.documents.requests import Fields
from mlz.rest.problems import Code, Refusal, invalid_field
from mlz.rest.uploads import Upload
from mlz.store.declaration import parse_declaration

_SUFFIXES = {
    ".onnx": EngineType.ONNX,
    ".pmml": EngineType.PMML,
    ".xml": EngineType.PMML,
    ".ubj": EngineType.XGBOOST,
    ".json": EngineType.XGBOOST,
}
_ARCHIVE_SUFFIXES = (".gz", ".tgz", ".tar", ".zip")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Metadata:
    """
    What the caller says of a model and of this version of it.

    ``name`` is None for a new version only; ``schema`` is the declared schema as a document.
    """

    name: str | None = None
    description: str | None = None
    author_name: str | None = None
    author_email: str | None = None
    engine_type: EngineType | None = None
    label_column: str | None = None
    prediction_column: str | None = None
    probability_column: str | None = None
    schema: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """
    A file, what is said of it, and who says so.

    Attributes:
        owner: the caller's name.
        key: tells a retry from another import; of the Idempotency-Key, else of the bytes.
    """

    upload: Upload
    metadata: Metadata
    engine_type: EngineType
    owner: str
    key: str

    @property
    def model_name(self) -> str:
        """The resource name of a new model."""
        return resource_name(self.metadata.name or "")


def candidate(upload: Upload, metadata: Metadata, owner: str, key: str | None = None) -> Candidate:
    """
    A file as somebody wants to have it imported.

    Args:
        key: of the request's Idempotency-Key and who sent it; None where there was none.

    Raises:
        Refusal: invalid_field; the engine type is not said and cannot be guessed.
    """
    return Candidate(
        upload=upload,
        metadata=metadata,
        engine_type=metadata.engine_type or _guessed(upload),
        owner=owner,
        key=key or names.short_hash([owner, upload.sha256]),
    )


def metadata_of(document: Mapping[str, Any], *, is_new_model: bool) -> Metadata:
    """
    Read the part ``metadata``; unknown fields are ignored, a known one of a wrong type is not.

    Args:
        is_new_model: it needs a name; that of a model to which a version is added is known.

    Raises:
        Refusal: invalid_field, unsupported_engine.
    """
    fields = Fields(document)
    author, told = fields.inner("author"), fields.value("engineType")
    return Metadata(
        name=fields.required_text("name") if is_new_model else fields.name("name"),
        description=fields.text("description"),
        author_name=author.name("name"),
        author_email=author.name("email"),
        engine_type=None if told is None else engine_type_at("$.engineType", told),
        label_column=fields.name("labelColumn"),
        prediction_column=fields.name("predictionColumn"),
        probability_column=fields.name("probabilityColumn"),
        schema=_schema(fields),
    )


def model_manifest(wanted: Candidate, started: str) -> Json:
    """The MLzModel of a new model, marked as unfinished since ``started`` (RFC 3339)."""
    said = wanted.metadata
    spec = {
        "displayName": None if said.name == wanted.model_name else said.name,
        "description": said.description or None,
        "author": without_absent(
            {"name": said.author_name or wanted.owner, "email": said.author_email}
        ),
        "labelColumn": said.label_column,
        "predictionColumn": said.prediction_column,
        "probabilityColumn": said.probability_column,
    }
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.MODEL,
        "metadata": {"name": wanted.model_name, "annotations": _marks(wanted, started)},
        "spec": without_absent(spec),
    }


def version_manifest(wanted: Candidate, model: Body, uri: str, started: str) -> Json:
    """
    The MLzModelVersion, left alone by the operator until its bytes have arrived.

    Args:
        model: the model that it belongs to; it goes when that goes.
        uri: where its bytes will lie.
        started: RFC 3339.
    """
    meta = model["metadata"]
    paused = {names.ANNOTATION_PAUSED: "true"}
    owner = {
        "apiVersion": names.API_VERSION,
        "kind": names.MODEL,
        "name": meta["name"],
        "uid": meta["uid"],
    }
    spec = {
        "model": meta["name"],
        "artifact": {"uri": uri, "sha256": wanted.upload.sha256},
        "engineType": wanted.engine_type.value,
        "schema": wanted.metadata.schema,
    }
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.MODEL_VERSION,
        "metadata": {
            "name": version_name(meta["name"], wanted.upload.sha256),
            "annotations": _marks(wanted, started) | paused,
            "ownerReferences": [owner],
        },
        "spec": without_absent(spec),
    }


def check_same(wanted: Candidate, version: Body) -> None:
    """
    A version that is there already has to be the one that is asked for: it is immutable.

    Raises:
        Refusal: conflict.
    """
    spec, name = version.get("spec") or {}, version["metadata"]["name"]
    said = wanted.metadata
    if (spec.get("artifact") or {}).get("sha256") != wanted.upload.sha256:
        raise Refusal(Code.CONFLICT, f"model version '{name}' exists and has other bytes")
    if said.engine_type not in (None, spec.get("engineType")):
        raise _other_words(name, "engineType")
    if said.schema not in (None, spec.get("schema")):
        raise _other_words(name, "schema")


def _marks(wanted: Candidate, started: str) -> dict[str, str]:
    return {
        names.ANNOTATION_CREATED_BY: wanted.owner,
        names.ANNOTATION_IDEMPOTENCY_KEY: wanted.key,
        names.ANNOTATION_IMPORT_STARTED: started,
    }


def _schema(fields: Fields) -> Mapping[str, Any] | None:
    given = fields.inner("schema").document
    if not given:
        return None
    try:
        schema = parse_declaration(json.dumps(given), Reason.INVALID_SPEC)
    except RejectedError as error:
        raise invalid_field(
            "$.schema", "a schema document as `mlz inspect` prints it", error.message
        ) from error
    return schema.model_dump(mode="json", by_alias=True, exclude_none=True)


def _guessed(upload: Upload) -> EngineType:
    name = upload.file_name.lower()
    while name.endswith(_ARCHIVE_SUFFIXES):
        name = name.rpartition(".")[0]
    by_name = _SUFFIXES.get("." + name.rpartition(".")[2])
    if by_name is not None:
        return by_name
    start = upload.head.removeprefix(_BYTE_ORDER_MARK).lstrip()[:1]
    if start in (b"<", b"{"):
        return EngineType.PMML if start == b"<" else EngineType.XGBOOST
    raise invalid_field(
        "$.engineType",
        f"one of {', '.join(EngineType)}, or a file name that tells ({', '.join(_SUFFIXES)})",
        f"none, and a file named '{upload.file_name}'",
    )


def _other_words(name: str, field: str) -> Refusal:
    return Refusal(
        Code.CONFLICT,
        f"the same bytes are model version '{name}' already, with another {field}; a version is "
        "immutable: delete it first, or import into another model",
    )
