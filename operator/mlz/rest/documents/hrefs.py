"""The paths that documents and requests name things by, in both directions."""

import re
from dataclasses import dataclass

from mlz.rest.problems import invalid_href

# Stands for the model of a deployment whose version does not exist (any more).
NO_MODEL = "-"

_ID = r"[A-Za-z0-9][A-Za-z0-9-]{0,63}"
_VERSION_HREF = re.compile(
    rf"(?:https?://[^/?#\s]{{1,300}})?/v3/ml_assets/models/({_ID})/versions/({_ID})/?"
)


@dataclass(frozen=True, slots=True)
class Href:
    """A model version as an ``artifactVersionHref`` names it: two guids."""

    model: str
    version: str


def version_href(text: str) -> Href:
    """
    What an ``artifactVersionHref`` names; an absolute URL is taken as well as a path.

    Raises:
        Refusal: ``not_found`` with status 500, as documented.
    """
    found = _VERSION_HREF.fullmatch(text.strip())
    if found is None:
        raise invalid_href(text)
    return Href(found[1].lower(), found[2].lower())


def version_path(href: Href) -> str:
    """The reverse of ``version_href``."""
    return f"{model_path(href.model)}/versions/{href.version}"


def model_path(model: str) -> str:
    """A model among the assets."""
    return f"/v3/ml_assets/models/{model}"


def published_model_path(model: str) -> str:
    """The same model as the parent of its deployments."""
    return f"/v3/published_models/{model}"


def deployment_path(model: str, deployment: str) -> str:
    """A deployment of a model."""
    return f"{published_model_path(model)}/deployments/{deployment}"


def scoring_service_path(guid: str) -> str:
    """A scoring service."""
    return f"/v3/deployments/scoring/{guid}"


def v4_deployment_path(deployment: str) -> str:
    """A deployment in watsonx's form."""
    return f"/ml/v4/deployments/{deployment}"
