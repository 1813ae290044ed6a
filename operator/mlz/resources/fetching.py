"""
The container that brings an asset: init container of a scoring pod, and the whole inspection pod.

Both run the very same `mlz fetch`, so what inspection accepted is what a scoring pod gets.
"""

import json
from dataclasses import dataclass

from mlz.api.parsing import ModelVersion
from mlz.api.v1alpha1 import Artifact
from mlz.errors import Reason, RejectedError
from mlz.resources.manifest import Manifest, environment, restricted_container
from mlz.settings import Defaults

MODEL_FOLDER = "/model"
_CLAIM_SCHEME = "pvc://"


@dataclass(frozen=True, slots=True)
class Fetch:
    """What a fetching container is made of."""

    version: ModelVersion
    image: str
    resources: Manifest
    defaults: Defaults


def container(fetch: Fetch, name: str) -> Manifest:
    """The container that runs `mlz fetch`."""
    artifact = artifact_of(fetch.version)
    return {
        "name": name,
        "image": fetch.image,
        "imagePullPolicy": "IfNotPresent",
        "args": ["fetch"],
        "env": environment(_settings(fetch)),
        "resources": fetch.resources,
        "securityContext": restricted_container(),
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "volumeMounts": [
            {"name": "model", "mountPath": MODEL_FOLDER},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - an emptyDir of the pod's own
            *_mounts(artifact),
        ],
    }


def volumes(version: ModelVersion) -> list[Manifest]:
    """
    The volumes of a pod that fetches.

    The Secret is optional: a pod whose volume is missing hangs without a word that we can read,
    and `mlz fetch` says it better.
    """
    artifact = artifact_of(version)
    found: list[Manifest] = [
        {"name": "model", "emptyDir": {}},
        {"name": "tmp", "emptyDir": {}},
    ]
    if artifact.secret_ref is not None:
        secret = {"secretName": artifact.secret_ref.name, "optional": True, "defaultMode": 0o440}
        found.append({"name": "credentials", "secret": secret})
    claim = claim_of(artifact)
    if claim is not None:
        source = {"claimName": claim, "readOnly": True}
        found.append({"name": "claim", "persistentVolumeClaim": source})
    return found


def claim_of(artifact: Artifact) -> str | None:
    """The claim of a ``pvc://claim/path`` URI, or None for any other."""
    if not artifact.uri.startswith(_CLAIM_SCHEME):
        return None
    return artifact.uri.removeprefix(_CLAIM_SCHEME).partition("/")[0]


def artifact_of(version: ModelVersion) -> Artifact:
    """
    The artifact of a version that is known to be readable.

    Raises:
        RejectedError: its spec is not readable (a bug: decisions build nothing for such a one).
    """
    if version.spec is None:
        raise RejectedError(Reason.INVALID_SPEC, f"{version.meta.name}: {version.fault}")
    return version.spec.artifact


def _settings(fetch: Fetch) -> dict[str, str | None]:
    version, limits = fetch.version, fetch.defaults.fetch
    artifact = artifact_of(version)
    spec = version.spec
    declared = None if spec is None or spec.model_schema is None else spec.model_schema
    return {
        "MLZ_ASSET_URI": artifact.uri,
        "MLZ_ASSET_SHA256": artifact.sha256,
        "MLZ_ENGINE_TYPE": None if spec is None else spec.engine_type.value,
        "MLZ_DECLARED_SCHEMA": None
        if declared is None
        else json.dumps(declared.to_document(), sort_keys=True),
        "MLZ_SECRET_NAME": None if artifact.secret_ref is None else artifact.secret_ref.name,
        "MLZ_MAX_ASSET_BYTES": str(limits.max_asset_bytes),
        "MLZ_ALLOWED_REDIRECT_HOSTS": ",".join(limits.allowed_redirect_hosts) or None,
    }


def _mounts(artifact: Artifact) -> list[Manifest]:
    mounts: list[Manifest] = []
    if artifact.secret_ref is not None:
        mounts.append({"name": "credentials", "mountPath": "/credentials", "readOnly": True})
    claim = claim_of(artifact)
    if claim is not None:
        mounts.append({"name": "claim", "mountPath": f"/claims/{claim}", "readOnly": True})
    return mounts
