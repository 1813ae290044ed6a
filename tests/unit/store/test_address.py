"""Addresses that stores may not have."""

import socket
import threading

import pytest

from mlz.errors import Reason, RejectedError
from mlz.store.address import AddressPolicy, checked_addresses

STRICT = AddressPolicy()


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("127.0.0.1", "loopback"),
        ("127.8.9.10", "all of 127/8 is loopback"),
        ("::1", "loopback of IPv6"),
        ("::ffff:127.0.0.1", "loopback mapped into IPv6"),
        ("::7f00:1", "loopback in the old compatible form"),
        ("64:ff9b::7f00:1", "loopback through NAT64"),
        ("2002:7f00:1::", "loopback through 6to4"),
        ("0.0.0.0", "Linux takes it for loopback"),
        ("0.1.2.3", "this network"),
        ("::", "unspecified"),
        ("169.254.169.254", "metadata"),
        ("169.254.1.1", "link-local"),
        ("fe80::1%eth0", "link-local of IPv6, with its zone"),
        ("::ffff:169.254.169.254", "metadata mapped into IPv6"),
        ("64:ff9b::a9fe:a9fe", "metadata through NAT64"),
        ("fd00:ec2::254", "metadata of AWS over IPv6"),
        ("fd20:ce::254", "metadata of Google over IPv6"),
        ("100.100.100.200", "metadata of Alibaba"),
        ("168.63.129.16", "Azure's wire server"),
        ("192.0.0.192", "metadata of Oracle"),
        ("224.0.0.1", "multicast"),
        ("ff02::1", "multicast of IPv6"),
        ("255.255.255.255", "broadcast"),
        ("240.0.0.1", "reserved"),
    ],
)
def test_an_address_is_forbidden(address: str, why: str) -> None:
    assert STRICT.forbids(address), why


@pytest.mark.parametrize(
    "address", ["10.1.2.3", "192.168.0.1", "172.16.0.1", "93.184.216.34", "fd00::1", "2a00::1"]
)
def test_private_and_public_addresses_are_allowed(address: str) -> None:
    assert not STRICT.forbids(address)


def test_a_developer_may_use_loopback_but_not_metadata() -> None:
    policy = AddressPolicy(allow_loopback=True)

    assert not policy.forbids("127.0.0.1")
    assert not policy.forbids("::1")
    assert policy.forbids("169.254.169.254")
    assert policy.forbids("0.0.0.0")


def test_one_forbidden_address_among_good_ones_is_enough() -> None:
    with pytest.raises(RejectedError) as caught:
        checked_addresses("mixed.example", 80, STRICT, lambda *_: ["10.0.0.1", "127.0.0.1"], 1)

    assert caught.value.reason is Reason.ADDRESS_FORBIDDEN


def test_numbers_in_other_forms_are_resolved_before_they_are_checked() -> None:
    def resolve(host: str, port: int) -> list[str]:
        return [str(a[4][0]) for a in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]

    for host in ("2130706433", "0x7f.1", "127.1"):
        with pytest.raises(RejectedError):
            checked_addresses(host, 80, STRICT, resolve, 5)


def test_a_silent_dns_is_given_up() -> None:
    release = threading.Event()

    def resolve(_host: str, _port: int) -> list[str]:
        release.wait(10)
        return []

    with pytest.raises(TimeoutError):
        checked_addresses("slow.example", 80, STRICT, resolve, 0.05)
    release.set()


def test_a_name_that_no_host_can_have_is_unknown() -> None:
    def resolve(host: str, _port: int) -> list[str]:
        host.encode("idna")
        return []

    with pytest.raises(socket.gaierror):
        checked_addresses("a" * 70 + ".example", 80, STRICT, resolve, 1)
