"""Facts: all that a decision may look at, frozen. ``cluster.observe`` gathers them."""

from dataclasses import dataclass, field
from datetime import datetime

from mlz.api.parsing import Deployment, ModelVersion, ScoringService
from mlz.errors import Reason
from mlz.model.asset import Inspection, Provider


@dataclass(frozen=True, slots=True)
class Finding:
    """
    Something that is in the way.

    Attributes:
        permanent: no progress without a change of this resource; else it may pass by itself.
    """

    reason: Reason
    message: str
    permanent: bool = False


def known_reason(word: str) -> Reason | None:
    """The reason of that word, or None where only a newer operator knows it."""
    return next((one for one in Reason if one == word), None)


@dataclass(frozen=True, slots=True)
class PodFacts:
    """
    One scoring pod.

    Attributes:
        asset: value of the asset label.
        leaves: when a pod on its way out is gone at the latest, or None for one that stays.
        over: whether it has ended for good, so that it can answer nobody.
        able_since: since when all its images run or ran, so that only the asset can delay it; None
            while it cannot start.
        finding: what keeps it from being ready, or None.
    """

    name: str
    asset: str
    ready: bool
    leaves: datetime | None = None
    over: bool = False
    able_since: datetime | None = None
    finding: Finding | None = None

    def answers(self, now: datetime) -> bool:
        """Whether it may still answer somebody, for example over a connection kept alive."""
        return not self.over and (self.leaves is None or self.leaves > now)


@dataclass(frozen=True, slots=True)
class WorkloadFacts:
    """
    The apps/v1 Deployment.

    Attributes:
        asset: value of the asset label of its pod template.
        wanted: replicas in its spec.
        observed: whether its controller has seen our last write; counts are stale until then.
        finding: why its pods cannot be made, or None.
    """

    asset: str
    provider: Provider
    wanted: int
    observed: bool
    total: int = 0
    updated: int = 0
    ready: int = 0
    finding: Finding | None = None

    @property
    def complete(self) -> bool:
        """
        Whether every pod there is, is a new and ready one.

        ``ready >= wanted`` alone is true while old pods still answer.
        """
        counts = {self.total, self.updated, self.ready}
        return self.observed and counts == {self.wanted}


@dataclass(frozen=True, slots=True)
class DeploymentFacts:
    """
    Everything about one MLzDeployment.

    Attributes:
        version: the wanted model version, or None where it does not exist (yet).
        active_version: the version of the asset deployed last, or None where it is gone; see
            ``lifecycle.updates.deployed``.
        rivals: older deployments that hold what this one asks for.
        engine_image: whether an image is known for the engine type and provider.
    """

    deployment: Deployment
    now: datetime
    scoring_service: ScoringService | None = None
    version: ModelVersion | None = None
    active_version: ModelVersion | None = None
    rivals: tuple[Finding, ...] = ()
    engine_image: bool = True
    workload: WorkloadFacts | None = None
    pods: tuple[PodFacts, ...] = ()
    progress_deadline_seconds: int = 300


@dataclass(frozen=True, slots=True)
class InspectionPodFacts:
    """
    The pod that inspects a version.

    Attributes:
        outcome: what it left in its termination message, schema included; None while it runs.
        finished: when it ended, or None.
        finding: why it cannot run or ended without a word, or None.
    """

    name: str
    outcome: Inspection | None = None
    finished: datetime | None = None
    finding: Finding | None = None


@dataclass(frozen=True, slots=True)
class VersionFacts:
    """
    Everything about one MLzModelVersion.

    Attributes:
        siblings: sequence numbers that other versions of the same model have.
    """

    version: ModelVersion
    now: datetime
    pod: InspectionPodFacts | None = None
    engine_image: bool = True
    siblings: tuple[int, ...] = field(default=())
