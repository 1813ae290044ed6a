"""
The asset update: what is deployed, whether the wanted asset matches it, what policy makes of it.

An update is judged in this order: a failure that is remembered, the prerequisites, inspection, the
verdict and its policy, the rollout. Until the rollout is complete the deployed asset is the truth.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from mlz.api.conditions import ConditionType, find, moment, timestamp
from mlz.api.names import ANNOTATION_ACKNOWLEDGED, asset_label, full_hash
from mlz.api.parsing import ModelVersion
from mlz.api.status import DeployedAsset, Failure
from mlz.api.v1alpha1 import DeploymentSpec
from mlz.errors import Reason
from mlz.lifecycle.checks import FORGOTTEN
from mlz.lifecycle.facts import DeploymentFacts, Finding, known_reason
from mlz.lifecycle.versions import is_accepted, wanted_digest
from mlz.model.asset import EngineType
from mlz.model.compat import Side, compare
from mlz.model.verdict import Change, Comparison, Verdict

# Source: watsonx v4, "Updating a deployment".
MISMATCH = (
    "The input schema of the asset being patched does not match with the currently deployed asset. "
    "Please ensure that the score payloads are up to date as per the asset being patched."
)

_VERDICT_TEXTS = {
    Verdict.IDENTICAL: "the new asset is identical with the deployed one",
    Verdict.COMPATIBLE: "the new asset is compatible with the deployed one",
    Verdict.INCOMPATIBLE: "the new asset is incompatible with the deployed one",
    Verdict.UNKNOWN: "whether the new asset matches the deployed one cannot be known",
}
_REASONS_SHOWN = 3

# On create a crash may heal by itself; in an update there is an asset that does not crash.
_ENDS_AN_UPDATE = frozenset({Reason.OUT_OF_MEMORY, Reason.ENGINE_CRASHED})


def deployed(facts: DeploymentFacts) -> DeployedAsset | None:
    """
    The asset that serves or served last, or None before the first one has.

    An asset whose first pods became ready just before the spec changed counts: it answers callers,
    though no pass has come to say so.
    """
    asset = facts.deployment.status.asset
    if asset is None or asset.active is not None:
        return None if asset is None else asset.active
    first = asset.target
    if first is None or first.digest is None or first.version == wanted_name(facts):
        return None
    label = asset_label(first.digest)
    answers = any(pod.ready and pod.asset == label for pod in facts.pods)
    return first.model_copy(update={"since": timestamp(facts.now)}) if answers else None


def wanted_name(facts: DeploymentFacts) -> str | None:
    """The wanted version's name, also where somebody has deleted it; None if unreadable."""
    if facts.version is not None:
        return facts.version.meta.name
    return None if facts.deployment.spec is None else facts.deployment.spec.asset.model_version


def is_update(facts: DeploymentFacts) -> bool:
    """Whether another asset is deployed than the wanted one."""
    before = deployed(facts)
    if before is None or facts.version is None:
        return before is not None and before.version != wanted_name(facts)
    return not is_of(before, facts.version)


def is_of(asset: DeployedAsset, version: ModelVersion) -> bool:
    """
    Whether an asset is that version's.

    A version that was deleted and made again may have the name of the old one and other bytes.
    """
    digests = asset.digest, wanted_digest(version)
    same_bytes = None in digests or digests[0] == digests[1]
    return asset.version == version.meta.name and same_bytes


def comparison(facts: DeploymentFacts) -> Comparison | None:
    """The verdict on an update; None where there is none, or inspection has not spoken yet."""
    spec, version = facts.deployment.spec, facts.version
    if spec is None or version is None or not is_update(facts) or not is_accepted(version):
        return None
    return compare(_side(facts.active_version, spec.engine_type), _side(version, spec.engine_type))


def _side(version: ModelVersion | None, engine_type: EngineType) -> Side:
    """A version that somebody has deleted has no schema any more."""
    if version is None or version.spec is None:
        return Side(engine_type, None)
    return Side(version.spec.engine_type, version.status.model_schema)


def summary(verdict: Verdict, changes: Iterable[Change]) -> str:
    """The verdict and the changes that made it, in one line."""
    reasons = [one.sentence for one in changes if one.verdict is verdict]
    more = len(reasons) - _REASONS_SHOWN
    shown = "; ".join(reasons[:_REASONS_SHOWN]) + (f"; and {more} more" if more > 0 else "")
    return f"{_VERDICT_TEXTS[verdict]}: {shown}"


def policy_allows_it(facts: DeploymentFacts, found: Comparison | None) -> Finding | None:
    """Block keeps the old asset, and so does a servingId, whose callers share one schema."""
    spec = facts.deployment.spec
    if spec is None or found is None or found.is_match:
        return None
    if spec.serving_id is None and spec.schema_policy != "Block":
        return None
    why = "schemaPolicy is Block"
    if spec.serving_id is not None:
        why = f"the callers of servingId '{spec.serving_id}' share one schema"
    return Finding(
        Reason.SCHEMA_BLOCKED,
        f"{why}; {summary(found.verdict, found.changes)}",
        permanent=True,
    )


def awaits_acknowledgement(facts: DeploymentFacts, found: Comparison | None) -> str | None:
    """What a user has to do before the update goes on, or None."""
    spec = facts.deployment.spec
    if spec is None or spec.schema_policy != "RequireAck":
        return None
    if found is None or found.is_match:
        return None
    if facts.deployment.meta.acknowledged == found.diff_digest:
        return None
    return f"To go on, set the annotation {ANNOTATION_ACKNOWLEDGED}: {found.diff_digest}"


def in_time(facts: DeploymentFacts, finding: Finding | None) -> Finding | None:
    """What may pass holds an update up until the progress deadline and then ends it."""
    if finding is None or finding.permanent:
        return finding
    if finding.reason in _ENDS_AN_UPDATE:
        return Finding(finding.reason, finding.message, permanent=True)
    if facts.now < stall_ends(facts):
        return finding
    return Finding(
        Reason.PROGRESS_DEADLINE_EXCEEDED,
        f"{finding.reason} for {facts.progress_deadline_seconds} s: {finding.message}",
        permanent=True,
    )


def stall_ends(facts: DeploymentFacts) -> datetime:
    """When an update that something holds up now is given up."""
    since = facts.now
    stalled = find(facts.deployment.status.conditions, ConditionType.STALLED)
    if stalled is not None and not _is_new_try(facts):
        since = max(moment(stalled.last_transition_time), moment(_wanted_since(facts)))
    return since + timedelta(seconds=facts.progress_deadline_seconds)


def wanted_since(facts: DeploymentFacts, failure: Failure | None) -> str:
    """Since when the wanted asset is tried; a failure that is forgotten begins a new try."""
    if failure is None and _is_new_try(facts):
        return timestamp(facts.now)
    return _wanted_since(facts)


def _wanted_since(facts: DeploymentFacts) -> str:
    asset = facts.deployment.status.asset
    known = None if asset is None else asset.target
    if known is None or known.version != wanted_name(facts) or known.since is None:
        return timestamp(facts.now)
    return known.since


def _is_new_try(facts: DeploymentFacts) -> bool:
    return facts.deployment.status.failure is not None and remembered(facts) is None


def remembered(facts: DeploymentFacts) -> Finding | None:
    """
    A failure that only pods could tell of stands until the spec changes.

    Another number of replicas makes no bad asset good, but may make room for a late one.
    """
    status, version = facts.deployment.status, facts.version
    failure = status.failure
    if failure is None or version is None or failure.asset_digest != wanted_digest(version):
        return None
    reason = known_reason(failure.reason)
    if reason is None or reason in FORGOTTEN:
        return None
    if failure.spec_digest != spec_digest(facts.deployment.spec):
        return None
    rescaled = status.observed_generation != facts.deployment.meta.generation
    if rescaled and reason is Reason.PROGRESS_DEADLINE_EXCEEDED:
        return None
    return Finding(reason, failure.message, permanent=True)


def failure_of(facts: DeploymentFacts, finding: Finding | None) -> Failure | None:
    """A permanent finding as status remembers it, with the time of its first appearance."""
    if finding is None or not finding.permanent:
        return None
    before = facts.deployment.status.failure
    failure = Failure(
        reason=finding.reason,
        message=finding.message,
        asset_digest=None if facts.version is None else wanted_digest(facts.version),
        spec_digest=spec_digest(facts.deployment.spec),
        time=timestamp(facts.now),
    )
    if before is None or _identity(before) != _identity(failure):
        return failure
    return before


def _identity(failure: Failure) -> tuple[str, str | None, str | None]:
    return failure.reason, failure.asset_digest, failure.spec_digest


def spec_digest(spec: DeploymentSpec | None) -> str | None:
    """Sixteen hex digits of the spec without its replicas; None where it cannot be read."""
    if spec is None:
        return None
    document = spec.model_dump(mode="json", exclude_none=True, exclude={"replicas"})
    return full_hash(document)[:16]
