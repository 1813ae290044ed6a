"""
What the node's programs get of the processor: an eighth of what pods do, where both want all.

Here a whole control plane runs beside the pods, each program with a share like that of a processor
full of pods. A record of what runs when showed scoring pods wait up to 30 ms at every start of
another one; on a cluster the control plane has machines of its own. See
operator/decisions/0010-pods-come-before-the-nodes-programs.md.
"""

import os
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
NAME = "mlz-node"

# The kubelet gives pods 1024 shares a processor (v1), which version 2 counts as about 40.
_SHARES_A_PROCESSOR = 1024 // 8
_WEIGHT_A_PROCESSOR = 40 // 8
# A program that must do without runs all the same; its log says so.
_ENTER = 'mkdir -p "$0" && echo "$2" >"$0/$1" && echo $$ >"$0/cgroup.procs"; shift 2; exec "$@"'


def entering(root: Path = CGROUPS) -> tuple[str, ...]:
    """The words before a command line that put its process into the cgroup, made where needed."""
    processors = os.cpu_count() or 1
    folder = root / "cpu"
    if (folder / "cpu.shares").exists():
        weight = ("cpu.shares", str(_SHARES_A_PROCESSOR * processors))
    else:
        folder, weight = root, ("cpu.weight", str(_WEIGHT_A_PROCESSOR * processors))
    return ("/bin/sh", "-c", _ENTER, str(folder / NAME), *weight)
