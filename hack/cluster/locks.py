"""Locks between processes: one command at a time works on a cluster, or builds into the cache."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cluster.progress import Step

POLL_SECONDS = 0.2


@contextmanager
def exclusive(path: Path, purpose: str) -> Iterator[None]:
    """
    Hold the lock file while the block runs; wait, visibly, while somebody else holds it.

    The kernel frees it when its holder ends, however it ends. Programs started meanwhile do not
    inherit it. The block may delete the file.
    """
    descriptor = _try_lock(path)
    if descriptor is None:
        with Step(f"Waiting for another {purpose} (process {_holder(path)})"):
            while (descriptor := _try_lock(path)) is None:
                time.sleep(POLL_SECONDS)
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        yield
    finally:
        os.close(descriptor)


def _try_lock(path: Path) -> int | None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    if _same_file(descriptor, path):
        return descriptor
    os.close(descriptor)  # deleted by the holder we waited for: a lock on it would keep nobody out
    return None


def _same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _holder(path: Path) -> str:
    try:
        return path.read_text() or "unknown"
    except FileNotFoundError:
        return "unknown"
