"""
The trust file: whose tokens the pods of a deployment take, and what those may do there.

The operator writes it into a ConfigMap, the engine reads it from a mounted folder; both may be of
different versions, so unknown members are dropped. Only public keys fit into it.
"""

from enum import StrEnum

from pydantic import Field

from mlz.model.document import StatusDocument

FILE = "trust.json"
FOLDER = "/trust"
# What a token has to be for: one of the REST facade (it signs for its own API and for scoring), and
# one that Kubernetes has made for a ServiceAccount.
MLZ_AUDIENCE = "mlz"
KUBERNETES_AUDIENCE = "mlz-scoring"
# Of the facade's tokens: Ed25519 by its older and by its newer name (RFC 8037, RFC 9864).
MLZ_ALGORITHMS = ("EdDSA", "Ed25519")


class IssuerKind(StrEnum):
    """Who signs, and thereby what a subject is: a user with a role, or a ServiceAccount."""

    MLZ = "mlz"
    KUBERNETES = "kubernetes"


class PublicKey(StatusDocument):
    """The public members of a JSON Web Key that verifying needs. Source: RFC 7517, RFC 7518."""

    kty: str = Field(description="Key type.")
    kid: str | None = Field(None, description="Key id.")
    alg: str | None = Field(None, description="The one algorithm that it is for.")
    use: str | None = Field(None, description="sig, where it says so.")
    crv: str | None = Field(None, description="Curve, of EC and OKP.")
    x: str | None = Field(None, description="Of EC and OKP.")
    y: str | None = Field(None, description="Of EC.")
    n: str | None = Field(None, description="Modulus, of RSA.")
    e: str | None = Field(None, description="Exponent, of RSA.")


class KeySet(StatusDocument):
    """A JWKS document. Source: RFC 7517, section 5."""

    keys: tuple[PublicKey, ...] = Field(description="In no order that means anything.")


class TrustedIssuer(StatusDocument):
    """Somebody whose tokens are taken; a kind that an engine does not know is nobody to it."""

    kind: str = Field(description="mlz or kubernetes.")
    issuer: str = Field(description="`iss` of its tokens.")
    audience: str = Field(description="What `aud` must be or hold.")
    algorithms: tuple[str, ...] = Field(description="What `alg` may be.")
    keys: tuple[PublicKey, ...] = Field(description="Its keys of this moment.")


class Trust(StatusDocument):
    """The whole file."""

    issuers: tuple[TrustedIssuer, ...] = Field((), description="Whose tokens are taken.")
    deployment_owner: str | None = Field(None, description="The user who made the deployment.")
    model_owner: str | None = Field(None, description="The user who made the model.")
    service_accounts: tuple[str, ...] = Field(
        (), description="namespace/name, or namespace/* for all of a namespace."
    )
