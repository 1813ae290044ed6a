"""What the user sees while the harness works; nothing else in this package prints."""

import sys
import threading
import time
from types import TracebackType
from typing import Self, TextIO

SILENT_SECONDS = 2.0
TERMINAL_TICK_SECONDS = 0.2
PLAIN_TICK_SECONDS = 15.0


def say(text: str) -> None:
    """Print one whole line."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def elapsed_text(seconds: float) -> str:
    """``0.4 s``, ``42 s`` or ``8 min 05 s``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


class Step:
    """
    One piece of work, as ``with Step("Building Kubernetes") as step: …``.

    A line ticks while it lasts; without a terminal a new line comes every 15 seconds instead.
    ``detail`` may change at any time. The closing line says how long it took.
    """

    def __init__(self, title: str, out: TextIO | None = None) -> None:
        self.title = title
        self.detail = ""
        self._out = out or sys.stdout
        self._began = time.monotonic()
        self._over = threading.Event()
        self._ticker = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> Self:
        self._ticker.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._ticker.join()
        mark = "✓" if error is None else "✗"
        self._write(f"{mark} {self.title} ({self._elapsed()})", end="\n")

    def _tick(self) -> None:
        wait_seconds = SILENT_SECONDS
        pause_seconds = TERMINAL_TICK_SECONDS if self._out.isatty() else PLAIN_TICK_SECONDS
        while not self._over.wait(wait_seconds):
            wait_seconds = pause_seconds
            detail = f" · {self.detail}" if self.detail else ""
            end = "" if self._out.isatty() else "\n"
            self._write(f"… {self.title} ({self._elapsed()}){detail}", end)

    def _elapsed(self) -> str:
        return elapsed_text(time.monotonic() - self._began)

    def _write(self, line: str, end: str) -> None:
        back = "\r\033[K" if self._out.isatty() else ""
        self._out.write(f"{back}{line[:110]}{end}")
        self._out.flush()
