"""The cluster's name server: its configuration, and the objects that make pods find it."""

from collections.abc import Mapping
from pathlib import Path

from cluster.node_config import DNS_ADDRESS, DNS_HEALTH_PORT, DNS_PORT, NODE_ADDRESS

RBAC = "rbac.authorization.k8s.io"
USER = "system:coredns"
PROTOCOLS = {"dns": "UDP", "dns-tcp": "TCP"}

Manifest = Mapping[str, object]


def corefile(kubeconfig: Path, resolver: Path) -> str:
    """The cluster's names; all others go to the machine's own resolver, where it has one."""
    forward = f"    forward . {resolver}\n" if resolver.exists() else ""
    return f"""\
.:{DNS_PORT} {{
    bind {NODE_ADDRESS}
    errors
    health 127.0.0.1:{DNS_HEALTH_PORT}
    cache 30
    kubernetes cluster.local in-addr.arpa ip6.arpa {{
        kubeconfig {kubeconfig}
        ttl 5
        fallthrough in-addr.arpa ip6.arpa
    }}
{forward}}}
"""


def dns_objects() -> dict[str, Manifest]:
    """Path → object: what leads from the Service address to the program, and lets it read."""
    namespace = "namespaces/kube-system"
    return {
        f"/apis/{RBAC}/v1/clusterroles/{USER}": _role(),
        f"/apis/{RBAC}/v1/clusterrolebindings/{USER}": _binding(),
        f"/api/v1/{namespace}/services/kube-dns": _service(),
        f"/apis/discovery.k8s.io/v1/{namespace}/endpointslices/kube-dns": _endpoints(),
    }


def _role() -> Manifest:
    reads = [
        {"apiGroups": [""], "resources": ["services", "pods", "namespaces", "nodes"]},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"]},
    ]
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": USER},
        "rules": [{**rule, "verbs": ["get", "list", "watch"]} for rule in reads],
    }


def _binding() -> Manifest:
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": USER},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": USER},
        "subjects": [{"apiGroup": RBAC, "kind": "User", "name": USER}],
    }


def _service() -> Manifest:
    ports = [
        {"name": name, "port": 53, "protocol": protocol, "targetPort": DNS_PORT}
        for name, protocol in PROTOCOLS.items()
    ]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "kube-dns", "namespace": "kube-system"},
        "spec": {"clusterIP": DNS_ADDRESS, "ports": ports},
    }


def _endpoints() -> Manifest:
    ports = [
        {"name": name, "port": DNS_PORT, "protocol": protocol}
        for name, protocol in PROTOCOLS.items()
    ]
    # The Service has no selector, and the program runs outside of any pod.
    label = {"kubernetes.io/service-name": "kube-dns"}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "kube-dns", "namespace": "kube-system", "labels": label},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [NODE_ADDRESS], "conditions": {"ready": True}}],
        "ports": ports,
    }
