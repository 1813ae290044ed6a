"""
How often somebody may try to log in: token buckets by address, by user, and by both.

Each replica counts alone, so ``n`` replicas allow ``n`` times as much. Buckets refill by time and
nobody is ever locked out for good. A user who is attacked from one address can still log in from
another, for the narrow limit is on the pair; the one on the user alone is wide, and there against
many addresses.
"""

import ipaddress
import threading
from collections import OrderedDict
from dataclasses import dataclass

from mlz.rest.problems import Code, Refusal, retry_after


@dataclass(frozen=True, slots=True)
class Rate:
    """So many at once, and one more every so many seconds."""

    burst: int
    refill_seconds: float


@dataclass(frozen=True, slots=True)
class Rates:
    """
    The limits of log-ins.

    Every attempt counts for the address. A right password gives the other two back, so that a
    pipeline may log in as often as it likes.
    """

    address: Rate = Rate(60, 1)
    user: Rate = Rate(60, 6)
    pair: Rate = Rate(6, 12)


@dataclass(frozen=True, slots=True)
class _Bucket:
    left: float
    at: float


class Buckets:
    """
    A bucket for each key, at most ``capacity`` of them; not safe to use from many threads.

    A bucket that nobody has touched for the longest time goes first. To make us forget one that is
    not full yet takes ``capacity`` attempts under other keys within minutes, each of which has paid
    at its own address.
    """

    def __init__(self, rate: Rate, capacity: int = 10_000) -> None:
        self._rate = rate
        self._capacity = capacity
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def wait_seconds(self, key: str, now: float) -> float:
        """How long until an attempt is allowed; 0 where it is now. Takes nothing."""
        return max(0.0, (1 - self._left(key, now)) * self._rate.refill_seconds)

    def take(self, key: str, now: float, attempts: float = 1) -> None:
        """Count an attempt, or give one back."""
        left = min(self._rate.burst, self._left(key, now) - attempts)
        self._buckets[key] = _Bucket(left, now)
        self._buckets.move_to_end(key)
        if len(self._buckets) > self._capacity:
            self._buckets.popitem(last=False)

    def _left(self, key: str, now: float) -> float:
        bucket = self._buckets.get(key)
        if bucket is None:
            return self._rate.burst
        if now < bucket.at:  # a clock that goes back gives nothing, and refilling begins anew
            bucket = self._buckets[key] = _Bucket(bucket.left, now)
        refilled = (now - bucket.at) / self._rate.refill_seconds
        return min(self._rate.burst, bucket.left + refilled)


class Limiter:
    """All the limits together; safe to use from many threads."""

    def __init__(self, rates: Rates | None = None, capacity: int = 10_000) -> None:
        wanted = rates or Rates()
        self._address = Buckets(wanted.address, capacity)
        self._user = Buckets(wanted.user, capacity)
        self._pair = Buckets(wanted.pair, capacity)
        self._lock = threading.Lock()

    def begin(self, name: str, address: str, now: float) -> None:
        """
        Count an attempt to log in, before the password is looked at.

        Args:
            name: as it was given, whether or not there is such a user.
            address: the client's, as far as it is known.
            now: seconds of any clock.

        Raises:
            Refusal: too_many_attempts with Retry-After; the attempt does not count then.
        """
        origin = network(address)
        parts = (
            (self._address, origin),
            (self._pair, _pair(name, origin)),
            (self._user, name),
        )
        with self._lock:
            wait = max(buckets.wait_seconds(key, now) for buckets, key in parts)
            if wait == 0:
                for buckets, key in parts:
                    buckets.take(key, now)
        if wait > 0:
            raise _too_many(wait)

    def succeeded(self, name: str, address: str, now: float) -> None:
        """The password was right: it does not count for the user."""
        with self._lock:
            self._pair.take(_pair(name, network(address)), now, -1)
            self._user.take(name, now, -1)


def network(address: str) -> str:
    """
    Whom an address stands for: of IPv6 the /64, which is what one customer has at least.

    Source: RFC 6177. What is no address stands for itself.
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, 64), strict=False))


def _pair(name: str, origin: str) -> str:
    return f"{origin} {name}"


def _too_many(seconds: float) -> Refusal:
    return retry_after(
        Code.TOO_MANY_ATTEMPTS,
        "too many attempts to log in as this user or from this address; wait, see Retry-After",
        seconds,
    )
