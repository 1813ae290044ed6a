"""What a real API server takes of our kinds, what it refuses and how it says so."""

from pathlib import Path
from typing import Any

import pytest

from controlplane.operators import HEX, Manifest
from controlplane.planes import Kubectl
from controlplane.specs import HTTPS, OCI, apply_status, mlzd, mlzs, mlzv, schema_of

GUID = "6f2a8f0e-3c39-4b5e-9a50-7d0f0f9f3b11"
OTHER_GUID = "00000000-3c39-4b5e-9a50-7d0f0f9f3b11"

ONNX_ONLY = "zaiu and telum2 accelerate onnx models only"
ONE_ASSET = "exactly one of modelVersion and uri says which asset it is"
NEEDS_DIGEST = "a uri needs sha256, the digest of the bytes there"
HAS_ITS_OWN = "sha256 and secretRef belong to uri; a modelVersion has its own"
NAME = "the name becomes part of a Service name: lower-case letters, digits and '-'"
MLZ_NAMES = "names that begin with MLZ_ belong to the operator; choose another"
AT_LEAST_1 = "timeoutInMs in body should be greater than or equal to 1"
AT_MOST_60000 = "timeoutInMs in body should be less than or equal to 60000"
VERSION_AND_SECRET = {"modelVersion": "v", "secretRef": {"name": "s"}}
PMML_ONLY = "timeoutInMs works for pmml models only; remove it"

REFUSED_ON_CREATE = [
    # What a deployment is.
    ("a name that is too long", mlzd("a" * 46), f"{NAME}, first a letter, at most 45"),
    ("a name that starts with a digit", mlzd("1st"), NAME),
    ("a name with a dot", mlzd("churn.v1"), NAME),
    ("type batch", mlzd(type="batch"), 'spec.type: Unsupported value: "batch"'),
    ("no type", mlzd(type=None), "spec.type: Required value"),
    ("an empty display name", mlzd(displayName=""), "spec.displayName"),
    ("a guid that is none", mlzd(guid="7"), "spec.guid in body should match"),
    ("a servingId that starts with a digit", mlzd(servingId="1st"), "spec.servingId in body"),
    ("a servingId that is too short", mlzd(servingId="ab"), "spec.servingId in body"),
    ("no scoring service", mlzd(scoringService=None), "spec.scoringService: Required value"),
    ("an empty scoring service", mlzd(scoringService=""), "spec.scoringService"),
    # Engines.
    ("an engine of another release", mlzd(engineType="spark"), 'supported values: "onnx", "pmml",'),
    ("zaiu on xgboost", mlzd(engineType="xgboost", zaiu=True), ONNX_ONLY),
    ("telum2 on pmml", mlzd(engineType="pmml", telum2=True), ONNX_ONLY),
    ("a timeout on onnx", mlzd(timeoutInMs=100), PMML_ONLY),
    ("a timeout on xgboost", mlzd(engineType="xgboost", timeoutInMs=100), PMML_ONLY),
    ("a timeout of zero", mlzd(engineType="pmml", timeoutInMs=0), AT_LEAST_1),
    ("a timeout over a minute", mlzd(engineType="pmml", timeoutInMs=60001), AT_MOST_60000),
    # Assets.
    ("no asset", mlzd(asset=None), "spec.asset: Required value"),
    ("an empty asset", mlzd(asset={}), ONE_ASSET),
    ("two assets", mlzd(asset={"modelVersion": "churn-1", "uri": OCI}), ONE_ASSET),
    ("a uri without a digest", mlzd(asset={"uri": HTTPS}), NEEDS_DIGEST),
    ("an image tag without a digest", mlzd(asset={"uri": "oci://r/m:1"}), NEEDS_DIGEST),
    ("a digest beside a version", mlzd(asset={"modelVersion": "v", "sha256": HEX}), HAS_ITS_OWN),
    ("credentials beside a version", mlzd(asset=VERSION_AND_SECRET), HAS_ITS_OWN),
    ("a digest in capitals", mlzd(asset={"uri": HTTPS, "sha256": HEX.upper()}), "'^[0-9a-f]{64}$'"),
    ("an unknown scheme", mlzd(asset={"uri": "ftp://m/1"}), "'^(oci|s3|gs|az|https|http|pvc)://"),
    (
        "credentials without a name",
        mlzd(asset={"uri": OCI, "secretRef": {}}),
        "secretRef.name: Required",
    ),
    # Pods.
    ("no replicas", mlzd(replicas=0), "replicas in body should be greater than or equal"),
    ("too many replicas", mlzd(replicas=1001), "spec.replicas in body should be less than"),
    ("replicas in words", mlzd(replicas="two"), "spec.replicas"),
    ("a variable of ours", mlzd(env=[{"name": "MLZ_PORT", "value": "1"}]), MLZ_NAMES),
    ("a variable's name with a space", mlzd(env=[{"name": "A B"}]), "spec.env[0].name"),
    ("a variable twice", mlzd(env=[{"name": "A"}, {"name": "A"}]), "spec.env[1]: Duplicate value"),
    ("a quantity that is none", mlzd(resources={"limits": {"cpu": "!"}}), "resources.limits.cpu"),
    ("an unknown taint effect", mlzd(tolerations=[{"effect": "No"}]), "effect: Unsupported value"),
    ("a misspelt field", mlzd(replica=2), 'unknown field "spec.replica"'),
    # The other kinds.
    ("a version's name that is no label", mlzv("a" * 64), "at most 63 characters"),
    ("a version without a digest", mlzv(artifact={"uri": HTTPS}), NEEDS_DIGEST),
    ("a version without an artifact", mlzv(artifact=None), "spec.artifact: Required value"),
    (
        "a negative dimension",
        mlzv(schema=schema_of(shape=[-1, 4])),
        "spec.schema.inputs[0].shape[0]",
    ),
    (
        "an unknown element type",
        mlzv(schema=schema_of(type="int8x")),
        "inputs[0].type: Unsupported",
    ),
    ("a scoring service of type cics", mlzs(type="cics"), 'Unsupported value: "cics"'),
    ("a policy that is none", mlzs(acceleratorPolicy="Hope"), 'values: "Require", "Prefer"'),
    (
        "a mode of authentication that is none",
        mlzs(authentication={"mode": "Off"}),
        'values: "Required", "None"',
    ),
    (
        "a ServiceAccount of any namespace",
        mlzs(authentication={"serviceAccounts": ["*/shop"]}),
        "spec.authentication.serviceAccounts[0] in body should match",
    ),
    ("an override for no engine", mlzs(engines={"spark": {}}), 'field "spec.engines.spark"'),
]

GUID_STAYS = "guid is the public id in every URL and cannot change"
SERVING_ID_STAYS = "servingId is a public address and cannot change"
ENGINE_TYPE_STAYS = "engineType is the asset's; it changes only together with spec.asset"
TIME = "2030-01-01T12:00:00Z"
ANOTHER = {"modelVersion": "churn-2"}
IMMUTABLE = "a model version is immutable; create another version"

ONE_OR_TWO = schema_of(categories=[1, "two"])
ONE_OR_THREE = schema_of(categories=[1, "three"])
FREE = schema_of(shape=[None, 4])

REFUSED_ON_UPDATE = [
    ("another guid", mlzd(guid=GUID), mlzd(guid=OTHER_GUID), GUID_STAYS),
    ("a guid that comes later", mlzd(), mlzd(guid=GUID), GUID_STAYS),
    ("a guid that goes", mlzd(guid=GUID), mlzd(), GUID_STAYS),
    ("another servingId", mlzd(servingId="abc"), mlzd(servingId="abd"), SERVING_ID_STAYS),
    ("a servingId that comes later", mlzd(), mlzd(servingId="abc"), SERVING_ID_STAYS),
    ("a servingId that goes", mlzd(servingId="abc"), mlzd(), SERVING_ID_STAYS),
    ("another type", mlzd(), mlzd(type="batch"), "spec.type"),
    *(
        (
            f"another asset and {field} at once",
            mlzd(engineType=engine),
            mlzd(engineType=engine, asset=ANOTHER, **{field: value}),
            "only the asset (with its engineType) may change in an asset update",
        )
        for field, value, engine in (
            ("scoringService", "other", "onnx"),
            ("zaiu", True, "onnx"),
            ("telum2", True, "onnx"),
            ("timeoutInMs", 100, "pmml"),
        )
    ),
    (
        "another asset while an accelerator goes",
        mlzd(zaiu=True),
        mlzd(asset=ANOTHER),
        "only the asset (with its engineType) may change in an asset update",
    ),
    ("another engineType alone", mlzd(), mlzd(engineType="pmml"), ENGINE_TYPE_STAYS),
    ("another digest", mlzv(), mlzv(artifact={"uri": HTTPS, "sha256": "0" * 64}), IMMUTABLE),
    ("another declared schema", mlzv(), mlzv(schema={"classes": ["a"]}), IMMUTABLE),
    ("another category", mlzv(schema=ONE_OR_TWO), mlzv(schema=ONE_OR_THREE), IMMUTABLE),
    ("another dimension", mlzv(schema=FREE), mlzv(schema=schema_of(shape=[4, 4])), IMMUTABLE),
]

ALLOWED_UPDATES = [
    ("an accelerator alone", mlzd(), mlzd(zaiu=True)),
    (
        "another asset, and how it is run",
        mlzd(),
        mlzd(asset=ANOTHER, replicas=2, schemaPolicy="Block", env=[{"name": "A", "value": "1"}]),
    ),
    ("another asset", mlzd(), mlzd(asset={"modelVersion": "churn-2"})),
    (
        "another asset of another engine type",
        mlzd(guid=GUID, servingId="abc"),
        mlzd(guid=GUID, servingId="abc", asset={"modelVersion": "churn-2"}, engineType="pmml"),
    ),
    ("the same version again", mlzv(schema=FREE), mlzv(schema=FREE)),
    ("the same categories again", mlzv(schema=ONE_OR_TWO), mlzv(schema=ONE_OR_TWO)),
    ("suspension", mlzd(), mlzd(suspend=True, replicas=3)),
    ("a scoring service that is closed", mlzs(), mlzs(active=False)),
]


def titled(rows: list[tuple[Any, ...]]) -> list[Any]:
    return [pytest.param(*row[1:], id=row[0]) for row in rows]


@pytest.fixture(scope="module")
def shared(kubectl: Kubectl, crds: list[str]) -> str:
    """A namespace for tests that leave nothing behind."""
    kubectl("create", "namespace", "refused")
    return "refused"


def test_every_example_applies_in_order(
    kubectl: Kubectl, namespace: str, examples: list[Path]
) -> None:
    for path in examples:
        answer = kubectl("apply", "-n", namespace, "--validate=strict", "-f", str(path))

        assert answer.stdout.endswith(" created\n")
        assert answer.stderr == ""
    assert len(examples) >= 8


@pytest.mark.parametrize(("manifest", "message"), titled(REFUSED_ON_CREATE))
def test_a_bad_spec_is_refused_with_a_helpful_message(
    kubectl: Kubectl, shared: str, manifest: Manifest, message: str
) -> None:
    answer = kubectl("create", "-n", shared, "--dry-run=server", manifest, check=False)

    assert answer.returncode != 0
    assert message in answer.stderr


@pytest.mark.parametrize(("before", "after", "message"), titled(REFUSED_ON_UPDATE))
def test_what_never_changes_is_refused_with_a_helpful_message(
    kubectl: Kubectl, namespace: str, before: Manifest, after: Manifest, message: str
) -> None:
    kubectl("create", "-n", namespace, before)

    answer = kubectl("replace", "-n", namespace, after, check=False)

    assert answer.returncode != 0
    assert message in answer.stderr


def test_a_wrong_engine_type_can_be_mended_alone_where_the_asset_has_failed(
    kubectl: Kubectl, namespace: str
) -> None:
    kubectl("create", "-n", namespace, mlzd())
    failure = {"reason": "EngineTypeMismatch", "message": "it is pmml", "time": TIME}
    apply_status(kubectl, namespace, mlzd(), {"failure": failure})

    kubectl("apply", "-n", namespace, "--server-side", "--force-conflicts", mlzd(engineType="pmml"))


@pytest.mark.parametrize(("before", "after"), titled(ALLOWED_UPDATES))
def test_what_may_change_is_accepted(
    kubectl: Kubectl, namespace: str, before: Manifest, after: Manifest
) -> None:
    kubectl("create", "-n", namespace, before)

    answer = kubectl("replace", "-n", namespace, after)

    assert " replaced" in answer.stdout


def test_the_longest_name_is_accepted(kubectl: Kubectl, shared: str) -> None:
    answer = kubectl("create", "-n", shared, "--dry-run=server", mlzd("a" * 45))

    assert answer.returncode == 0
