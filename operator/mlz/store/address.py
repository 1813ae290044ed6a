"""
Which network addresses a store may have, asked after DNS and held for the connection.

A name is resolved once; every address of it is checked; the caller connects to what is returned
here, so a second answer of the same DNS server cannot lead elsewhere (DNS rebinding).
"""

import ipaddress
import queue
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass

from mlz.errors import Reason, RejectedError

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[[str, int], list[str]]

# Clouds' metadata services that are not link-local already: Alibaba, Azure (wire server), Oracle,
# AWS and Google over IPv6. Source: the providers' documentation of their metadata services.
_METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254")
)
_THIS_NETWORK = ipaddress.ip_network("0.0.0.0/8")  # Linux takes 0.0.0.0 for loopback
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_V4_COMPATIBLE = ipaddress.ip_network("::/96")


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """Private addresses are always allowed: in-cluster stores have them. Loopback is a choice."""

    allow_loopback: bool = False

    def forbids(self, text: str) -> bool:
        """Whether an address (as ``getaddrinfo`` writes it) must not be connected to."""
        address = _plain(ipaddress.ip_address(text.split("%", 1)[0]))
        if address.is_loopback:
            return not self.allow_loopback
        return (
            address.is_link_local
            or address.is_multicast
            or address.is_unspecified
            or address in _METADATA
            or (isinstance(address, ipaddress.IPv4Address) and _unusable(address))
        )


def checked_addresses(
    host: str, port: int, policy: AddressPolicy, resolve: Resolver, timeout_seconds: float
) -> list[str]:
    """
    The addresses of a host, all of them allowed.

    Raises:
        RejectedError: AddressForbidden; one of them is not allowed.
        OSError: the name is unknown, or DNS did not answer in time (TimeoutError).
    """
    found = _resolve_in_time(host, port, resolve, timeout_seconds)
    for address in found:
        if policy.forbids(address):
            raise RejectedError(
                Reason.ADDRESS_FORBIDDEN,
                f"{host} leads to {address}: loopback, link-local and metadata addresses are never "
                "fetched from; name the store by its own address",
            )
    return found


def is_private(text: str) -> bool:
    """Whether an address belongs to a private network or to this machine."""
    return _plain(ipaddress.ip_address(text.split("%", 1)[0])).is_private


def resolve_by_system(host: str, port: int) -> list[str]:
    """All addresses of a host, in the system's order of preference."""
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(answer[4][0]) for answer in answers))


def _plain(address: IpAddress) -> IpAddress:
    """The IPv4 address inside an IPv6 one, in each of the forms that a host may route."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour
    if inner is not None:
        return inner
    embedded = address in _NAT64 or (address in _V4_COMPATIBLE and int(address) > 1)
    return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if embedded else address


def _unusable(address: ipaddress.IPv4Address) -> bool:
    return address in _THIS_NETWORK or address.is_reserved


def _resolve_in_time(host: str, port: int, resolve: Resolver, timeout_seconds: float) -> list[str]:
    """``getaddrinfo`` knows no deadline, so it runs beside us; a late answer is thrown away."""
    answer: queue.SimpleQueue[list[str] | OSError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answer.put(resolve(host, port))
        except OSError as error:
            answer.put(error)
        except UnicodeError:  # a label that no DNS name can have
            answer.put(socket.gaierror(socket.EAI_NONAME, "not a host name"))

    threading.Thread(target=ask, daemon=True, name="resolve").start()
    try:
        found = answer.get(timeout=timeout_seconds)
    except queue.Empty:
        raise TimeoutError(f"DNS gave no answer within {timeout_seconds:g} s") from None
    if isinstance(found, OSError):
        raise found
    return found
