"""
Leadership by a Lease: whoever holds it writes, everybody else watches.

Times are those of client-go's election: a lease of 15 s, renewed every 5 s, given up after 10 s
without a renewal that got through, or with the request that was under way then. So a request may
take 4 s, and two never write at the same time.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mlz.cluster import kinds
from mlz.cluster.client import ApiError, ApiRefusalError, KubeClient

_log = logging.getLogger(__name__)

LEASE_SECONDS = 15
RENEW_SECONDS = 5.0
GIVE_UP_SECONDS = 10.0
RETRY_SECONDS = 2.0
REQUEST_SECONDS = 4.0
_FIRST_PROCESS = 1
_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"

Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Clocks:
    """
    The time of day, which is only written down, and monotonic seconds, which are counted.

    A time of day may jump, and a leader who believes it would lead for too long.
    """

    wall: Callable[[], datetime]
    monotonic: Callable[[], float]


def identity_of(pod_name: str, pod_uid: str, process_id: int, random_text: str) -> str:
    """
    Who a process is in the lease.

    The first process of a pod's container has the pod's own identity: whoever had it before was
    that container's first process, and is dead, so its lease need not run out. Any other (outside
    of a pod, or started by hand beside the first) has one that nobody had before.

    Args:
        pod_uid: empty outside of a pod; names come again, uids do not.
        random_text: another one for each process.
    """
    is_first = bool(pod_uid) and process_id == _FIRST_PROCESS
    return f"{pod_name}_{pod_uid if is_first else random_text}"


class Leadership:
    """
    Holds, or waits for, one Lease.

    Args:
        client: a client whose requests take ``REQUEST_SECONDS`` at most.
        identity: who we are in the lease (``identity_of``); no two living processes share one.
        lost: called when the lease is lost; the process must stop writing and end.
    """

    def __init__(
        self,
        client: KubeClient,
        place: tuple[str, str],
        identity: str,
        clocks: Clocks,
        lost: Callable[[], None],
    ) -> None:
        self._client = client
        self._namespace, self._name = place
        self._identity = identity
        self._clocks = clocks
        self._lost = lost
        self.held = threading.Event()
        self._stopping = threading.Event()
        self._lease: Manifest | None = None
        self._foreign: tuple[str, float] | None = None
        self._renewed = 0.0
        self._thread = threading.Thread(target=self._run, name="leader", daemon=True)

    def start(self) -> None:
        """Start trying."""
        self._thread.start()

    def stop(self) -> None:
        """Give the lease back, so that a standby need not wait for it to run out."""
        self._stopping.set()
        self._thread.join(GIVE_UP_SECONDS)
        if self.held.is_set() and self._lease is not None:
            self.held.clear()
            self._lease["spec"].update(holderIdentity="", leaseDurationSeconds=1)
            try:
                self._client.replace(kinds.LEASE, self._lease)
            except ApiError as error:
                _log.warning("lease not given back", extra={"cause": str(error)})

    def step(self) -> float | None:
        """
        Try once to take or to renew the lease.

        Returns:
            Seconds until the next try; None where the lease was lost.
        """
        # From before the request: the server may have written it at once.
        started = self._clocks.monotonic()
        if not self._is_over() and self._try():
            self._renewed = started
            if not self.held.is_set():
                _log.info("leading", extra={"identity": self._identity})
                self.held.set()
            return RENEW_SECONDS
        if self._is_over():
            self.held.clear()
            _log.error("lease lost", extra={"identity": self._identity})
            self._lost()
            return None
        return RETRY_SECONDS

    def _run(self) -> None:
        while not self._stopping.is_set():
            seconds = self.step()
            if seconds is None:
                return
            self._stopping.wait(seconds)

    def _is_over(self) -> bool:
        """Somebody else has what we held, or we could not renew it for too long."""
        if not self.held.is_set():
            return False
        lasted = self._clocks.monotonic() - self._renewed
        return self._foreign is not None or lasted >= GIVE_UP_SECONDS

    def _try(self) -> bool:
        """Renew or take the lease; whether it is ours now."""
        try:
            return self._renew() if self._lease is not None else self._acquire()
        except ApiRefusalError as error:
            # Changed or deleted by somebody: look at it anew.
            _log.info("lease is not as we left it", extra={"cause": str(error)})
            self._lease = None
            return False
        except ApiError as error:
            _log.warning("lease not renewed", extra={"cause": str(error)})
            return False

    def _renew(self) -> bool:
        assert self._lease is not None  # noqa: S101 - only called with one
        self._lease["spec"]["renewTime"] = self._now()
        self._lease = self._client.replace(kinds.LEASE, self._lease)
        return True

    def _acquire(self) -> bool:
        found = self._client.get(kinds.LEASE, self._namespace, self._name)
        if found is not None and not self._is_free(found):
            return False
        self._foreign = None
        if found is None:
            self._lease = self._client.create(kinds.LEASE, self._manifest())
            return True
        spec = self._manifest()["spec"]
        transitions = found["spec"].get("leaseTransitions", 0)
        found["spec"] = {**spec, "leaseTransitions": transitions + 1}
        self._lease = self._client.replace(kinds.LEASE, found)
        return True

    def _is_free(self, lease: Manifest) -> bool:
        """
        Ours, given back, or not renewed for as long as it lasts by *our* clock.

        The other process's clock is never compared with ours: we watch for how long the renewal
        time does not change.
        """
        spec = lease["spec"]
        if spec.get("holderIdentity") in (None, "", self._identity):
            return True
        renewal = f"{spec['holderIdentity']} {spec.get('renewTime', '')}"
        if self._foreign is None or self._foreign[0] != renewal:
            self._foreign = (renewal, self._clocks.monotonic())
            return False
        age: float = self._clocks.monotonic() - self._foreign[1]
        return age > float(spec.get("leaseDurationSeconds", LEASE_SECONDS))

    def _manifest(self) -> Manifest:
        now = self._now()
        return {
            "apiVersion": kinds.LEASE.api_version,
            "kind": kinds.LEASE.kind,
            "metadata": {"name": self._name, "namespace": self._namespace},
            "spec": {
                "holderIdentity": self._identity,
                "leaseDurationSeconds": LEASE_SECONDS,
                "acquireTime": now,
                "renewTime": now,
            },
        }

    def _now(self) -> str:
        return self._clocks.wall().astimezone(UTC).strftime(_TIME)
