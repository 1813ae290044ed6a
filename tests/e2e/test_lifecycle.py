"""From `kubectl apply` to answers and back to nothing, for each engine type."""

import json
import re

import pytest

from e2e import manifests
from e2e.endpoints import Endpoint
from e2e.load import Load
from e2e.models import ENGINE_TYPES, REGISTRY, SYSTEM, Models, Pushed
from e2e.places import Place, answers, conditions
from e2e.served import Served
from e2e.store import AssetStore, Reply
from e2e.waiting import until
from e2e.wide_model import NAMES, WIDTH, save_wide_model
from mlz.cluster import kinds


@pytest.mark.parametrize("model", ENGINE_TYPES)
def test_a_model_answers_under_its_guid_and_its_serving_id(served: Served) -> None:
    by_name = Endpoint(served.endpoint.address, served.serving_id)

    by_guid = served.endpoint.post(served.model.records)

    assert by_guid.status_code == 200
    assert by_guid.headers["mlz-asset-digest"] == served.digest
    assert len(by_guid.json()) == len(served.model.records)
    assert by_name.score(served.model.records) == by_guid.json()
    by_name.close()


@pytest.mark.parametrize("model", ENGINE_TYPES)
def test_the_open_inference_protocol_names_the_model(served: Served) -> None:
    ready = served.endpoint.get("/v2/health/ready")
    live = served.endpoint.get("/v2/health/live")
    metadata = served.endpoint.get(f"/v2/models/{served.name}")

    assert (ready.status_code, live.status_code) == (200, 200)
    assert metadata.json()["name"] == served.name
    assert {one["name"] for one in metadata.json()["inputs"]} == set(served.model.records[0])


def test_the_open_inference_protocol_gives_the_same_numbers(serving: dict[str, Served]) -> None:
    served = serving["onnx"]
    rows = [record["bytes"] for record in served.model.records]
    numbers = [number for row in rows for number in row]
    shape = [len(rows), 2048]
    tensor = {"name": "bytes", "shape": shape, "datatype": "INT32", "data": numbers}

    answer = served.endpoint.client.post(
        f"/v2/models/{served.name}/infer", json={"inputs": [tensor]}
    )

    assert answer.status_code == 200, answer.text
    records = served.endpoint.score(served.model.records)
    flat = [number for record in records for number in record["target_label"]["data"]]
    assert answer.json()["outputs"][0]["data"] == pytest.approx(flat, abs=1e-6)


def test_the_table_says_what_runs(serving: dict[str, Served]) -> None:
    served = serving["onnx"]

    short = served.place.run("get", "mlzd", served.name).splitlines()
    wide = served.place.run("get", "mlzd", served.name, "-o", "wide").splitlines()

    assert short[0].split() == ["NAME", "STATE", "READY", "ENGINE", "PROVIDER", "ASSET", "AGE"]
    assert wide[0].split() == [*short[0].split(), "SCHEMA", "URL", "REASON"]
    assert short[1].split()[1:5] == ["ACTIVE", "True", "onnx", "cpu"]
    assert wide[1].split()[-1] == "Serving"


def test_children_carry_the_recommended_labels_and_no_token(serving: dict[str, Served]) -> None:
    served = serving["onnx"]

    (pod,) = served.place.pods(served.name)

    labels = pod["metadata"]["labels"]
    assert labels["app.kubernetes.io/component"] == "engine"
    assert labels["mlz.dev/asset"] == served.digest.removeprefix("sha256:")[:16]
    mounted = [volume for volume in pod["spec"]["volumes"] if "projected" in volume]
    assert mounted == []


def test_no_request_fails_while_pods_come_go_and_die(place: Place, models: Models) -> None:
    """Three pods and back by both ways to scale, then one of two deleted, all under load."""
    place.apply(manifests.deployment("busy", models.pushed("xgboost")))
    guid = place.until_state("busy", "ACTIVE")["guid"]
    endpoint = Endpoint(place.address("busy"), guid)
    scale = f"/apis/mlz.dev/v1alpha1/namespaces/{place.name}/mlzdeployments/busy/scale"

    with Load(endpoint, models.made("xgboost").records[:1]) as load:
        place.run("scale", "mlzd/busy", "--replicas=3")
        place.until_ready_pods("busy", 3)
        seen = json.loads(place.run("get", "--raw", scale))
        place.run("replace", "--raw", scale, seen | {"spec": {"replicas": 1}})
        place.until_ready_pods("busy", 1)
        place.run("scale", "mlzd/busy", "--replicas=2")
        place.until_ready_pods("busy", 2)
        budget = place.get(kinds.BUDGET, "busy")
        first = place.pods("busy")[0]["metadata"]["name"]
        place.run("delete", "pod", first, "--wait=false")
        until(lambda: first not in _names(place, "busy"), "the pod is going")
        place.until_ready_pods("busy", 2)

    endpoint.close()
    assert seen["status"]["replicas"] == 3
    assert seen["status"]["selector"] == "mlz.dev/deployment=busy"
    assert budget is not None
    assert budget["spec"]["maxUnavailable"] == 1
    assert load.outcome.failures == []
    assert load.outcome.answered > 100


def test_suspend_takes_all_pods_and_resume_brings_them_back(place: Place, models: Models) -> None:
    place.apply(manifests.deployment("nap", models.pushed("xgboost")))
    guid = place.until_state("nap", "ACTIVE")["guid"]
    endpoint = Endpoint(place.address("nap"), guid)
    records = models.made("xgboost").records
    before = endpoint.score(records)

    place.patch("nap", {"suspend": True})
    suspended = place.until_state("nap", "SUSPENDED")
    until(lambda: not place.pods("nap"), "no pods")
    until(lambda: not answers(endpoint.address), "nothing answers")
    place.patch("nap", {"suspend": False})
    place.until_state("nap", "ACTIVE")
    until(lambda: answers(endpoint.address), "it answers again")

    assert conditions(suspended)["Suspended"]["status"] == "True"
    assert conditions(suspended)["Ready"]["reason"] == "Suspended"
    assert endpoint.score(records) == before
    endpoint.close()


def test_a_deleted_deployment_leaves_nothing(place: Place, models: Models) -> None:
    place.apply(manifests.deployment("short", models.pushed("xgboost"), replicas=2))
    place.run("wait", "mlzd/short", "--for=condition=Ready", "--timeout=120s")
    place.until_ready_pods("short", 2)
    children = place.leftovers()

    place.run("delete", "mlzd", "short")

    until(lambda: not place.leftovers(), "everything is collected", within=60)
    kinds_seen = {child.partition("/")[0] for child in children}
    assert kinds_seen >= {"MLzModelVersion", "Deployment", "Pod", "Service", "ServiceAccount"}
    assert kinds_seen >= {"PodDisruptionBudget", "NetworkPolicy"}


def test_a_published_version_serves_and_counts(place: Place, models: Models) -> None:
    model = models.pushed("xgboost")
    place.apply(manifests.custom("MLzModel", "credit", {"displayName": "Credit risk"}))
    place.apply(manifests.model_version("credit-1", model, model="credit"))
    until(lambda: place.status("credit-1", kinds.MODEL_VERSION).get("versionSeq"), "inspected")
    place.apply(manifests.model_version("credit-2", model, model="credit"))

    place.apply(
        manifests.deployment("latest", model, asset={"modelVersion": "credit-2"}, replicas=1)
    )

    active = place.until_state("latest", "ACTIVE")["asset"]["active"]
    until(lambda: place.status("latest")["asset"]["active"].get("versionSeq") == 2, "sequence")
    version = place.status("credit-2", kinds.MODEL_VERSION)
    assert active["version"] == "credit-2"
    assert (version["versionSeq"], version["engineType"]) == (2, "xgboost")
    assert place.status("credit-1", kinds.MODEL_VERSION)["versionSeq"] == 1
    until(lambda: _latest(place, "credit") == "credit-2", "the model knows its latest version")


def test_stores_that_ask_who_comes(place: Place, models: Models, store: AssetStore) -> None:
    """HTTP basic authentication, and a registry with a docker log-in."""
    raw = models.made("xgboost").path.read_bytes()
    web = store.put("private/credit.ubj", Reply(raw, user="ann:s3cret"), "xgboost")
    pushed = models.pushed("xgboost")
    upstream = place.client.get(kinds.SERVICE, SYSTEM, REGISTRY)
    assert upstream is not None
    host = store.put_registry(f"http://{upstream['spec']['clusterIP']}:5000", "bob:hunter2")
    image = Pushed(re.sub(r"oci://[^/]+", f"oci://{host}", pushed.uri), None, "xgboost")
    log_in = json.dumps({"auths": {host: {"username": "bob", "password": "hunter2"}}})
    place.apply(
        manifests.secret("web", username="ann", password="s3cret"),
        manifests.secret(
            "registry", "kubernetes.io/dockerconfigjson", **{".dockerconfigjson": log_in}
        ),
    )

    for name, model in (("web", web), ("registry", image)):
        asset = {"uri": model.uri, "secretRef": {"name": name}}
        asset |= {"sha256": model.sha256} if model.sha256 else {}
        place.apply(manifests.deployment(f"from-{name}", model, asset=asset))

    digests = [
        place.until_state(f"from-{name}", "ACTIVE")["asset"]["active"]["digest"]
        for name in ("web", "registry")
    ]
    assert digests == [f"sha256:{web.sha256}", f"sha256:{pushed.sha256}"]


def test_an_asset_on_a_volume(place: Place, models: Models) -> None:
    model = models.made("pmml")
    folder = models.folder / "volume"
    folder.mkdir(exist_ok=True)
    (folder / "credit.pmml").write_bytes(model.path.read_bytes())
    for part in (folder, *folder.parents[:3]):
        part.chmod(part.stat().st_mode | 0o055)
    place.apply(*_volume(place.name, str(folder)))
    pushed = Pushed("pvc://models/credit.pmml", models.pushed("pmml").sha256, "pmml")

    place.apply(manifests.deployment("on-volume", pushed))

    status = place.until_state("on-volume", "ACTIVE")
    endpoint = Endpoint(place.address("on-volume"), status["guid"])
    assert len(endpoint.score(model.records)) == len(model.records)
    endpoint.close()
    place.kubectl("delete", "pv", place.name, "--wait=false")


def test_a_schema_larger_than_a_termination_message_arrives(place: Place, models: Models) -> None:
    path = models.folder / "wide.onnx"
    save_wide_model(path)

    place.apply(manifests.deployment("wide", models.push(path, "onnx")))

    status = place.until_state("wide", "ACTIVE")
    name = status["asset"]["active"]["version"]
    until(lambda: place.status(name, kinds.MODEL_VERSION).get("schema"), "the schema")
    schema = place.status(name, kinds.MODEL_VERSION)["schema"]
    assert len(schema["inputs"]) == WIDTH
    endpoint = Endpoint(place.address("wide"), status["guid"])
    record = {name: float(number) for number, name in enumerate(NAMES)}
    assert endpoint.score([record])[0]["total"]["data"] == [sum(range(WIDTH))]
    endpoint.close()


def _latest(place: Place, model: str) -> str | None:
    return place.status(model, kinds.MODEL).get("latestVersion")


def _names(place: Place, deployment: str) -> list[str]:
    return [pod["metadata"]["name"] for pod in place.pods(deployment)]


def _volume(name: str, folder: str) -> list[manifests.Manifest]:
    size = {"storage": "1Gi"}
    modes = {"accessModes": ["ReadOnlyMany"], "storageClassName": ""}
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {"capacity": size, "hostPath": {"path": folder}, **modes},
    }
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "models"},
        "spec": {"resources": {"requests": size}, "volumeName": name, **modes},
    }
    return [volume, claim]
