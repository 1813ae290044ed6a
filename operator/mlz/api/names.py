"""Group, kinds, labels, annotations and the names of child objects; nothing else invents names."""

import hashlib
import json

GROUP = "mlz.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

DEPLOYMENT = "MLzDeployment"
MODEL = "MLzModel"
MODEL_VERSION = "MLzModelVersion"
SCORING_SERVICE = "MLzScoringService"

FIELD_MANAGER = "mlz-operator"
STATUS_MANAGER = "mlz-operator-status"

LABEL_DEPLOYMENT = f"{GROUP}/deployment"
LABEL_ASSET = f"{GROUP}/asset"
LABEL_MODEL_VERSION = f"{GROUP}/model-version"
LABEL_MANAGED_BY = "app.kubernetes.io/managed-by"
LABEL_COMPONENT = "app.kubernetes.io/component"
LABEL_INSTANCE = "app.kubernetes.io/instance"

ANNOTATION_PAUSED = f"{GROUP}/paused"
ANNOTATION_ACKNOWLEDGED = f"{GROUP}/acknowledge-schema-change"
ANNOTATION_APPLIED_HASH = f"{GROUP}/applied-hash"
ANNOTATION_TEMPLATE = f"{GROUP}/pod-template"
ANNOTATION_TEMPLATE_INPUTS = f"{GROUP}/pod-template-inputs"
# Of the asset that serves, while the pod template is another one's.
ANNOTATION_SERVING_TEMPLATE = f"{GROUP}/serving-pod-template"
ANNOTATION_SERVING_TEMPLATE_INPUTS = f"{GROUP}/serving-pod-template-inputs"
ANNOTATION_PROVIDER = f"{GROUP}/provider"

# A Service name is the shortest of the names that are made from ours, and it must start with a
# letter; a version of a deployment adds nine characters, its inspection pod eight more.
NAME_PATTERN = "^[a-z]([-a-z0-9]*[a-z0-9])?$"
NAME_LIMIT = 45


def version_name(deployment: str, *identity: str | None) -> str:
    """The name of the model version that a deployment owns for an asset given by URI."""
    return f"{deployment}-{short_hash(list(identity))}"


def inspection_name(version: str) -> str:
    """The name of the pod that inspects a model version; a pod's name may have 63 characters."""
    name = f"{version}-inspect"
    if len(name) <= 63:
        return name
    return f"{version[:46].rstrip('-.')}-{short_hash(version)}-inspect"


def short_hash(value: object) -> str:
    """Eight hex digits of the canonical JSON of a value."""
    return full_hash(value)[:8]


def full_hash(value: object) -> str:
    """Sixty-four hex digits of the canonical JSON of a value."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def asset_label(digest: str) -> str:
    """The label value for a digest ``sha256:<hex>``: its first 16 hex digits."""
    return digest.removeprefix("sha256:")[:16]
