"""
`mlz user`: the users of the REST API, in the Secret of a cluster.

A password is read from stdin, never from the command line, where other users of the machine and the
shell's history would see it. The Secret is changed with the rights of whoever calls.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import BinaryIO

from mlz.errors import Reason, RejectedError, RetryableError
from mlz.rest.identity.account import Account, User
from mlz.rest.identity.passwords import MAX_BYTES, Passwords
from mlz.rest.identity.roles import Role
from mlz.rest.identity.secret import Place, load, update
from mlz.rest.identity.users import NewUser, added, check_name, removed, with_password, with_state

DEFAULT_NAMESPACE = "mlz-system"
DEFAULT_SECRET = "mlz-rest"  # noqa: S105 - the name of a Secret

Change = Callable[[Account], Account]


@dataclass(frozen=True, slots=True)
class World:
    """What is outside of this process."""

    stdin: BinaryIO
    now: Callable[[], float] = time.time
    pause: Callable[[float], None] = time.sleep
    random_bytes: Callable[[int], bytes] = os.urandom


Connect = Callable[[argparse.Namespace], Place]


def configure(parser: argparse.ArgumentParser) -> None:
    """What to do, with whom, and in which cluster."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = _action(actions, "add", "add a user")
    add.add_argument("--role", type=Role, choices=list(Role), required=True)
    passwd = _action(actions, "passwd", "change a password; tokens so far count no more")
    for one in (add, passwd):
        one.add_argument(
            "--password-stdin",
            action="store_true",
            required=True,
            help="read the password from stdin; a line end after it does not count",
        )
    _action(actions, "disable", "refuse a user without forgetting him")
    _action(actions, "enable", "take a disabled user again")
    _action(actions, "remove", "remove a user; what he owned belongs to his name")
    listing = _action(actions, "list", "print all users and their roles", named=False)
    listing.add_argument("-o", "--output", choices=("text", "json"), default="text")


def run(arguments: argparse.Namespace) -> int:
    """Do it; what was changed is said on stdout."""
    return act(arguments, connect, World(sys.stdin.buffer))


def act(arguments: argparse.Namespace, connect_to: Connect, world: World) -> int:
    """
    The same, with another cluster and another world.

    Raises:
        RejectedError: InvalidSpec; the name, the password, or what the Secret holds.
        RetryableError: StoreUnreachable; the cluster does not do it.
    """
    from mlz.cluster.client import ApiError

    change = None if arguments.action == "list" else _change(arguments, world)
    try:
        place = connect_to(arguments)
        if change is None:
            sys.stdout.write(_listed(load(place), arguments.output))
            return 0
        update(place, change, world.pause)
    except ApiError as error:
        raise RetryableError(
            Reason.STORE_UNREACHABLE,
            f"Secret {arguments.secret} in namespace {arguments.namespace}: {error}",
        ) from error
    sys.stdout.write(f"user {arguments.name}: {_DONE[arguments.action]}\n")
    return 0


def connect(arguments: argparse.Namespace) -> Place:
    """
    The Secret of the arguments.

    Raises:
        RejectedError: InvalidSpec; there is no cluster to ask.
    """
    from mlz.cluster import kubeconfig

    try:
        client = kubeconfig.connect(arguments.context)
    except kubeconfig.NoClusterError as error:
        raise RejectedError(Reason.INVALID_SPEC, f"no cluster to ask: {error}") from error
    return Place(client, arguments.namespace, arguments.secret)


_DONE = {
    "add": "added",
    "passwd": "password changed",
    "disable": "disabled",
    "enable": "enabled",
    "remove": "removed",
}


def _action(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]",
    word: str,
    text: str,
    *,
    named: bool = True,
) -> argparse.ArgumentParser:
    action = actions.add_parser(word, help=text, description=text)
    if named:
        action.add_argument("name", metavar="NAME", help="1 to 64 letters, digits and '._@-'")
    action.add_argument("--context", help="of the kubeconfig; the current one unless given")
    action.add_argument(
        "-n", "--namespace", default=DEFAULT_NAMESPACE, help="of the Secret (%(default)s)"
    )
    action.add_argument(
        "--secret", default=DEFAULT_SECRET, metavar="SECRET", help="its name (%(default)s)"
    )
    return action


def _change(arguments: argparse.Namespace, world: World) -> Change:
    """What is to become of an account; whatever takes long is done before it is called."""
    name, now = arguments.name, world.now()
    check_name(name)
    if arguments.action == "remove":
        return lambda account: removed(account, name)
    if arguments.action in ("disable", "enable"):
        is_disabled = arguments.action == "disable"
        return lambda account: with_state(account, name, now, disabled=is_disabled)
    password_hash = Passwords(world.random_bytes).hashed(_password(world.stdin), name)
    if arguments.action == "passwd":
        return lambda account: with_password(account, name, password_hash, now)
    new = NewUser(name, password_hash, arguments.role)
    return lambda account: added(account, new, now)


def _password(stdin: BinaryIO) -> str:
    """All of stdin but one line end; a terminal ends with the line, as a person expects it."""
    limit = MAX_BYTES + len("\r\n") + 1
    raw = stdin.readline(limit) if stdin.isatty() else stdin.read(limit)
    raw = raw.removesuffix(b"\n").removesuffix(b"\r")
    if not raw:
        raise RejectedError(Reason.INVALID_SPEC, "there is no password on stdin")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise RejectedError(Reason.INVALID_SPEC, "the password is not in UTF-8") from None


def _listed(account: Account, output: str) -> str:
    users = sorted(account.users.items())
    if output == "json":
        return json.dumps([_document(name, user) for name, user in users], indent=2) + "\n"
    rows = [("NAME", "ROLE", "STATE"), *((name, user.role, _state(user)) for name, user in users)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "".join(
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        + "\n"
        for row in rows
    )


def _document(name: str, user: User) -> dict[str, object]:
    since = datetime.fromtimestamp(user.valid_from, UTC).isoformat(timespec="seconds")
    return {"name": name, "role": user.role, "disabled": user.disabled, "tokensValidFrom": since}


def _state(user: User) -> str:
    return "disabled" if user.disabled else "enabled"
