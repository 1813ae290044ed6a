"""Waiting for a fact with a deadline; the only place of this tier that lets time pass."""

import threading
from collections.abc import Callable
from time import monotonic
from typing import TypeVar

T = TypeVar("T")

_PAUSE_SECONDS = 0.2
_NEVER = threading.Event()


def until(fact: Callable[[], T | None], what: str, within: float = 60) -> T:
    """
    The fact, once it is one (neither None nor false).

    Raises:
        AssertionError: it did not come true within so many seconds.
    """
    deadline = monotonic() + within
    while not (found := fact()):
        assert monotonic() < deadline, f"not within {within:g} s: {what}; last seen: {found!r}"
        _NEVER.wait(_PAUSE_SECONDS)
    return found


def let_pass(seconds: float) -> None:
    """For what is looked at over a time, as a rest; never to wait for something."""
    _NEVER.wait(max(0.0, seconds))
