"""Many deployments that nobody touches: what happens to them is the operator's doing."""

from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic

from e2e import manifests
from e2e.auditlog import AuditLog
from e2e.models import Pushed
from e2e.places import Place
from e2e.waiting import until


@dataclass(frozen=True)
class Fleet:
    """
    Deployments at rest.

    Attributes:
        mark: where the audit log ended when the last of them had come to rest.
        ready_at: when that was (monotonic seconds).
        first_pods: restarts by uid at that time.
    """

    place: Place
    size: int
    mark: int
    ready_at: float
    first_pods: dict[str, int]

    def pods(self) -> dict[str, int]:
        """Restarts of every pod there is, by uid."""
        return restarts(self.place)


def start_fleet(place: Place, model: Pushed, size: int, audit: AuditLog) -> Fleet:
    """Start them and wait until all are at rest."""
    place.apply(*fleet_manifests(model, size))
    names = [f"ship-{number}" for number in range(size)]
    for name in names:
        place.until_state(name, "ACTIVE", within=60 + 10 * size)
    until(lambda: all(_is_told(place, name) for name in names), "every version is inspected")
    return Fleet(place, size, audit.mark(), monotonic(), restarts(place))


def fleet_manifests(model: Pushed, size: int) -> Iterator[manifests.Manifest]:
    """One version under many scoring services: each takes a version once."""
    yield manifests.model_version("shared", model)
    for number in range(size):
        yield manifests.scoring_service(f"harbour-{number}")
        yield manifests.deployment(
            f"ship-{number}",
            model,
            asset={"modelVersion": "shared"},
            scoringService=f"harbour-{number}",
        )


def restarts(place: Place) -> dict[str, int]:
    """Restarts of every scoring pod that stays, by uid."""
    return {
        pod["metadata"]["uid"]: sum(
            one["restartCount"] for one in pod["status"].get("containerStatuses", ())
        )
        for pod in place.pods()
    }


def _is_told(place: Place, name: str) -> bool:
    return "versionSeq" in place.status(name)["asset"]["active"]
