"""The node's programs start in a cgroup of their own, or without one."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cluster.cgroup import entering
from cluster.processes import Processes, Program


def version_1(root: Path) -> Path:
    (root / "cpu").mkdir()
    (root / "cpu" / "cpu.shares").write_text("1024")
    return root / "cpu" / "mlz-node"


def version_2(root: Path) -> Path:
    return root / "mlz-node"


@pytest.mark.parametrize(
    ("hierarchy", "weight", "a_processor"),
    [
        pytest.param(version_1, "cpu.shares", 128, id="version 1: pods have 1024 a processor"),
        pytest.param(version_2, "cpu.weight", 5, id="version 2: pods have about 40 a processor"),
    ],
)
def test_a_program_starts_with_an_eighth_of_the_pods_weight(
    tmp_path: Path, hierarchy: Callable[[Path], Path], weight: str, a_processor: int
) -> None:
    group = hierarchy(tmp_path)
    processes = Processes(tmp_path / "state", os.environ, entering(tmp_path))
    program = Program("sleeper", ("sleep", "60"))

    processes.ensure(program)

    try:
        assert int((group / weight).read_text()) == a_processor * (os.cpu_count() or 1)
        assert int((group / "cgroup.procs").read_text()) == processes.pid("sleeper")
    finally:
        processes.stop(["sleeper"], grace_seconds=1)


def test_a_program_runs_without_a_cgroup_where_none_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "mlz-node").write_text("not a folder")
    processes = Processes(tmp_path / "state", os.environ, entering(tmp_path))
    program = Program("sleeper", ("sleep", "60"))

    processes.ensure(program)

    try:
        assert processes.is_current(program)
        assert "mlz-node" in processes.log_tail("sleeper")
    finally:
        processes.stop(["sleeper"], grace_seconds=1)
