"""
The time from a patch of the asset to `ready`, and the latency that callers see meanwhile.

One deployment of a real model; two assets of one schema take turns. With ``--rate`` callers ask so
many times a second all the while, every second time on a connection of its own; the latencies of
the updates are set against those of rests of the same length, in turn, so that both meet the same
machine; and the API server is asked as often in the one as in the other.
"""

import argparse
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack, closing
from itertools import cycle, islice
from pathlib import Path

from cluster.places import Outputs
from e2e import manifests
from e2e.endpoints import Endpoint
from e2e.kubectl import Kubectl
from e2e.load import Load
from e2e.models import Models, Pushed
from e2e.places import Place
from e2e.variants import pair
from mlz.cluster.client import KubeClient

NAMESPACE = "mlz-bench-updates"
_PAUSE_SECONDS = 0.1


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="hack/bench/updates", description=__doc__)
    parser.add_argument("runs", nargs="?", type=int, default=20)
    parser.add_argument(
        "--model", choices=("onnx", "tabular", "xgboost", "pmml"), default="onnx",
        help="onnx: magika's, 3 MB; tabular: a small ONNX pipeline",
    )  # fmt: skip
    parser.add_argument("--rate", type=float, default=0, help="requests a second")
    parser.add_argument("--replicas", type=int, default=1)
    options = parser.parse_args()
    kubectl = Kubectl(str(Outputs().kubeconfig))
    kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found")
    kubectl("apply", manifests.namespace(NAMESPACE))
    place = Place(kubectl, KubeClient(), NAMESPACE)
    place.apply(manifests.scoring_service())
    try:
        with tempfile.TemporaryDirectory(prefix="mlz-bench-") as folder:
            _measure(place, Models(kubectl, Path(folder)), options)
    finally:
        kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def _measure(place: Place, models: Models, options: argparse.Namespace) -> None:
    both = pair(models, options.model)
    assets, records = both.pushed(models), models.made(options.model).records[:1]
    answers = both.answers(records)
    place.apply(manifests.deployment("live", assets[0], replicas=options.replicas, resources=None))
    guid = place.until_state("live", "ACTIVE")["guid"]
    updates: list[tuple[float, float]] = []
    rests: list[tuple[float, float]] = []
    with ExitStack() as stack:
        load = None
        if options.rate:
            endpoint = stack.enter_context(closing(Endpoint(place.address("live"), guid)))
            load = stack.enter_context(Load(endpoint, records, options.rate, answers))
        for number, model in enumerate(islice(cycle(reversed(assets)), options.runs)):
            updates.append(_update(place, model))
            length = updates[-1][1] - updates[-1][0]
            if load is not None:
                rests.append(_rest(place, length))
            sys.stderr.write(f"\rupdate {number}: {length:.1f} s ")
    _print(options, updates)
    if load is not None:
        _print_latencies(load, updates, rests)


def _update(place: Place, model: Pushed) -> tuple[float, float]:
    began = time.monotonic()
    place.patch("live", {"asset": {"uri": model.uri, "sha256": model.sha256}})
    digest = f"sha256:{model.sha256}"
    while True:
        status = place.status("live")
        if status["state"] == "ready" and status["asset"]["active"]["digest"] == digest:
            return began, time.monotonic()
        if time.monotonic() - began > 120:
            raise SystemExit(f"error: an update did not end within 120 s; {status}")
        time.sleep(_PAUSE_SECONDS)


def _rest(place: Place, length: float) -> tuple[float, float]:
    began = time.monotonic()
    while time.monotonic() < began + length:
        place.status("live")
        time.sleep(_PAUSE_SECONDS)
    return began, time.monotonic()


def _print(options: argparse.Namespace, updates: list[tuple[float, float]]) -> None:
    seconds = sorted(end - begin for begin, end in updates)
    p95 = seconds[round(0.95 * (len(seconds) - 1))]
    sys.stderr.write("\r")
    print(f"{len(seconds)} updates of {options.model}, {options.replicas} pods, "
          f"{options.rate:g} requests/s: patch to ready, seconds")  # fmt: skip
    print(f"p50 {statistics.median(seconds):.2f}  p95 {p95:.2f}  max {seconds[-1]:.2f}")


def _print_latencies(
    load: Load, updates: list[tuple[float, float]], rests: list[tuple[float, float]]
) -> None:
    def found(windows: list[tuple[float, float]]) -> list[float]:
        return sorted(
            one.seconds * 1000
            for one in load.outcome.samples
            if any(begin <= one.sent < end for begin, end in windows)
        )

    print(f"{load.outcome.answered} answers, {len(load.outcome.failures)} failures")
    for name, values in (("at rest", found(rests)), ("updating", found(updates))):
        print(f"{name:9} p50 {statistics.median(values):6.1f}  p99 {_p99(values):6.1f} ms")
    print(f"p99 updating / at rest: {_p99(found(updates)) / _p99(found(rests)):.1f}")


def _p99(values: list[float]) -> float:
    return values[int(len(values) * 0.99)]


if __name__ == "__main__":
    main()
