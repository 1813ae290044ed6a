"""Nothing but a user's change ever changes the pod template of a workload."""

import base64
import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import (
    DIGEST,
    HEX,
    OTHER_DIGEST,
    a_deployment,
    a_service,
    a_version,
    an_accepted_version,
    some_defaults,
)
from mlz.api import names
from mlz.model.asset import Provider
from mlz.resources import workload
from mlz.resources.manifest import Manifest
from unit.resources.inputs import a_workload, template

THIRD_DIGEST = f"sha256:{'c' * 64}"
NEW_OPERATORS = [
    pytest.param(some_defaults({"onnx": "localhost/engine-onnx:2"}), id="other images"),
    pytest.param(some_defaults({"onnx": ""}), id="no image at all"),
    pytest.param(some_defaults(engines={}), id="no engines at all"),
    pytest.param(some_defaults(imagePullSecrets=["pull"]), id="pull secrets"),
    pytest.param(some_defaults(fetch={"maxAssetBytes": 9}), id="other limits of fetching"),
    pytest.param(
        some_defaults(
            engines={"onnx": {"image": "localhost/e:1", "resources": {"limits": {"cpu": "4"}}}}
        ),
        id="other resources",
    ),
]


@pytest.mark.parametrize("defaults", NEW_OPERATORS)
@pytest.mark.parametrize("replicas", [1, 3])
def test_a_new_operator_changes_nothing_of_a_template(defaults: Any, replicas: int) -> None:
    before = workload.build(a_workload(), None)
    upgraded = a_workload(defaults=defaults, replicas=replicas)

    after = workload.build(upgraded, before)

    assert after["spec"]["template"] == before["spec"]["template"]
    assert after["metadata"]["annotations"] == before["metadata"]["annotations"]
    assert after["spec"]["replicas"] == replicas


def test_a_changed_asset_takes_the_new_operators_image() -> None:
    before = workload.build(a_workload(), None)
    upgraded = a_workload(
        digest=OTHER_DIGEST, defaults=some_defaults({"onnx": "localhost/engine-onnx:2"})
    )

    found = template(upgraded, before)

    assert found["spec"]["containers"][0]["image"] == "localhost/engine-onnx:2"


# The template of the asset that serves, while another one is tried

NEW_OPERATOR = some_defaults({"onnx": "localhost/engine-onnx:2"})


def trying(*digests: str, defaults: Any = NEW_OPERATOR) -> tuple[Manifest, Manifest]:
    """The workload of an asset that serves, and what became of it while others were tried."""
    serving = found = workload.build(a_workload(), None)
    for digest in digests:
        found = workload.build(
            a_workload(digest=digest, serving=DIGEST, defaults=defaults, replicas=3), found
        )
    return serving, found


@pytest.mark.parametrize("digests", [(OTHER_DIGEST,), (OTHER_DIGEST, THIRD_DIGEST)])
def test_a_failed_update_is_undone_to_the_letter(digests: tuple[str, ...]) -> None:
    """Even by a newer operator, and after more than one asset."""
    serving, tried = trying(*digests)

    undone = workload.build(a_workload(serving=DIGEST, defaults=NEW_OPERATOR), tried)

    assert tried["spec"]["template"] != serving["spec"]["template"]
    assert undone == serving


@pytest.mark.parametrize("digests", [(OTHER_DIGEST,), (OTHER_DIGEST, THIRD_DIGEST)])
def test_what_cannot_be_built_anew_is_restored(digests: tuple[str, ...]) -> None:
    """The version or the scoring service is gone; the number of pods stays."""
    serving, tried = trying(*digests)

    restored = workload.restored(a_deployment(), tried, DIGEST)

    assert restored is not None
    assert restored["spec"]["replicas"] == 3
    restored["spec"]["replicas"] = 1
    assert restored == serving


@pytest.mark.parametrize(
    ("observed", "serving"),
    [
        pytest.param(workload.build(a_workload(), None), DIGEST, id="it is so already"),
        pytest.param(workload.build(a_workload(), None), OTHER_DIGEST, id="nobody knows how"),
        pytest.param(workload.build(a_workload(), None), None, id="nothing has served"),
        pytest.param(None, DIGEST, id="there is none"),
    ],
)
def test_nothing_is_restored(observed: Manifest | None, serving: str | None) -> None:
    assert workload.restored(a_deployment(), observed, serving) is None


def test_an_asset_that_has_become_the_one_that_serves_leaves_no_other_behind() -> None:
    _, tried = trying(OTHER_DIGEST)

    settled = workload.build(a_workload(digest=OTHER_DIGEST, serving=OTHER_DIGEST), tried)

    assert names.ANNOTATION_SERVING_TEMPLATE not in settled["metadata"]["annotations"]


def test_pods_of_an_asset_run_its_own_engine_type() -> None:
    """While a new asset of another engine type is proved, the spec names the new one's."""
    wanted = a_workload(version=an_accepted_version(engineType="xgboost"))

    found = template(wanted)

    assert wanted.spec.engine_type == "onnx"
    assert found["spec"]["containers"][0]["image"] == "localhost/engine-xgboost:1"


USER_CHANGES = [
    ({"guid": "6f2a8f0e-3c39-4b5e-9a50-7d0f0f9f3b11"}, "the guid"),
    ({"servingId": "churn_1"}, "the servingId"),
    ({"timeoutInMs": 100}, "the timeout"),
    ({"resources": {"limits": {"memory": "2Gi"}}}, "resources"),
    ({"nodeSelector": {"disk": "ssd"}}, "the nodes"),
    ({"tolerations": [{"operator": "Exists"}]}, "tolerations"),
    ({"env": [{"name": "A", "value": "1"}]}, "the environment"),
]
QUIET_CHANGES = [
    ({"replicas": 3}, "the number of pods"),
    ({"displayName": "Churn"}, "the name for people"),
    ({"description": "who leaves"}, "the description"),
    ({"author": {"name": "A"}}, "the author"),
    ({"suspend": False}, "a suspension that is none"),
    ({"zaiu": False}, "an accelerator that is not asked for"),
    ({"meta": {"generation": 9, "labels": {"a": "b"}}}, "metadata"),
]


@pytest.mark.parametrize(
    "fields", [pytest.param(fields, id=sentence) for fields, sentence in USER_CHANGES]
)
def test_a_users_change_reaches_the_pods(fields: dict[str, Any]) -> None:
    before = workload.build(a_workload(), None)

    after = template(a_workload(deployment=a_deployment(**fields)), before)

    assert after != before["spec"]["template"]


@pytest.mark.parametrize(
    "fields", [pytest.param(fields, id=sentence) for fields, sentence in QUIET_CHANGES]
)
def test_what_pods_do_not_see_restarts_none(fields: dict[str, Any]) -> None:
    before = workload.build(a_workload(), None)

    after = template(a_workload(deployment=a_deployment(**fields)), before)

    assert after == before["spec"]["template"]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"digest": OTHER_DIGEST}, id="another asset"),
        pytest.param({"provider": Provider.ZAIU}, id="another provider"),
        pytest.param({"service": a_service(type="cluster")}, id="a scoring cluster"),
        pytest.param(
            {"service": a_service(engines={"onnx": {"image": "localhost/mine:1"}})},
            id="the service's image",
        ),
        pytest.param(
            {"service": a_service(engines={"onnx": {"resources": {"limits": {"cpu": "2"}}}})},
            id="the service's resources",
        ),
        pytest.param(
            {"version": a_version(artifact={"uri": "s3://b/other.onnx", "sha256": HEX})},
            id="another place of the same bytes",
        ),
        pytest.param(
            {
                "version": a_version(
                    artifact={"uri": "https://store.example.com/churn-v1", "sha256": HEX}
                    | {"secretRef": {"name": "store"}}
                )
            },
            id="credentials",
        ),
    ],
)
def test_what_others_say_about_the_pods_reaches_them(changes: dict[str, Any]) -> None:
    before = workload.build(a_workload(), None)

    after = template(a_workload(**changes), before)

    assert after != before["spec"]["template"]


@pytest.mark.parametrize(
    "service",
    [
        pytest.param(a_service(active=False), id="inactive"),
        pytest.param(a_service(replicas=5), id="other numbers"),
        pytest.param(a_service(acceleratorPolicy="Prefer"), id="another policy"),
        pytest.param(a_service(engines={"pmml": {"image": "x"}}), id="another engine type's image"),
    ],
)
def test_what_a_service_says_about_others_restarts_none(service: Any) -> None:
    before = workload.build(a_workload(), None)

    after = template(a_workload(service=service), before)

    assert after == before["spec"]["template"]


@pytest.mark.parametrize(
    "annotation",
    [
        pytest.param("", id="emptied"),
        pytest.param("bm90IGRlZmxhdGVk", id="not deflated"),
        pytest.param("$$$", id="not base64"),
        pytest.param("é", id="not ASCII"),
        pytest.param(base64.b64encode(zlib.compress(b"[]")).decode(), id="not a mapping"),
        pytest.param(base64.b64encode(zlib.compress(b"{")).decode(), id="not JSON"),
        pytest.param(base64.b64encode(zlib.compress(b'{"a": 1}')).decode(), id="no template"),
        pytest.param(base64.b64encode(zlib.compress(b'{"metadata": 1}')).decode(), id="no labels"),
    ],
)
def test_an_annotation_that_somebody_spoilt_is_made_anew(annotation: str) -> None:
    observed = workload.build(a_workload(), None)
    whole = workload.build(a_workload(), None)
    observed["metadata"]["annotations"][names.ANNOTATION_TEMPLATE] = annotation

    found = workload.build(a_workload(), observed)

    assert found == whole


@pytest.mark.parametrize("metadata", [{}, {"annotations": None}, {"annotations": {}}])
def test_a_workload_without_annotations_is_built_anew(metadata: dict[str, Any]) -> None:
    assert template(a_workload(), {"metadata": metadata}) == template(a_workload())


@given(st.dictionaries(st.text(), st.text() | st.lists(st.integers()), min_size=1))
def test_a_template_survives_its_annotation(value: dict[str, Any]) -> None:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    packed = base64.b64encode(zlib.compress(text.encode(), 9)).decode()

    assert workload.unpacked(packed) == value
