"""The cluster as an issuer of tokens: who it is, and the keys that sign ServiceAccounts' tokens."""

from mlz.cluster.client import KubeClient, Manifest

# Source: Kubernetes, "ServiceAccount issuer discovery". The keys have a media type of their own,
# and the API server answers 406 to who asks for JSON alone.
_CONFIGURATION = "/.well-known/openid-configuration"
_KEYS = "/openid/v1/jwks"
_ANY_JSON = {"Accept": "application/json, application/jwk-set+json"}


class IssuerClient(KubeClient):
    """A client that also asks for the discovery documents, which are no objects."""

    def configuration(self) -> Manifest:
        """
        The OpenID configuration: ``issuer`` and the algorithms it signs by.

        Raises:
            ApiRefusalError, ApiOutageError: it cannot be had (now).
        """
        return self._json("GET", _CONFIGURATION, headers=_ANY_JSON)

    def keys(self) -> Manifest:
        """The JWKS document; raises as ``configuration`` does."""
        return self._json("GET", _KEYS, headers=_ANY_JSON)
