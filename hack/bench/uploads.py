"""
One large model file on its way through the REST facade: first to its disk, then to the registry.

API server, operator, facade and registry are real and share the machine; there is no node, and the
inspection at the end is pretended. Memory is the facade's resident set, as the kernel counts it.
"""

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster.controlplane import ControlPlane
from controlplane.facades import Caller, FacadeProcess, logged_in
from controlplane.import_stage import MEBIBYTE, MODELS, Place, import_stage, mebibytes, parts
from controlplane.planes import establish_kinds, kubectl_of

_PAUSE_SECONDS = 0.1
_ROWS = 20
_IMPORT_SECONDS = 900


@dataclass(frozen=True, slots=True)
class Sample:
    """A moment: memory, and how much of the file is where, all in MiB."""

    seconds: float
    memory: float
    received: float
    pushed: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="hack/bench/uploads", description=__doc__)
    parser.add_argument("--mebibytes", type=int, default=1024)
    size = parser.parse_args().mebibytes
    with tempfile.TemporaryDirectory(prefix="mlz-bench-") as folder, _place(folder) as place:
        facade = place.another("bench")
        model = _file(Path(folder) / "model.onnx", size)
        rest = mebibytes(facade, "VmRSS")
        with logged_in(facade, "ada") as caller, model.open("rb") as stream:
            caller.http.timeout = _IMPORT_SECONDS
            samples = _import(place, facade, caller, parts(stream, name="large"))
        _print(samples, size, rest, mebibytes(facade, "VmHWM"))


def _import(
    place: Place, facade: FacadeProcess, caller: Caller, form: dict[str, Any]
) -> list[Sample]:
    samples: list[Sample] = []
    over = threading.Event()
    began = time.monotonic()

    def watch() -> None:
        while not over.wait(_PAUSE_SECONDS):
            memory = mebibytes(facade, "VmRSS")
            where = _in(place.uploads_of("bench")), _in(place.registry.folder / "storage")
            samples.append(Sample(time.monotonic() - began, memory, *where))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        answer = caller("POST", MODELS, **form)
    finally:
        over.set()
        watcher.join()
    if answer.status_code != 201:
        raise SystemExit(f"error: the import was answered with {answer.text}")
    return samples


def _print(samples: list[Sample], size: int, rest: float, peak: float) -> None:
    print(f"{'s':>6} {'RSS MiB':>8} {'received':>9} {'pushed':>7}")
    for one in samples[:: max(1, len(samples) // _ROWS)]:
        print(f"{one.seconds:6.1f} {one.memory:8.1f} {one.received:9.0f} {one.pushed:7.0f}")
    came = next(one.seconds for one in samples if one.received >= size)
    went = next(one.seconds for one in samples if one.pushed >= size)
    over = samples[-1].seconds
    print(f"{size} MiB: in by {came:.1f} s ({size / came:.0f} MiB/s)")
    print(f"in the registry {went - came:.1f} s later ({size / (went - came):.0f} MiB/s)")
    print(f"answered after {over:.1f} s ({size / over:.0f} MiB/s in all)")
    print(f"RSS {rest:.0f} MiB before, at most {peak:.0f} MiB")


def _in(folder: Path) -> float:
    """MiB of the files in a folder that others write to."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(parent) / name).stat().st_size
            except FileNotFoundError:
                continue
    return total / MEBIBYTE


def _file(path: Path, size: int) -> Path:
    with path.open("wb") as stream:
        for _ in range(size):
            stream.write(os.urandom(MEBIBYTE))
    return path


@contextmanager
def _place(folder: str) -> Iterator[Place]:
    """A control plane with our resources' kinds, and all that imports need there."""
    with ControlPlane(os.environ).running(Path(folder) / "plane") as plane:
        kubectl = kubectl_of(plane)
        establish_kinds(kubectl)
        home = Path(folder) / "imports"
        home.mkdir()
        with import_stage(plane, kubectl, "bench", home) as place:
            yield place


if __name__ == "__main__":
    main()
