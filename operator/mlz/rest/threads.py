"""
Work that blocks, beside the event loop, and never left behind.

Who is cancelled still waits for its own work to end: only then is it known what there is to undo.
"""

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

T = TypeVar("T")


async def in_thread(
    work: Callable[[], T],
    executor: Executor | None = None,
    give_up: Callable[[], None] = lambda: None,
) -> T:
    """
    Run something that blocks.

    Args:
        work: ends by itself, in bounded time.
        executor: of long work, which must not hold up the short; None is the loop's own.
        give_up: tells the work that nobody waits for it any more.
    """
    run = contextvars.copy_context().run
    running = asyncio.get_running_loop().run_in_executor(executor, run, work)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        give_up()
        await asyncio.wait([running])
        if not running.cancelled():
            running.exception()  # asked for, so that nobody complains that it was not
        raise
