"""Time that moves when a test says so."""

from datetime import UTC, datetime, timedelta


class FakeClock:
    """Monotonic seconds and a time of day; ``advance`` moves both."""

    def __init__(self, start: datetime = datetime(2030, 1, 1, 12, tzinfo=UTC)) -> None:
        self._start = start
        self.seconds = 0.0

    def advance(self, seconds: float) -> None:
        self.seconds += seconds

    def monotonic(self) -> float:
        return self.seconds

    def wall(self) -> datetime:
        return self._start + timedelta(seconds=self.seconds)
