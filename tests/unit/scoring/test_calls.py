"""Calls under way: the oldest is known, from whatever thread."""

import threading
from collections.abc import Sequence

from fakes.clock import FakeClock
from mlz.scoring.calls import TimedEngine
from mlz.scoring.engines.base import Row, Scores
from unit.scoring.kit import DEADLINE, Adder


class Hanging(Adder):
    """Returns from no call with more than one row until the gate is open."""

    def score(self, rows: Sequence[Row]) -> Scores:
        self.entered.set()
        if len(rows) > 1 and self.gate is not None:
            assert self.gate.wait(DEADLINE)
        return Scores([{}] * len(rows))


def test_the_oldest_call_under_way_is_known_while_others_come_and_go() -> None:
    clock = FakeClock()
    gate = threading.Event()
    hanging = Hanging(gate=gate)
    engine = TimedEngine(hanging, clock.monotonic)
    thread = threading.Thread(target=engine.score, args=([(1.0,), (2.0,)],))
    before = engine.longest_seconds()

    thread.start()
    assert hanging.entered.wait(DEADLINE)
    clock.advance(301)
    engine.score([(3.0,)])
    during = engine.longest_seconds()
    gate.set()
    thread.join(DEADLINE)

    assert (before, during, engine.longest_seconds()) == (0, 301, 0)
