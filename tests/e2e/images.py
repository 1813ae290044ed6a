"""Images on the node."""

import subprocess

from cluster.node_config import NodePlaces


def tagged_again(image: str) -> str:
    """The same image under a new tag, so that Kubernetes takes it for another one."""
    name = f"{image.rpartition(':')[0]}:e2e"
    socket = str(NodePlaces().containerd_socket)
    subprocess.run(
        ["ctr", "--address", socket, "-n", "k8s.io", "images", "tag", "--force", image, name],
        check=True, capture_output=True,
    )  # fmt: skip
    return name
