"""Keys, owners and allow lists on their way to the pods: by passes, and without a restart."""

from typing import Any

import pytest

from builders import a_deployment_body, a_model_body, a_service_body, a_version_body, some_defaults
from mlz.api import names
from mlz.model.trust import IssuerKind, PublicKey, Trust, TrustedIssuer
from unit.test_reconcile import Cluster

REQUIRED = {"authentication": {"mode": "Required"}}


def issuers(*key_ids: str) -> dict[IssuerKind, TrustedIssuer | None]:
    keys = tuple(PublicKey(kty="OKP", kid=one) for one in key_ids)
    issuer = TrustedIssuer(
        kind="mlz", issuer="https://rest", audience="mlz", algorithms=("EdDSA",), keys=keys
    )
    return {IssuerKind.MLZ: issuer}


class Guarded:
    """A deployment that serves and wants tokens."""

    def __init__(self) -> None:
        self.cluster = Cluster()
        self.server = self.cluster.server
        self.operator = self.cluster.operator
        self.operator.issuers = issuers("a")
        self.service(**REQUIRED)
        self.cluster.deploy()
        self.settle()

    def service(self, **spec: Any) -> None:
        self.cluster.user_applies(a_service_body(**spec))

    def settle(self) -> None:
        self.cluster.settle()

    def rotate(self, *key_ids: str) -> None:
        """As the source does it: what has changed wakes all."""
        self.operator.issuers = issuers(*key_ids)
        self.operator.wake_all()
        self.settle()

    @property
    def trust(self) -> Trust:
        found = self.server.find("ConfigMap", "churn-trust")
        assert found is not None
        return Trust.model_validate_json(found["data"]["trust.json"])

    @property
    def key_ids(self) -> list[str | None]:
        return [key.kid for one in self.trust.issuers for key in one.keys]

    @property
    def template(self) -> Any:
        found = self.server.find("Deployment", "churn")
        assert found is not None
        return found["spec"]["template"]

    @property
    def pods(self) -> list[str]:
        return [one["metadata"]["name"] for one in self.server.all("Pod")]


@pytest.fixture
def guarded() -> Guarded:
    return Guarded()


def test_pods_are_told_whom_to_trust(guarded: Guarded) -> None:
    assert guarded.key_ids == ["a"]
    assert guarded.trust.service_accounts == ("models/*",)
    assert len(guarded.pods) == 1


def test_new_keys_reach_the_file_and_restart_nobody(guarded: Guarded) -> None:
    before = guarded.template, guarded.pods

    guarded.rotate("a", "b")

    assert guarded.key_ids == ["a", "b"]
    assert (guarded.template, guarded.pods) == before


def test_a_quiet_file_is_not_written_again(guarded: Guarded) -> None:
    guarded.server.requests.clear()

    guarded.rotate("a")

    assert guarded.server.writes() == []


def test_a_new_allow_list_reaches_the_file_and_restarts_nobody(guarded: Guarded) -> None:
    before = guarded.template, guarded.pods

    guarded.service(authentication={"mode": "Required", "serviceAccounts": ["apps/shop"]})
    guarded.settle()

    assert guarded.trust.service_accounts == ("apps/shop",)
    assert (guarded.template, guarded.pods) == before


def test_a_new_owner_reaches_the_file_and_restarts_nobody(guarded: Guarded) -> None:
    before = guarded.template, guarded.pods
    guarded.server.edit(
        "MLzDeployment",
        "churn",
        lambda body: body["metadata"].update(annotations={names.ANNOTATION_CREATED_BY: "dora"}),
    )
    guarded.settle()

    assert guarded.trust.deployment_owner == "dora"
    assert (guarded.template, guarded.pods) == before


def test_the_owner_of_a_model_is_that_of_the_asset_that_runs() -> None:
    guarded = Guarded()
    guarded.server.put(placed(a_model_body("churn")))
    guarded.server.put(placed(a_version_body("churn-v1")))
    guarded.cluster.user_applies(a_deployment_body(asset={"modelVersion": "churn-v1"}))
    guarded.settle()
    before = guarded.trust.model_owner
    guarded.server.edit("MLzModel", "churn", owned_by("mona"))
    guarded.settle()

    assert (before, guarded.trust.model_owner) == (None, "mona")


def placed(body: dict[str, Any]) -> dict[str, Any]:
    meta = {"name": body["metadata"]["name"], "namespace": "models"}
    return {**body, "metadata": meta}


def owned_by(name: str) -> Any:
    return lambda body: body["metadata"].update(annotations={names.ANNOTATION_CREATED_BY: name})


def test_keys_survive_a_restart_while_their_issuer_is_silent(guarded: Guarded) -> None:
    guarded.operator.issuers = {IssuerKind.MLZ: None}
    guarded.operator.restart(some_defaults())
    guarded.settle()

    assert guarded.key_ids == ["a"]


def test_a_file_that_somebody_deletes_comes_back(guarded: Guarded) -> None:
    guarded.server.remove("ConfigMap", "churn-trust")
    guarded.settle()

    assert guarded.key_ids == ["a"]


def test_a_file_that_somebody_edits_is_put_right(guarded: Guarded) -> None:
    guarded.server.edit(
        "ConfigMap", "churn-trust", lambda body: body.update(data={"trust.json": "{}"})
    )
    guarded.settle()

    assert guarded.key_ids == ["a"]


def test_a_strangers_config_map_is_not_taken_over() -> None:
    cluster = Cluster()
    meta = {"name": "churn-trust", "namespace": "models"}
    cluster.server.put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta})
    theirs = {"trust.json": "theirs"}
    cluster.server.edit("ConfigMap", "churn-trust", lambda body: body.update(data=theirs))
    cluster.user_applies(a_service_body(**REQUIRED))
    cluster.deploy()
    with pytest.raises(AssertionError, match="does not come to rest"):  # it is tried for ever
        cluster.settle()

    found = cluster.server.find("ConfigMap", "churn-trust")
    assert found is not None
    assert found["data"] == theirs
    assert cluster.server.find("Deployment", "churn") is None
    assert cluster.condition("Stalled") == ("True", "NameConflict")


def test_pods_without_tokens_leave_the_file_to_those_that_want_some(guarded: Guarded) -> None:
    """Pods on their way out may still mount it; it goes with the deployment."""
    guarded.service()
    guarded.settle()
    opened = guarded.template
    kept = guarded.key_ids
    guarded.server.remove("MLzDeployment", "churn")
    guarded.settle()

    assert "trust" not in [one["name"] for one in opened["spec"]["volumes"]]
    assert kept == ["a"]
    assert guarded.server.find("ConfigMap", "churn-trust") is None


def test_without_tokens_there_is_no_file() -> None:
    cluster = Cluster()
    cluster.deploy()
    cluster.settle()

    assert cluster.server.all("ConfigMap") == []


def test_a_lost_service_changes_neither_pods_nor_file(guarded: Guarded) -> None:
    before = guarded.template, guarded.pods, guarded.trust
    guarded.server.remove("MLzScoringService", "default")
    guarded.settle()

    assert (guarded.template, guarded.pods, guarded.trust) == before
