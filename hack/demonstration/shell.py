"""Commands of the story: run, shown to the reader or not, and ports forwarded meanwhile."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from cluster.places import CHECKOUT
from cluster.progress import say
from stack.bringup import kubernetes_environment

_FORWARDING = re.compile(rb"Forwarding from 127\.0\.0\.1:(\d+)")


@contextmanager
def forwarded(target: str, namespace: str, port: int) -> Iterator[int]:
    """`kubectl port-forward` to a free port of 127.0.0.1 while the block lasts."""
    process = subprocess.Popen(
        ["kubectl", "-n", namespace, "port-forward", target, f":{port}", "--address", "127.0.0.1"],
        env=kubernetes_environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        said = b"" if process.stdout is None else process.stdout.readline()
        found = _FORWARDING.search(said)
        if found is None:
            raise subprocess.CalledProcessError(1, ["kubectl", "port-forward", target])
        yield int(found[1])
    finally:
        process.terminate()
        process.wait()


def shown(command: list[str]) -> str:
    """What it wrote; the reader sees the command."""
    say(f"$ {' '.join(command)}")
    return quiet(command)


def quiet(command: list[str]) -> str:
    """What it wrote."""
    return subprocess.run(
        command, cwd=CHECKOUT, env=kubernetes_environment(), check=True, text=True,
        stdout=subprocess.PIPE,
    ).stdout  # fmt: skip
