"""TCP ports: which are free, and who has the others."""

import secrets
import socket
import subprocess
from collections.abc import Sequence

from cluster.errors import ClusterError

# Below what the kernel gives to outgoing connections (32768…) and below NodePorts (30000…).
RANDOM_PORTS = range(20_000, 30_000)


def is_free(address: str, port: int) -> bool:
    """Whether a program could listen there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind((address, port))
            candidate.listen(1)
        except OSError:
            return False
    return True


def random_free(count: int, address: str = "127.0.0.1") -> list[int]:
    """Different free ports; taken at random, so that parallel test runs do not meet."""
    candidates = secrets.SystemRandom().sample(RANDOM_PORTS, 200)
    free = [port for port in candidates if is_free(address, port)][:count]
    if len(free) < count:
        raise ClusterError(f"{count} free ports on {address} were wanted, {len(free)} found.")
    return free


def require_free(wanted: Sequence[tuple[str, str, int]]) -> None:
    """
    Check ports before programs want them.

    Args:
        wanted: program, address, port.

    Raises:
        ClusterError: somebody else listens there.
    """
    for program, address, port in wanted:
        if not is_free(address, port):
            raise ClusterError(
                f"{program} needs TCP port {port} on {address}, which is in use by "
                f"{_listener(port)}: end that, or use its cluster with --context NAME."
            )


def _listener(port: int) -> str:
    answer = subprocess.run(["ss", "-Hltnp", f"sport = :{port}"], capture_output=True, text=True)
    return " ".join(answer.stdout.split()) or "a program that 'ss' does not see"
