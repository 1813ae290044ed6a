"""
From a fresh clone to a running operator.

The cluster's programs are built while environment and images are made, since both take minutes the
first time; its words go to a file, and the last of them is shown while we wait.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cluster.places import CHECKOUT, Outputs
from cluster.progress import Step, say

RELEASE = "mlz"
NAMESPACE = "mlz-system"
REST_NAMESPACE = "mlz-models"
CHART = CHECKOUT / "charts" / "mlz-operator"
IMAGES = CHECKOUT / "build" / "images" / "images.json"
_CLUSTER_LOG = CHECKOUT / "build" / "cluster-up.log"


class StackError(Exception):
    """A part did not come up; the message says what to do."""


def up(context: str | None = None) -> None:
    """
    Bring up, or bring up to date, everything.

    Raises:
        StackError: the cluster did not start; its log is named.
        subprocess.CalledProcessError: another part failed and has said why.
    """
    _python("hack/environment", "--only", "apt")
    with _cluster_coming_up(context) as cluster:
        _python("hack/environment", "--only", "venv")
        _python("hack/images", "build")
        _wait_for(cluster)
    images = json.loads(IMAGES.read_text())
    _python("hack/cluster", "load", *sorted({one["archive"] for one in images.values()}))
    _install({name: one["image"] for name, one in images.items()})


def down() -> int:
    """Remove the cluster; what was built stays, so that the next start is quick."""
    return subprocess.run([sys.executable, "hack/cluster", "down"], cwd=CHECKOUT).returncode


def kubernetes_environment() -> dict[str, str]:
    """The environment in which kubectl and helm reach the cluster."""
    outputs = Outputs()
    path = f"{outputs.binaries}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "KUBECONFIG": str(outputs.kubeconfig), "PATH": path}


def _install(images: dict[str, str]) -> None:
    """`helm upgrade --install`: the same release again changes nothing."""
    environment = kubernetes_environment()
    values = ["--set", "registry.enabled=true", "--set", "registry.persistence.enabled=false"]
    values += ["--set", "rest.enabled=true", "--set", f"rest.namespace={REST_NAMESPACE}"]
    for name, image in images.items():
        values += ["--set", f"images.{_value_name(name)}={image}"]
    with Step("Installing the chart"):
        for name in (NAMESPACE, REST_NAMESPACE):
            _labelled_namespace(name, environment)
        subprocess.run(
            ["helm", "upgrade", "--install", RELEASE, str(CHART), "--namespace", NAMESPACE,
             *values, "--wait", "--timeout", "3m"],
            env=environment, check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip


def _value_name(image: str) -> str:
    """``mlz-engine-onnx`` is the value ``images.onnx``, ``mlz-operator`` is ``images.operator``."""
    return image.removeprefix("mlz-").removeprefix("engine-")


def _labelled_namespace(name: str, environment: dict[str, str]) -> None:
    manifest = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": name,
            "labels": {"pod-security.kubernetes.io/enforce": "restricted"},
        },
    }
    subprocess.run(
        ["kubectl", "apply", "--server-side", "--field-manager=hack", "-f", "-"],
        input=json.dumps(manifest), text=True, env=environment, check=True,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip


@contextmanager
def _cluster_coming_up(context: str | None) -> Iterator[subprocess.Popen[bytes]]:
    """The cluster's start beside other work; an interruption or a failure here ends it, too."""
    _CLUSTER_LOG.parent.mkdir(parents=True, exist_ok=True)
    words = ["--context", context] if context else []
    command = [sys.executable, "hack/cluster", "up", *words]
    with _CLUSTER_LOG.open("wb") as log:
        process = subprocess.Popen(
            command, cwd=CHECKOUT, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait()


def _wait_for(cluster: subprocess.Popen[bytes]) -> None:
    title = "Cluster (the first time, Kubernetes is built from source: about 10 minutes)"
    with Step(title) as step:
        while True:
            try:
                cluster.wait(1)
                break
            except subprocess.TimeoutExpired:
                step.detail = _last_line(_CLUSTER_LOG)
    if cluster.returncode:
        said = _CLUSTER_LOG.read_text().strip()[-3000:]
        raise StackError(f"the cluster did not start (all of it: {_CLUSTER_LOG}):\n{said}")


def _last_line(path: Path) -> str:
    lines = path.read_text(errors="replace").replace("\r", "\n").strip().splitlines()
    return lines[-1].removeprefix("… ")[:60] if lines else ""


def _python(*words: str) -> None:
    say(f"$ python3 {' '.join(words[:3])}")
    subprocess.run([sys.executable, *words], cwd=CHECKOUT, check=True)
