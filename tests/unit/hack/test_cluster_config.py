"""What the programs are told, and what is read from what they say."""

import io
import json
import tarfile
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cluster.dns import corefile, dns_objects
from cluster.errors import ClusterError
from cluster.images import archive_digest, parse_image_list, write_pause_archive
from cluster.leftovers import mount_points
from cluster.network import conflicting_device
from cluster.node import node_is_ready
from cluster.node_config import (
    NodePlaces,
    containerd_toml,
    kubelet_json,
    network_configuration,
    proxy_json,
)
from cluster.ownership import claim, owner, require_ours
from cluster.pki import Pki, alternative_names
from cluster.plane import PlaneSettings, Ports, apiserver_flags, controller_manager_flags
from cluster.progress import elapsed_text

PLACES = NodePlaces(state=Path("/state"), run=Path("/run/node"))
HEARTBEAT = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC).timestamp()


def settings(**overrides: Any) -> PlaneSettings:
    values: dict[str, Any] = {
        "folder": Path("/plane"),
        "address": "127.0.0.1",
        "ports": Ports(1, 2, 3, 4),
        "publish_endpoint": False,
    }
    return PlaneSettings(**{**values, **overrides})


def node(status: str = "True", **spec: Any) -> dict[str, Any]:
    condition = {"type": "Ready", "status": status, "lastHeartbeatTime": "2026-11-21T12:00:00Z"}
    return {"spec": spec, "status": {"conditions": [condition]}}


def test_containerd_keeps_everything_in_our_folders() -> None:
    configuration = tomllib.loads(containerd_toml(PLACES))

    assert configuration["root"].startswith("/state/")
    assert configuration["state"].startswith("/run/node/")
    cri = configuration["plugins"]["io.containerd.grpc.v1.cri"]
    assert cri["restrict_oom_score_adj"] is True
    assert cri["netns_mounts_under_state_dir"] is True
    assert cri["containerd"]["runtimes"]["runc"]["options"]["SystemdCgroup"] is False


def test_the_kubelet_never_removes_a_loaded_image_and_accepts_old_cgroups() -> None:
    configuration = json.loads(kubelet_json(PLACES))

    assert configuration["imageGCHighThresholdPercent"] == 100
    assert configuration["failCgroupV1"] is False
    assert configuration["authentication"]["anonymous"] == {"enabled": False}
    assert not any("%" in limit for limit in configuration["evictionHard"].values())


def test_pods_get_their_addresses_from_a_store_that_down_removes() -> None:
    bridge = json.loads(network_configuration(PLACES))["plugins"][0]

    assert bridge["ipam"]["dataDir"].startswith("/state/")


def test_node_ports_answer_on_loopback_only() -> None:
    configuration = json.loads(proxy_json(Path("/k")))

    assert configuration["nodePortAddresses"] == ["127.0.0.0/8"]


@pytest.mark.parametrize(("exists", "forwards"), [(True, True), (False, False)])
def test_other_names_go_to_the_machines_resolver_if_it_has_one(
    tmp_path: Path, exists: bool, forwards: bool
) -> None:
    resolver = tmp_path / "resolv.conf"
    if exists:
        resolver.touch()

    text = corefile(Path("/k"), resolver)

    assert ("forward . " in text) is forwards
    assert text.count("{") == text.count("}")


def test_every_dns_object_lies_where_its_kind_and_name_say() -> None:
    for path, manifest in dns_objects().items():
        metadata = manifest["metadata"]
        assert isinstance(metadata, dict)
        assert path.endswith("/" + metadata["name"])


@pytest.mark.parametrize(
    ("publish_endpoint", "reconciler"),
    [
        pytest.param(True, "lease", id="the node: pods find the API server by its Service"),
        pytest.param(False, "none", id="loopback addresses are refused as endpoints"),
    ],
)
def test_the_service_of_the_api_server(publish_endpoint: bool, reconciler: str) -> None:
    flags = apiserver_flags(settings(publish_endpoint=publish_endpoint), Pki(Path("/pki")))

    assert f"--endpoint-reconciler-type={reconciler}" in flags


def test_own_api_server_flags_come_last_and_so_win() -> None:
    own = ("--min-request-timeout=5",)

    flags = apiserver_flags(settings(apiserver_flags=own), Pki(Path("/pki")))

    assert flags[-1] == own[0]


def test_no_program_gets_the_same_flag_twice() -> None:
    pki = Pki(Path("/pki"))

    for flags in (apiserver_flags(settings(), pki), controller_manager_flags(settings(), pki)):
        names = [flag.partition("=")[0] for flag in flags]
        assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("candidate", "kubelet_started_at", "ready"),
    [
        pytest.param(node(), HEARTBEAT - 5, True, id="it has reported since its start"),
        pytest.param(node(), HEARTBEAT + 0.9, True, id="heartbeats have whole seconds"),
        pytest.param(node(), HEARTBEAT + 5, False, id="the word of a kubelet that was killed"),
        pytest.param(node("False"), HEARTBEAT - 5, False, id="not ready"),
        pytest.param(node(taints=[{"key": "x"}]), HEARTBEAT - 5, False, id="takes no pods yet"),
        pytest.param({"spec": {}, "status": {}}, 0.0, False, id="just registered"),
    ],
)
def test_node_is_ready(candidate: dict[str, Any], kubelet_started_at: float, ready: bool) -> None:
    assert node_is_ready(candidate, kubelet_started_at) is ready


@pytest.mark.parametrize(
    ("device", "address", "length", "conflict"),
    [
        pytest.param("mlzbr0", "10.244.0.1", 24, None, id="our own bridge"),
        pytest.param("eth0", "192.0.2.2", 24, None, id="another range"),
        pytest.param("flannel", "10.244.0.7", 32, "flannel", id="an address of a pod"),
        pytest.param("vpn0", "10.1.2.3", 8, "vpn0", id="a range around ours"),
        pytest.param("eth0", "fd00::2", 64, None, id="IPv6 is no concern"),
    ],
)
def test_conflicting_device(device: str, address: str, length: int, conflict: str | None) -> None:
    entry = {"ifname": device, "addr_info": [{"local": address, "prefixlen": length}]}

    assert conflicting_device(json.dumps([entry])) == conflict


def test_mounts_are_found_the_latest_first_and_only_in_our_folders() -> None:
    mountinfo = "\n".join(
        f"{number} 27 0:1 / {point} rw - tmpfs tmpfs rw"
        for number, point in enumerate(["/state/kubelet", "/stateful", "/state/kubelet/pods/a"])
    )

    assert mount_points(mountinfo, (Path("/state"),)) == ["/state/kubelet/pods/a", "/state/kubelet"]


def test_image_list_is_read_by_column() -> None:
    table = "REF TYPE DIGEST SIZE\nlocalhost/a:1 application/x sha256:1 1.4 MiB linux/amd64 -\n"

    assert parse_image_list(table) == {"localhost/a:1": "sha256:1"}


def test_the_pause_archive_can_be_told_from_others_and_is_reproducible(tmp_path: Path) -> None:
    program = tmp_path / "pause"
    program.write_bytes(b"program")
    for name in ("one.tar", "two.tar"):
        write_pause_archive(program, tmp_path / name)

    assert archive_digest(tmp_path / "one.tar") == archive_digest(tmp_path / "two.tar")
    with tarfile.open(tmp_path / "one.tar") as archive:
        assert set(archive.getnames()) == {"config.json", "layer.tar", "manifest.json"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"no tar at all", "should be an image archive", id="not a tar file"),
        pytest.param(None, "neither index.json", id="a tar file without an image"),
    ],
)
def test_what_is_no_image_archive_is_refused(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    archive = tmp_path / "wrong.tar"
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w"):
        pass
    archive.write_bytes(buffer.getvalue() if content is None else content)

    with pytest.raises(ClusterError, match=message):
        archive_digest(archive)


def test_names_and_addresses_are_told_apart() -> None:
    assert alternative_names(["localhost", "10.96.0.1"]) == "DNS:localhost,IP:10.96.0.1"


def test_another_checkouts_cluster_is_not_touched(tmp_path: Path) -> None:
    other = tmp_path / "other"
    (other / "hack" / "cluster").mkdir(parents=True)
    claim(tmp_path / "owner", other)

    with pytest.raises(ClusterError, match="belongs to the checkout"):
        require_ours(tmp_path / "owner", tmp_path / "mine")


def test_a_deleted_checkouts_cluster_is_taken_over(tmp_path: Path) -> None:
    claim(tmp_path / "owner", tmp_path / "deleted")

    require_ours(tmp_path / "owner", tmp_path / "mine")

    assert owner(tmp_path / "owner") == tmp_path / "deleted"


@pytest.mark.parametrize(("seconds", "text"), [(0.44, "0.4 s"), (42, "42 s"), (485, "8 min 05 s")])
def test_elapsed_text(seconds: float, text: str) -> None:
    assert elapsed_text(seconds) == text
