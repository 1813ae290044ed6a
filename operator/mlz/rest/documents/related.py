"""
A deployment with what its documents tell of besides: versions, models, the scoring service.

Two assets may be meant at once: the *wanted* one, which the spec names, and the one that *serves*;
they differ while an update is under way, and after one that failed.
"""

from dataclasses import dataclass

from mlz.api.names import DEPLOYMENT
from mlz.api.parsing import Body
from mlz.rest.documents.bodies import deployment_guid, part, uid_of
from mlz.rest.documents.hrefs import NO_MODEL, Href
from mlz.rest.problems import invalid_field


@dataclass(frozen=True, slots=True)
class AssetBodies:
    """A version and its model; a deployment's own version (``asset.uri``) has no model."""

    version: Body | None = None
    model: Body | None = None


@dataclass(frozen=True, slots=True)
class Related:
    """
    A deployment and what belongs to it; None is what does not exist (any more).

    Attributes:
        active: the asset that serves, where it is another than the wanted one.
    """

    deployment: Body
    wanted: AssetBodies = AssetBodies()
    active: AssetBodies | None = None
    service: Body | None = None

    @property
    def guid(self) -> str:
        """The public id of the deployment."""
        return deployment_guid(self.deployment)

    @property
    def serving(self) -> AssetBodies:
        """The asset that serves; before the first one does, the wanted one."""
        return self.wanted if self.active is None else self.active


def wanted_version_name(deployment: Body) -> str | None:
    """
    The name of the wanted version.

    Of an asset given by URI the operator makes the version, and status tells its name; None until
    it does.
    """
    named = part(deployment, "spec", "asset").get("modelVersion")
    return named or part(deployment, "status", "asset", "target").get("version")


def active_version_name(deployment: Body) -> str | None:
    """The name of the version that serves or served last, or None before the first."""
    return part(deployment, "status", "asset", "active").get("version")


def model_guid(asset: AssetBodies) -> str:
    """
    The guid of the asset's model.

    A version without a model is a model of its own, with the version's guid: so a deployment of an
    asset by URI has URLs like any other.
    """
    if asset.model is not None:
        return uid_of(asset.model)
    return NO_MODEL if asset.version is None else uid_of(asset.version)


def check_is_no_others(version: Body, deployment: Body | None) -> None:
    """
    A version that the operator made for a deployment's URI goes with that deployment.

    Args:
        deployment: the one that shall have it; None where it is yet to be made.

    Raises:
        Refusal: ``invalid_field``; it is another deployment's own.
    """
    uid = None if deployment is None else uid_of(deployment)
    for owner in part(version, "metadata").get("ownerReferences") or ():
        if owner.get("kind") == DEPLOYMENT and owner.get("uid") != uid:
            raise invalid_field(
                "artifactVersionHref",
                "a version of a model",
                f"one that belongs to deployment '{owner.get('name')}', whose asset is a URI",
            )


def href_of(asset: AssetBodies) -> Href | None:
    """How the REST API names an asset, or None where its version does not exist."""
    if asset.version is None:
        return None
    return Href(model_guid(asset), uid_of(asset.version))


def is_of_model(related: Related, model: str) -> bool:
    """Whether a deployment is found under a model's path: by its wanted or its serving asset."""
    return model in {model_guid(related.wanted), model_guid(related.serving)}


def uses_version(deployment: Body, version: str) -> bool:
    """Whether a deployment wants or serves a version, by the version's name."""
    told = part(deployment, "status", "asset", "target").get("version")
    return version in {wanted_version_name(deployment), told, active_version_name(deployment)}
