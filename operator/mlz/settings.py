"""
The settings of each process, read once from ``MLZ_…`` environment variables and then frozen.

Every field is one variable (``max_body_bytes`` is ``MLZ_MAX_BODY_BYTES``). The reference docs are
generated from the descriptions here. Nothing else of ours reads the environment.
"""

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mlz.errors import Reason, RejectedError
from mlz.model.asset import EngineType, Provider
from mlz.model.document import Document
from mlz.model.trust import FILE, FOLDER

PREFIX = "MLZ_"
MEBIBYTE = 1024 * 1024


class Settings(BaseModel):
    """What the settings of all processes share: how they are read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Lowest level logged: DEBUG, INFO, WARNING or ERROR."
    )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """
        Read the settings of this process.

        Raises:
            RejectedError: a variable has a value that its field does not take; all are named.
        """
        given = {
            name: environment[PREFIX + name.upper()]
            for name in cls.model_fields
            if environment.get(PREFIX + name.upper())
        }
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            faults = "; ".join(
                f"{PREFIX}{str(part['loc'][0]).upper()}: {part['msg']}" for part in error.errors()
            )
            raise RejectedError(Reason.INVALID_SPEC, f"bad settings: {faults}") from error


class FetchSettings(Settings):
    """`mlz fetch`: what to bring, where to, within which limits."""

    asset_uri: str = Field(description="Where the asset lies.")
    asset_sha256: str | None = Field(
        None, description="Hex digest of the bytes at the URI; not needed where the URI has it."
    )
    engine_type: EngineType | None = Field(None, description="The declared engine type.")
    declared_schema: str | None = Field(
        None, description="Declared schema (JSON) of the version; beats one in the archive."
    )
    model_folder: str = Field("/model", description="Where the asset goes.")
    claims_folder: str = Field("/claims", description="Where volumes of pvc:// URIs are mounted.")
    credentials_folder: str = Field("/credentials", description="A mounted Secret, a key a file.")
    secret_name: str | None = Field(
        None, description="The Secret that should be mounted there; absent means none is."
    )
    termination_log: str = Field("/dev/termination-log", description="Where the outcome goes.")
    max_asset_bytes: int = Field(2048 * MEBIBYTE, gt=0, description="Largest asset, packed.")
    max_unpacked_bytes: int = Field(4096 * MEBIBYTE, gt=0, description="Largest asset, unpacked.")
    max_attempts: int = Field(4, ge=1, description="Tries of what may pass, the first included.")
    attempt_timeout_seconds: float = Field(30, gt=0, description="Longest silence of a store.")
    total_timeout_seconds: float = Field(1800, gt=0, description="Longest time for all of it.")
    allowed_redirect_hosts: str = Field(
        "", description="Hosts (comma-separated) that an http(s) store may redirect to."
    )
    allow_loopback: bool = Field(False, description="Loopback allowed: a developer's machine.")


class EngineSettings(Settings):
    """`mlz engine`: which model answers under which names, within which limits."""

    model_folder: str = Field("/model", description="Where `mlz fetch` left the asset.")
    asset_digest: str | None = Field(
        None, description="The digest this pod is to serve; another one is refused."
    )
    model_name: str = Field("model", description="Name in /v2/models/{name}.")
    deployment_guid: str | None = Field(None, description="Public id in the scoring URL.")
    serving_id: str | None = Field(None, description="Second public id in the scoring URL.")
    host: str = Field("0.0.0.0", description="Address to listen on.")  # noqa: S104 - a pod's own
    port: int = Field(8080, ge=0, le=65535, description="Port to listen on; 0 picks a free one.")
    provider: Provider = Field(Provider.CPU, description="The execution provider asked for.")
    threads: int = Field(1, ge=1, description="Threads of the engine's library.")
    termination_log: str = Field("/dev/termination-log", description="Where last words go.")
    max_body_bytes: int = Field(16 * MEBIBYTE, gt=0, description="Largest request body.")
    max_records: int = Field(10_000, gt=0, description="Most records in a request.")
    max_depth: int = Field(32, gt=0, description="Deepest nesting of a request.")
    body_timeout_seconds: float = Field(30, gt=0, description="Longest time for a body.")
    timeout_in_ms: int | None = Field(
        None, ge=1, le=60_000, description="Longest time for a score; absent means no limit."
    )
    queue_limit: int = Field(256, gt=0, description="Requests waiting before 503.")
    warm_up_timeout_seconds: float = Field(30, gt=0, description="Longest warm-up.")
    stuck_call_seconds: float = Field(
        300,
        gt=0,
        description="A call of the engine's library that lasts longer is stuck: the process says"
        " that it is not alive, for the kubelet to restart it.",
    )
    drain_delay_seconds: float = Field(
        3, ge=0, description="Unready but serving, until no endpoint names this pod."
    )
    drain_timeout_seconds: float = Field(60, gt=0, description="Longest wait for in-flight work.")
    authentication: Literal["Required", "None"] = Field(
        "None", description="Required: a score needs a token. None: everybody may score."
    )
    trust_file: str = Field(
        f"{FOLDER}/{FILE}", description="Whose tokens are taken, read again when it changes."
    )


class ProviderDefaults(Document):
    """What an accelerated variant of an engine uses."""

    image: str = Field("", description="Its image; empty means the engine's own.")


class EngineDefaults(Document):
    """What an engine type uses unless a scoring service or a deployment says otherwise."""

    image: str = Field("", description="The engine's image; empty means there is none.")
    resources: dict[str, dict[str, str]] = Field({}, description="ResourceRequirements.")
    providers: dict[Provider, ProviderDefaults] = Field({}, description="Variants, by provider.")


class FetchDefaults(Document):
    """Limits that the operator hands to every `mlz fetch`."""

    max_asset_bytes: int = Field(2048 * MEBIBYTE, gt=0, description="Largest asset, packed.")
    allowed_redirect_hosts: tuple[str, ...] = Field((), description="Hosts to redirect to.")


class FacadeDefaults(Document):
    """The REST facade, as far as scoring pods take its tokens."""

    issuer: str = Field(description="`iss` of its tokens.")
    keys_url: str = Field(description="Where its JWKS is, for the operator to fetch.")
    authorities_file: str = Field(
        "", description="PEM file of authorities trusted for that URL, beside the public ones."
    )


class AuthenticationDefaults(Document):
    """Who may score, unless a scoring service says otherwise."""

    mode: Literal["Required", "None"] = Field(
        "None", description="Required: a score needs a token. None: everybody may score."
    )
    facade: FacadeDefaults | None = Field(None, description="Absent where there is none.")


class Defaults(Document):
    """The chart's values that decide what pods look like (``defaults_file``)."""

    engines: dict[EngineType, EngineDefaults] = Field({}, description="By engine type.")
    image_pull_secrets: tuple[str, ...] = Field((), description="Names of Secrets.")
    fetch: FetchDefaults = Field(FetchDefaults(), description="Limits of fetching.")
    authentication: AuthenticationDefaults = Field(
        AuthenticationDefaults(), description="Who may score."
    )

    def image(self, engine_type: EngineType, provider: Provider) -> str:
        """The image for an engine type and provider; empty where none is configured."""
        engine = self.engines.get(engine_type, EngineDefaults())
        variant = engine.providers.get(provider, ProviderDefaults())
        return variant.image or engine.image


class OperatorSettings(Settings):
    """`mlz operator`: where it works and what it starts."""

    namespace: str = Field("mlz-system", description="The operator's own namespace.")
    watch_namespaces: str = Field(
        "", description="Namespaces served, comma-separated; empty means all."
    )
    pod_name: str = Field("mlz-operator", description="Identity in the leader lease.")
    pod_uid: str = Field(
        "",
        description="The other half of it: a restarted container of this pod leads again at once."
        " Empty outside of a pod: then every process is another candidate.",
    )
    lease_name: str = Field("mlz-operator", description="The leader lease.")
    defaults_file: str = Field(
        "/etc/mlz/defaults.json", description="Images and resources for each engine type."
    )
    workers: int = Field(8, ge=1, le=64, description="Passes running at the same time.")
    metrics_port: int = Field(9090, ge=0, le=65535, description="Port of /metrics.")
    health_port: int = Field(8081, ge=0, le=65535, description="Port of /healthz and /readyz.")
    progress_deadline_seconds: int = Field(
        300, gt=0, description="How long pods that can start may take to become ready."
    )
    inspection_deadline_seconds: int = Field(
        1900, gt=0, description="How long an inspection pod may run."
    )
    audit_interval_seconds: float = Field(300, gt=0, description="Between two full audits.")


class RestSettings(Settings):
    """`mlz rest`: whose resources it shows, who signs its tokens, within which limits."""

    namespace: str = Field("mlz-models", description="Where all resources live that it shows.")
    secret_namespace: str = Field("mlz-system", description="Namespace of its Secret.")
    secret_name: str = Field("mlz-rest", description="The Secret with users and signing keys.")
    issuer: str = Field("https://mlz-rest.mlz-system.svc", description="Issuer of its tokens.")
    public_url: str = Field(
        "", description="What clients call it; empty takes each request's Host header."
    )
    host: str = Field("0.0.0.0", description="Address to listen on.")  # noqa: S104 - a pod's own
    port: int = Field(8443, ge=0, le=65535, description="Port of the API; 0 picks a free one.")
    metrics_port: int = Field(9090, ge=0, le=65535, description="Port of /metrics.")
    tls_folder: str = Field("", description="tls.crt and tls.key; empty means plain HTTP.")
    registry: str = Field(
        "", description="HOST[:PORT][/PREFIX] that imported models go to; empty: no import."
    )
    registry_credentials_folder: str = Field(
        "/registry", description="A mounted Secret with the registry's log-in, a key a file."
    )
    allow_loopback: bool = Field(False, description="A registry on this machine: for developers.")
    upload_folder: str = Field("/uploads", description="Models on their way to the registry.")
    max_uploads_bytes: int = Field(
        4608 * MEBIBYTE,
        gt=0,
        description="Room for all of them at a time; less than the volume has, or it is evicted.",
    )
    max_asset_bytes: int = Field(2048 * MEBIBYTE, gt=0, description="Largest model file.")
    max_body_bytes: int = Field(MEBIBYTE, gt=0, description="Largest body but a model file.")
    max_score_bytes: int = Field(16 * MEBIBYTE, gt=0, description="Largest body of a prediction.")
    body_timeout_seconds: float = Field(30, gt=0, description="Longest time for such a body.")
    upload_timeout_seconds: float = Field(3600, gt=0, description="Longest time for an upload.")
    wait_seconds: float = Field(
        120, gt=0, description="Longest wait for a deployment or a verdict; then it is as it is."
    )
    token_lifetime_seconds: int = Field(3600, ge=60, description="How long a token is good.")
    key_lifetime_seconds: int = Field(
        30 * 86_400, ge=3600, description="How long a key signs before the next one does."
    )
    clean_up_seconds: float = Field(
        900,
        ge=10,
        description="An import that has not ended by then was broken off; its push ends at 2/3.",
    )
    unfinished_seconds: float = Field(
        60,
        ge=1,
        description="A deployment not fully made by then was broken off; looked for half as often.",
    )
    trusted_proxies: str = Field(
        "", description="Addresses (comma-separated) whose X-Forwarded-For is believed."
    )
    oidc: str = Field("", description="An external issuer, as a JSON object; empty: none.")
