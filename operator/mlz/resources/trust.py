"""
The ConfigMap that tells scoring pods whose tokens to take, and what those may do.

Pods mount it as a folder, so a new key, owner or allow list reaches them within two minutes and
restarts none. What is not known at this moment stays as the ConfigMap has it: keys of an issuer
that nobody answers for must not lock out those who hold its tokens.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from mlz.api.parsing import Deployment, ScoringService
from mlz.model.trust import FILE, FOLDER, IssuerKind, Trust, TrustedIssuer
from mlz.resources.manifest import Manifest, labels, owned
from mlz.settings import Defaults

VOLUME = "trust"
REQUIRED = "Required"

# Whose tokens are to be taken; None while nobody has told the keys of an issuer.
Issuers = Mapping[IssuerKind, TrustedIssuer | None]


@dataclass(frozen=True, slots=True)
class Sources:
    """
    What a trust file is made of, beside the deployment and its scoring service.

    Attributes:
        issuers: a kind that is not in it is not trusted (any more).
        model_owner: the user who made the model of the asset that runs, or None.
        observed: the ConfigMap there is, or None.
    """

    issuers: Issuers = field(default_factory=dict)
    model_owner: str | None = None
    observed: Mapping[str, Any] | None = None


def is_required(service: ScoringService | None, defaults: Defaults) -> bool:
    """Whether a score needs a token: the scoring service's word, else the chart's."""
    spec = None if service is None else service.spec
    own = None if spec is None or spec.authentication is None else spec.authentication.mode
    return (own or defaults.authentication.mode) == REQUIRED


def build(deployment: Deployment, service: ScoringService | None, sources: Sources) -> Manifest:
    """The ConfigMap."""
    before = _before(sources.observed)
    trust = Trust(
        issuers=tuple(_issuers(sources.issuers, before)),
        deployment_owner=deployment.meta.created_by,
        model_owner=sources.model_owner,
        service_accounts=_accounts(deployment, service, before),
    )
    name = deployment.meta.name
    manifest = owned("v1", "ConfigMap", name_of(deployment), deployment)
    manifest["metadata"]["labels"] = labels("engine", name, deployment=name)
    document = trust.model_dump(mode="json", by_alias=True, exclude_none=True)
    manifest["data"] = {FILE: json.dumps(document, indent=1, sort_keys=True)}
    return manifest


def name_of(deployment: Deployment) -> str:
    """The name of the ConfigMap."""
    return f"{deployment.meta.name}-trust"


def volume(deployment: Deployment) -> Manifest:
    """
    The volume of a pod that wants tokens.

    Not optional: without the ConfigMap a pod does not start, where it could only refuse everybody.
    """
    return {"name": VOLUME, "configMap": {"name": name_of(deployment), "defaultMode": 0o444}}


def mount() -> Manifest:
    """Where the engine sees it; a folder, for a file mounted by ``subPath`` never changes."""
    return {"name": VOLUME, "mountPath": FOLDER, "readOnly": True}


def is_mounted(workload: Mapping[str, Any] | None) -> bool:
    """Whether pods of a workload need the ConfigMap."""
    if workload is None:
        return False
    volumes = workload["spec"]["template"]["spec"].get("volumes") or ()
    return any(one["name"] == VOLUME for one in volumes)


def _issuers(issuers: Issuers, before: Trust) -> list[TrustedIssuer]:
    known = {one.kind: one for one in before.issuers}
    found = (told or known.get(kind) for kind, told in sorted(issuers.items()))
    return [one for one in found if one is not None]


def _accounts(
    deployment: Deployment, service: ScoringService | None, before: Trust
) -> tuple[str, ...]:
    if service is None or service.spec is None:
        return before.service_accounts
    own = service.spec.authentication
    if own is None or own.service_accounts is None:
        return (f"{deployment.meta.namespace}/*",)
    return tuple(sorted(set(own.service_accounts)))


def _before(observed: Mapping[str, Any] | None) -> Trust:
    """What the ConfigMap says, or nothing where somebody has edited it."""
    try:
        return Trust.model_validate_json(((observed or {}).get("data") or {}).get(FILE, ""))
    except ValidationError:
        return Trust()
