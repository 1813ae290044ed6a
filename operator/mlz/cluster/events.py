"""
Kubernetes events about our resources: one for each change of reason, never lost work.

An event that cannot be written is dropped with a log line; the condition says the same. Names grow
with time: the times that `kubectl describe` sorts by are whole seconds, and it keeps the order of
names among equals.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from mlz.api import names
from mlz.api.conditions import timestamp
from mlz.cluster import kinds
from mlz.cluster.client import ApiError, KubeClient
from mlz.cluster.kinds import Kind
from mlz.lifecycle.report import Event

_log = logging.getLogger(__name__)
_MESSAGE_LIMIT = 1024


class Recorder:
    """Writes events in the name of the operator."""

    def __init__(self, client: KubeClient, clock: Callable[[], datetime]) -> None:
        self._client = client
        self._clock = clock

    def record(self, kind: Kind, body: Mapping[str, Any], event: Event) -> None:
        """Write one event about an object."""
        meta = body["metadata"]
        now = self._clock()
        seconds = timestamp(now)
        # Kubernetes appends five letters of its own, and cuts what is longer than 58.
        name = f"{names.beginning(meta['name'], 40)}.{round(now.timestamp() * 1e6):014x}."
        manifest = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"generateName": name, "namespace": meta["namespace"]},
            "involvedObject": {
                "apiVersion": kind.api_version,
                "kind": kind.kind,
                "name": meta["name"],
                "namespace": meta["namespace"],
                "uid": meta["uid"],
            },
            "type": "Warning" if event.warning else "Normal",
            "reason": event.reason,
            "message": event.message[:_MESSAGE_LIMIT],
            "source": {"component": names.FIELD_MANAGER},
            "firstTimestamp": seconds,
            "lastTimestamp": seconds,
            "count": 1,
        }
        try:
            self._client.create(kinds.EVENT, manifest)
        except ApiError as error:
            _log.warning("event dropped", extra={"reason": event.reason, "cause": str(error)})
