"""What a process may use on its machine: read here once, handed in as values everywhere else."""

from dataclasses import dataclass
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
# cgroup v2, then v1: the memory limit of the container.
_MEMORY_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
# cgroup v1 writes "no limit" as a number of this size.
_NO_LIMIT = 1 << 60


@dataclass(frozen=True, slots=True)
class Machine:
    """``cpuinfo`` is the text of ``/proc/cpuinfo``; ``memory_bytes`` None means no limit."""

    cpuinfo: str = ""
    memory_bytes: int | None = None


def read_machine() -> Machine:
    """Look at the machine and the container this process is in."""
    limits = (parse_memory_limit(_text(path)) for path in _MEMORY_LIMITS)
    return Machine(_text(_CPUINFO), next((limit for limit in limits if limit), None))


def parse_memory_limit(text: str) -> int | None:
    """A cgroup's memory limit in bytes; None where it has none."""
    word = text.strip()
    return int(word) if word.isdigit() and 0 < int(word) < _NO_LIMIT else None


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
