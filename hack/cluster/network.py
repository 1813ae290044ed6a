"""The machine's network as the node needs it: a bridge with an address, and kernel settings."""

import ipaddress
import json
from pathlib import Path

from cluster.errors import ClusterError
from cluster.node_config import BRIDGE, NODE_ADDRESS, POD_RANGE
from cluster.places import replace_text
from cluster.run import output_of, succeeds

# Follows from the address; without a fixed one it would change with every pod that comes or goes.
BRIDGE_HARDWARE_ADDRESS = "0a:58:0a:f4:00:01"
WANTED_SETTINGS = {
    "net/ipv4/ip_forward": "1",
    "net/bridge/bridge-nf-call-iptables": "1",
}
# The kubelet and kube-proxy set these.
CHANGED_SETTINGS = (
    "net/ipv4/conf/all/route_localnet",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)
SETTINGS_ROOT = Path("/proc/sys")


def ensure_bridge() -> None:
    """
    Make the bridge, unless it is there.

    Raises:
        ClusterError: the machine uses the pods' addresses for something else.
    """
    range_in_use = conflicting_device(output_of(["ip", "-json", "address"]))
    if range_in_use:
        raise ClusterError(
            f"Pods get addresses of {POD_RANGE}, which this machine's device {range_in_use} uses "
            "already: take that device down, or use another cluster with --context NAME."
        )
    if not succeeds(["ip", "link", "show", BRIDGE]):
        address = ["address", BRIDGE_HARDWARE_ADDRESS]
        output_of(["ip", "link", "add", "name", BRIDGE, *address, "type", "bridge"])
    length = POD_RANGE.partition("/")[2]
    output_of(["ip", "address", "replace", f"{NODE_ADDRESS}/{length}", "dev", BRIDGE])
    output_of(["ip", "link", "set", BRIDGE, "up"])


def remove_bridge() -> None:
    """Delete the bridge and every pod's cable: a pod's network may outlive it for a while."""
    if succeeds(["ip", "link", "show", BRIDGE]):
        for cable in json.loads(output_of(["ip", "-json", "link", "show", "master", BRIDGE])):
            succeeds(["ip", "link", "delete", cable["ifname"]])  # or it has gone meanwhile
        output_of(["ip", "link", "delete", BRIDGE])


def conflicting_device(addresses: str) -> str | None:
    """From ``ip -json address``: another device than the bridge with an address of a pod's."""
    pods = ipaddress.ip_network(POD_RANGE)
    for device in json.loads(addresses):
        for address in device.get("addr_info", ()):
            found = ipaddress.ip_interface(f"{address['local']}/{address['prefixlen']}").network
            if device["ifname"] != BRIDGE and found.version == 4 and found.overlaps(pods):
                return str(device["ifname"])
    return None


def change_settings(memory: Path) -> None:
    """Set what the node needs; what all of them were before is written to ``memory``, once."""
    if not succeeds(["test", "-e", "/proc/sys/net/bridge"]):
        succeeds(["modprobe", "br_netfilter"])
    if not memory.exists():
        names = (*WANTED_SETTINGS, *CHANGED_SETTINGS)
        before = {name: _setting(name) for name in names if (SETTINGS_ROOT / name).exists()}
        replace_text(memory, json.dumps(before, indent=2))
    for name, value in WANTED_SETTINGS.items():
        if (SETTINGS_ROOT / name).exists() and _setting(name) != value:
            (SETTINGS_ROOT / name).write_text(value)


def restore_settings(memory: Path) -> None:
    """Put back what ``change_settings`` found."""
    if not memory.exists():
        return
    for name, value in json.loads(memory.read_text()).items():
        if _setting(name) != value:
            (SETTINGS_ROOT / name).write_text(value)


def _setting(name: str) -> str:
    return (SETTINGS_ROOT / name).read_text().strip()
