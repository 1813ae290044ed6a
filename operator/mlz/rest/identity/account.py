"""
What is in the one Secret of the facade, as values: the users, and the keys that sign tokens.

Pure. The Secret's ``data`` has two keys, ``users.json`` and ``keys.json``; other keys are somebody
else's. Nothing here shows a hash or a private key: not in ``repr``, not in an error.
"""

import base64
import binascii
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, TypeVar

from pydantic import Field, StringConstraints, ValidationError

from mlz.errors import Reason, RejectedError
from mlz.model.document import StatusDocument
from mlz.rest.identity.passwords import HASH_PATTERN
from mlz.rest.identity.roles import Role

USERS = "users.json"
KEYS = "keys.json"

# No colon: the names of an outside issuer's users have one, and never meet ours.
NAME_PATTERN = r"^[A-Za-z0-9._@-]{1,64}$"
# A Secret holds 1 MiB, all its keys together. Source: Kubernetes, "Secrets".
MAX_BYTES = 900 * 1024

# 32 bytes in base64url, the unused bits of the last character being zero.
_BYTES_32 = "^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$"

UserName = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]


class User(StatusDocument):
    """
    One user.

    ``valid_from``: tokens made earlier count no more; the time of the last change of password or
    role, in seconds since 1970.
    """

    password_hash: str = Field(repr=False, pattern=HASH_PATTERN)
    role: Role
    disabled: bool = False
    valid_from: float = Field(0, ge=0, allow_inf_nan=False)


class KeyState(StrEnum):
    """Where a signing key is in its life; it only ever goes forward."""

    NEXT = "next"
    ACTIVE = "active"
    RETIRED = "retired"


class Jwk(StatusDocument):
    """A private Ed25519 key. Source: RFC 8037, section 2."""

    kty: str = Field("OKP", pattern="^OKP$")
    crv: str = Field("Ed25519", pattern="^Ed25519$")
    x: str = Field(pattern=_BYTES_32)
    d: str = Field(repr=False, pattern=_BYTES_32)


class SigningKey(StatusDocument):
    """
    One key that signs tokens, has signed some, or is going to.

    ``created``, and ``since`` when it came into its state, are in seconds since 1970.
    """

    kid: str = Field(min_length=1, max_length=128)
    state: KeyState
    created: float = Field(allow_inf_nan=False)
    since: float = Field(allow_inf_nan=False)
    jwk: Jwk


_Part = TypeVar("_Part", bound=StatusDocument)


class _Users(StatusDocument):
    users: dict[UserName, User] = Field({})


class _Keys(StatusDocument):
    keys: tuple[SigningKey, ...] = ()


class Account(StatusDocument):
    """All that the facade knows of identity, by itself."""

    users: dict[UserName, User] = Field({})
    keys: tuple[SigningKey, ...] = ()


def read_account(data: Mapping[str, str]) -> Account:
    """
    The content of a Secret's ``data``; absent keys are empty.

    Raises:
        RejectedError: InvalidSpec; a key holds something else. Values are not shown.
    """
    users = _read(data, USERS, _Users)
    keys = _read(data, KEYS, _Keys)
    return Account(users=users.users, keys=keys.keys)


def account_data(account: Account) -> dict[str, str]:
    """
    The two keys of a Secret's ``data`` for that account.

    Raises:
        RejectedError: InvalidSpec; a Secret cannot hold so much.
    """
    written = {
        USERS: _written(_Users(users=dict(sorted(account.users.items())))),
        KEYS: _written(_Keys(keys=account.keys)),
    }
    size = sum(map(len, written.values()))
    if size > MAX_BYTES:
        raise RejectedError(
            Reason.INVALID_SPEC,
            f"{len(account.users)} users take {size} bytes, a Secret holds {MAX_BYTES} of them:"
            " take an OIDC issuer for so many",
        )
    return written


def _read(data: Mapping[str, str], key: str, part: type[_Part]) -> _Part:
    try:
        raw = base64.b64decode(data.get(key, ""), validate=True)
        return part.model_validate_json(raw) if raw.strip() else part()
    except ValidationError as error:
        places = ", ".join(
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"
            for fault in error.errors(include_input=False, include_url=False)
        )
        raise RejectedError(Reason.INVALID_SPEC, f"the Secret's {key} is wrong: {places}") from None
    except (binascii.Error, ValueError):
        raise RejectedError(Reason.INVALID_SPEC, f"the Secret's {key} is no base64") from None


def _written(part: StatusDocument) -> str:
    text = part.model_dump_json(by_alias=True)
    return base64.b64encode(text.encode()).decode("ascii")
