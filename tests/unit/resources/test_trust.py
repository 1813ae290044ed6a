"""The trust file of a deployment's pods: what is in it, when there is one, and whom it restarts."""

import json
from typing import Any

import kubernetes_validate
import pytest

from builders import DIGEST, a_deployment, a_service, an_accepted_version, some_defaults
from mlz.api import names
from mlz.api.parsing import Deployment
from mlz.model.asset import Provider
from mlz.model.trust import IssuerKind, PublicKey, Trust, TrustedIssuer
from mlz.resources import desired, trust, workload
from mlz.resources.desired import Plan
from mlz.resources.manifest import Manifest
from mlz.resources.trust import Sources
from mlz.resources.workload import Workload
from unit.resources.inputs import a_workload, engine, environment, template

REQUIRED = a_service(authentication={"mode": "Required"})
OPEN = a_service(authentication={"mode": "None"})
CHART_REQUIRES = some_defaults(authentication={"mode": "Required"})


def an_issuer(
    kind: IssuerKind = IssuerKind.MLZ, key_id: str = "a", issuer: str = "https://rest"
) -> TrustedIssuer:
    key = PublicKey(kty="OKP", crv="Ed25519", x="AAAA", kid=key_id)
    return TrustedIssuer(
        kind=kind, issuer=issuer, audience="mlz", algorithms=("EdDSA",), keys=(key,)
    )


def a_plan(**overrides: Any) -> Plan:
    fields: dict[str, Any] = {
        "deployment": a_deployment(),
        "scoring_service": REQUIRED,
        "run": an_accepted_version(),
        "digest": DIGEST,
        "keep": False,
        "active": None,
        "told": None,
        "provider": Provider.CPU,
        "replicas": 1,
        "observed": None,
        "defaults": some_defaults(),
    } | overrides
    return Plan(**fields)


def config_map(plan: Plan) -> Manifest | None:
    return next((one for one in desired.objects(plan) if one["kind"] == "ConfigMap"), None)


def content(manifest: Manifest | None) -> Trust:
    assert manifest is not None
    return Trust.model_validate_json(manifest["data"]["trust.json"])


def built(
    deployment: Deployment | None = None, service: Any = REQUIRED, **sources: Any
) -> Manifest:
    return trust.build(deployment or a_deployment(), service, Sources(**sources))


# The pods


@pytest.mark.parametrize(
    ("service", "defaults", "required"),
    [
        pytest.param(a_service(), some_defaults(), False, id="nobody asks for it"),
        pytest.param(a_service(), CHART_REQUIRES, True, id="the chart does"),
        pytest.param(REQUIRED, some_defaults(), True, id="the service does"),
        pytest.param(OPEN, CHART_REQUIRES, False, id="the service goes before the chart"),
        pytest.param(
            a_service(authentication={"serviceAccounts": ["a/b"]}),
            CHART_REQUIRES,
            True,
            id="a service that says only who",
        ),
        pytest.param(None, CHART_REQUIRES, True, id="without a service the chart decides"),
    ],
)
def test_who_says_whether_tokens_are_needed(service: Any, defaults: Any, required: bool) -> None:
    wanted = a_workload(service=service, defaults=defaults)

    assert environment(engine(wanted)).get("MLZ_AUTHENTICATION") == (
        "Required" if required else None
    )
    assert ("trust" in [one["name"] for one in template(wanted)["spec"]["volumes"]]) is required


def test_the_engine_sees_the_file_where_it_looks_for_it() -> None:
    wanted = a_workload(service=REQUIRED)
    mounts = {one["name"]: one for one in engine(wanted)["volumeMounts"]}
    volumes = {one["name"]: one for one in template(wanted)["spec"]["volumes"]}

    assert mounts["trust"] == {"name": "trust", "mountPath": "/trust", "readOnly": True}
    assert volumes["trust"]["configMap"]["name"] == "churn-trust"
    assert "optional" not in volumes["trust"]["configMap"]


def test_what_fetches_sees_no_keys() -> None:
    (fetch,) = template(a_workload(service=REQUIRED))["spec"]["initContainers"]

    assert "trust" not in [one["name"] for one in fetch["volumeMounts"]]
    assert "MLZ_AUTHENTICATION" not in environment(fetch)


def test_a_users_variable_opens_no_door() -> None:
    deployment = a_deployment(env=[{"name": "MLZ_AUTHENTICATION", "value": "None"}])

    told = environment(engine(a_workload(deployment=deployment, service=REQUIRED)))

    assert told["MLZ_AUTHENTICATION"] == "Required"


# Digests of inputs and template, as they were before there were tokens.
BEFORE = [
    pytest.param(
        a_workload(),
        "6d2420e09cf1afcb85de645331660fb6",
        "670046a617c633b5ec4dce5be81e8672",
        id="the least there is",
    ),
    pytest.param(
        a_workload(
            deployment=a_deployment(zaiu=True),
            provider=Provider.ZAIU,
            service=a_service(type="cluster"),
            replicas=3,
        ),
        "75e50fe50af1ba88e0e59dba987aa120",
        "945d55a1582119ba8558ef30879d6aed",
        id="a scoring cluster with an accelerator",
    ),
    pytest.param(
        a_workload(service=None),
        "0ce1ac8f6f6f0fa638d1e46e58f39427",
        "670046a617c633b5ec4dce5be81e8672",
        id="no service",
    ),
    pytest.param(
        a_workload(
            deployment=a_deployment(
                guid="6f2a8f0e-3c39-4b5e-9a50-7d0f0f9f3b11",
                servingId="churn_1",
                engineType="pmml",
                timeoutInMs=500,
                env=[{"name": "A", "value": "1"}],
                nodeSelector={"disk": "ssd"},
            ),
            version=an_accepted_version(engineType="pmml"),
        ),
        "087782ba628f576a6f4703aca86ae4fd",
        "4169f57dd1d4ebf68c8e08ab9881a879",
        id="all there is",
    ),
]


@pytest.mark.parametrize(("wanted", "inputs", "digest"), BEFORE)
def test_without_tokens_not_one_byte_of_a_template_has_changed(
    wanted: Workload, inputs: str, digest: str
) -> None:
    assert workload.template_inputs(wanted) == inputs
    assert names.full_hash(template(wanted))[:32] == digest


def test_to_say_none_is_to_say_nothing() -> None:
    assert workload.build(a_workload(service=OPEN), None) == workload.build(a_workload(), None)


@pytest.mark.parametrize(
    "service",
    [
        pytest.param(
            a_service(authentication={"mode": "Required", "serviceAccounts": ["a/*"]}), id="a list"
        ),
        pytest.param(
            a_service(authentication={"mode": "Required", "serviceAccounts": []}), id="no"
        ),
    ],
)
def test_only_the_mode_restarts_pods(service: Any) -> None:
    owned = a_deployment(meta={"annotations": {names.ANNOTATION_CREATED_BY: "dora"}})

    assert workload.build(a_workload(service=service, deployment=owned), None) == workload.build(
        a_workload(service=REQUIRED), None
    )
    assert template(a_workload(service=REQUIRED)) != template(a_workload())


# The file


def test_kubernetes_takes_the_config_map() -> None:
    manifest = config_map(a_plan())

    kubernetes_validate.validate(manifest, "1.37", strict=True)
    assert manifest is not None
    assert manifest["metadata"]["name"] == "churn-trust"
    assert manifest["metadata"]["labels"][names.LABEL_MANAGED_BY] == names.FIELD_MANAGER
    assert manifest["metadata"]["ownerReferences"][0]["uid"] == "uid-of-churn"


def test_kubernetes_takes_pods_that_want_tokens() -> None:
    kubernetes_validate.validate(desired.objects(a_plan())[-1], "1.37", strict=True)


def test_the_same_facts_give_the_same_text() -> None:
    issuers = {kind: an_issuer(kind, issuer=f"https://{kind}") for kind in IssuerKind}
    backwards = dict(reversed(issuers.items()))

    assert built(issuers=issuers) == built(issuers=backwards)


def test_it_names_issuers_and_owners() -> None:
    deployment = a_deployment(meta={"annotations": {names.ANNOTATION_CREATED_BY: "dora"}})
    found = content(built(deployment, issuers={IssuerKind.MLZ: an_issuer()}, model_owner="mona"))

    assert found.issuers == (an_issuer(),)
    assert (found.deployment_owner, found.model_owner) == ("dora", "mona")


def test_a_private_key_cannot_get_into_it() -> None:
    key = {"kty": "OKP", "crv": "Ed25519", "x": "AAAA", "d": "secret", "kid": "a"}
    issuer = an_issuer().model_copy(update={"keys": (PublicKey.model_validate(key),)})

    manifest = built(issuers={IssuerKind.MLZ: issuer})

    assert "secret" not in json.dumps(manifest)


@pytest.mark.parametrize(
    ("service", "accounts"),
    [
        pytest.param(REQUIRED, ("models/*",), id="by default those of its own namespace"),
        pytest.param(
            a_service(authentication={"serviceAccounts": ["b/*", "a/x"]}),
            ("a/x", "b/*"),
            id="those of the list alone",
        ),
        pytest.param(a_service(authentication={"serviceAccounts": []}), (), id="nobody"),
    ],
)
def test_service_accounts(service: Any, accounts: tuple[str, ...]) -> None:
    assert content(built(service=service)).service_accounts == accounts


@pytest.mark.parametrize(
    ("accounts", "fine"),
    [
        ("a/b", True),
        ("a/*", True),
        ("team-1/job.runner-2", True),
        ("*/b", False),
        ("*", False),
        ("a", False),
        ("a/", False),
        ("a/b*", False),
        ("A/b", False),
        ("a/b/c", False),
        (f"{'a' * 64}/b", False),
        (f"{'a' * 63}/{'b' * 253}", True),
        ("system:serviceaccount:a:b", False),
    ],
)
def test_how_a_service_account_is_written(accounts: str, fine: bool) -> None:
    service = a_service(authentication={"serviceAccounts": [accounts]})

    assert (service.fault is None) is fine


# What is not known at this moment


def observed(**sources: Any) -> Manifest:
    return built(service=a_service(authentication={"serviceAccounts": ["a/x"]}), **sources)


def test_keys_stay_while_their_issuer_is_silent() -> None:
    before = observed(issuers={kind: an_issuer(kind) for kind in IssuerKind})
    fresh = an_issuer(IssuerKind.KUBERNETES, "new")

    after = built(issuers={IssuerKind.MLZ: None, IssuerKind.KUBERNETES: fresh}, observed=before)

    assert content(after).issuers == (fresh, an_issuer(IssuerKind.MLZ))


def test_an_issuer_that_is_no_longer_trusted_goes() -> None:
    before = observed(issuers={kind: an_issuer(kind) for kind in IssuerKind})

    after = built(issuers={IssuerKind.KUBERNETES: None}, observed=before)

    assert [one.kind for one in content(after).issuers] == ["kubernetes"]


@pytest.mark.parametrize(
    "service",
    [
        pytest.param(None, id="it is gone"),
        pytest.param(a_service(type="unheard-of"), id="it cannot be read"),
    ],
)
def test_the_allow_list_of_a_lost_service_stays(service: Any) -> None:
    after = built(service=service, observed=observed())

    assert content(after).service_accounts == ("a/x",)


@pytest.mark.parametrize(
    "data",
    [None, {}, {"trust.json": ""}, {"trust.json": "{"}, {"trust.json": "[]"}, {"other": "x"}],
)
def test_an_edited_file_is_written_anew(data: Any) -> None:
    spoilt = observed() | {"data": data}

    assert content(built(issuers={IssuerKind.MLZ: None}, observed=spoilt)).issuers == ()


# When there is one


def running(service: Any) -> Manifest:
    return workload.build(a_workload(service=service), None)


@pytest.mark.parametrize(
    ("plan", "there"),
    [
        pytest.param(a_plan(scoring_service=a_service()), False, id="nobody asks for tokens"),
        pytest.param(a_plan(), True, id="pods will mount it"),
        pytest.param(
            a_plan(scoring_service=None, keep=True, observed=running(REQUIRED)),
            True,
            id="kept pods mount it",
        ),
        pytest.param(
            a_plan(scoring_service=None, keep=True, observed=running(a_service())),
            False,
            id="kept pods do not",
        ),
        pytest.param(
            a_plan(scoring_service=OPEN, tokens=Sources(observed=observed())),
            True,
            id="pods of before may still mount it",
        ),
        pytest.param(a_plan(run=None, digest=None), False, id="nothing runs"),
    ],
)
def test_there_is_a_file_while_pods_may_mount_it(plan: Plan, there: bool) -> None:
    assert (config_map(plan) is not None) is there


def test_it_comes_before_the_pods() -> None:
    kinds = [one["kind"] for one in desired.objects(a_plan())]

    assert kinds[-2:] == ["ConfigMap", "Deployment"]
