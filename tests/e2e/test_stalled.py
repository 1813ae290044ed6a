"""What goes wrong is said: its own reason in every place where people look, and it heals."""

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import pytest

from e2e import manifests
from e2e.figures import Figures
from e2e.kubectl import Kubectl, Manifest
from e2e.models import Models, Pushed
from e2e.operatorpod import OperatorPod
from e2e.places import Place, conditions
from e2e.store import AssetStore, Reply
from e2e.waiting import until
from mlz.cluster import kinds
from mlz.cluster.client import KubeClient

GOOD = "the asset of another deployment that is fine"


@dataclass(frozen=True)
class Row:
    """
    One thing that goes wrong.

    ``permanent`` needs a change: FAILED; what may pass keeps INITIALIZING. ``heal`` is the spec to
    patch, or the resource to apply instead, or a word for what the test does.
    """

    name: str
    reason: str
    permanent: bool
    heal: Any = GOOD


ROWS = (
    Row("nothing-there", "AssetNotFound", permanent=True),
    Row("wrong-digest", "DigestMismatch", permanent=True),
    Row("denied", "AccessDenied", permanent=True),
    Row("unknown-host", "StoreUnreachable", permanent=False),
    Row("too-large", "AssetTooLarge", permanent=True),
    Row("zip-bomb", "ArchiveUnsafe", permanent=True),
    Row("not-onnx", "ModelInvalid", permanent=True),
    Row("xgboost-as-pmml", "EngineTypeMismatch", permanent=True, heal={"engineType": "xgboost"}),
    Row("dtd", "ModelUnsafe", permanent=True),
    Row("newer-xgboost", "FrameworkVersionUnsupported", permanent=True),
    Row(
        "unknown-service",
        "ScoringServiceNotFound",
        permanent=False,
        heal=manifests.scoring_service("later"),
    ),
    Row(
        "inactive-service",
        "ScoringServiceInactive",
        permanent=False,
        heal=manifests.scoring_service("asleep", active=True),
    ),
    Row(
        "unpullable",
        "ImagePullFailed",
        permanent=False,
        heal=manifests.scoring_service("own-image"),
    ),
    Row("no-accelerator", "AcceleratorUnavailable", permanent=False, heal={"zaiu": False}),
    Row("over-quota", "QuotaExceeded", permanent=False, heal="quota"),
)
IDS = [row.name for row in ROWS]
# The promise is 10 s on a machine with nothing else to do; the figure told is what counts.
KNOWN_WITHIN_SECONDS = 30


@pytest.fixture(scope="module")
def narrow_place(kubectl: Kubectl, client: KubeClient, shared_place: Place) -> Iterator[Place]:
    """A namespace whose quota has room for no pod."""
    place = Place(kubectl, client, f"{shared_place.name}-narrow")
    kubectl("apply", manifests.namespace(place.name))
    quota = {"hard": {"requests.memory": "1Mi"}}
    place.apply(
        manifests.scoring_service(),
        {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": quota},
    )
    until(lambda: "1Mi" in place.run("get", "resourcequota", "q"), "the quota is counted")
    yield place
    kubectl("delete", "namespace", place.name, "--wait=false")


@pytest.fixture(scope="module")
def stalled(
    shared_place: Place, narrow_place: Place, models: Models, store: AssetStore
) -> dict[str, Place]:
    """Everything that goes wrong, applied and stalled; where each row is."""
    shared_place.apply(
        manifests.scoring_service("asleep", active=False),
        manifests.scoring_service("own-image", engines={"onnx": {"image": "localhost/nope:1"}}),
    )
    places = {row.name: shared_place for row in ROWS} | {"over-quota": narrow_place}
    wrong = _wrong_deployments(models, store)
    for wave in (ROWS[:4], ROWS[4:8], ROWS[8:]):  # a time is measured, and cores are few
        for row in wave:
            places[row.name].apply(wrong[row.name])
        for row in wave:
            _until_stalled(places[row.name], row)
    return places


@pytest.fixture(scope="module")
def stalled_metrics(stalled: dict[str, Place], operator: OperatorPod) -> str:
    """The operator's metrics once every row is stalled."""
    return operator.metrics()


@pytest.fixture(scope="module")
def healed(stalled: dict[str, Place], models: Models, stalled_metrics: str) -> dict[str, Place]:
    """Every row after the one change that it needs, made for all at once."""
    for row in ROWS:
        _heal(stalled[row.name], row, models.pushed("xgboost"))
    return stalled


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_a_fault_has_its_own_reason_everywhere(
    row: Row,
    stalled: dict[str, Place],
    stalled_metrics: str,
    store: AssetStore,
    figures: Figures,
) -> None:
    place = stalled[row.name]

    status = _until_stalled(place, row)

    table = place.run("get", "mlzd", row.name, "-o", "wide").splitlines()
    metric = f'name="{row.name}",namespace="{place.name}",reason="{row.reason}"'
    assert status["state"] == ("FAILED" if row.permanent else "INITIALIZING")
    assert conditions(status)["Ready"]["reason"] == row.reason
    assert table[1].split()[-1] == row.reason
    assert f"mlz_deployment_stalled{{{metric}}} 1.0" in stalled_metrics
    until(lambda: _warnings(place, row.name), "a warning event")
    assert _warnings(place, row.name) == [row.reason]
    seconds = _seconds_from_knowable(place, row, status, store)
    figures.tell(f"Show 4: {row.name}: {row.reason} {seconds:.0f} s after it could be known")
    assert seconds <= KNOWN_WITHIN_SECONDS


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_what_was_wrong_heals_without_more_than_its_fix(row: Row, healed: dict[str, Place]) -> None:
    place = healed[row.name]

    status = place.until_state(row.name, "ACTIVE")

    assert "Stalled" not in conditions(status)
    assert "failure" not in status


def test_prefer_serves_on_the_cpu_and_says_so(place: Place, models: Models) -> None:
    place.apply(
        manifests.scoring_service("flexible", acceleratorPolicy="Prefer"),
        manifests.deployment("wished", models.pushed("onnx"), zaiu=True, scoringService="flexible"),
    )

    status = place.until_state("wished", "ACTIVE")

    assert status["provider"] == "cpu"
    assert status["providerNote"].startswith("zaiu was asked for and the CPU serves")
    assert "zaiu" in conditions(status)["Ready"]["message"]


def _until_stalled(place: Place, row: Row) -> dict[str, Any]:
    def reached() -> dict[str, Any] | None:
        status = place.status(row.name)
        stalled = conditions(status).get("Stalled", {})
        return status if stalled.get("reason") == row.reason else None

    try:
        return until(reached, f"{row.name} is stalled by {row.reason}", within=90)
    except AssertionError as error:
        error.add_note(json.dumps(place.status(row.name).get("conditions"), indent=1))
        raise


def _heal(place: Place, row: Row, good: Pushed) -> None:
    if row.heal == "quota":
        place.run("delete", "resourcequota", "q")
    elif row.heal == GOOD:
        asset = {"uri": good.uri, "sha256": good.sha256}
        place.patch(row.name, {"asset": asset, "engineType": good.engine_type})
    elif "kind" in row.heal:
        place.apply(row.heal)
    else:
        place.patch(row.name, row.heal)


def _wrong_deployments(models: Models, store: AssetStore) -> dict[str, Manifest]:
    xgboost, onnx = models.pushed("xgboost"), models.pushed("onnx")
    fine = Reply(models.made("xgboost").path.read_bytes())
    served = {
        "wrong-digest": replace(store.put("other.ubj", fine, "xgboost"), sha256="0" * 64),
        "unknown-host": replace(xgboost, uri="https://no-such-host.invalid/model.ubj"),
        "nothing-there": replace(xgboost, uri=f"http://{store.host}/nothing.ubj"),
        "denied": store.put("denied.ubj", Reply(status=403), "xgboost"),
        "too-large": store.put("big.ubj", Reply(headers={"Content-Length": "9" * 11}), "xgboost"),
        "zip-bomb": store.put("bomb.zip", Reply(_zip_bomb())),
        "not-onnx": store.put("poem.onnx", Reply(b"Shall I compare thee to a model?\n" * 99)),
        "xgboost-as-pmml": store.put("credit.pmml", fine, "pmml"),
        "dtd": store.put("dtd.pmml", Reply(_pmml_with_dtd(models)), "pmml"),
        "newer-xgboost": store.put("new.json", Reply(_xgboost_of_the_future(models)), "xgboost"),
    }
    wrong = [manifests.deployment(name, model) for name, model in served.items()]
    wrong += [
        manifests.deployment("unknown-service", xgboost, scoringService="later"),
        manifests.deployment("inactive-service", xgboost, scoringService="asleep"),
        manifests.deployment("unpullable", onnx, scoringService="own-image"),
        manifests.deployment("no-accelerator", onnx, zaiu=True),
        manifests.deployment("over-quota", xgboost),
    ]
    return {one["metadata"]["name"]: one for one in wrong}


def _zip_bomb() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.onnx", bytes(100 * 1024 * 1024))
    return packed.getvalue()


def _pmml_with_dtd(models: Models) -> bytes:
    head, _, rest = models.made("pmml").path.read_text().partition("?>")
    return f'{head}?><!DOCTYPE PMML [<!ENTITY x SYSTEM "file:///etc/passwd">]>{rest}'.encode()


def _xgboost_of_the_future(models: Models) -> bytes:
    import xgboost

    booster = xgboost.Booster(model_file=str(models.made("xgboost").path))
    document = json.loads(booster.save_raw("json"))
    return json.dumps(document | {"version": [99, 0, 0]}).encode()


def _warnings(place: Place, name: str) -> list[str]:
    selector = f"involvedObject.kind=MLzDeployment,involvedObject.name={name},type=Warning"
    events = place.client.list_page(kinds.EVENT, place.name, {"fieldSelector": selector})
    return [event["reason"] for event in events["items"] for _ in range(event.get("count") or 1)]


def _seconds_from_knowable(
    place: Place, row: Row, status: dict[str, Any], store: AssetStore
) -> float:
    """Until the condition: from the store's answer, or from the first container or pod."""
    body = place.get(kinds.DEPLOYMENT, row.name)
    assert body is not None
    answered = store.first_answers.get(urlsplit(body["spec"]["asset"]["uri"]).path)
    moments = [_time(body["metadata"]["creationTimestamp"])]
    if answered is not None:
        moments.append(answered)
    elif row.name == "unknown-host":
        moments += sorted(map(_time, _starts(place, row.name)))[:1]
    elif row.name in ("unpullable", "no-accelerator"):
        moments += [_time(pod["metadata"]["creationTimestamp"]) for pod in place.pods(row.name)]
    told = _time(conditions(status)["Stalled"]["lastTransitionTime"])
    return max(0.0, (told - max(moments)).total_seconds())


def _starts(place: Place, name: str) -> list[str]:
    query = {"fieldSelector": "involvedObject.kind=Pod,reason=Started"}
    events = place.client.list_page(kinds.EVENT, place.name, query)["items"]
    return [
        event["firstTimestamp"]
        for event in events
        if event["involvedObject"]["name"].startswith(f"{name}-")
    ]


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
