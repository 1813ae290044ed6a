"""
A control plane: etcd, kube-apiserver, kube-controller-manager; their flags and their start.

The node and the tests' ``ControlPlane`` share it. What only a node has (scheduler, kubelet,
network) is in ``node``.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cluster.api import Api
from cluster.health import answers
from cluster.pki import (
    ADMIN,
    CONTROLLER_MANAGER,
    FRONT_PROXY,
    KUBELET_CLIENT,
    Pki,
    apiserver_identity,
)
from cluster.places import replace_text
from cluster.processes import Processes, Program

ISSUER = "https://kubernetes.default.svc.cluster.local"
START_LIMIT_SECONDS = 90.0
# Every request by whom, without bodies: tests count writes with it.
AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata"}],
}


@dataclass(frozen=True, slots=True)
class Ports:
    """The TCP ports a control plane listens on."""

    etcd: int
    etcd_peer: int
    apiserver: int
    controller_manager: int

    def all(self) -> tuple[int, ...]:
        """Every one of them."""
        return (self.etcd, self.etcd_peer, self.apiserver, self.controller_manager)


@dataclass(frozen=True, slots=True)
class PlaneSettings:
    """
    One control plane.

    Attributes:
        folder: keys, data, logs and kubeconfig files go here.
        address: where the API server listens, and which address it tells its clients.
        publish_endpoint: keep ``address`` as the endpoint of Service ``kubernetes``; not for
            loopback addresses, which Kubernetes refuses there.
        service_range: addresses of Services; its first is the Service ``kubernetes``.
        apiserver_flags: added last, so they win.
    """

    folder: Path
    address: str
    ports: Ports
    publish_endpoint: bool
    service_range: str = "10.96.0.0/16"
    service_address: str = "10.96.0.1"
    apiserver_flags: tuple[str, ...] = ()

    @property
    def server(self) -> str:
        """The URL of the API server."""
        return f"https://{self.address}:{self.ports.apiserver}"

    @property
    def audit_log(self) -> Path:
        """One JSON object a line for each answered request."""
        return self.folder / "logs" / "audit.log"

    def kubeconfig(self, name: str) -> Path:
        """The kubeconfig of an identity."""
        return self.folder / "kubeconfigs" / name


class Plane:
    """Starts a control plane; stopping is ``Processes.stop`` in the reverse order of ``NAMES``."""

    NAMES = ("etcd", "kube-apiserver", "kube-controller-manager")

    def __init__(
        self,
        settings: PlaneSettings,
        program_path: Callable[[str], Path],
        processes: Processes,
    ) -> None:
        self.settings = settings
        self.pki = Pki(settings.folder / "pki")
        self._program_path = program_path
        self._processes = processes

    def prepare(self) -> None:
        """Make keys, kubeconfig files and configuration, as far as they are missing."""
        settings = self.settings
        serving = apiserver_identity(settings.address, settings.service_address)
        self.pki.ensure([ADMIN, KUBELET_CLIENT, CONTROLLER_MANAGER, FRONT_PROXY, serving])
        for identity in (ADMIN, CONTROLLER_MANAGER):
            path = settings.kubeconfig(identity.name)
            self.pki.write_kubeconfig(path, identity, settings.server)
        replace_text(settings.folder / "audit-policy.json", json.dumps(AUDIT_POLICY))
        settings.audit_log.parent.mkdir(parents=True, exist_ok=True)

    def programs(self) -> list[Program]:
        """The command lines, in starting order."""
        flags = (
            etcd_flags(self.settings),
            apiserver_flags(self.settings, self.pki),
            controller_manager_flags(self.settings, self.pki),
        )
        return [
            Program(name, (str(self._program_path(name)), *arguments))
            for name, arguments in zip(self.NAMES, flags, strict=True)
        ]

    def api(self) -> Api:
        """An administrator's client."""
        pki = self.pki
        return Api(
            self.settings.server,
            pki.certificate("ca"),
            (pki.certificate(ADMIN.name), pki.key(ADMIN.name)),
        )

    def start(self) -> None:
        """Start what does not run, and wait until the API answers and namespaces are filled."""
        etcd, apiserver, controller_manager = self.programs()
        etcd_health = f"http://127.0.0.1:{self.settings.ports.etcd}/health"
        self._processes.ensure(etcd)
        self._processes.wait(lambda: answers(etcd_health), etcd.name, START_LIMIT_SECONDS)
        self._processes.ensure(apiserver)
        api = self.api()
        self._processes.wait(api.is_ready, apiserver.name, START_LIMIT_SECONDS)
        self._processes.ensure(controller_manager)
        account = "/api/v1/namespaces/default/serviceaccounts/default"
        self._processes.wait(
            lambda: api.exists(account), controller_manager.name, START_LIMIT_SECONDS
        )


def etcd_flags(settings: PlaneSettings) -> list[str]:
    """Loopback only. No fsync: what it guards against, a dying kernel, is not worth its time."""
    client = f"http://127.0.0.1:{settings.ports.etcd}"
    peer = f"http://127.0.0.1:{settings.ports.etcd_peer}"
    return [
        f"--data-dir={settings.folder / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def apiserver_flags(settings: PlaneSettings, pki: Pki) -> list[str]:
    """What local-up-cluster and envtest use, with RBAC, aggregation and the audit log."""
    reconciler = "lease" if settings.publish_endpoint else "none"
    return [
        f"--bind-address={settings.address}",
        f"--advertise-address={settings.address}",
        f"--secure-port={settings.ports.apiserver}",
        f"--endpoint-reconciler-type={reconciler}",
        f"--etcd-servers=http://127.0.0.1:{settings.ports.etcd}",
        f"--service-cluster-ip-range={settings.service_range}",
        f"--tls-cert-file={pki.certificate('apiserver')}",
        f"--tls-private-key-file={pki.key('apiserver')}",
        f"--client-ca-file={pki.certificate('ca')}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        "--kubelet-preferred-address-types=InternalIP",
        f"--service-account-issuer={ISSUER}",
        f"--service-account-key-file={pki.folder / 'sa.pub'}",
        f"--service-account-signing-key-file={pki.key('sa')}",
        # Without these two `kubectl logs`, `exec` and `port-forward` are refused by the kubelet.
        f"--kubelet-client-certificate={pki.certificate(KUBELET_CLIENT.name)}",
        f"--kubelet-client-key={pki.key(KUBELET_CLIENT.name)}",
        f"--requestheader-client-ca-file={pki.certificate('front-proxy-ca')}",
        f"--requestheader-allowed-names={FRONT_PROXY.user}",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-username-headers=X-Remote-User",
        f"--proxy-client-cert-file={pki.certificate(FRONT_PROXY.name)}",
        f"--proxy-client-key-file={pki.key(FRONT_PROXY.name)}",
        f"--audit-policy-file={settings.folder / 'audit-policy.json'}",
        f"--audit-log-path={settings.audit_log}",
        "--audit-log-maxsize=200",
        "--audit-log-maxbackup=2",
        "--profiling=false",
        "--shutdown-delay-duration=0s",
        *settings.apiserver_flags,
    ]


def controller_manager_flags(settings: PlaneSettings, pki: Pki) -> list[str]:
    """All controllers, without leader election; fast enough never to be what a test waits for."""
    kubeconfig = settings.kubeconfig(CONTROLLER_MANAGER.name)
    return [
        "--bind-address=127.0.0.1",
        f"--secure-port={settings.ports.controller_manager}",
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        f"--service-account-private-key-file={pki.key('sa')}",
        f"--root-ca-file={pki.certificate('ca')}",
        f"--cluster-signing-cert-file={pki.certificate('ca')}",
        f"--cluster-signing-key-file={pki.key('ca')}",
        f"--requestheader-client-ca-file={pki.certificate('front-proxy-ca')}",
        f"--service-cluster-ip-range={settings.service_range}",
        f"--flex-volume-plugin-dir={settings.folder / 'volume-plugins'}",
        "--use-service-account-credentials",
        "--leader-elect=false",
        "--kube-api-qps=500",
        "--kube-api-burst=1000",
        "--concurrent-deployment-syncs=20",
        "--concurrent-replicaset-syncs=20",
        "--concurrent-gc-syncs=40",
        "--profiling=false",
    ]
