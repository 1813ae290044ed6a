"""The bridge of the node, on this machine's own links."""

import json
import os
import subprocess
from collections.abc import Iterator

import pytest

from cluster import network

# Without these rights there is no node either: hack/cluster takes kind then.
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="links are root's to make")

BRIDGE, CABLE, PLUG = "mlz-test0", "mlz-test1", "mlz-test2"


def ip(*words: str) -> str:
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout


def links() -> set[str]:
    return {one["ifname"] for one in json.loads(ip("-json", "link"))}


@pytest.fixture
def bridge(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One with a pod's cable in it."""
    monkeypatch.setattr(network, "BRIDGE", BRIDGE)
    ip("link", "add", "name", BRIDGE, "type", "bridge")
    ip("link", "add", "name", CABLE, "type", "veth", "peer", "name", PLUG)
    ip("link", "set", CABLE, "master", BRIDGE)
    yield
    for name in {BRIDGE, CABLE} & links():
        ip("link", "delete", name)


def test_the_bridge_goes_with_the_cables_of_pods_that_linger(bridge: None) -> None:
    assert {BRIDGE, CABLE, PLUG} <= links()

    for _ in range(2):  # the second time there is nothing to do
        network.remove_bridge()

    assert {BRIDGE, CABLE, PLUG} & links() == set()
