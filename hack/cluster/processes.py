"""
Long-running programs: started apart from us, remembered, found again, ended.

A program is remembered by its pid *and* start time, so a pid that the kernel gave to somebody
else is never taken for ours, let alone killed. Linux only (``/proc``, pidfd).
"""

import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cluster.errors import ClusterError

POLL_SECONDS = 0.05
MAX_LOG_BYTES = 50 * 1024 * 1024
# The program writes its record itself, before it becomes what it shall be: there is no moment at
# which it runs and nobody knows of it, even when we are killed right after starting it.
# Pods inherit the limit of open files, which shells often keep at 1024.
REMEMBER_AND_RUN = """
cp "/proc/$$/stat" "$0.new" && mv "$0.new" "$0" || exit 1
ulimit -S -n "$(ulimit -H -n)"
exec "$@"
"""
# Words before a command line: the program ends with the thread that started it, however that ends.
ENDING_WITH_US = ("setpriv", "--pdeathsig", "KILL", "--")


@dataclass(frozen=True, slots=True)
class Program:
    """A name (of its record and log) and a whole command line."""

    name: str
    argv: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stat:
    """What of ``/proc/PID/stat`` tells one process from another."""

    pid: int
    state: str
    start_ticks: int


def parse_stat(line: str) -> Stat:
    """Read one line of ``/proc/PID/stat``; the command in it may hold spaces and parentheses."""
    pid, rest = line.split(" (", 1)
    fields = rest.rpartition(") ")[2].split()
    return Stat(pid=int(pid), state=fields[0], start_ticks=int(fields[19]))


def same_process(recorded: Stat, current: Stat) -> bool:
    """Whether the pid still means the recorded process, and it has not ended (zombie)."""
    same = (recorded.pid, recorded.start_ticks) == (current.pid, current.start_ticks)
    return same and current.state not in {"Z", "X"}


class Processes:
    """The programs of one cluster; records in ``folder/processes``, output in ``folder/logs``."""

    def __init__(
        self, folder: Path, environ: Mapping[str, str], prefix: tuple[str, ...] = ()
    ) -> None:
        """``prefix`` starts every program: a command that becomes the one whose words follow."""
        self._prefix = prefix
        self._records = folder / "processes"
        self._logs = folder / "logs"
        self._environ = dict(environ)

    def log_path(self, name: str) -> Path:
        """Where the program's standard output and error go."""
        return self._logs / f"{name}.log"

    def log_tail(self, name: str, lines: int = 12) -> str:
        """The last lines it wrote, indented, for an error message."""
        try:
            text = self.log_path(name).read_text(errors="replace")
        except FileNotFoundError:
            return "    (no log)"
        return "\n".join(f"    {line[:400]}" for line in text.splitlines()[-lines:])

    def pid(self, name: str) -> int | None:
        """The pid while the program runs, else nothing."""
        try:
            recorded = parse_stat((self._records / name).read_text())
            _reap(recorded.pid)
            current = parse_stat(Path(f"/proc/{recorded.pid}/stat").read_text())
        except (FileNotFoundError, ProcessLookupError):
            return None
        except (ValueError, IndexError):  # a record that a power cut left empty
            return None
        return recorded.pid if same_process(recorded, current) else None

    def started_at(self, name: str) -> float:
        """Seconds since the epoch; 0 for what was never started."""
        record = self._records / name
        return record.stat().st_mtime if record.exists() else 0.0

    def is_current(self, program: Program) -> bool:
        """Whether it runs, with exactly this command line."""
        pid = self.pid(program.name)
        return pid is not None and _command_line(pid) == program.argv

    def names(self) -> list[str]:
        """All programs ever started and not forgotten."""
        return sorted(p.name for p in self._records.glob("*") if p.suffix != ".new")

    def ensure(self, program: Program) -> None:
        """Start the program, unless it runs already with the same command line."""
        if self.is_current(program):
            return
        self.stop([program.name])
        self._records.mkdir(parents=True, exist_ok=True)
        self._logs.mkdir(parents=True, exist_ok=True)
        self._spawn(program)
        # Its record comes first: a moment long the process is still the shell that wrote it.
        self.wait(lambda: self.is_current(program), program.name, 10)

    def stop(self, names: Sequence[str], grace_seconds: float = 4) -> None:
        """End the programs, one after the other: TERM, and KILL after the grace time."""
        for name in names:
            pid = self.pid(name)
            if pid is not None:
                _end(pid, partial(self._is_gone, name), grace_seconds)
            (self._records / name).unlink(missing_ok=True)

    def wait(self, ready: Callable[[], bool], name: str, limit_seconds: float) -> None:
        """
        Wait until the program is ready.

        Raises:
            ClusterError: it ended, or took longer than the limit; with its last words.
        """
        deadline = time.monotonic() + limit_seconds
        while not ready():
            if (self._records / name).exists() and self._is_gone(name):
                raise ClusterError(self._failure(name, "ended right after its start"))
            if time.monotonic() > deadline:
                raise ClusterError(self._failure(name, f"was not ready in {limit_seconds:.0f} s"))
            time.sleep(POLL_SECONDS)

    def _is_gone(self, name: str) -> bool:
        return self.pid(name) is None

    def _failure(self, name: str, what: str) -> str:
        log = self.log_path(name)
        return f"{name} {what}. The end of its log {log}:\n{self.log_tail(name)}"

    def _spawn(self, program: Program) -> None:
        record = self._records / program.name
        log = self.log_path(program.name)
        if log.exists() and log.stat().st_size > MAX_LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
        os.posix_spawn(
            "/bin/sh",
            ["/bin/sh", "-c", REMEMBER_AND_RUN, str(record), *self._prefix, *program.argv],
            self._environ,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,  # the terminal's Ctrl-C is for us, not for them
            setsigdef=[signal.SIGINT, signal.SIGPIPE],
        )


def _command_line(pid: int) -> tuple[str, ...]:
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ()
    return tuple(raw.split("\0")[:-1])


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return  # not a child of this command: init reaps it


def _end(pid: int, gone: Callable[[], bool], grace_seconds: float) -> None:
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        for number, limit_seconds in ((signal.SIGTERM, grace_seconds), (signal.SIGKILL, 10.0)):
            if gone():  # asked again after opening: from here on the pid cannot be another's
                return
            signal.pidfd_send_signal(descriptor, number)
            _wait_until(gone, limit_seconds)
    except ProcessLookupError:
        return
    finally:
        os.close(descriptor)


def _wait_until(fact: Callable[[], bool], limit_seconds: float) -> None:
    deadline = time.monotonic() + limit_seconds
    while not fact() and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
