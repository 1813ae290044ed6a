"""Ports are checked before a program wants them."""

import socket
from collections.abc import Iterator

import pytest

from cluster.errors import ClusterError
from cluster.ports import RANDOM_PORTS, is_free, random_free, require_free


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_port_that_somebody_listens_on_is_not_free(taken_port: int) -> None:
    assert not is_free("127.0.0.1", taken_port)


def test_random_ports_are_different_free_and_out_of_others_ranges() -> None:
    ports = random_free(10)

    assert len(set(ports)) == 10
    assert all(port in RANDOM_PORTS and is_free("127.0.0.1", port) for port in ports)


def test_a_taken_port_is_refused_with_the_program_that_wanted_it(taken_port: int) -> None:
    with pytest.raises(ClusterError, match=f"etcd needs TCP port {taken_port}"):
        require_free([("etcd", "127.0.0.1", taken_port)])


def test_free_ports_are_accepted() -> None:
    require_free([("etcd", "127.0.0.1", port) for port in random_free(2)])
