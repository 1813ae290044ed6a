"""
A deployment as a document, its document as the body of a create, and that as a deployment again.

What REST knows of is the same in both; the rest (replicas, resources, policy, the guid) is for
kubectl and Git alone. The second trip changes nothing at all.
"""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from builders import a_body
from mlz.api import names
from mlz.api.names import ANNOTATION_CREATED_BY
from mlz.api.v1alpha1 import AssetReference, Author, DeploymentSpec, Resources
from mlz.model.asset import EngineType
from mlz.rest.documents import v3
from mlz.rest.documents.creation import Place, creation, manifest
from mlz.rest.documents.naming import resource_name
from mlz.rest.documents.related import Related
from unit.rest.documents.examples import BASE, related, the_service, the_version

VISIBLE = {
    "type", "displayName", "description", "author", "servingId", "scoringService", "asset",
    "engineType", "zaiu", "telum2", "timeoutInMs",
}  # fmt: skip

lines = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=40)
texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=80)
words = lines.filter(str.strip)
flags = st.none() | st.booleans()


@st.composite
def specs(draw: st.DrawFn) -> DeploymentSpec:
    """Any spec that the CRD lets in."""
    engine_type = draw(st.sampled_from(EngineType))
    onnx, pmml = engine_type is EngineType.ONNX, engine_type is EngineType.PMML
    accelerated = flags if onnx else st.none() | st.just(False)
    uri = AssetReference(uri="s3://bucket/model", sha256="a" * 64)
    return DeploymentSpec(
        type="online",
        display_name=draw(st.none() | words),
        description=draw(st.none() | texts),
        author=draw(st.none() | st.builds(Author, name=st.none() | words, email=st.none() | words)),
        guid=draw(st.none() | st.uuids().map(str)),
        serving_id=draw(st.none() | st.from_regex("[A-Za-z][A-Za-z0-9_]{2,35}", fullmatch=True)),
        scoring_service="default",
        asset=draw(st.sampled_from([AssetReference(model_version="churn-v1"), uri])),
        engine_type=engine_type,
        zaiu=draw(accelerated),
        telum2=draw(accelerated),
        timeout_in_ms=draw(st.none() | st.integers(1, 60_000) if pmml else st.none()),
        replicas=draw(st.none() | st.integers(1, 1000)),
        resources=draw(st.none() | st.just(Resources(limits={"cpu": "1"}))),
        suspend=draw(flags),
        schema_policy=draw(st.sampled_from([None, "Warn", "RequireAck", "Block"])),
    )


resource_names = st.from_regex("[a-z]([-a-z0-9]{0,43}[a-z0-9])?", fullmatch=True)


def body_of(name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return a_body(names.DEPLOYMENT, name, spec, annotations={ANNOTATION_CREATED_BY: "wmlz11"})


def around(body: dict[str, Any]) -> dict[str, Any]:
    """What a create with the document of a deployment makes."""
    version = the_version(engineType=body["spec"]["engineType"])
    known: Related = related(body)
    document = v3.deployment(known, BASE)["entity"]
    place = Place("models", the_service(), version, "wmlz11")
    return manifest(creation(document), place)


def seen(name: str, spec: dict[str, Any]) -> dict[str, Any]:
    """What REST knows of a deployment, absent and empty texts being the same."""
    kept = {key: value for key, value in spec.items() if key in VISIBLE and value != ""}
    author = kept.pop("author", {})
    return kept | {
        "displayName": spec.get("displayName", name),
        "author": {"name": "wmlz11"} | author,
        "asset": {"modelVersion": "churn-v1"},
    }


@settings(max_examples=500)
@given(resource_names, specs())
def test_a_deployment_goes_round_through_its_document_and_the_body_of_a_create(
    name: str, spec: DeploymentSpec
) -> None:
    before = spec.model_dump(mode="json", by_alias=True, exclude_none=True)

    once = around(body_of(name, before))
    twice = around(body_of(once["metadata"]["name"], once["spec"]))

    after = once["spec"]
    assert seen(once["metadata"]["name"], after) == seen(name, before)
    assert once["metadata"]["name"] == resource_name(before.get("displayName", name))
    assert twice == once
    assert DeploymentSpec.model_validate(after)
