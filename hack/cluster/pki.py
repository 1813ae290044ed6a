"""
Keys, certificates and kubeconfig files of one cluster, made by the ``openssl`` program.

The standard library reads certificates but cannot make them. Everything is made once and kept;
each file appears whole or not at all, so an interrupted run is simply continued.
"""

import base64
import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cluster.errors import ClusterError
from cluster.places import replace_text

VALID_DAYS = "3650"
ADMIN_GROUP = "system:masters"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a certificate speaks for; with addresses it also serves TLS at them."""

    name: str
    user: str
    group: str | None = None
    addresses: tuple[str, ...] = ()
    authority: str = "ca"


ADMIN = Identity("admin", "admin", ADMIN_GROUP)
KUBELET_CLIENT = Identity("apiserver-kubelet-client", "kube-apiserver", ADMIN_GROUP)
CONTROLLER_MANAGER = Identity("kube-controller-manager", "system:kube-controller-manager")
# The aggregation layer (metrics servers and such) recognises the API server by a CA of its own.
FRONT_PROXY = Identity("front-proxy-client", "front-proxy-client", authority="front-proxy-ca")


def apiserver_identity(address: str, service_address: str) -> Identity:
    """The API server, under every name it is called by."""
    service = "kubernetes.default.svc"
    names = ("kubernetes", "kubernetes.default", service, f"{service}.cluster.local", "localhost")
    addresses = tuple(dict.fromkeys((*names, "127.0.0.1", address, service_address)))
    return Identity("apiserver", "kube-apiserver", addresses=addresses)


class Pki:
    """The key folder of one cluster."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def certificate(self, name: str) -> Path:
        """Path of a certificate."""
        return self.folder / f"{name}.crt"

    def key(self, name: str) -> Path:
        """Path of a private key."""
        return self.folder / f"{name}.key"

    def ensure(self, identities: Sequence[Identity]) -> None:
        """Make the authorities, the service account keys and the identities, if missing."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for authority in ("ca", "front-proxy-ca"):
            self._certify(authority, ["-subj", f"/CN={authority}", *_AUTHORITY_OPTIONS])
        for identity in identities:
            self._certify(identity.name, self._leaf_options(identity))
        self._ensure_account_keys()

    def write_kubeconfig(self, path: Path, identity: Identity, server: str) -> None:
        """Write a kubeconfig (JSON is YAML) that holds everything itself."""
        replace_text(path, json.dumps(self._kubeconfig(identity, server), indent=2), mode=0o600)

    def _kubeconfig(self, identity: Identity, server: str) -> dict[str, object]:
        cluster = {"server": server, "certificate-authority-data": _base64(self.certificate("ca"))}
        user = {
            "client-certificate-data": _base64(self.certificate(identity.name)),
            "client-key-data": _base64(self.key(identity.name)),
        }
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "mlz",
            "clusters": [{"name": "mlz", "cluster": cluster}],
            "users": [{"name": identity.user, "user": user}],
            "contexts": [{"name": "mlz", "context": {"cluster": "mlz", "user": identity.user}}],
        }

    def _leaf_options(self, identity: Identity) -> list[str]:
        group = f"/O={identity.group}" if identity.group else ""
        usage = "serverAuth,clientAuth" if identity.addresses else "clientAuth"
        options = [
            "-subj", f"{group}/CN={identity.user}",
            "-CA", str(self.certificate(identity.authority)),
            "-CAkey", str(self.key(identity.authority)),
            "-addext", "keyUsage=critical,digitalSignature",
            "-addext", f"extendedKeyUsage={usage}",
            "-addext", "basicConstraints=critical,CA:FALSE",
        ]  # fmt: skip
        if identity.addresses:
            options += ["-addext", f"subjectAltName={alternative_names(identity.addresses)}"]
        return options

    def _certify(self, name: str, options: Sequence[str]) -> None:
        certificate, key = self.certificate(name), self.key(name)
        if certificate.exists():
            return
        fresh_certificate, fresh_key = f"{certificate}.new", f"{key}.new"
        command = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        command += ["-nodes", "-sha256", "-days", VALID_DAYS, *options]
        # Without a configuration of ours, the distribution's would add extensions of its own.
        command += ["-config", "/dev/null", "-keyout", fresh_key, "-out", fresh_certificate]
        _openssl(command)
        Path(fresh_key).replace(key)
        Path(fresh_certificate).replace(certificate)

    def _ensure_account_keys(self) -> None:
        private, public = self.folder / "sa.key", self.folder / "sa.pub"
        if public.exists():
            return
        curve = "ec_paramgen_curve:P-256"
        _openssl(["genpkey", "-algorithm", "EC", "-pkeyopt", curve, "-out", str(private)])
        _openssl(["pkey", "-in", str(private), "-pubout", "-out", f"{public}.new"])
        Path(f"{public}.new").replace(public)


_AUTHORITY_OPTIONS = (
    "-addext", "basicConstraints=critical,CA:TRUE",
    "-addext", "keyUsage=critical,digitalSignature,keyCertSign,cRLSign",
)  # fmt: skip


def alternative_names(addresses: Sequence[str]) -> str:
    """``("localhost", "127.0.0.1")`` → ``DNS:localhost,IP:127.0.0.1``."""
    kinds = ("IP" if address.replace(".", "").isdigit() else "DNS" for address in addresses)
    return ",".join(f"{kind}:{address}" for kind, address in zip(kinds, addresses, strict=True))


def _openssl(arguments: Sequence[str]) -> None:
    try:
        answer = subprocess.run(["openssl", *arguments], capture_output=True, text=True)
    except FileNotFoundError as error:
        raise ClusterError(
            "Certificates are made by the program 'openssl', which is not installed: "
            "install your distribution's package openssl."
        ) from error
    if answer.returncode != 0:
        raise ClusterError(f"'openssl {' '.join(arguments)}' failed: {answer.stderr.strip()}")


def _base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
