"""
The one Secret as this process knows it: read anew every few seconds, its keys rotated when due.

Any number of replicas do so: whoever writes first has rotated, and the others read what he wrote.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from mlz.cluster.client import ApiError
from mlz.errors import RejectedError
from mlz.rest.identity import keys, secret, users
from mlz.rest.identity.account import Account
from mlz.rest.identity.keys import Lifetimes
from mlz.rest.identity.secret import Place
from mlz.rest.identity.tokens import Terms, our_issuer
from mlz.tokens import Issuer

log = logging.getLogger(__name__)

# Shorter than ``Lifetimes.overlap`` by far: in between, keys and users are as old as this.
RENEWAL_SECONDS = 10
# Who logs in is held against the latest users; so long is between two reads, whoever tries.
_FRESH_SECONDS = 0.2
_FIRST_READS = 6
_FIRST_PAUSE_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Known:
    """What the Secret held when it was read last."""

    account: Account
    issuer: Issuer


class Keyring:
    """
    Users and keys; safe to use from many threads.

    Args:
        place: of the Secret.
        clock: seconds since 1970.
        pause: waits so many seconds.
    """

    def __init__(
        self,
        place: Place,
        terms: Terms,
        lifetimes: Lifetimes,
        clock: Callable[[], float],
        pause: Callable[[float], None],
    ) -> None:
        self.terms = terms
        self._place = place
        self._lifetimes = lifetimes
        self._clock = clock
        self._pause = pause
        self._reading = threading.Lock()
        self._read_at = 0.0
        self._known = Known(Account(), our_issuer((), terms))

    @property
    def account(self) -> Account:
        """Users and keys."""
        return self._known.account

    @property
    def issuer(self) -> Issuer:
        """Ourselves, as somebody whose tokens we take."""
        return self._known.issuer

    @property
    def is_ready(self) -> bool:
        """Whether there is a key to sign with."""
        return keys.active_key(self.account.keys) is not None

    def fresh(self) -> Account:
        """
        Users and keys as they are now, if the API server answers; blocking.

        All who ask while one read is awaited share the next one.
        """
        asked = self._clock()
        with self._reading:
            if self._read_at <= asked:
                self._pause(max(0.0, min(self._read_at + _FRESH_SECONDS - asked, _FRESH_SECONDS)))
                self._renew()
        return self.account

    def begin(self) -> None:
        """Renew until there is a key to sign with; after a few failures `renew` goes on."""
        for number in range(_FIRST_READS):
            self.renew()
            if self.is_ready:
                return
            self._pause(_FIRST_PAUSE_SECONDS * 2.0**number)

    def renew(self) -> None:
        """
        Read the Secret, and rotate what is due; blocking.

        Nothing is raised: what is known goes on counting, and the next renewal tries again.
        """
        with self._reading:
            self._renew()

    def keep_hash(self, name: str, old_hash: str, new_hash: str) -> None:
        """A user's password, hashed by today's parameters; blocking, and nothing is raised."""
        try:
            with self._reading:
                account = secret.update(
                    self._place,
                    lambda known: users.rehashed(known, name, old_hash, new_hash),
                    self._pause,
                )
                self._keep(account)
        except (ApiError, RejectedError) as error:
            log.warning("a hash is not brought up to date", extra={"cause": str(error)})

    def _renew(self) -> None:
        self._read_at = self._clock()
        try:
            account = secret.load(self._place)
            wanted = self._rotated(account)
            if wanted != account:
                account = secret.update(self._place, self._rotated, self._pause)
                log.info("signing keys rotated")
            self._keep(account)
        except (ApiError, RejectedError) as error:
            log.warning("the Secret cannot be read or written", extra={"cause": str(error)})

    def _rotated(self, account: Account) -> Account:
        return keys.rotated(account, self._clock(), self._lifetimes, keys.new_jwk)

    def _keep(self, account: Account) -> None:
        """Only who holds ``_reading`` calls it, so that no older account comes back."""
        if account != self._known.account:
            self._known = Known(account, our_issuer(account.keys, self.terms))
