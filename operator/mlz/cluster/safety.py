"""
Brakes on our own writes: no fight with somebody else, no mass deletion by a mistake of ours.

Both remember a minute and nothing more. Who is braked tries again later, with growing pauses.
"""

import threading
from collections import defaultdict, deque
from collections.abc import Callable

from mlz.errors import Reason, RetryableError

WINDOW_SECONDS = 60.0
SAME_APPLIES = 10
LEAST_DELETIONS = 10
DELETED_SHARE = 0.05
_LEAST_REMEMBERED = 128


class Brakes:
    """
    Counts of the last minute.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._applies: dict[tuple[str, ...], deque[float]] = defaultdict(deque)
        self._deletions: deque[float] = deque()
        self._forget_above = _LEAST_REMEMBERED

    def before_apply(self, *identity: str) -> None:
        """
        Count an apply of the very same manifest to the same object.

        Raises:
            RetryableError: it was needed so often that somebody else must be undoing it.
        """
        with self._lock:
            self._forget()
            times = self._recent(self._applies[identity])
            if len(times) < SAME_APPLIES:
                times.append(self._clock())
                return
        raise RetryableError(
            Reason.WRITE_CONFLICT,
            f"{identity[0]} '{identity[2]}' was changed back {SAME_APPLIES} times within a minute; "
            "find who writes it (kubectl get -o yaml --show-managed-fields) and stop that",
        )

    def before_deletion(self, existing: int) -> None:
        """
        Count the deletion of a workload that answers.

        Args:
            existing: workloads there are.

        Raises:
            RetryableError: too many are to go within a minute.
        """
        allowed = max(LEAST_DELETIONS, int(existing * DELETED_SHARE))
        with self._lock:
            times = self._recent(self._deletions)
            if len(times) < allowed:
                times.append(self._clock())
                return
        raise RetryableError(
            Reason.DELETION_BRAKED,
            f"{allowed} workloads were deleted within a minute; the next ones wait, in case that "
            "this is a mistake",
        )

    def _forget(self) -> None:
        """Now and then, so that what was applied long ago takes no memory."""
        if len(self._applies) > self._forget_above:
            recent = {key: times for key, times in self._applies.items() if self._recent(times)}
            self._applies = defaultdict(deque, recent)
            self._forget_above = max(_LEAST_REMEMBERED, 2 * len(recent))

    def _recent(self, times: deque[float]) -> deque[float]:
        while times and times[0] < self._clock() - WINDOW_SECONDS:
            times.popleft()
        return times
