"""The life of a process: loading, ready, draining, and last words."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mlz.cli.serve import public_name
from mlz.errors import MlzError, Reason, RejectedError
from mlz.model.asset import ASSET_FILE, Provider
from mlz.model.report import from_message
from mlz.scoring.dataplane import Worker
from mlz.scoring.machine import Machine
from mlz.scoring.runtime import Runtime, load_model
from mlz.scoring.server import Process, listen
from unit.scoring.kit import (
    DEADLINE,
    Adder,
    Answer,
    Client,
    a_runtime,
    an_asset,
    ask,
    request,
    serving,
    serving_adder,
    some_settings,
)

SCORE = "/iml/v2/scoring/online/g"


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def test_while_it_loads_it_is_alive_but_not_ready() -> None:
    go_on = threading.Event()
    port = free_port()
    settings = some_settings(port=port)
    seen: list[int] = []

    async def load(worker: Worker) -> Runtime:
        for path in ("/v2/health/live", "/v2/health/ready", "/v2/models/m", "/v2/models/x"):
            seen.append((await asyncio.to_thread(ask, port, path)).status)
        seen.append((await asyncio.to_thread(ask, port, SCORE, [])).status)
        go_on.set()
        return a_runtime(Adder(), an_asset(), settings)

    with serving(Process(settings, load)):
        assert go_on.is_set()

    assert seen == [200, 503, 503, 404, 503]


def test_a_load_may_take_as_long_as_it_takes() -> None:
    port = free_port()
    settings = some_settings(port=port, stuck_call_seconds=0.001)
    seen: set[int] = set()

    async def load(worker: Worker) -> Runtime:
        def long_load() -> None:
            deadline = time.monotonic() + 1.1  # two sweeps
            while time.monotonic() < deadline:
                seen.add(ask(port, "/v2/health/live").status)

        await worker.call(long_load)
        return a_runtime(Adder(), an_asset(), settings)

    with serving(Process(settings, load)):
        pass

    assert seen == {200}


def test_draining_says_unready_and_still_serves_what_comes_and_what_is_there() -> None:
    engine = Adder(gate=threading.Event())

    with (
        serving_adder(engine, seconds=1, drain_delay_seconds=0.3) as live,
        Client(live.port) as busy,
        Client(live.port) as idle,
    ):
        assert idle.ask("/v2/health/ready").status == 200
        busy.send(request(SCORE, [{"x": 1}]))
        assert engine.entered.wait(DEADLINE)
        live.begin_to_stop()
        while ask(live.port, "/v2/health/ready").status == 200:
            pass
        unready = ask(live.port, "/v2/health/ready")
        assert idle.is_closed()  # after the delay
        with pytest.raises(ConnectionRefusedError):
            ask(live.port, "/v2")
        assert engine.gate is not None
        engine.gate.set()
        answer = busy.read()
        live.finish()

        assert (unready.status, unready.json["code"]) == (503, "not_ready")
        assert "draining" in unready.json["message"]
        assert answer.json == [{"sum": 1.0}]
        assert answer.headers["connection"] == "close"


def test_a_pod_that_is_still_asked_keeps_its_port_open() -> None:
    """However long its endpoint is known to others; every answer sends its client elsewhere."""
    delay = 0.2
    with serving_adder(drain_delay_seconds=delay) as live:
        live.begin_to_stop()
        asked_until = time.monotonic() + 5 * delay
        answers = []
        while time.monotonic() < asked_until:
            answers.append(ask(live.port, SCORE, [{"x": 1}]))
        live.finish()

    assert {one.status for one in answers} == {200}
    assert answers[-1].headers["connection"] == "close"


def test_a_request_that_has_arrived_is_answered_though_nobody_has_read_it_yet() -> None:
    async def close_between_arrival_and_reading() -> bytes:
        started = await listen(some_settings())
        with socket.create_connection(("127.0.0.1", started.port), DEADLINE) as client:
            client.sendall(request("/v2/health/live"))
            await asyncio.to_thread(client.recv, 1000)
            client.sendall(request("/v2/health/live"))
            started.group.say_goodbye()
            started.group.close_idle()
            await started.group.empty.wait()
            answer = client.recv(1000)
        started.server.close()
        return answer

    answer = asyncio.run(close_between_arrival_and_reading())

    assert answer.startswith(b"HTTP/1.1 200")


def test_a_call_that_never_returns_is_the_end_of_the_process_s_health(
    caplog: pytest.LogCaptureFixture,
) -> None:
    engine = Adder(gate=threading.Event())

    with (
        serving_adder(engine, seconds=1, stuck_call_seconds=0.05, timeout_in_ms=30) as live,
        Client(live.port) as caller,
        Client(live.port) as kubelet,
    ):
        late = caller.ask(SCORE, [{"x": 1}])
        dead = liveness_of(kubelet, 503)
        unready = kubelet.ask("/v2/health/ready")
        assert engine.gate is not None
        engine.gate.set()
        liveness_of(kubelet, 200)
        again = caller.ask(SCORE, [{"x": 2}])

    lines = [one for one in caplog.records if "does not return" in one.message]
    assert late.status == 504
    assert unready.status == 503
    assert "has not returned for" in dead.json["message"]
    assert "has not returned for" in unready.json["message"]
    assert [vars(one)["requestIds"] for one in lines] == [[late.json["requestId"]]]
    assert again.json == [{"sum": 2.0}]


def test_a_slow_model_is_called_for_few_records_at_a_time() -> None:
    engine = Adder()

    with serving_adder(engine, seconds=4) as live:
        answer = ask(live.port, SCORE, [{"x": x} for x in range(5)])

    assert [one["sum"] for one in answer.json] == list(range(5))
    assert engine.calls == [2, 2, 1]


def liveness_of(kubelet: Client, status: int) -> Answer:
    """The first answer of that status."""
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        answer = kubelet.ask("/v2/health/live")
        if answer.status == status:
            return answer
    pytest.fail(f"liveness never answered {status}")


def test_draining_does_not_wait_for_ever() -> None:
    engine = Adder(gate=threading.Event())

    with (
        serving_adder(engine, seconds=1, drain_timeout_seconds=0.05) as live,
        Client(live.port) as stuck,
    ):
        stuck.send(request(SCORE, [{"x": 1}]))
        assert engine.entered.wait(DEADLINE)
        live.begin_to_stop()
        live.finish()
        assert engine.gate is not None
        engine.gate.set()


def test_a_port_that_is_taken_is_told() -> None:
    with (
        serving_adder() as live,
        pytest.raises(RejectedError, match=f"port {live.port}.*choose another port"),
        serving_adder(port=live.port),
    ):
        pass


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        pytest.param({}, Reason.MODEL_LOAD_FAILED, id="nothing in the folder"),
        pytest.param(
            {"provider": Provider.ZAIU}, Reason.ACCELERATOR_UNAVAILABLE, id="no accelerator"
        ),
    ],
)
def test_what_cannot_be_loaded_ends_the_server(
    overrides: dict[str, object], reason: Reason, tmp_path: Path
) -> None:
    settings = some_settings(model_folder=str(tmp_path), **overrides)

    with pytest.raises(MlzError) as refused:
        load_model(settings, Machine())

    assert refused.value.reason is reason


def test_another_asset_than_the_wanted_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / ASSET_FILE).write_text(an_asset().model_dump_json(by_alias=True))
    settings = some_settings(model_folder=str(tmp_path), asset_digest="sha256:other")

    with pytest.raises(RejectedError, match="sha256:other") as refused:
        load_model(settings, Machine())

    assert refused.value.reason is Reason.DIGEST_MISMATCH


def test_the_engine_command_leaves_last_words(tmp_path: Path) -> None:
    words = tmp_path / "termination-log"
    environment = os.environ | {
        "MLZ_MODEL_FOLDER": str(tmp_path),
        "MLZ_TERMINATION_LOG": str(words),
        "MLZ_HOST": "127.0.0.1",
        "MLZ_PORT": str(free_port()),
    }

    ended = subprocess.run(
        [sys.executable, "-m", "mlz", "engine"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )

    outcome = from_message(words.read_text())
    assert ended.returncode == 1
    assert outcome is not None
    assert outcome.reason is Reason.MODEL_LOAD_FAILED
    assert len(ended.stderr.splitlines()) == 1


def test_no_library_starts_threads_when_it_is_imported() -> None:
    """One for each CPU of the node, which spin, is what numpy's OpenBLAS would start."""
    code = "import os, mlz.scoring.server; print(len(os.listdir('/proc/self/task')))"
    ours = {name: word for name, word in os.environ.items() if "THREADS" not in name}

    ended = subprocess.run(
        [sys.executable, "-c", code], env=ours, capture_output=True, text=True, timeout=60
    )

    assert ended.stdout == "1\n", ended.stderr


def test_a_signal_while_loading_ends_the_process_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ASSET_FILE)  # a load that never ends
    port = free_port()
    environment = os.environ | {
        "MLZ_MODEL_FOLDER": str(tmp_path),
        "MLZ_HOST": "127.0.0.1",
        "MLZ_PORT": str(port),
    }

    with subprocess.Popen([sys.executable, "-m", "mlz", "engine"], env=environment) as process:
        while process.poll() is None:
            try:
                assert ask(port, "/v2/health/ready").status == 503
            except ConnectionRefusedError:
                continue
            break
        process.send_signal(signal.SIGTERM)

        assert process.wait(DEADLINE) == 0


@pytest.mark.parametrize(
    ("file", "name"),
    [
        pytest.param("x.tar.gz", "x", id="an archive"),
        pytest.param("x.onnx.tar.gz", "x", id="an archive of a model"),
        pytest.param("credit.v2.PMML", "credit.v2", id="other dots stay"),
        pytest.param("model", "model", id="nothing to cut"),
        pytest.param(".onnx", ".onnx", id="nothing would be left"),
    ],
)
def test_the_id_is_the_files_name_without_its_suffixes(file: str, name: str) -> None:
    assert public_name(Path("/some") / file) == name
