"""Programs are started apart from us, found again, and never mistaken for others."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.errors import ClusterError
from cluster.processes import Processes, Program, Stat, parse_stat, same_process

SLEEP = Program("sleeper", ("sleep", "60"))


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    started = Processes(tmp_path, os.environ)
    yield started
    started.stop(started.names(), grace_seconds=1)


def stat_line(pid: int, command: str = "etcd", state: str = "S", start: int = 4711) -> str:
    return f"{pid} ({command}) {state} " + " ".join(["1"] * 18) + f" {start} 0 0\n"


@pytest.mark.parametrize(
    "command",
    [
        pytest.param("etcd", id="a plain name"),
        pytest.param("a b) S 1 (c", id="spaces and parentheses, as anybody may choose"),
    ],
)
def test_the_start_time_is_found_behind_any_command_name(command: str) -> None:
    found = parse_stat(stat_line(42, command))

    assert found == Stat(pid=42, state="S", start_ticks=4711)


def test_our_own_stat_is_understood() -> None:
    found = parse_stat(Path("/proc/self/stat").read_text())

    assert found.pid == os.getpid()
    assert found.start_ticks > 0


@pytest.mark.parametrize(
    ("current", "same"),
    [
        pytest.param(Stat(42, "S", 4711), True, id="still running"),
        pytest.param(Stat(42, "S", 4712), False, id="the kernel gave the pid to another process"),
        pytest.param(Stat(42, "Z", 4711), False, id="ended, but not yet reaped"),
    ],
)
def test_same_process(current: Stat, same: bool) -> None:
    assert same_process(Stat(42, "S", 4711), current) is same


def test_a_process_with_a_recycled_pid_is_not_ended(tmp_path: Path, processes: Processes) -> None:
    with subprocess.Popen(["sleep", "60"]) as stranger:
        record = tmp_path / "processes" / "sleeper"
        record.parent.mkdir()
        record.write_text(stat_line(stranger.pid))

        processes.stop(["sleeper"])

        assert stranger.poll() is None
        stranger.kill()


def test_a_program_is_found_again_by_a_later_command(tmp_path: Path, processes: Processes) -> None:
    processes.ensure(SLEEP)

    later = Processes(tmp_path, os.environ)

    assert later.pid("sleeper") == processes.pid("sleeper") is not None
    assert later.is_current(SLEEP)


def test_a_running_program_is_left_alone(processes: Processes) -> None:
    processes.ensure(SLEEP)
    first = processes.pid("sleeper")

    processes.ensure(SLEEP)

    assert processes.pid("sleeper") == first


def test_a_changed_command_line_restarts_the_program(processes: Processes) -> None:
    processes.ensure(SLEEP)
    first = processes.pid("sleeper")

    processes.ensure(Program("sleeper", ("sleep", "61")))

    assert processes.pid("sleeper") not in {first, None}


def test_a_program_does_not_get_the_terminals_interrupts(processes: Processes) -> None:
    processes.ensure(SLEEP)
    pid = processes.pid("sleeper")

    assert pid is not None
    assert os.getsid(pid) == pid != os.getsid(0)


def test_an_interrupt_ends_the_program_although_we_ignore_it(processes: Processes) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        processes.ensure(SLEEP)
    finally:
        signal.signal(signal.SIGINT, before)
    pid = processes.pid("sleeper")
    assert pid is not None

    os.kill(pid, signal.SIGINT)

    with pytest.raises(ClusterError, match="sleeper ended"):
        processes.wait(lambda: False, "sleeper", limit_seconds=10)


def test_a_stopped_program_is_gone_and_forgotten(processes: Processes) -> None:
    processes.ensure(SLEEP)

    processes.stop(["sleeper"])

    assert processes.pid("sleeper") is None
    assert processes.names() == []


def test_a_program_that_ignores_the_request_to_end_is_killed(processes: Processes) -> None:
    processes.ensure(Program("stubborn", ("sh", "-c", "trap '' TERM; echo on; sleep 60 & wait")))
    log = processes.log_path("stubborn")
    processes.wait(lambda: "on" in log.read_text(), "stubborn", limit_seconds=10)

    processes.stop(["stubborn"], grace_seconds=0.2)

    assert processes.pid("stubborn") is None


def test_what_fails_at_its_start_is_told_with_its_last_words(processes: Processes) -> None:
    failing = Program("failing", ("sh", "-c", "sleep 0.2; echo no such flag >&2; exit 2"))
    processes.ensure(failing)

    with pytest.raises(ClusterError, match=r"(?s)failing ended.*failing\.log.*no such flag"):
        processes.wait(lambda: False, "failing", limit_seconds=10)


def test_what_never_gets_ready_is_told_with_its_last_words(processes: Processes) -> None:
    processes.ensure(SLEEP)

    with pytest.raises(ClusterError, match=r"sleeper was not ready in 0 s"):
        processes.wait(lambda: False, "sleeper", limit_seconds=0)


def test_a_record_cut_short_by_a_power_cut_means_nothing_runs(tmp_path: Path) -> None:
    record = tmp_path / "processes" / "sleeper"
    record.parent.mkdir()
    record.touch()

    assert Processes(tmp_path, os.environ).pid("sleeper") is None
