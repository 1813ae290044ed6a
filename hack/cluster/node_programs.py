"""The programs of the single node: what must be prepared for them, their flags, their health."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from cluster import health
from cluster.dns import corefile
from cluster.node_config import (
    DNS_HEALTH_PORT,
    DNS_PORT,
    KUBELET_HEALTH_PORT,
    KUBELET_PORT,
    NODE_ADDRESS,
    NODE_NAME,
    PLANE_PORTS,
    PROXY_HEALTH_PORT,
    PROXY_METRICS_PORT,
    SCHEDULER_PORT,
    NodePlaces,
    containerd_toml,
    kubelet_json,
    network_configuration,
    proxy_json,
)
from cluster.pki import Identity
from cluster.places import replace_text
from cluster.plane import Plane
from cluster.processes import Program

KUBELET = Identity("kubelet", f"system:node:{NODE_NAME}", "system:nodes")
KUBELET_SERVER = Identity(
    "kubelet-server", f"system:node:{NODE_NAME}", addresses=(NODE_NAME, NODE_ADDRESS)
)
CLIENTS = (
    Identity("kube-scheduler", "system:kube-scheduler"),
    KUBELET,
    Identity("kube-proxy", "system:kube-proxy"),
    Identity("coredns", "system:coredns"),
)
RESOLVER = Path("/etc/resolv.conf")

HEALTH_URLS = {
    "etcd": f"http://127.0.0.1:{PLANE_PORTS.etcd}/health",
    "kube-apiserver": f"https://{NODE_ADDRESS}:{PLANE_PORTS.apiserver}/readyz",
    "kube-controller-manager": f"https://127.0.0.1:{PLANE_PORTS.controller_manager}/healthz",
    "kube-scheduler": f"https://127.0.0.1:{SCHEDULER_PORT}/healthz",
    "kubelet": f"http://127.0.0.1:{KUBELET_HEALTH_PORT}/healthz",
    "kube-proxy": f"http://127.0.0.1:{PROXY_HEALTH_PORT}/healthz",
    "coredns": f"http://127.0.0.1:{DNS_HEALTH_PORT}/health",
}
LISTENS = (
    ("etcd", "127.0.0.1", PLANE_PORTS.etcd),
    ("etcd", "127.0.0.1", PLANE_PORTS.etcd_peer),
    ("kube-apiserver", NODE_ADDRESS, PLANE_PORTS.apiserver),
    ("kube-controller-manager", "127.0.0.1", PLANE_PORTS.controller_manager),
    ("kube-scheduler", "127.0.0.1", SCHEDULER_PORT),
    ("kubelet", NODE_ADDRESS, KUBELET_PORT),
    ("kubelet", "127.0.0.1", KUBELET_HEALTH_PORT),
    ("kube-proxy", "127.0.0.1", PROXY_HEALTH_PORT),
    ("kube-proxy", "127.0.0.1", PROXY_METRICS_PORT),
    ("coredns", NODE_ADDRESS, DNS_PORT),
    ("coredns", "127.0.0.1", DNS_HEALTH_PORT),
)
# In starting order; ended in the reverse one.
NAMES = ("containerd", *Plane.NAMES, *(client.name for client in CLIENTS))


class NodePrograms:
    """Command lines of the node's programs, from its places and its control plane."""

    def __init__(
        self, places: NodePlaces, plane: Plane, program_path: Callable[[str], Path]
    ) -> None:
        self._places = places
        self._plane = plane
        self._program_path = program_path

    def prepare(self) -> None:
        """Make keys, kubeconfig files, folders and the network's configuration."""
        self._plane.prepare()
        pki, settings = self._plane.pki, self._plane.settings
        pki.ensure([*CLIENTS, KUBELET_SERVER])
        for identity in CLIENTS:
            path = settings.kubeconfig(identity.name)
            pki.write_kubeconfig(path, identity, settings.server)
        self._places.run.mkdir(parents=True, exist_ok=True)
        chain = self._places.network_configuration / "10-mlz.conflist"
        replace_text(chain, network_configuration(self._places))

    def is_well(self, name: str) -> bool:
        """Whether the program says that it is healthy."""
        if name == "containerd":
            return health.listens(self._places.containerd_socket)
        return health.answers(HEALTH_URLS[name])

    def containerd(self) -> Program:
        """The container runtime; it needs nothing of the rest."""
        configuration = self._configure("containerd.toml", containerd_toml(self._places))
        return Program("containerd", ("containerd", f"--config={configuration}"))

    def on_top(self) -> list[Program]:
        """What starts when the API server answers."""
        return [self._scheduler(), self._kubelet(), self._proxy(), self._dns()]

    def _scheduler(self) -> Program:
        kubeconfig = self._kubeconfig("kube-scheduler")
        return self._program(
            "kube-scheduler",
            "--bind-address=127.0.0.1",
            f"--secure-port={SCHEDULER_PORT}",
            f"--kubeconfig={kubeconfig}",
            f"--authentication-kubeconfig={kubeconfig}",
            f"--authorization-kubeconfig={kubeconfig}",
            "--leader-elect=false",
            "--kube-api-qps=200",
            "--kube-api-burst=400",
        )

    def _kubelet(self) -> Program:
        return self._program(
            "kubelet",
            f"--config={self._configure('kubelet.json', kubelet_json(self._places))}",
            f"--kubeconfig={self._kubeconfig('kubelet')}",
            f"--root-dir={self._places.kubelet}",
            f"--hostname-override={NODE_NAME}",
            f"--node-ip={NODE_ADDRESS}",
        )

    def _proxy(self) -> Program:
        text = proxy_json(self._kubeconfig("kube-proxy"))
        return self._program("kube-proxy", f"--config={self._configure('kube-proxy.json', text)}")

    def _dns(self) -> Program:
        text = corefile(self._kubeconfig("coredns"), RESOLVER)
        return self._program("coredns", f"-conf={self._configure('Corefile', text)}")

    def _program(self, name: str, *flags: str) -> Program:
        return Program(name, (str(self._program_path(name)), *flags))

    def _kubeconfig(self, name: str) -> Path:
        return self._plane.settings.kubeconfig(name)

    def _configure(self, name: str, text: str) -> Path:
        """Write a configuration under a name that changes with it, so the command line does."""
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        path = self._places.state / "config" / digest / name
        if not path.exists():
            replace_text(path, text)
        return path
