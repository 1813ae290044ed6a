"""Signing keys, tokens of all sorts, and a trust file that is turned as the kubelet does it."""

import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from joserfc import jws
from joserfc.jwk import Key, OKPKey, RSAKey

from mlz.model.trust import FILE, Trust
from mlz.tokens import REGISTRY

NOW = 2_000_000_000.0
FACADE = "https://mlz-rest.mlz-system.svc"
CLUSTER = "https://kubernetes.default.svc.cluster.local"


@dataclass
class Signer:
    """One key of an issuer."""

    kind: str
    issuer: str
    audience: str
    algorithm: str
    key: Key
    claims: dict[str, Any] = field(default_factory=dict)

    @property
    def public(self) -> dict[str, Any]:
        return {**self.key.as_dict(private=False), "alg": self.algorithm, "use": "sig"}

    def token(self, subject: str, **overrides: Any) -> str:
        """A good token, but for what is overridden; None leaves a claim out."""
        header = {"alg": self.algorithm, "kid": self.key.kid} | overrides.pop("header", {})
        claims = {
            "iss": self.issuer,
            "aud": self.audience,
            "sub": subject,
            "iat": int(NOW),
            "nbf": int(NOW),
            "exp": int(NOW) + 3600,
            **self.claims,
            **overrides,
        }
        present = {name: value for name, value in claims.items() if value is not None}
        raw = json.dumps(present).encode()
        return jws.serialize_compact(header, raw, self.key, registry=REGISTRY)


def facade(key_id: str = "a") -> Signer:
    key = OKPKey.generate_key("Ed25519", {"kid": key_id})
    return Signer("mlz", FACADE, "mlz", "EdDSA", key, {"role": "sysadm"})


def cluster() -> Signer:
    key = RSAKey.generate_key(2048, {"kid": "k"})
    signer = Signer("kubernetes", CLUSTER, "mlz-scoring", "RS256", key)
    signer.claims = {"aud": ["mlz-scoring"], "kubernetes.io": {"namespace": "models"}}
    return signer


def unsigned(signer: Signer, subject: str) -> str:
    """``alg: none``, with everything else as it should be."""
    claims = signer.token(subject).split(".")[1]
    header = urlsafe_b64encode(b'{"alg":"none","kid":"a"}').decode().rstrip("=")
    return f"{header}.{claims}."


def a_trust(*signers: Signer, **overrides: Any) -> dict[str, Any]:
    """The document: signers of one issuer become keys of one."""
    issuers: dict[str, dict[str, Any]] = {}
    for one in signers:
        found = issuers.setdefault(
            one.issuer,
            {
                "kind": one.kind,
                "issuer": one.issuer,
                "audience": one.audience,
                "algorithms": [one.algorithm],
                "keys": [],
            },
        )
        found["keys"].append(one.public)
    return {
        "issuers": list(issuers.values()),
        "deploymentOwner": "dora",
        "modelOwner": "mona",
        "serviceAccounts": ["models/*", "apps/shop"],
    } | overrides


class MountedFile:
    """A ConfigMap's folder: a new one for each content, and one link that is turned to it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0
        self.path = folder / FILE

    def write(self, content: dict[str, Any] | str) -> None:
        self._count += 1
        text = content if isinstance(content, str) else json.dumps(content)
        if not isinstance(content, str):
            Trust.model_validate(content)
        made = self._folder / f"..{self._count}"
        made.mkdir()
        (made / FILE).write_text(text)
        link, data = self._folder / "..data_tmp", self._folder / "..data"
        link.symlink_to(made.name)
        link.replace(data)
        if not self.path.is_symlink():
            self.path.symlink_to(Path("..data") / FILE)
