"""
Three chapters, each the same way: push a model, apply a deployment, watch it, score real records.
The fourth, by REST, is in ``rest``.

Every command that a reader could type is printed before it runs.
"""

import json
import subprocess
import time
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from cluster.places import CHECKOUT
from cluster.progress import say
from demonstration import models, rest
from demonstration.shell import forwarded, quiet, shown
from stack.bringup import NAMESPACE as SYSTEM
from stack.bringup import RELEASE, kubernetes_environment

NAMESPACE = "mlz-demo"
REGISTRY = f"{RELEASE}-registry"
_SERVICE = f"{REGISTRY}.{SYSTEM}.svc:5000"
_READY_SECONDS = 180

Answers = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Chapter:
    """One model: its deployment's name, engine type and file, and what to say of it."""

    name: str
    engine_type: str
    file: str
    title: str


FILETYPE = Chapter("filetype", "onnx", "filetype.onnx", "What is in a file? (ONNX, 3 MB)")
RISK = Chapter("credit-risk", "xgboost", "credit.ubj", "Will a loan be repaid? (XGBoost)")
RISK_PMML = Chapter("credit-score", "pmml", "credit.pmml", "The same question to PMML")


def tell() -> None:
    """All chapters, and how to go on."""
    say("Making the models (the credit models are trained here)")
    models.make_all()
    _apply("namespace.yaml", _namespace())
    _filetype()
    _risk()
    _risk_pmml()
    rest.tell()
    _farewell()


def _filetype() -> None:
    _deploy(FILETYPE)
    records = models.file_records()
    labels = models.file_types()
    for (name, _), answer in zip(
        records, _score(FILETYPE, [one for _, one in records]), strict=True
    ):
        scores = answer["target_label"]["data"]
        best = max(range(len(scores)), key=scores.__getitem__)
        say(f"  {name:28} {labels[best]:12} {scores[best]:.4f}")


def _risk() -> None:
    _deploy(RISK)
    records = models.credit_records(5)
    for (truth, row), answer in zip(
        records, _score(RISK, [one for _, one in records]), strict=True
    ):
        risk = answer["probability"][1]
        say(f"  {_applicant(row)}  risk {risk:.3f}   (it turned out {truth})")


def _risk_pmml() -> None:
    _deploy(RISK_PMML)
    records = models.credit_records(5)
    rows = [{name: row[name] for name in models.NUMBERS} for _, row in records]
    for (truth, row), answer in zip(records, _score(RISK_PMML, rows), strict=True):
        told = "  ".join(f"{key} {_short(value)}" for key, value in answer.items())
        say(f"  {_applicant(row)}  {told}   (it turned out {truth})")


def _deploy(chapter: Chapter) -> None:
    say(f"\n── {chapter.title} " + "─" * (70 - len(chapter.title)))
    uri, digest = _push(chapter)
    _apply(f"{chapter.name}.yaml", _deployment(chapter, uri, digest))
    _watch_until_it_serves(chapter.name)


def _push(chapter: Chapter) -> tuple[str, str]:
    """Put the model into the embedded registry; its URI as pods see it, and its digest."""
    path = models.FOLDER / chapter.file
    with forwarded(f"svc/{REGISTRY}", SYSTEM, 5000) as port:
        target = f"oci://127.0.0.1:{port}/{chapter.name}"
        command = [".venv/bin/mlz", "push", str(path.relative_to(CHECKOUT)), target, "-o", "json"]
        pushed = json.loads(shown(command))
    uri = pushed["uri"].replace(f"127.0.0.1:{port}", _SERVICE)
    say(f"  {uri}")
    return uri, pushed["sha256"]


def _namespace() -> str:
    return f"""\
apiVersion: v1
kind: Namespace
metadata:
  name: {NAMESPACE}
  labels: {{pod-security.kubernetes.io/enforce: restricted}}
---
apiVersion: mlz.dev/v1alpha1
kind: MLzScoringService
metadata: {{name: default, namespace: {NAMESPACE}}}
spec: {{type: standard, authentication: {{mode: None}}}}
"""


def _deployment(chapter: Chapter, uri: str, digest: str) -> str:
    return f"""\
apiVersion: mlz.dev/v1alpha1
kind: MLzDeployment
metadata: {{name: {chapter.name}, namespace: {NAMESPACE}}}
spec:
  type: online
  scoringService: default
  engineType: {chapter.engine_type}
  asset:
    uri: {uri}
    sha256: {digest}
"""


def _apply(file: str, text: str) -> None:
    """Write the YAML where the reader finds it, show it, apply it."""
    path = models.FOLDER / file
    path.write_text(text)
    say("".join(f"    {line}\n" for line in text.splitlines()).rstrip())
    say("  " + shown(["kubectl", "apply", "-f", str(path.relative_to(CHECKOUT))]).strip())


def _watch_until_it_serves(name: str) -> None:
    """`kubectl get -w` for the reader, `kubectl wait` for us."""
    watch = ["kubectl", "-n", NAMESPACE, "get", "mlzd", name, "--watch"]
    say(f"$ {' '.join(watch)}")
    watcher = subprocess.Popen(watch, cwd=CHECKOUT, env=kubernetes_environment())
    try:
        wait = ["kubectl", "-n", NAMESPACE, "wait", f"mlzd/{name}", "--for=condition=Ready"]
        quiet([*wait, f"--timeout={_READY_SECONDS}s"])
        time.sleep(0.3)  # the watcher's last line is on its way to the terminal
    finally:
        watcher.terminate()
        watcher.wait()


def _score(chapter: Chapter, records: list[dict[str, Any]]) -> Answers:
    """POST the records through a port-forward, as an application in the cluster would directly."""
    guid = quiet(
        ["kubectl", "-n", NAMESPACE, "get", "mlzd", chapter.name, "-o", "jsonpath={.status.guid}"]
    )
    path = f"/iml/v2/scoring/online/{guid}"
    url = f"http://{chapter.name}.{NAMESPACE}.svc:8080{path}"
    say(f"$ curl {url} -H 'Content-Type: application/json' -d @records.json")
    with forwarded(f"svc/{chapter.name}", NAMESPACE, 8080) as port:
        connection = HTTPConnection("127.0.0.1", port, timeout=30)
        headers = {"Content-Type": "application/json"}
        connection.request("POST", path, json.dumps(records), headers)
        response = connection.getresponse()
        answer = response.read().decode()
    if response.status != 200:
        raise SystemExit(f"error: scoring answered {response.status}: {answer}")
    answers: Answers = json.loads(answer)
    return answers


def _applicant(row: dict[str, Any]) -> str:
    return f"{row['credit_amount']:6} DM over {row['duration_in_month']:2} months"


def _short(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _farewell() -> None:
    yaml = (models.FOLDER / "filetype.yaml").relative_to(Path(CHECKOUT))
    say(f"""
── It stays up. To go on: {"─" * 46}
  export KUBECONFIG=$PWD/build/kubeconfig PATH=$PWD/build/bin:$PWD/.venv/bin:$PATH
  kubectl -n {NAMESPACE} get mlzd,mlzv,mlzs              what there is
  kubectl -n {NAMESPACE} describe mlzd filetype          its story
  kubectl -n {NAMESPACE} scale mlzd filetype --replicas=2
  kubectl -n {NAMESPACE} patch mlzd filetype --type=merge -p '{{"spec":{{"suspend":true}}}}'
  kubectl apply -f {yaml}
  mlz inspect build/demo/credit.pmml                the schema of a model file
  mlz serve build/demo/credit.ubj                   the same server, without a cluster
  hack/demo --down                                  remove everything""")
