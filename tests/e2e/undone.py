"""An asset update that was undone: what status says of it, and what is left of it."""

from e2e.models import Pushed
from e2e.places import Place, conditions
from e2e.waiting import until
from mlz.api.names import LABEL_ASSET, LABEL_DEPLOYMENT, asset_label
from mlz.cluster import kinds


def assert_undone(place: Place, name: str, bad: Pushed, reason: str, serving: str) -> None:
    """
    The deployment is ready with the asset that served before, and tells the reason.

    Args:
        serving: that asset's digest; no other pods are left.
    """
    status = place.until_state(name, "ready")
    stalled = conditions(status)["Stalled"]
    assert (stalled["status"], stalled["reason"]) == ("True", reason)
    assert status["failure"]["reason"] == reason
    assert status["failure"]["assetDigest"] == f"sha256:{bad.sha256}"
    assert status["asset"]["active"]["digest"] == serving
    assert status["history"][0]["outcome"] == "Failed"
    assert conditions(status)["Available"]["status"] == "True"
    wanted = [asset_label(serving)] * status["replicas"]
    until(lambda: _assets_of_pods(place, name) == wanted, "the failed try has left nothing")


def _assets_of_pods(place: Place, name: str) -> list[str | None]:
    """Of its own pods, and of all that belong to no deployment."""
    labels = [pod["metadata"]["labels"] for pod in place.all(kinds.POD)]
    return [one.get(LABEL_ASSET) for one in labels if one.get(LABEL_DEPLOYMENT, name) == name]
