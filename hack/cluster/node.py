"""
A single-node cluster on this machine: no container engine needed, but Linux and root.

``up`` starts what does not run and leaves what does, so it serves a first start, a second one,
and the one after a crash, a reboot or an interruption alike. What is stored (objects, images)
survives all of these and ends with ``down``.
"""

import shutil
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from cluster import cgroup, firewall, health, leftovers, network, ownership
from cluster.binaries import NODE, Binaries
from cluster.dns import dns_objects
from cluster.errors import ClusterError
from cluster.images import Images
from cluster.locks import exclusive
from cluster.node_config import NODE_ADDRESS, NODE_NAME, PLANE_PORTS, NodePlaces
from cluster.node_programs import LISTENS, NAMES, NodePrograms
from cluster.packages import ensure_packages
from cluster.places import NODE_LOCK, Outputs, cache_folder, replace_link, replace_text
from cluster.plane import Plane, PlaneSettings
from cluster.ports import require_free
from cluster.processes import Processes
from cluster.progress import Step, say

READY_LIMIT_SECONDS = 90.0
PURPOSE = "hack/cluster command on this machine's node"


class Node:
    """The node of this machine, worked on by one checkout."""

    def __init__(self, outputs: Outputs, environ: Mapping[str, str]) -> None:
        self._outputs = outputs
        self._environ = environ
        self._places = NodePlaces()
        self._owner = self._places.state / "owner"
        self._binaries = Binaries(cache_folder(environ), environ)
        self._processes = Processes(self._places.state, environ, cgroup.entering())
        settings = PlaneSettings(
            folder=self._places.state,
            address=NODE_ADDRESS,
            ports=PLANE_PORTS,
            publish_endpoint=True,
        )
        self._plane = Plane(settings, self._binaries.path, self._processes)
        self._programs = NodePrograms(self._places, self._plane, self._binaries.path)
        self._images = Images(self._places.containerd_socket, self._places.state / "loaded")

    def up(self) -> None:
        """Bring the cluster to life, whatever state it is in."""
        self._refuse_foreign()  # before minutes of building, and again when nobody else is at work
        ensure_packages(self._environ)
        self._binaries.ensure(NODE)
        with exclusive(NODE_LOCK, PURPOSE):
            self._refuse_foreign()
            if self._is_abandoned():
                say(f"Removing what is left of the cluster of {ownership.owner(self._owner)}")
                self._remove()
            ownership.claim(self._owner, self._outputs.checkout)
            with Step("Control plane"):
                self._start_control_plane()
            with Step("Node"):
                self._start_node()
            self._write_outputs()

    def down(self, *, force: bool) -> None:
        """Remove everything from the machine, if ours or forced."""
        with exclusive(NODE_LOCK, PURPOSE):
            if not force:
                ownership.require_ours(self._owner, self._outputs.checkout)
            self._remove()
            NODE_LOCK.unlink()

    def load(self, archives: list[Path]) -> None:
        """Import image archives."""
        ownership.require_ours(self._owner, self._outputs.checkout)
        if not health.listens(self._places.containerd_socket):
            raise ClusterError("No node runs here to load images into: 'up' first.")
        for archive in archives:
            self._images.load(archive)

    def report(self) -> bool:
        """Print the state of every program; whether all are well."""
        owner = ownership.owner(self._owner)
        if owner is None:
            say("No node runs on this machine.")
            return False
        ready = self._is_ready()
        say(f"  node '{NODE_NAME}' of checkout {owner}: {'Ready' if ready else 'not ready'}")
        well = [self._report_program(name) for name in NAMES]
        say(f"  audit log {self._plane.settings.audit_log}")
        return ready and all(well)

    def _refuse_foreign(self) -> None:
        if not self._is_abandoned():
            ownership.require_ours(self._owner, self._outputs.checkout)

    def _is_abandoned(self) -> bool:
        """Whether another checkout's cluster was here and none of its programs runs any more."""
        owner = ownership.owner(self._owner)
        foreign = owner not in {None, self._outputs.checkout}
        return foreign and not any(self._processes.pid(name) for name in NAMES)

    def _report_program(self, name: str) -> bool:
        pid = self._processes.pid(name)
        well = pid is not None and self._programs.is_well(name)
        state = "healthy" if well else f"not healthy, see {self._processes.log_path(name)}"
        say(f"  {name:<24} {f'pid {pid}, {state}' if pid else 'does not run'}")
        return well

    def _start_control_plane(self) -> None:
        network.change_settings(self._places.state / "settings.json")
        network.ensure_bridge()
        self._programs.prepare()
        idle = [name for name in NAMES if self._processes.pid(name) is None]
        require_free([port for port in LISTENS if port[0] in idle])
        self._processes.ensure(self._programs.containerd())  # gets ready meanwhile
        self._plane.start()

    def _start_node(self) -> None:
        self._ready("containerd")
        self._images.ensure_pause(self._binaries.path("pause"), self._places.state)
        firewall.allow_pod_traffic()
        for program in self._programs.on_top():
            self._processes.ensure(program)
        for path, manifest in dns_objects().items():
            self._plane.api().apply(path, manifest)
        for name in ("kubelet", "kube-scheduler", "kube-proxy", "coredns"):
            self._ready(name)
        self._processes.wait(self._is_ready, "kubelet", READY_LIMIT_SECONDS)

    def _ready(self, name: str) -> None:
        self._processes.wait(partial(self._programs.is_well, name), name, READY_LIMIT_SECONDS)

    def _is_ready(self) -> bool:
        path = f"/api/v1/nodes/{NODE_NAME}"
        api = self._plane.api()
        if not api.exists(path):
            return False
        return node_is_ready(api.get(path), self._processes.started_at("kubelet"))

    def _remove(self) -> None:
        with Step("Ending the pods"):
            self._end_pods()
        with Step("Ending the programs"):
            self._processes.stop(tuple(reversed(NAMES)))
        with Step("Cleaning up"):
            self._remove_leftovers()

    def _end_pods(self) -> None:
        """Kill containers by containerd, so that their shims end too."""
        self._processes.stop(["kubelet"])
        if not self._owner.exists() or shutil.which("containerd") is None:
            return
        # After a crash it may be gone while pods still run; it finds them again.
        self._places.run.mkdir(parents=True, exist_ok=True)
        self._processes.ensure(self._programs.containerd())
        self._ready("containerd")
        self._images.end_containers()

    def _remove_leftovers(self) -> None:
        leftovers.unmount_below((self._places.state, self._places.run))
        firewall.remove_rules()
        network.remove_bridge()
        network.restore_settings(self._places.state / "settings.json")
        leftovers.remove_files(self._places)
        self._outputs.kubeconfig.unlink(missing_ok=True)
        self._outputs.logs.unlink(missing_ok=True)

    def _write_outputs(self) -> None:
        admin = self._plane.settings.kubeconfig("admin")
        replace_text(self._outputs.kubeconfig, admin.read_text(), mode=0o600)
        replace_link(self._outputs.logs, self._places.state / "logs")
        for name in ("kubectl", "helm"):
            replace_link(self._outputs.binaries / name, self._binaries.path(name))


def node_is_ready(node: Mapping[str, Any], kubelet_started_at: float) -> bool:
    """
    Whether this kubelet has said that the node is ready, and pods may be put there.

    What a killed one had said stays in the API, hence the start time (seconds since the epoch).
    """
    if node["spec"].get("taints"):
        return False
    return any(
        condition["type"] == "Ready"
        and condition["status"] == "True"
        and datetime.fromisoformat(condition["lastHeartbeatTime"]).timestamp()
        >= int(kubelet_started_at)
        for condition in node["status"].get("conditions", ())
    )
