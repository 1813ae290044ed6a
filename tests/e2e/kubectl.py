"""kubectl and helm as a user runs them, and the API as they see it."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cluster.places import Outputs

Manifest = dict[str, Any]
Answer = subprocess.CompletedProcess[str]

_FORWARDING = re.compile(r"Forwarding from 127\.0\.0\.1:(\d+)")
_OUTPUTS = Outputs()


class Kubectl:
    """Runs kubectl and helm against one cluster, as its administrator."""

    def __init__(self, kubeconfig: str) -> None:
        self._environment = {**os.environ, "KUBECONFIG": kubeconfig}

    def __call__(self, *arguments: str | Manifest, check: bool = True) -> Answer:
        """Manifests among the arguments are handed over as ``-f -``."""
        words = [one for one in arguments if isinstance(one, str)]
        manifests = [one for one in arguments if not isinstance(one, str)]
        text = "\n---\n".join(json.dumps(one) for one in manifests)
        return self._run(["kubectl", *words, *(["-f", "-"] if manifests else [])], text, check)

    def helm(self, *words: str, check: bool = True) -> Answer:
        """Run helm."""
        return self._run(["helm", *words], "", check)

    def json(self, *words: str) -> Manifest:
        """What ``kubectl … -o json`` prints."""
        document: Manifest = json.loads(self(*words, "-o", "json").stdout)
        return document

    @contextmanager
    def forwarded(self, namespace: str, target: str, port: int) -> Iterator[int]:
        """`kubectl port-forward` to a free port of 127.0.0.1 while the block lasts."""
        command = ["kubectl", "-n", namespace, "port-forward", target, f":{port}"]
        process = subprocess.Popen(
            [_program(command[0]), *command[1:]],
            env=self._environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        try:
            assert process.stdout is not None
            found = _FORWARDING.search(process.stdout.readline())
            assert found is not None, f"{command} did not start"
            yield int(found[1])
        finally:
            process.terminate()
            process.communicate()

    def _run(self, command: list[str], text: str, check: bool) -> Answer:
        answer = subprocess.run(
            [_program(command[0]), *command[1:]],
            input=text, capture_output=True, text=True, timeout=240, env=self._environment,
        )  # fmt: skip
        assert not check or answer.returncode == 0, f"{command}: {answer.stderr}{answer.stdout}"
        return answer


def _program(name: str) -> str:
    return str(_OUTPUTS.binaries / name)
