"""Resources of ours in every state, as real passes over a cluster in memory leave them."""

from pathlib import Path
from typing import Any

import yaml

from builders import (
    NAMESPACE,
    a_deployment_body,
    a_model_body,
    a_service_body,
    a_version_body,
    some_defaults,
)
from contract.argocd_lua import patch_of_action
from fakes.apiserver import FakeApiServer
from fakes.clock import FakeClock
from fakes.kubernetes import SCHEMA, Kubernetes
from fakes.operator import FakeOperator
from mlz.errors import Reason
from mlz.model.asset import Inspection
from mlz.model.schema import Schema

GOOD, BETTER, OTHER, BAD, UNFIT, FLAKY = (letter * 64 for letter in "abcdef")
RECORDED = Path(__file__).parent / "argocd"
EXPECTED = yaml.safe_load((RECORDED / "expected.yaml").read_text())
WRITTEN_BY_USERS = {"name", "annotations", "labels"}

Json = dict[str, Any]


def recorded(name: str) -> Json:
    """A resource as a cluster had it."""
    body: Json = yaml.safe_load((RECORDED / f"{name}.yaml").read_text())
    return body


def one_more_field(schema: Schema) -> Schema:
    """Requests of before lack a required field."""
    field = schema.inputs[0].model_copy(update={"name": "tenure"})
    return schema.model_copy(update={"inputs": (*schema.inputs, field)})


class Cluster:
    """A cluster in memory: Kubernetes and the operator work when a story says so."""

    def __init__(self) -> None:
        self._clock = FakeClock()
        self.server = FakeApiServer()
        self.kubernetes = Kubernetes(self.server, self._clock)
        self.kubernetes.refused = {
            BAD: Inspection(reason=Reason.MODEL_INVALID, message="it is no model"),
            FLAKY: Inspection(reason=Reason.STORE_UNREACHABLE, message="no answer", retryable=True),
        }
        self.kubernetes.unfit = {
            UNFIT: Inspection(reason=Reason.WARM_UP_FAILED, message="it answers NaN")
        }
        self.kubernetes.schemas = {OTHER: one_more_field(SCHEMA)}
        self._operator = FakeOperator(self.server, self._clock, some_defaults())
        self.user_applies(a_service_body())

    def user_applies(self, body: Json) -> None:
        """As a user writes it: uid, generation and times are the server's to give."""
        meta = {key: one for key, one in body["metadata"].items() if key in WRITTEN_BY_USERS}
        meta["namespace"] = NAMESPACE
        known = self.server.find(body["kind"], meta["name"]) or {}
        self.server.put({**known, **body, "metadata": meta})

    def user_deploys(self, sha256: str = GOOD, **spec: Any) -> None:
        uri = f"https://store.example.com/{sha256[:4]}.onnx"
        self.user_applies(a_deployment_body(asset={"uri": uri, "sha256": sha256}, **spec))

    def operator_works(self) -> None:
        self._operator.hear_all()
        self._operator.run_all()

    def settles(self) -> None:
        """Everybody works until there is nothing to do for a while."""
        for _ in range(6):
            self.operator_works()
            self.kubernetes.settle()
            self._clock.advance(20)
            self._operator.ripen()
        self.operator_works()

    def works_until(self, reason: str) -> None:
        """Step by step, until that is the reason of the condition Ready."""
        for _ in range(100):
            self.operator_works()
            if reason == self.reason:
                return
            for step in self.kubernetes.steps()[:1]:
                step()
        raise AssertionError(f"it never is {reason}")

    @property
    def reason(self) -> str:
        conditions = self.deployment["status"]["conditions"]
        return str(next(one["reason"] for one in conditions if one["type"] == "Ready"))

    @property
    def deployment(self) -> Json:
        return self.the("MLzDeployment", "churn")

    def the(self, kind: str, name: str) -> Json:
        body = self.server.find(kind, name)
        assert body is not None
        return body


def serving(**spec: Any) -> Cluster:
    cluster = Cluster()
    cluster.user_deploys(**spec)
    cluster.settles()
    assert cluster.deployment["status"]["state"] == "ACTIVE"
    return cluster


def a_deployment_that_nobody_has_seen() -> Json:
    cluster = Cluster()
    cluster.user_deploys()
    return cluster.deployment


def a_first_asset_on_its_way() -> Json:
    cluster = Cluster()
    cluster.user_deploys()
    cluster.works_until("Initializing")
    return cluster.deployment


def a_first_asset_that_serves() -> Json:
    return serving().deployment


def a_change_that_nobody_has_seen() -> Json:
    cluster = serving()
    cluster.user_deploys(BETTER)
    return cluster.deployment


def an_update_on_its_way() -> Json:
    cluster = serving()
    cluster.user_deploys(BETTER)
    cluster.works_until("RollingOut")
    return cluster.deployment


def an_update_with_a_schema_warning_on_its_way() -> Json:
    cluster = serving()
    cluster.user_deploys(OTHER)
    cluster.works_until("RollingOut")
    return cluster.deployment


def an_update_that_came_through() -> Json:
    return _updated(BETTER).deployment


def an_update_that_came_through_with_a_schema_warning() -> Json:
    return _updated(OTHER).deployment


def an_update_to_an_asset_that_is_refused() -> Json:
    return _updated(BAD).deployment


def an_update_that_the_engine_gives_up() -> Json:
    return _updated(UNFIT).deployment


def an_update_that_waits() -> Json:
    return _updated(OTHER, schemaPolicy="RequireAck").deployment


def an_update_that_was_acknowledged() -> Json:
    """By the patch of Argo CD's action."""
    cluster = _updated(OTHER, schemaPolicy="RequireAck")
    patch = patch_of_action("acknowledge-schema-change", cluster.deployment)
    meta = {"annotations": patch["metadata"]["annotations"]}
    cluster.user_deploys(OTHER, schemaPolicy="RequireAck", meta=meta)
    cluster.settles()
    return cluster.deployment


def an_update_that_policy_blocks() -> Json:
    return _updated(OTHER, schemaPolicy="Block").deployment


def an_update_that_a_serving_id_blocks() -> Json:
    return _updated(OTHER, servingId="churn").deployment


def a_bad_update_that_was_taken_back() -> Json:
    cluster = _updated(BAD)
    cluster.user_deploys(GOOD)
    cluster.settles()
    return cluster.deployment


def an_update_while_the_store_is_away() -> Json:
    return _updated(FLAKY).deployment


def _updated(sha256: str, **spec: Any) -> Cluster:
    cluster = serving(**spec)
    cluster.user_deploys(sha256, **spec)
    cluster.settles()
    return cluster


def a_bad_first_asset() -> Json:
    cluster = Cluster()
    cluster.user_deploys(BAD)
    cluster.settles()
    assert cluster.deployment["status"]["state"] == "FAILED"
    return cluster.deployment


def a_scoring_service_that_is_not_there() -> Json:
    cluster = Cluster()
    cluster.user_deploys(scoringService="nowhere")
    cluster.settles()
    return cluster.deployment


def a_suspended_deployment() -> Json:
    cluster = serving()
    cluster.user_deploys(suspend=True)
    cluster.settles()
    return cluster.deployment


def a_resumed_deployment() -> Json:
    cluster = serving()
    for suspend in (True, None):
        cluster.user_deploys(suspend=suspend)
        cluster.settles()
    return cluster.deployment


def a_pod_that_was_lost() -> Json:
    cluster = serving()
    for pod in cluster.server.all("Pod"):
        cluster.server.remove("Pod", pod["metadata"]["name"])
    for _ in ("a new pod", "the workload counts it as not available"):
        cluster.kubernetes.steps()[0]()
    cluster.operator_works()
    return cluster.deployment


def a_paused_deployment_that_failed() -> Json:
    body = a_bad_first_asset()
    return {**body, "metadata": body["metadata"] | {"annotations": {"mlz.dev/paused": "true"}}}


def a_version_that_nobody_has_seen() -> Json:
    cluster = Cluster()
    cluster.user_applies(a_version_body())
    return cluster.the("MLzModelVersion", "churn-v1")


def a_version_that_may_serve() -> Json:
    return _version(GOOD)


def a_version_that_is_refused() -> Json:
    return _version(BAD)


def a_version_whose_store_is_away() -> Json:
    return _version(FLAKY)


def _version(sha256: str) -> Json:
    cluster = Cluster()
    artifact = {"uri": "https://store.example.com/churn.onnx", "sha256": sha256}
    cluster.user_applies(a_version_body(artifact=artifact))
    cluster.settles()
    return cluster.the("MLzModelVersion", "churn-v1")


def a_model() -> Json:
    cluster = Cluster()
    cluster.user_applies(a_model_body())
    cluster.settles()
    return cluster.the("MLzModel", "churn")


def a_model_that_nobody_has_seen() -> Json:
    return a_model_body()


def a_scoring_service() -> Json:
    cluster = Cluster()
    cluster.settles()
    return cluster.the("MLzScoringService", "default")


def a_scoring_service_that_is_not_active() -> Json:
    cluster = Cluster()
    cluster.user_applies(a_service_body(active=False))
    cluster.settles()
    return cluster.the("MLzScoringService", "default")


def a_scoring_service_that_nobody_can_read() -> Json:
    cluster = Cluster()
    cluster.user_applies(a_service_body(replicas="many"))
    cluster.settles()
    return cluster.the("MLzScoringService", "default")
