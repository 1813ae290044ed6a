"""The API server's audit log: who asked for what, counted without asking anybody."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster.places import Outputs

OPERATOR = "system:serviceaccount:mlz-system:mlz-operator"
_NODE = "system:node:"
_READS = frozenset({"get", "list", "watch"})


@dataclass(frozen=True)
class Request:
    """One answered request; ``may``: its sender has the right to it."""

    user: str
    verb: str
    group: str
    resource: str
    namespace: str
    name: str
    status: int
    may: bool
    at: str

    @property
    def is_write(self) -> bool:
        """Whether it may have changed something."""
        return self.verb not in _READS

    def __str__(self) -> str:
        return f"{self.at} {self.verb} {self.resource} {self.namespace}/{self.name} {self.status}"


class AuditLog:
    """The file, read from where a test began."""

    def __init__(self) -> None:
        self._path = Outputs().logs / "audit.log"
        self.beginning = self.mark()

    def mark(self) -> int:
        """Where the file ends now."""
        return self._path.stat().st_size

    def of_operator(self, since: int) -> list[Request]:
        """The operator's requests since a mark, in the order in which they were answered."""
        return [one for one in _requests(self._path, since, OPERATOR) if one.user == OPERATOR]

    def of_nodes(self, since: int) -> list[Request]:
        """The kubelets' requests since a mark."""
        return [one for one in _requests(self._path, since, _NODE) if one.user.startswith(_NODE)]


def _requests(path: Path, since: int, words: str) -> Iterator[Request]:
    with path.open("rb") as stream:
        stream.seek(since)
        for line in stream:
            if words.encode() in line and line.endswith(b"\n"):
                event = json.loads(line)
                if event.get("stage") in ("ResponseComplete", "ResponseStarted"):
                    yield _request(event)


def _request(event: dict[str, Any]) -> Request:
    about, answer = event.get("objectRef") or {}, event.get("responseStatus") or {}
    resource = "/".join(part for part in (about.get("resource"), about.get("subresource")) if part)
    return Request(
        user=event["user"]["username"],
        verb=event["verb"],
        group=about.get("apiGroup", ""),
        resource=resource,
        namespace=about.get("namespace", ""),
        name=about.get("name", ""),
        status=answer.get("code", 0),
        may=(event.get("annotations") or {}).get("authorization.k8s.io/decision") != "forbid",
        at=event["requestReceivedTimestamp"],
    )
