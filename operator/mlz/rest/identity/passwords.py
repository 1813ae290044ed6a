"""
Passwords: what may be one, how it is kept, and whether it is right.

Argon2id by argon2-cffi, in PHC strings. Checking costs the same whether or not there is such a
user, so that nobody learns names by a clock. A check takes 19 MiB and some 50 ms of a core: callers
run at most ``CONCURRENT_CHECKS`` at once.
"""

import unicodedata
from collections.abc import Callable

from argon2 import Parameters, PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from mlz.errors import Reason, RejectedError

# OWASP, Password Storage Cheat Sheet: 19 MiB, two passes, one lane. RFC 9106's second choice
# (64 MiB) would let four log-ins at once end a pod of 256 MiB.
PARAMETERS = Parameters(
    type=Type.ID,
    version=19,
    salt_len=16,
    hash_len=32,
    time_cost=2,
    memory_cost=19 * 1024,
    parallelism=1,
)
CONCURRENT_CHECKS = 4

# PHC strings that are checked: the limits keep an edited Secret from asking for gigabytes.
HASH_PATTERN = (
    r"^\$argon2id\$v=19\$m=[0-9]{1,5},t=[0-9]{1,2},p=[0-9]\$[A-Za-z0-9+/]{11,86}\$"
    r"[A-Za-z0-9+/]{22,86}$"
)
# PCI DSS 4.0, requirement 8.3.6. Length, not composition: NIST SP 800-63B, section 5.1.1.2.
MIN_CHARACTERS = 12
MAX_BYTES = 1024
_MIN_DIFFERENT = 5
_MIN_NAME = 4  # shorter names are in many a good password


class Passwords:
    """
    Makes and checks hashes; safe to use from many threads.

    Args:
        random_bytes: so many bytes that nobody can foretell.
        parameters: of new hashes; a hash made with others is still checked.
    """

    def __init__(
        self, random_bytes: Callable[[int], bytes], parameters: Parameters = PARAMETERS
    ) -> None:
        self._hasher = PasswordHasher.from_parameters(parameters)
        self._random_bytes = random_bytes
        self._nobody = self._hash(random_bytes(32))

    def hashed(self, password: str, name: str) -> str:
        """
        The hash of a new password.

        Args:
            name: of the user, which the password may not contain unless it is very short.

        Raises:
            RejectedError: InvalidSpec; the password is too weak or too long.
        """
        fault = _fault(password, name)
        if fault:
            raise RejectedError(Reason.INVALID_SPEC, f"the password {fault}")
        return self._hash(_prepared(password) or b"")

    def is_right(self, password: str, known: str | None) -> bool:
        """
        Whether a password is that of a hash; None, for nobody's, takes as long and is False.

        A hash of other parameters takes another time: ``rehashed`` brings it up to date.
        """
        secret = _prepared(password)
        try:
            self._hasher.verify(known or self._nobody, secret or b"")
        except (VerificationError, InvalidHashError):
            return False
        return known is not None and secret is not None

    def rehashed(self, password: str, known: str) -> str | None:
        """The hash to keep instead of one of outdated parameters; None where it is up to date."""
        if not self._hasher.check_needs_rehash(known):
            return None
        return self._hash(_prepared(password) or b"")

    def _hash(self, secret: bytes) -> str:
        return self._hasher.hash(secret, salt=self._random_bytes(self._hasher.salt_len))


def _fault(password: str, name: str) -> str | None:
    secret = _prepared(password)
    if secret is None:
        return f"has more than {MAX_BYTES} bytes, or is no text"
    if len(password) < MIN_CHARACTERS:
        return f"has fewer than {MIN_CHARACTERS} characters"
    if len(set(password)) < _MIN_DIFFERENT:
        return f"has fewer than {_MIN_DIFFERENT} different characters"
    if not password.isprintable():
        return "has characters that cannot be typed, such as a tab or a line end"
    if len(name) >= _MIN_NAME and name.casefold() in password.casefold():
        return "contains the user's name"
    return None


def _prepared(password: str) -> bytes | None:
    """
    The bytes that are hashed; None where the text is too long or no Unicode.

    The same text typed on two systems may come composed or decomposed. Source: RFC 8265, 4.2.2.
    """
    if len(password) > MAX_BYTES:
        return None
    try:
        secret = unicodedata.normalize("NFC", password).encode()
    except UnicodeEncodeError:
        return None
    return secret if len(secret) <= MAX_BYTES else None
