"""The model version that a deployment owns when its asset is given by URI."""

from mlz.api import names
from mlz.api.parsing import Deployment
from mlz.api.v1alpha1 import AssetReference
from mlz.resources.manifest import Manifest, labels, owned


def name_of(deployment: Deployment) -> str | None:
    """The name of the wanted version: the one named or the deployment's own; None if unreadable."""
    if deployment.spec is None:
        return None
    asset = deployment.spec.asset
    if asset.model_version is not None:
        return asset.model_version
    secret = None if asset.secret_ref is None else asset.secret_ref.name
    return names.version_name(
        deployment.meta.name, asset.uri, asset.sha256, secret, deployment.spec.engine_type.value
    )


def build(deployment: Deployment) -> Manifest | None:
    """The version to own, or None where the spec names one that exists by itself."""
    name = name_of(deployment)
    if name is None or deployment.spec is None or deployment.spec.asset.uri is None:
        return None
    version = owned(names.API_VERSION, names.MODEL_VERSION, name, deployment)
    version["metadata"]["labels"] = labels(
        "model-version", deployment.meta.name, deployment=deployment.meta.name
    )
    version["spec"] = {
        "artifact": _artifact(deployment.spec.asset),
        "engineType": deployment.spec.engine_type.value,
    }
    return version


def _artifact(asset: AssetReference) -> Manifest:
    artifact = asset.model_dump(
        mode="json", by_alias=True, exclude_none=True, include={"uri", "sha256", "secret_ref"}
    )
    return dict(artifact)
