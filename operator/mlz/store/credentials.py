"""
Credentials of a store: a mounted Secret, one file a key, or the log-ins of a docker configuration.

Knows which keys mean what; never logs and never shows a value.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mlz.errors import Reason, RejectedError

_MAX_BYTES = 1024 * 1024  # a Secret cannot be larger
DOCKER_KEYS = (".dockerconfigjson", "config.json")
AUTHORITIES_KEY = "ca.crt"
_DOCKER_HUB = "https://index.docker.io/v1/"


@dataclass(frozen=True, slots=True)
class Credentials:
    """The keys of a Secret; empty where none was given."""

    values: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def authorities(self) -> str | None:
        """PEM text of extra certificate authorities."""
        return self.values.get(AUTHORITIES_KEY)

    def authorization(self) -> str | None:
        """The header's value of an http(s) store: ``token``, or ``username`` and ``password``."""
        if self.values.get("token"):
            return f"Bearer {self.values['token'].strip()}"
        pair = self.log_in("")
        return None if pair is None else basic(*pair)

    def log_in(self, registry: str) -> tuple[str, str] | None:
        """User and password of a registry, or of the only store there is."""
        if "username" in self.values and "password" in self.values:
            return self.values["username"].strip(), self.values["password"].strip()
        for key in DOCKER_KEYS:
            if key in self.values:
                return _docker_log_in(self.values[key], registry)
        return None

    def require(self, wanted: tuple[str, ...], store: str) -> None:
        """
        Refuse a Secret that holds nothing for this kind of store.

        Raises:
            RejectedError: CredentialsNotFound; names the keys, never the values.
        """
        given = set(self.values) - {AUTHORITIES_KEY}
        if given and not given & set(wanted):
            raise RejectedError(
                Reason.CREDENTIALS_NOT_FOUND,
                f"{store} takes the keys {', '.join(wanted)}; the Secret holds "
                f"{', '.join(sorted(given))}",
            )


def read_credentials(folder: Path) -> Credentials:
    """
    Read a mounted Secret; a folder that does not exist means no credentials.

    Raises:
        RejectedError: CredentialsNotFound; a key cannot be read as text.
    """
    if not folder.is_dir():
        return Credentials()
    values = {}
    for path in sorted(folder.iterdir()):
        if path.is_file() and not path.name.startswith(".."):  # "..data" is kubelet's own
            values[path.name] = _text(path)
    return Credentials(values)


def basic(user: str, password: str) -> str:
    """The Authorization header of RFC 7617."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return stream.read(_MAX_BYTES).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise RejectedError(
            Reason.CREDENTIALS_NOT_FOUND,
            f"key {path.name} of the Secret is not readable text; store it again",
        ) from error


def _docker_log_in(text: str, registry: str) -> tuple[str, str] | None:
    try:
        auths = json.loads(text).get("auths") or {}
        names = [registry, f"https://{registry}", f"https://{registry}/v2/", f"http://{registry}"]
        if registry in ("docker.io", "registry-1.docker.io"):
            names.append(_DOCKER_HUB)
        entry = next((auths[name] for name in names if name in auths), None)
        return None if entry is None else _pair(entry)
    except (ValueError, AttributeError, TypeError, KeyError) as error:
        raise RejectedError(
            Reason.CREDENTIALS_NOT_FOUND,
            "the docker configuration in the Secret is not the JSON that `docker login` writes",
        ) from error


def _pair(entry: Mapping[str, str]) -> tuple[str, str]:
    if "auth" in entry:
        user, _, password = base64.b64decode(entry["auth"]).decode().partition(":")
        return user, password
    return entry["username"], entry["password"]
