"""
Every error of ours, and the closed set of reasons that users meet.

Knows nothing of HTTP, Kubernetes or kopf: each edge has one table of its own that turns these
errors into its answers. The tree::

    MlzError
      RejectedError      the input, asset or spec is wrong: trying again cannot help
      RetryableError     something outside failed: trying again may help
"""

from enum import StrEnum


class Reason(StrEnum):
    """
    Why something is as it is, in one CamelCase word.

    These words are public: they stand in conditions, events, metrics and error answers, so none is
    ever renamed. The docstring-like text of each is in ``REASON_TEXTS``, which the reference docs
    are generated from.
    """

    # The way to serving.
    INITIALIZING = "Initializing"
    ROLLING_OUT = "RollingOut"
    SERVING = "Serving"
    PODS_UNAVAILABLE = "PodsUnavailable"
    SUSPENDED = "Suspended"
    INSPECTED = "Inspected"
    INSPECTING = "Inspecting"
    ACCEPTED = "Accepted"
    # An asset update.
    AWAITING_ACKNOWLEDGEMENT = "AwaitingAcknowledgement"
    SCHEMA_INCOMPATIBLE = "SchemaIncompatible"
    SCHEMA_UNKNOWN = "SchemaUnknown"
    SCHEMA_BLOCKED = "SchemaBlocked"
    # The spec.
    INVALID_SPEC = "InvalidSpec"
    SCORING_SERVICE_NOT_FOUND = "ScoringServiceNotFound"
    SCORING_SERVICE_INACTIVE = "ScoringServiceInactive"
    MODEL_VERSION_NOT_FOUND = "ModelVersionNotFound"
    ENGINE_TYPE_MISMATCH = "EngineTypeMismatch"
    ENGINE_NOT_AVAILABLE = "EngineNotAvailable"
    DUPLICATE_SERVING_ID = "DuplicateServingId"
    DUPLICATE_DEPLOYMENT = "DuplicateDeployment"
    DUPLICATE_DISPLAY_NAME = "DuplicateDisplayName"
    NAME_CONFLICT = "NameConflict"
    WRITE_CONFLICT = "WriteConflict"
    DELETION_BRAKED = "DeletionBraked"
    # Getting the asset.
    ASSET_NOT_FOUND = "AssetNotFound"
    ACCESS_DENIED = "AccessDenied"
    STORE_UNREACHABLE = "StoreUnreachable"
    DOWNLOAD_INTERRUPTED = "DownloadInterrupted"
    DIGEST_MISMATCH = "DigestMismatch"
    ASSET_TOO_LARGE = "AssetTooLarge"
    ADDRESS_FORBIDDEN = "AddressForbidden"
    REDIRECT_REFUSED = "RedirectRefused"
    CREDENTIALS_NOT_FOUND = "CredentialsNotFound"
    VOLUME_CLAIM_NOT_FOUND = "VolumeClaimNotFound"
    # What is in it.
    ARCHIVE_UNSAFE = "ArchiveUnsafe"
    ARCHIVE_INVALID = "ArchiveInvalid"
    MODEL_INVALID = "ModelInvalid"
    MODEL_UNSAFE = "ModelUnsafe"
    FRAMEWORK_VERSION_UNSUPPORTED = "FrameworkVersionUnsupported"
    SCHEMA_DECLARATION_MISMATCH = "SchemaDeclarationMismatch"
    # The pods.
    IMAGE_PULL_FAILED = "ImagePullFailed"
    UNSCHEDULABLE = "Unschedulable"
    ACCELERATOR_UNAVAILABLE = "AcceleratorUnavailable"
    QUOTA_EXCEEDED = "QuotaExceeded"
    POD_REFUSED = "PodRefused"
    OBJECT_REFUSED = "ObjectRefused"
    MODEL_LOAD_FAILED = "ModelLoadFailed"
    WARM_UP_FAILED = "WarmUpFailed"
    OUT_OF_MEMORY = "OutOfMemory"
    ENGINE_CRASHED = "EngineCrashed"
    PROGRESS_DEADLINE_EXCEEDED = "ProgressDeadlineExceeded"


REASON_TEXTS: dict[Reason, str] = {
    Reason.INITIALIZING: "Nothing has served yet; the first pods are on their way.",
    Reason.ROLLING_OUT: "Pods of the wanted asset are replacing others or being added.",
    Reason.SERVING: "Every wanted pod serves the wanted asset.",
    Reason.PODS_UNAVAILABLE: "Pods that served are gone or not ready; Kubernetes replaces them.",
    Reason.SUSPENDED: "spec.suspend is true: no pods.",
    Reason.INSPECTED: "The asset was fetched and checked, its schema is known.",
    Reason.INSPECTING: "The asset is being fetched and checked.",
    Reason.ACCEPTED: "The resource is well formed and in use where it is referred to.",
    Reason.AWAITING_ACKNOWLEDGEMENT: "The schema does not match and is to be acknowledged.",
    Reason.SCHEMA_INCOMPATIBLE: "The new asset does not match the schema of the one before it.",
    Reason.SCHEMA_UNKNOWN: "Whether the new asset matches the one before it cannot be known.",
    Reason.SCHEMA_BLOCKED: "The new asset does not match, and policy or a servingId forbids that.",
    Reason.INVALID_SPEC: "The spec cannot be honoured; the message names the field.",
    Reason.SCORING_SERVICE_NOT_FOUND: "spec.scoringService names no MLzScoringService here.",
    Reason.SCORING_SERVICE_INACTIVE: "The scoring service has spec.active: false.",
    Reason.MODEL_VERSION_NOT_FOUND: "spec.asset.modelVersion names no MLzModelVersion here.",
    Reason.ENGINE_TYPE_MISMATCH: "The asset is of another engine type than the one declared.",
    Reason.ENGINE_NOT_AVAILABLE: "No image is configured for this engine type and provider.",
    Reason.DUPLICATE_SERVING_ID: "An older deployment has this servingId in the scoring service.",
    Reason.DUPLICATE_DEPLOYMENT: "An older deployment serves this model version in the service.",
    Reason.DUPLICATE_DISPLAY_NAME: "An older deployment has this display name.",
    Reason.NAME_CONFLICT: "An object of the needed name exists and belongs to somebody else.",
    Reason.WRITE_CONFLICT: "Somebody keeps changing an object of ours back.",
    Reason.DELETION_BRAKED: "Too many workloads were to be deleted at once; they wait.",
    Reason.ASSET_NOT_FOUND: "The store says that there is nothing at the URI.",
    Reason.ACCESS_DENIED: "The store refused the credentials, or wanted some and got none.",
    Reason.STORE_UNREACHABLE: "The store's host is unknown or does not answer.",
    Reason.DOWNLOAD_INTERRUPTED: "The download broke off more often than it may be resumed.",
    Reason.DIGEST_MISMATCH: "The bytes at the URI do not have the declared sha256.",
    Reason.ASSET_TOO_LARGE: "The asset is larger than the limit, packed or unpacked.",
    Reason.ADDRESS_FORBIDDEN: "The URI leads to a loopback, link-local or metadata address.",
    Reason.REDIRECT_REFUSED: "The store redirects to a host that is not allowed.",
    Reason.CREDENTIALS_NOT_FOUND: "secretRef names no Secret, or one without usable keys.",
    Reason.VOLUME_CLAIM_NOT_FOUND: "The claim of a pvc:// URI does not exist here.",
    Reason.ARCHIVE_UNSAFE: "The archive holds links, devices, paths outside or a bomb.",
    Reason.ARCHIVE_INVALID: "The archive is broken or does not hold exactly one model.",
    Reason.MODEL_INVALID: "The file is not a whole model of the declared engine type.",
    Reason.MODEL_UNSAFE: "The file holds what may harm: DTDs, bombs, external data, bad trees.",
    Reason.FRAMEWORK_VERSION_UNSUPPORTED: "The model needs a newer library than the image has.",
    Reason.SCHEMA_DECLARATION_MISMATCH: "The declared schema contradicts the model's own.",
    Reason.IMAGE_PULL_FAILED: "A container image cannot be pulled.",
    Reason.UNSCHEDULABLE: "No node takes the pod; the message is the scheduler's.",
    Reason.ACCELERATOR_UNAVAILABLE: "No node has, or the pod did not find, the wanted accelerator.",
    Reason.QUOTA_EXCEEDED: "A ResourceQuota forbids the pods.",
    Reason.POD_REFUSED: "The API server refuses the pods, for example by an admission policy.",
    Reason.OBJECT_REFUSED: "The API server refuses an object that the deployment needs.",
    Reason.MODEL_LOAD_FAILED: "The engine's library cannot load the model.",
    Reason.WARM_UP_FAILED: "The warm-up score failed, was not finite or took too long.",
    Reason.OUT_OF_MEMORY: "A container was killed for using more memory than its limit.",
    Reason.ENGINE_CRASHED: "The engine ended and left no reason.",
    Reason.PROGRESS_DEADLINE_EXCEEDED: "The pods did not become ready in time.",
}


class MlzError(Exception):
    """
    The root of all errors of ours.

    Args:
        reason: the public word for it.
        message: what was wanted, what was found, what to do; shown to users as it is.
    """

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class RejectedError(MlzError):
    """What was given is wrong; the same again will fail again."""


class RetryableError(MlzError):
    """Something outside failed; the same again may succeed."""
