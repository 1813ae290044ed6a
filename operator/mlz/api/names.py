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
REST_MANAGER = "mlz-rest"

LABEL_DEPLOYMENT = f"{GROUP}/deployment"
LABEL_ASSET = f"{GROUP}/asset"
LABEL_MODEL_VERSION = f"{GROUP}/model-version"
# On a deployment that the REST facade gave another display name: a digest of the new one.
LABEL_RENAMED = f"{GROUP}/renamed-to"
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
# What the REST facade notes: who owns a resource, which retry it belongs to, whether a model's
# bytes are still on their way, which try of ours made an object (until all is done).
ANNOTATION_CREATED_BY = f"{GROUP}/created-by"
ANNOTATION_IDEMPOTENCY_KEY = f"{GROUP}/idempotency-key"
ANNOTATION_IMPORT_STARTED = f"{GROUP}/import-started"
ANNOTATION_REQUEST = f"{GROUP}/request"
# What watsonx's form of a deployment has and no field of ours holds, as JSON.
ANNOTATION_TAGS = f"{GROUP}/tags"
ANNOTATION_CUSTOM = f"{GROUP}/custom"
CLAIM_PREFIX = f"{GROUP}/claim."

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
    return f"{beginning(version, 46)}-{short_hash(version)}-inspect"


def claim_annotation(scoring_service: str) -> str:
    """Of a model version: which deployment has it in a scoring service; a key has 63 characters."""
    if len(scoring_service) <= 57:
        return f"{CLAIM_PREFIX}{scoring_service}"
    return f"{CLAIM_PREFIX}{beginning(scoring_service, 48)}-{short_hash(scoring_service)}"


def beginning(name: str, length: int) -> str:
    """A name cut to so many characters at most; no part of a name ends in a dash or a dot."""
    return name[:length].rstrip("-.")


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
