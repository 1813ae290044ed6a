"""
The CustomResourceDefinitions of the four kinds, made from their types.

Here is what a type does not say: plural and short names, printer columns, subresources; and below,
how a type becomes a schema that Kubernetes takes. Who writes the files is ``hack/generate``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlz.api import names
from mlz.api.status import DeploymentStatus, ModelStatus, ModelVersionStatus, ScoringServiceStatus
from mlz.api.v1alpha1 import (
    ENGINE_TYPE_COMES_WITH_THE_ASSET,
    NAME_RULE,
    DeploymentSpec,
    ModelSpec,
    ModelVersionSpec,
    ScoringServiceSpec,
    rules,
)
from mlz.model.document import Document

CATEGORY = "mlz"

Json = dict[str, Any]

# Said in JSON Schema and meant the same by Kubernetes; what is in neither set is refused.
_KEPT = frozenset({
    "description", "enum", "format", "items", "maxItems", "maxLength", "maxProperties", "maximum",
    "minItems", "minLength", "minProperties", "minimum", "nullable", "pattern", "properties",
    "required", "type", "x-kubernetes-int-or-string", "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type", "x-kubernetes-preserve-unknown-fields", "x-kubernetes-validations",
})  # fmt: skip
_DROPPED = frozenset({"$defs", "additionalProperties", "anyOf", "default", "title"})
_NULL = {"type": "null"}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of ``kubectl get``; a wide one is shown by ``-o wide`` only."""

    name: str
    path: str
    description: str
    type: str = "string"
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """
    One kind, and how kubectl shows it.

    Attributes:
        rules: CEL rules (rule, message) on the whole object, where metadata or status matter.
        scalable: it has ``/scale``: spec.replicas, status.replicas and status.selector.
    """

    name: str
    short_name: str
    description: str
    spec: type[Document]
    status: type[Document]
    columns: tuple[Column, ...]
    rules: tuple[tuple[str, str], ...] = ()
    scalable: bool = False

    @property
    def plural(self) -> str:
        """The name in URLs and RBAC rules."""
        return f"{self.name.lower()}s"


READY = Column(
    "Ready", '.status.conditions[?(@.type=="Ready")].status', "Whether what is wanted is so."
)
# Conditions are ordered by type: the last one is Suspended, else Stalled, else Reconciling, else
# Ready. That is the one that explains the most, and JSONPath has no "or".
REASON = Column(
    "Reason", ".status.conditions[-1:].reason", "Why it is as it is, in one word.", wide=True
)
AGE = Column("Age", ".metadata.creationTimestamp", "How old it is.", type="date")

# Unlike a deployment's, a version's name may have dots: no Service is called after it.
VERSION_NAME_RULE = (
    "size(self.metadata.name) <= 63",
    "the name becomes the value of a label: at most 63 characters",
)

KINDS = (
    Kind(
        names.DEPLOYMENT,
        "mlzd",
        "An MLzDeployment says which asset shall answer at which address.",
        DeploymentSpec,
        DeploymentStatus,
        (
            Column("State", ".status.state", "What is true, in one word."),
            READY,
            Column("Engine", ".spec.engineType", "Engine type."),
            Column("Provider", ".status.provider", "The execution provider that runs."),
            Column("Asset", ".status.asset.active.version", "The model version that serves."),
            AGE,
            Column("Schema", ".status.schema.verdict", "Verdict on the last update.", wide=True),
            Column("URL", ".status.scoringUrl", "Where to score.", wide=True),
            REASON,
        ),
        rules=(NAME_RULE, ENGINE_TYPE_COMES_WITH_THE_ASSET),
        scalable=True,
    ),
    Kind(
        names.MODEL,
        "mlzm",
        "An MLzModel is a published model; its versions are MLzModelVersions.",
        ModelSpec,
        ModelStatus,
        (
            Column("Display Name", ".spec.displayName", "Name for people."),
            Column("Latest", ".status.latestVersion", "The newest inspected version."),
            READY,
            AGE,
            Column("Author", ".spec.author.name", "Who made it.", wide=True),
            REASON,
        ),
    ),
    Kind(
        names.MODEL_VERSION,
        "mlzv",
        "An MLzModelVersion is one immutable asset of a model, with its URI and digest.",
        ModelVersionSpec,
        ModelVersionStatus,
        (
            Column("Engine", ".spec.engineType", "Engine type."),
            READY,
            Column("Digest", ".status.digest", "Digest of the asset."),
            Column("Size", ".status.sizeBytes", "Size of the asset in bytes.", type="integer"),
            AGE,
            Column("Model", ".spec.model", "The model it is a version of.", wide=True),
            Column("Seq", ".status.versionSeq", "Number in the model.", "integer", wide=True),
            Column("Schema", ".status.schemaDigest", "Schema digest.", wide=True),
            Column("URI", ".spec.artifact.uri", "Where the asset lies.", wide=True),
            REASON,
        ),
        rules=(VERSION_NAME_RULE,),
    ),
    Kind(
        names.SCORING_SERVICE,
        "mlzs",
        "An MLzScoringService says where and how deployments run.",
        ScoringServiceSpec,
        ScoringServiceStatus,
        (
            Column("Type", ".spec.type", "standard or cluster."),
            READY,
            AGE,
            Column("Active", ".spec.active", "Empty means true.", type="boolean", wide=True),
            Column("Accelerator", ".spec.acceleratorPolicy", "Empty means Require.", wide=True),
            Column("Guid", ".status.guid", "MLz's scoringGroupId.", wide=True),
            REASON,
        ),
    ),
)


def definitions() -> dict[str, Json]:
    """The CustomResourceDefinitions by plural name."""
    return {kind.plural: definition(kind) for kind in KINDS}


def definition(kind: Kind) -> Json:
    """The CustomResourceDefinition of a kind."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{names.GROUP}"},
        "spec": {
            "group": names.GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind.name,
                "listKind": f"{kind.name}List",
                "plural": kind.plural,
                "singular": kind.name.lower(),
                "shortNames": [kind.short_name],
                "categories": [CATEGORY],
            },
            "versions": [
                {
                    "name": names.VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": _subresources(kind),
                    "additionalPrinterColumns": [_printer_column(one) for one in kind.columns],
                    "schema": {"openAPIV3Schema": _object_schema(kind)},
                }
            ],
        },
    }


def _object_schema(kind: Kind) -> Json:
    """The root; apiVersion, kind and metadata are described as Kubernetes' own kinds do it."""
    spec = structural_schema(kind.spec)
    schema: Json = {
        "type": "object",
        "description": kind.description,
        "properties": {
            "apiVersion": {"type": "string", "description": f"Always {names.API_VERSION}."},
            "kind": {"type": "string", "description": f"Always {kind.name}."},
            # Kubernetes describes it, and takes no description from us.
            "metadata": {"type": "object"},
            "spec": spec,
            "status": structural_schema(kind.status),
        },
    }
    if spec.get("required"):
        schema["required"] = ["spec"]
    return schema | (rules(*kind.rules) if kind.rules else {})


def _printer_column(column: Column) -> Json:
    shown = {
        "name": column.name,
        "type": column.type,
        "jsonPath": column.path,
        "description": column.description,
    }
    return shown | {"priority": 1} if column.wide else shown


def _subresources(kind: Kind) -> Json:
    if not kind.scalable:
        return {"status": {}}
    return {
        "status": {},
        "scale": {
            "specReplicasPath": ".spec.replicas",
            "statusReplicasPath": ".status.replicas",
            "labelSelectorPath": ".status.selector",
        },
    }


def structural_schema(document: type[Document]) -> Json:
    """
    The OpenAPI v3 schema of a type, as Kubernetes takes it.

    What pydantic says in JSON Schema is said again without references, without the null of
    optional fields (absent is absent), and with a description on every field.
    Source: Kubernetes, "Specifying a structural schema".

    Raises:
        ValueError: the type says something that a structural schema cannot, or does not describe
            one of its fields: a mistake in the type.
    """
    schema = document.model_json_schema(by_alias=True)
    return _converted(schema, schema.get("$defs", {}), document.__name__)


def _converted(node: Json, definitions: Mapping[str, Json], place: str) -> Json:
    node = _in_openapi_words(_resolved(node, definitions))
    unknown = node.keys() - _KEPT - _DROPPED
    if unknown:
        raise ValueError(f"{place}: Kubernetes has no words for {sorted(unknown)}")
    schema = {key: value for key, value in node.items() if key in _KEPT}
    if "properties" in node:
        schema["properties"] = _converted_properties(node["properties"], definitions, place)
    elif isinstance(node.get("additionalProperties"), dict):
        values = node["additionalProperties"]
        schema["additionalProperties"] = _converted(values, definitions, f"{place}.*")
    if "items" in node:
        schema["items"] = _converted_item(node["items"], definitions, f"{place}[]")
    return schema


def _converted_properties(
    properties: Mapping[str, Json], definitions: Mapping[str, Json], place: str
) -> Json:
    converted = {}
    for name, field in properties.items():
        # Its own one: the description of its type would say the same wherever the type is used.
        description = field.get("description")
        if not description:
            raise ValueError(f"{place}.{name} has no description")
        described = field | {"description": description}
        converted[name] = _converted(described, definitions, f"{place}.{name}")
    return converted


def _converted_item(item: Json, definitions: Mapping[str, Json], place: str) -> Json:
    """An element of a list: here, unlike in a field, null is a value of its own."""
    schema = _converted(item, definitions, place)
    return schema | {"nullable": True} if _NULL in item.get("anyOf", ()) else schema


def _resolved(node: Json, definitions: Mapping[str, Json]) -> Json:
    """References and optional types replaced by what they mean; the words beside them win."""
    if "$ref" in node:
        name = node["$ref"].removeprefix("#/$defs/")
        return _resolved(definitions[name], definitions) | _without(node, "$ref")
    if "anyOf" not in node:
        return node
    options = [option for option in node["anyOf"] if option != _NULL]
    rest = _without(node, "anyOf")
    if len(options) == 1:
        return _resolved(options[0], definitions) | rest
    if node.get("x-kubernetes-int-or-string"):
        return rest
    # Values of several types: a structural schema has exactly one type for a value, or none.
    return rest | {"x-kubernetes-preserve-unknown-fields": True}


def _in_openapi_words(node: Json) -> Json:
    if "const" in node:
        node = _without(node, "const") | {"enum": [node["const"]]}
    for open_end, end, step in (
        ("exclusiveMinimum", "minimum", 1),
        ("exclusiveMaximum", "maximum", -1),
    ):
        if open_end in node:
            if node.get("type") != "integer":
                raise ValueError(f"{open_end} is for integers; OpenAPI v3 means a boolean by it")
            node = _without(node, open_end) | {end: node[open_end] + step}
    return node


def _without(node: Json, key: str) -> Json:
    return {name: value for name, value in node.items() if name != key}
