"""What the programs of the single node are told: configuration files and flags, as pure values."""

import json
from dataclasses import dataclass
from pathlib import Path

from cluster.places import NODE_RUN, NODE_STATE
from cluster.plane import Ports

BRIDGE = "mlzbr0"
NODE_NAME = "mlz"
# The bridge's own address: there is no other that both pods and the machine can always reach.
NODE_ADDRESS = "10.244.0.1"
POD_RANGE = "10.244.0.0/24"
DNS_ADDRESS = "10.96.0.10"
DNS_PORT = 10053
KUBELET_PORT = 10250
PAUSE_IMAGE = "localhost/mlz-pause:1"
CNI_PROGRAMS = Path("/usr/lib/cni")
CNI_NETWORK = "mlz-pods"

PLANE_PORTS = Ports(etcd=12379, etcd_peer=12380, apiserver=6443, controller_manager=10257)
SCHEDULER_PORT = 10259
KUBELET_HEALTH_PORT = 10248
PROXY_HEALTH_PORT = 10256
PROXY_METRICS_PORT = 10249
DNS_HEALTH_PORT = 10054


@dataclass(frozen=True, slots=True)
class NodePlaces:
    """The folders of the node: what survives a reboot, and what does not."""

    state: Path = NODE_STATE
    run: Path = NODE_RUN

    @property
    def containerd_socket(self) -> Path:
        """Where containerd listens."""
        return self.run / "containerd.sock"

    @property
    def pod_logs(self) -> Path:
        """Instead of /var/log/pods."""
        return self.state / "pod-logs"

    @property
    def network_configuration(self) -> Path:
        """Instead of /etc/cni/net.d."""
        return self.state / "cni" / "net.d"

    @property
    def kubelet(self) -> Path:
        """Instead of /var/lib/kubelet."""
        return self.state / "kubelet"


def containerd_toml(places: NodePlaces) -> str:
    """
    Configuration of containerd 1.6 and 1.7.

    ``restrict_oom_score_adj``: without CAP_SYS_RESOURCE every sandbox fails otherwise, with
    "can't get final child's PID from pipe: EOF". Network namespaces lie below our own folder, so
    that ``down`` knows which are ours.
    """
    cri = 'plugins."io.containerd.grpc.v1.cri"'
    return f"""\
version = 2
root = "{places.state}/containerd"
state = "{places.run}/containerd"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
]
[grpc]
  address = "{places.containerd_socket}"
[plugins."io.containerd.internal.v1.opt"]
  path = "{places.state}/containerd-opt"
[{cri}]
  sandbox_image = "{PAUSE_IMAGE}"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  stream_server_address = "127.0.0.1"
[{cri}.cni]
  bin_dir = "{CNI_PROGRAMS}"
  conf_dir = "{places.network_configuration}"
[{cri}.containerd]
  snapshotter = "overlayfs"
  default_runtime_name = "runc"
[{cri}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[{cri}.containerd.runtimes.runc.options]
  SystemdCgroup = false
  Root = "{places.run}/runc"
"""


def network_configuration(places: NodePlaces) -> str:
    """The CNI chain: a bridge, addresses of one range, host ports."""
    bridge = {
        "type": "bridge",
        "bridge": BRIDGE,
        "isGateway": True,
        "ipMasq": True,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "dataDir": str(places.state / "cni" / "addresses"),
            "ranges": [[{"subnet": POD_RANGE, "gateway": NODE_ADDRESS}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    plugins = [bridge, {"type": "portmap", "capabilities": {"portMappings": True}}]
    return json.dumps({"cniVersion": "0.4.0", "name": CNI_NETWORK, "plugins": plugins}, indent=2)


def kubelet_json(places: NodePlaces) -> str:
    """
    KubeletConfiguration.

    Images are loaded by us and cannot be pulled again, so the kubelet never removes one, however
    full the disk is. ``failCgroupV1``: hybrid hierarchies count as v1, refused from 1.35 on.
    """
    configuration = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        **_kubelet_access(places),
        "containerRuntimeEndpoint": f"unix://{places.containerd_socket}",
        "podLogsDir": str(places.pod_logs),
        "volumePluginDir": str(places.state / "volume-plugins"),
        "clusterDNS": [DNS_ADDRESS],
        "clusterDomain": "cluster.local",
        "resolvConf": "",
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": False,
        "failSwapOn": False,
        "maxPods": 200,
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": "200Mi",
            "imagefs.available": "200Mi",
        },
        "imageGCHighThresholdPercent": 100,
        "serializeImagePulls": False,
        "registryPullQPS": 0,
        "eventRecordQPS": 0,
        "kubeAPIQPS": 200,
        "kubeAPIBurst": 400,
        "syncFrequency": "10s",
        "nodeStatusUpdateFrequency": "5s",
    }
    return json.dumps(configuration, indent=2)


def _kubelet_access(places: NodePlaces) -> dict[str, object]:
    keys = places.state / "pki"
    return {
        "address": NODE_ADDRESS,
        "port": KUBELET_PORT,
        "readOnlyPort": 0,
        "healthzBindAddress": "127.0.0.1",
        "healthzPort": KUBELET_HEALTH_PORT,
        "tlsCertFile": str(keys / "kubelet-server.crt"),
        "tlsPrivateKeyFile": str(keys / "kubelet-server.key"),
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(keys / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
    }


def proxy_json(kubeconfig: Path) -> str:
    """KubeProxyConfiguration; NodePorts answer on loopback only, conntrack is left as it is."""
    configuration = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": str(kubeconfig)},
        "mode": "iptables",
        "clusterCIDR": POD_RANGE,
        "hostnameOverride": NODE_NAME,
        "iptables": {"minSyncPeriod": "250ms"},
        "nodePortAddresses": ["127.0.0.0/8"],
        "healthzBindAddress": f"127.0.0.1:{PROXY_HEALTH_PORT}",
        "metricsBindAddress": f"127.0.0.1:{PROXY_METRICS_PORT}",
        "conntrack": {
            "maxPerCore": 0,
            "min": 0,
            "tcpEstablishedTimeout": "0s",
            "tcpCloseWaitTimeout": "0s",
        },
    }
    return json.dumps(configuration, indent=2)
