"""
The time from `kubectl apply` to ACTIVE, and where it goes, for a real model with images present.

Each run makes one deployment, watches it and deletes it. The steps are read from what Kubernetes
writes down: pod conditions with whole seconds, and the API server's audit log with microseconds.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from cluster.places import Outputs
from e2e import manifests
from e2e.kubectl import Kubectl
from e2e.models import ENGINE_TYPES, Models, Pushed
from e2e.places import Place
from mlz.cluster.client import KubeClient

NAMESPACE = "mlz-bench"
_PAUSE_SECONDS = 0.02

Steps = dict[str, float]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="hack/bench/lifecycle", description=__doc__)
    parser.add_argument("runs", nargs="?", type=int, default=20)
    parser.add_argument("--engine-type", choices=ENGINE_TYPES, default="onnx")
    options = parser.parse_args()
    kubectl = Kubectl(str(Outputs().kubeconfig))
    with tempfile.TemporaryDirectory(prefix="mlz-bench-") as folder, _place(kubectl) as place:
        model = Models(kubectl, Path(folder)).pushed(options.engine_type)
        runs = [_run(place, model, f"run-{number}") for number in range(options.runs)]
    _print(runs, options.engine_type)


@contextmanager
def _place(kubectl: Kubectl) -> Iterator[Place]:
    kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found")
    kubectl("apply", manifests.namespace(NAMESPACE))
    place = Place(kubectl, KubeClient(), NAMESPACE)
    place.apply(manifests.scoring_service())
    try:
        yield place
    finally:
        kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def _run(place: Place, model: Pushed, name: str) -> Steps:
    manifest = manifests.deployment(name, model, resources=None)
    mark = _audit_size()
    began = time.time()
    place.apply(manifest)
    _spin(lambda: place.status(name).get("state") == "ACTIVE")
    active = time.time()
    (pod,) = place.pods(name)
    steps = _steps(pod, _writes(mark, name), began, active)
    began = time.time()
    place.run("delete", "mlzd", name, "--wait=false")
    _spin(lambda: not place.leftovers())
    sys.stderr.write(f"\r{name}: {steps['apply to ACTIVE']:.1f} s ")
    return steps | {"delete to nothing left": time.time() - began}


def _steps(pod: Mapping[str, Any], writes: Mapping[str, float], began: float, end: float) -> Steps:
    """Seconds of each step; a step that was not seen is left out."""
    (engine,) = pod["status"]["containerStatuses"]
    (fetch,) = pod["status"]["initContainerStatuses"]
    ended = fetch["state"]["terminated"]
    moments = {
        "kubectl apply": writes.get("applied"),
        "operator makes the workload": writes.get("workload"),
        "Kubernetes makes and binds the pod": writes.get("bound"),
        "sandbox until fetch runs (whole s)": _seconds(ended["startedAt"]),
        "fetch (whole s)": _seconds(ended["finishedAt"]),
        "engine starts (whole s)": _seconds(engine["state"]["running"]["startedAt"]),
        "engine becomes ready, kubelet tells": writes.get("ready"),
        "operator says ACTIVE": writes.get("status"),
    }
    steps: Steps = {"apply to ACTIVE": end - began}
    before = began
    for name, moment in moments.items():
        if moment is not None:
            steps[name] = moment - before
            before = moment
    return steps


def _writes(mark: int, name: str) -> dict[str, float]:
    """When the writes that end a step were answered, by the audit log."""
    found: dict[str, float] = {}
    for event in _events(mark):
        about = event.get("objectRef") or {}
        if about.get("namespace") != NAMESPACE or not _is_of(about.get("name", ""), name):
            continue
        step = _step_of(event["verb"], about)
        if step is not None:
            found[step] = _seconds(event["stageTimestamp"])
    return found


def _step_of(verb: str, about: Mapping[str, Any]) -> str | None:
    """The last of several writes counts."""
    resource = "/".join(filter(None, (about.get("resource"), about.get("subresource"))))
    return {
        ("create", "mlzdeployments"): "applied",
        ("patch", "mlzdeployments"): "applied",
        ("patch", "deployments"): "workload",
        ("create", "pods/binding"): "bound",
        ("patch", "pods/status"): "ready",
        ("patch", "mlzdeployments/status"): "status",
    }.get((verb, resource))


def _is_of(found: str, name: str) -> bool:
    return found == name or (found.startswith(f"{name}-") and not found.endswith("-inspect"))


def _events(mark: int) -> Iterator[dict[str, Any]]:
    with (Outputs().logs / "audit.log").open("rb") as stream:
        stream.seek(mark)
        for line in stream:
            if NAMESPACE.encode() in line and line.endswith(b"\n"):
                yield json.loads(line)


def _audit_size() -> int:
    return (Outputs().logs / "audit.log").stat().st_size


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _spin(fact: Any) -> None:
    deadline = time.monotonic() + 120
    while not fact():
        if time.monotonic() > deadline:
            raise SystemExit("error: a run did not end within 120 s; kubectl -n mlz-bench get all")
        time.sleep(_PAUSE_SECONDS)


def _print(runs: list[Steps], engine_type: str) -> None:
    sys.stderr.write("\r")
    print(f"{len(runs)} runs, {engine_type}, seconds")
    print(f"{'':40} {'p50':>6} {'p95':>6} {'max':>6}")
    for name in runs[0]:
        values = sorted(run[name] for run in runs if name in run)
        p95 = values[min(len(values) - 1, round(0.95 * (len(values) - 1)))]
        print(f"{name:40} {statistics.median(values):6.2f} {p95:6.2f} {values[-1]:6.2f}")


if __name__ == "__main__":
    main()
