"""What must agree: the types, the CRDs made from them, the chart's copies, examples and docs."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml
from pydantic import Field

from charts import CHART
from cluster.places import CHECKOUT
from mlz.api import crd, parsing
from mlz.errors import REASON_TEXTS, Reason
from mlz.model.document import Document
from mlz.settings import EngineSettings, FetchSettings, OperatorSettings

CRDS = CHECKOUT / "crds"
CHART_CRDS = CHART / "files" / "crds"
REFERENCE = CHECKOUT / "operator" / "reference"
PLURALS = ("mlzdeployments", "mlzmodels", "mlzmodelversions", "mlzscoringservices")
EXAMPLES = sorted((CRDS / "examples").glob("*.yaml"))

Json = dict[str, Any]

# (narrow, wide) columns, as users read them.
COLUMNS = {
    "mlzdeployments": ("State Ready Engine Provider Asset Age", "Schema URL Reason"),
    "mlzmodels": ("Display Name|Latest|Ready|Age", "Author Reason"),
    "mlzmodelversions": ("Engine Ready Digest Size Age", "Model Seq Schema URI Reason"),
    "mlzscoringservices": ("Type Ready Age", "Active Accelerator Guid Reason"),
}


def shipped(plural: str) -> Json:
    definition: Json = yaml.safe_load((CRDS / f"{plural}.yaml").read_text())
    return definition


def root_schema(plural: str) -> Json:
    schema: Json = shipped(plural)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


def fields(node: Json, path: str = "") -> Iterator[tuple[str, Json]]:
    """Every named field at any depth, with its path."""
    for name, field in node.get("properties", {}).items():
        yield f"{path}.{name}", field
        yield from fields(field, f"{path}.{name}")
    for inner in ("items", "additionalProperties"):
        if isinstance(node.get(inner), dict):
            yield from fields(node[inner], f"{path}[]")


def nodes(node: object) -> Iterator[Json]:
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from nodes(value)
    elif isinstance(node, list):
        for value in node:
            yield from nodes(value)


def generate(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(checkout / "hack" / "generate"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The parts of the checkout that generation reads and writes."""
    for name in ("hack/generate", "operator", "crds", "charts"):
        source, target = CHECKOUT / name, tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    return tmp_path


def test_everything_generated_is_up_to_date() -> None:
    answer = generate(CHECKOUT, "--check")

    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_the_check_names_every_stale_surplus_and_missing_file(copy: Path) -> None:
    (copy / "crds" / "mlzmodels.yaml").write_text("old")
    (copy / "crds" / "mlzdreams.yaml").write_text("surplus")
    (copy / "operator" / "reference" / "reasons.md").unlink()

    answer = generate(copy, "--check")

    assert answer.returncode == 1
    assert set(answer.stdout.splitlines()) == {
        f"{name} is out of date; run hack/generate"
        for name in ("crds/mlzmodels.yaml", "crds/mlzdreams.yaml", "operator/reference/reasons.md")
    }


def test_generating_repairs_what_the_check_names(copy: Path) -> None:
    (copy / "crds" / "mlzmodels.yaml").write_text("old")
    (copy / "crds" / "mlzdreams.yaml").write_text("surplus")

    answer = generate(copy)

    assert answer.returncode == 0
    assert generate(copy, "--check").returncode == 0
    assert (copy / "crds" / "mlzmodels.yaml").read_text() == (CRDS / "mlzmodels.yaml").read_text()


def test_there_is_one_file_for_each_kind() -> None:
    assert tuple(sorted(crd.definitions())) == PLURALS
    assert sorted(path.stem for path in CRDS.glob("*.yaml")) == list(PLURALS)


@pytest.mark.parametrize("plural", PLURALS)
def test_the_crd_is_what_the_types_say(plural: str) -> None:
    assert shipped(plural) == crd.definitions()[plural]


@pytest.mark.parametrize("plural", PLURALS)
def test_the_charts_copy_is_the_crd(plural: str) -> None:
    copy = CHART_CRDS / f"{plural}.yaml"

    assert copy.read_bytes() == (CRDS / f"{plural}.yaml").read_bytes()


@pytest.mark.parametrize("plural", PLURALS)
def test_a_crd_stays_far_below_what_kubectl_apply_can_remember(plural: str) -> None:
    assert len(json.dumps(shipped(plural))) < 100_000
    assert (CRDS / f"{plural}.yaml").stat().st_size < 100_000


@pytest.mark.parametrize("plural", PLURALS)
def test_every_field_is_described(plural: str) -> None:
    # Kubernetes describes metadata itself and refuses a description of ours.
    silent = [
        path
        for path, field in fields(root_schema(plural))
        if not field.get("description") and path != ".metadata"
    ]

    assert silent == []


@pytest.mark.parametrize("plural", PLURALS)
def test_nothing_has_a_default(plural: str) -> None:
    # A default that the API server fills in is drift to whoever applies from Git.
    assert [path for path, field in fields(root_schema(plural)) if "default" in field] == []


@pytest.mark.parametrize("plural", PLURALS)
def test_every_rule_has_a_message_that_says_what_to_do(plural: str) -> None:
    rules = [
        rule
        for node in nodes(root_schema(plural))
        for rule in node.get("x-kubernetes-validations", ())
    ]

    assert all(len(rule["message"]) > 20 for rule in rules)


@pytest.mark.parametrize("plural", PLURALS)
def test_kubectl_shows_the_columns_we_document(plural: str) -> None:
    columns = shipped(plural)["spec"]["versions"][0]["additionalPrinterColumns"]
    narrow = [one["name"] for one in columns if not one.get("priority")]
    wide = [one["name"] for one in columns if one.get("priority")]

    expected = [re.split(r"\|" if "|" in line else " ", line) for line in COLUMNS[plural]]
    assert [narrow, wide] == expected


@pytest.mark.parametrize("plural", PLURALS)
def test_a_columns_path_leads_to_a_field(plural: str) -> None:
    known = {path.replace("[]", "") for path, _ in fields(root_schema(plural))}
    known.add(".metadata.creationTimestamp")

    for column in shipped(plural)["spec"]["versions"][0]["additionalPrinterColumns"]:
        assert re.sub(r"\[.*?\]", "", column["jsonPath"]) in known


def test_names_and_subresources() -> None:
    found = {plural: shipped(plural)["spec"] for plural in PLURALS}

    assert {plural: spec["names"]["shortNames"] for plural, spec in found.items()} == {
        "mlzdeployments": ["mlzd"],
        "mlzmodels": ["mlzm"],
        "mlzmodelversions": ["mlzv"],
        "mlzscoringservices": ["mlzs"],
    }
    for plural, spec in found.items():
        assert spec["scope"] == "Namespaced"
        assert spec["names"]["categories"] == ["mlz"]
        subresources = spec["versions"][0]["subresources"]
        assert set(subresources) == (
            {"status", "scale"} if plural == "mlzdeployments" else {"status"}
        )


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_what_the_types_take(path: Path) -> None:
    read: dict[str, Callable[[Json], parsing.Resource[Any, Any]]] = {
        "MLzDeployment": parsing.deployment,
        "MLzModel": parsing.model,
        "MLzModelVersion": parsing.model_version,
        "MLzScoringService": parsing.scoring_service,
    }
    body = yaml.safe_load(path.read_text())
    body["metadata"] |= {"namespace": "default", "uid": "1"}

    resource = read[body["kind"]](body)

    assert resource.fault is None
    assert body["apiVersion"] == "mlz.dev/v1alpha1"


def test_there_is_a_minimal_and_a_full_example_of_each_kind() -> None:
    kinds = [
        (yaml.safe_load(path.read_text())["kind"], path.stem.rpartition("-")[2])
        for path in EXAMPLES
    ]

    assert {(kind.name, size) for kind in crd.KINDS for size in ("minimal", "full")} <= set(kinds)


@pytest.mark.parametrize("kind", crd.KINDS, ids=lambda kind: kind.name)
def test_the_examples_of_a_kind_use_every_field_of_its_spec(kind: crd.Kind) -> None:
    specs = [
        body.get("spec", {})
        for body in (yaml.safe_load(path.read_text()) for path in EXAMPLES)
        if body["kind"] == kind.name
    ]

    used = {name for spec in specs for name in spec}
    assert used == set(kind.spec.model_json_schema(by_alias=True)["properties"])


@pytest.mark.parametrize("reason", Reason)
def test_the_reference_explains_each_reason(reason: Reason) -> None:
    row = f"| `{reason.value}` | {REASON_TEXTS[reason]} |"

    assert row in (REFERENCE / "reasons.md").read_text().splitlines()


@pytest.mark.parametrize("settings", [OperatorSettings, FetchSettings, EngineSettings])
def test_the_reference_explains_each_setting(settings: type[OperatorSettings]) -> None:
    page = (REFERENCE / "settings.md").read_text()

    for name, field in settings.model_fields.items():
        assert f"| `MLZ_{name.upper()}` |" in page
        assert field.description
        assert field.description in page


class Inner(Document):
    a: str = Field(description="A.")


class Sample(Document):
    one: Literal["x"] = Field(description="One.")
    count: int | None = Field(None, gt=0, lt=10, description="Count.")
    inner: Inner | None = Field(None, description="Inner, here.")
    free: tuple[int | None, ...] | None = Field(None, description="Null is a value.")
    mixed: tuple[bool | int | str, ...] = Field((), description="Of several types.")
    limits: dict[str, int] | None = Field(None, description="A map.")


def test_a_type_becomes_a_structural_schema() -> None:
    schema = crd.structural_schema(Sample)

    inner = {"a": {"type": "string", "description": "A."}}
    assert schema == {
        "type": "object",
        "required": ["one"],
        "properties": {
            "one": {"type": "string", "enum": ["x"], "description": "One."},
            "count": {"type": "integer", "minimum": 1, "maximum": 9, "description": "Count."},
            "inner": {
                "type": "object",
                "description": "Inner, here.",
                "properties": inner,
                "required": ["a"],
            },
            "free": {
                "type": "array",
                "description": "Null is a value.",
                "items": {"type": "integer", "nullable": True},
            },
            "mixed": {
                "type": "array",
                "description": "Of several types.",
                "items": {"x-kubernetes-preserve-unknown-fields": True},
            },
            "limits": {
                "type": "object",
                "description": "A map.",
                "additionalProperties": {"type": "integer"},
            },
        },
    }


class Silent(Document):
    a: str


class Above(Document):
    a: float = Field(gt=0, description="A.")


@pytest.mark.parametrize(
    ("document", "message"),
    [(Silent, "Silent.a has no description"), (Above, "exclusiveMinimum is for integers")],
)
def test_a_type_that_cannot_be_said_is_refused(document: type[Document], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        crd.structural_schema(document)
