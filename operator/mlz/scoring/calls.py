"""
How long a library has been at a call: the only sign of one that will never return.

Python cannot stop such a call; only the end of the process does. Calls of the event loop need no
watch: while one lasts, the process answers nobody, its liveness probe included.
"""

import threading
import time
from collections.abc import Callable, Sequence

from mlz.scoring.engines.base import Engine, Row, Scores


class TimedEngine:
    """An engine that notes the calls under way, one a thread."""

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._clock = clock
        self._since: dict[int, float] = {}

    @property
    def merges(self) -> bool:
        """The engine's own."""
        return self._engine.merges

    def score(self, rows: Sequence[Row]) -> Scores:
        """
        Raises:
            ScoreError: the library refuses these rows.
        """
        caller = threading.get_ident()
        self._since[caller] = self._clock()
        try:
            return self._engine.score(rows)
        finally:
            del self._since[caller]

    def longest_seconds(self) -> float:
        """How long the oldest call under way has lasted; 0 where there is none."""
        started = min(self._since.copy().values(), default=None)
        return 0.0 if started is None else self._clock() - started
