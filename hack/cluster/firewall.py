"""The iptables rules a node leaves behind, and how to remove those and no others."""

import shutil
import subprocess
from collections.abc import Sequence

from cluster.node_config import BRIDGE, CNI_NETWORK
from cluster.run import output_of, succeeds

OWN_COMMENT = "mlz-cluster"
FAMILIES = ("iptables", "ip6tables")


def allow_pod_traffic() -> None:
    """Let pods through even where somebody (Docker) has set FORWARD to drop."""
    for direction in ("-i", "-o"):
        rule = ["FORWARD", direction, BRIDGE, "-m", "comment", "--comment", OWN_COMMENT]
        rule += ["-j", "ACCEPT"]
        if not succeeds(["iptables", "-w", "-C", *rule]):
            output_of(["iptables", "-w", "-I", *rule])


def remove_rules() -> None:
    """Remove the chains of kube-proxy, kubelet and our pods' network, and all that leads there."""
    for family in FAMILIES:
        if shutil.which(f"{family}-save") is None:
            continue
        saved = subprocess.run([f"{family}-save"], capture_output=True, text=True).stdout
        script = removal_script(saved)
        if script:
            output_of([f"{family}-restore", "--noflush", "--wait"], text=script)


def removal_script(saved: str) -> str:
    """
    From ``iptables-save`` output, input for ``iptables-restore --noflush``; empty: nothing to do.

    Ours are all KUBE- chains (a machine has one kubelet), and of the CNI- chains, which others may
    have as well, those whose rules name our network.
    """
    tables = [_table_removal(table.splitlines()) for table in saved.split("*")[1:]]
    return "".join(tables)


def _table_removal(lines: Sequence[str]) -> str:
    rules = [line for line in lines if line.startswith("-A ")]
    ours = _own_chains([line[1:].split()[0] for line in lines if line.startswith(":")], rules)
    leading_there = [
        f"-D {rule[3:]}" for rule in rules if _chain(rule) not in ours and _is_own(rule, ours)
    ]
    if not ours and not leading_there:
        return ""
    flushed = [f":{chain} - [0:0]" for chain in ours]
    deleted = [f"-X {chain}" for chain in ours]
    return "\n".join([f"*{lines[0]}", *flushed, *leading_there, *deleted, "COMMIT", ""])


def _own_chains(chains: Sequence[str], rules: Sequence[str]) -> list[str]:
    named = {_target(rule) for rule in rules if CNI_NETWORK in rule}
    ours = [chain for chain in chains if chain.startswith("KUBE-") or chain in named]
    foreign_ports = [c for c in chains if c.startswith("CNI-DN-") and c not in named]
    if foreign_ports:
        return [chain for chain in ours if not chain.startswith("CNI-HOSTPORT-")]
    return ours + [c for c in chains if c.startswith("CNI-HOSTPORT-") and c not in ours]


def _is_own(rule: str, own_chains: Sequence[str]) -> bool:
    return _target(rule) in own_chains or f"--comment {OWN_COMMENT} " in rule


def _chain(rule: str) -> str:
    return rule.split()[1]


def _target(rule: str) -> str:
    words = rule.split()
    for option in ("-j", "-g"):
        if option in words[:-1]:
            return words[words.index(option) + 1]
    return ""
