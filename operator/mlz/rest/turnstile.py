"""So many at once, so many who wait, and the rest are sent away: a queue that cannot grow."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mlz.rest.problems import Code, retry_after


class Turnstile:
    """
    For work that is dear.

    Args:
        at_once: how many do it at the same time.
        waiting: how many may wait for their turn.
    """

    def __init__(self, at_once: int, waiting: int) -> None:
        self._turns = asyncio.Semaphore(at_once)
        self._most = at_once + waiting
        self._inside = 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """
        Wait for a turn, and have it.

        Raises:
            Refusal: unavailable; too many wait already.
        """
        if self._inside >= self._most:
            raise retry_after(Code.UNAVAILABLE, "too many wait for this already", 1)
        self._inside += 1
        try:
            async with self._turns:
                yield
        finally:
            self._inside -= 1
