"""Which checkout a cluster belongs to: two on one machine must not fight over it unnoticed."""

from pathlib import Path

from cluster.errors import ClusterError
from cluster.places import replace_text


def owner(record: Path) -> Path | None:
    """The checkout in the record, if there is one."""
    try:
        return Path(record.read_text().strip())
    except FileNotFoundError:
        return None


def require_ours(record: Path, checkout: Path) -> None:
    """
    Check that no other checkout owns the cluster; one that was deleted owns nothing.

    Raises:
        ClusterError: another one does.
    """
    found = owner(record)
    if found is None or found == checkout or not (found / "hack" / "cluster").is_dir():
        return
    raise ClusterError(
        f"This machine's cluster belongs to the checkout {found}, this one is {checkout}. "
        f"Use it: KUBECONFIG={found}/build/kubeconfig. Or end it, whoever needs it: "
        f"python3 hack/cluster down --force"
    )


def claim(record: Path, checkout: Path) -> None:
    """Make the checkout the owner."""
    if owner(record) != checkout:
        replace_text(record, f"{checkout}\n")
