"""
Actors that take turns: real threads, one of which runs at a time, in an order that a seed decides.

An actor's turn ends with each request that it makes and with each pause. So every interleaving of
requests is possible, and the same seed gives the same one again.
"""

import random
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from fakes.apiserver import Request
from mlz.cluster.client import ApiConflictError, ApiOutageError


class DiedError(BaseException):
    """The process of an actor ends here and now."""


class Faults:
    """
    What goes wrong, at random, until it has gone wrong so often.

    Attributes:
        most: of all faults together.
        deaths: whether actors die.
        jump_seconds: how long everybody may stand still.
    """

    def __init__(self, most: int = 0, *, deaths: bool = False, jump_seconds: float = 0) -> None:
        self.most = most
        self.deaths = deaths
        self.jump_seconds = jump_seconds


class Stage:
    """Runs actors to their end; plug ``before`` and ``after`` into the fake server."""

    def __init__(self, seed: int, faults: Faults, now: datetime) -> None:
        self.random = random.Random(seed)
        self.faults = faults
        self.now = now
        self.died: set[str] = set()
        self._here = threading.local()
        self._turns: dict[str, threading.Semaphore] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._running: set[str] = set()
        self._done = threading.Semaphore(0)
        self._failures: list[BaseException] = []

    def actor(self, name: str, play: Callable[[], object]) -> None:
        """Somebody who does something."""
        self._turns[name] = threading.Semaphore(0)
        self._threads[name] = threading.Thread(target=self._play, args=(name, play), daemon=True)

    def run(self) -> None:
        """Let all of them play to their end."""
        self._running = set(self._threads)
        for thread in self._threads.values():
            thread.start()
        while self._running:
            name = self.random.choice(sorted(self._running))
            self._turns[name].release()
            if not self._done.acquire(timeout=60):
                raise AssertionError(f"{name} does not give its turn back")
        for thread in self._threads.values():
            thread.join()
        if self._failures:
            raise self._failures[0]

    def pause(self, seconds: float) -> None:
        """As an actor: time passes, others take their turns."""
        self.now += timedelta(seconds=seconds)
        self._end_turn()

    def before(self, request: Request) -> None:
        """Others take their turns; then the request is made, or something goes wrong."""
        if self._end_turn():
            self._go_wrong(request, [ApiOutageError(429, "later"), ApiOutageError(500, "oops")])
            if request.verb in ("create", "patch", "delete"):
                self._go_wrong(request, [ApiConflictError(409, "some other write")])

    def after(self, request: Request) -> None:
        """The write was done; its answer may be lost."""
        if self._name is not None:
            self._go_wrong(request, [ApiOutageError(0, "connection reset")])

    @property
    def _name(self) -> str | None:
        return getattr(self._here, "name", None)

    def _go_wrong(self, request: Request, errors: list[Exception]) -> None:
        if self.faults.most <= 0 or self.random.random() > 0.15:
            return
        self.faults.most -= 1
        if self.faults.jump_seconds and self.random.random() < 0.3:
            self.now += timedelta(seconds=self.faults.jump_seconds)
            self._end_turn()
            return
        if self.faults.deaths and self.random.random() < 0.4:
            raise DiedError(f"{self._name} at {request}")
        raise self.random.choice(errors)

    def _play(self, name: str, play: Callable[[], object]) -> None:
        self._here.name = name
        self._turns[name].acquire()
        try:
            play()
        except DiedError:
            self.died.add(name)
        except BaseException as error:  # noqa: BLE001 - raised again where the test waits
            self._failures.append(error)
        self._running.discard(name)
        self._done.release()

    def _end_turn(self) -> bool:
        """Whether an actor asks, not the test itself."""
        name = self._name
        if name is None:
            return False
        self._done.release()
        self._turns[name].acquire()
        return True
