"""`mlz user`: what it changes, what it prints, and that a password goes nowhere else."""

import argparse
import io
import json
import subprocess
import sys
from typing import Any

import pytest

from fakes.apiserver import FakeApiServer, Request
from mlz.cli import COMMANDS, main
from mlz.cli.user import World, act, configure
from mlz.cluster.client import ApiOutageError
from mlz.errors import RejectedError, RetryableError
from mlz.rest.identity.account import Account
from mlz.rest.identity.passwords import Passwords
from mlz.rest.identity.secret import Place, load
from unit.rest.identity.people import NOW, PASSWORD, salt

TYPED = f"{PASSWORD}\n".encode()


class Terminal(io.BytesIO):
    """Somebody types, and types on."""

    def isatty(self) -> bool:
        return True


def user(server: FakeApiServer, *words: str, stdin: bytes | io.BytesIO = b"") -> int:
    parser = argparse.ArgumentParser()
    configure(parser)
    arguments = parser.parse_args(words)
    stream = stdin if isinstance(stdin, io.BytesIO) else io.BytesIO(stdin)
    world = World(stream, lambda: NOW, lambda _: None, salt)
    return act(arguments, lambda found: Place(server, found.namespace, found.secret), world)


def account_in(server: FakeApiServer, namespace: str = "mlz-system") -> Account:
    return load(Place(server, namespace, "mlz-rest"))


def with_alice(role: str = "apiuser") -> FakeApiServer:
    server = FakeApiServer()
    user(server, "add", "alice", "--role", role, "--password-stdin", stdin=TYPED)
    return server


def is_password(server: FakeApiServer, password: str, name: str = "alice") -> bool:
    return Passwords(salt).is_right(password, account_in(server).users[name].password_hash)


def test_a_user_is_added(capsys: pytest.CaptureFixture[str]) -> None:
    server = with_alice("mladm")

    found = account_in(server).users["alice"]
    assert (found.role, found.disabled, found.valid_from) == ("mladm", False, NOW)
    assert is_password(server, PASSWORD)
    assert capsys.readouterr().out == "user alice: added\n"


@pytest.mark.parametrize(
    "stdin",
    [
        pytest.param(PASSWORD.encode(), id="no line end"),
        pytest.param(TYPED, id="a line end"),
        pytest.param(f"{PASSWORD}\r\n".encode(), id="a line end of Windows"),
        pytest.param(Terminal(TYPED + b"more"), id="a line on a terminal"),
    ],
)
def test_a_line_end_is_no_part_of_the_password(stdin: Any) -> None:
    server = FakeApiServer()

    user(server, "add", "alice", "--role", "sysadm", "--password-stdin", stdin=stdin)

    assert is_password(server, PASSWORD)


@pytest.mark.parametrize(
    ("stdin", "why"),
    [
        pytest.param(b"", "no password on stdin", id="nothing"),
        pytest.param(b"\n", "no password on stdin", id="an empty line"),
        pytest.param(b"short\n", "fewer than 12", id="too short"),
        pytest.param(b"two lines\nof a password", "cannot be typed", id="two lines"),
        pytest.param(b"x" * 2000, "more than 1024 bytes", id="too long"),
        pytest.param(b"\xff" * 20, "UTF-8", id="no UTF-8"),
        pytest.param(b"my name is alice", "user's name", id="the name in it"),
    ],
)
def test_a_password_that_is_refused_writes_nothing(stdin: bytes, why: str) -> None:
    server = FakeApiServer()

    with pytest.raises(RejectedError, match=why):
        user(server, "add", "alice", "--role", "sysadm", "--password-stdin", stdin=stdin)

    assert server.requests == []


def test_the_password_is_changed() -> None:
    server = with_alice()

    user(server, "passwd", "alice", "--password-stdin", stdin=b"another good password")

    assert is_password(server, "another good password")
    assert not is_password(server, PASSWORD)


def test_a_user_is_disabled_enabled_and_removed(capsys: pytest.CaptureFixture[str]) -> None:
    server = with_alice()

    user(server, "disable", "alice")
    assert account_in(server).users["alice"].disabled
    user(server, "enable", "alice")
    assert not account_in(server).users["alice"].disabled
    user(server, "remove", "alice")
    assert account_in(server).users == {}

    said = capsys.readouterr().out.splitlines()
    assert said[1:] == ["user alice: disabled", "user alice: enabled", "user alice: removed"]


def test_users_are_listed_without_their_hashes(capsys: pytest.CaptureFixture[str]) -> None:
    server = with_alice()
    user(server, "add", "bob", "--role", "sysadm", "--password-stdin", stdin=TYPED)
    user(server, "disable", "bob")
    capsys.readouterr()

    user(server, "list")
    table = capsys.readouterr().out
    user(server, "list", "-o", "json")
    document = capsys.readouterr().out

    assert table.splitlines() == [
        "NAME   ROLE     STATE",
        "alice  apiuser  enabled",
        "bob    sysadm   disabled",
    ]
    assert json.loads(document)[1] == {
        "name": "bob",
        "role": "sysadm",
        "disabled": True,
        "tokensValidFrom": "2033-05-18T03:33:20+00:00",
    }
    assert "argon2" not in table + document


def test_where_there_is_no_secret_nobody_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    server = FakeApiServer()

    user(server, "list", "-o", "json")

    assert json.loads(capsys.readouterr().out) == []
    assert not any(one.is_write for one in server.requests)


def test_another_namespace_and_secret_are_taken() -> None:
    server = FakeApiServer()
    words = ("--password-stdin", "-n", "other", "--secret", "x-rest")

    user(server, "add", "alice", "--role", "appuser", *words, stdin=TYPED)

    assert list(load(Place(server, "other", "x-rest")).users) == ["alice"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        pytest.param(("add", "alice", "--role", "mladm"), "there is a user 'alice'", id="twice"),
        pytest.param(("add", "ALICE", "--role", "mladm"), "there is a user 'alice'", id="case"),
        pytest.param(("add", "a b", "--role", "mladm"), "1 to 64 letters", id="no name"),
        pytest.param(("passwd", "bob"), "no user 'bob'", id="nobody's password"),
        pytest.param(("remove", "bob"), "no user 'bob'", id="nobody removed"),
    ],
)
def test_what_is_refused_changes_nothing(words: tuple[str, ...], why: str) -> None:
    server = with_alice()
    before = account_in(server)
    if words[0] != "remove":
        words = (*words, "--password-stdin")

    with pytest.raises(RejectedError, match=why):
        user(server, *words, stdin=TYPED)

    assert account_in(server) == before


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(("add", "alice", "--password-stdin"), id="no role"),
        pytest.param(("add", "alice", "--role", "root", "--password-stdin"), id="no such role"),
        pytest.param(("add", "alice", "--role", "mladm"), id="the password is from stdin only"),
        pytest.param(("passwd", "alice", "--password", PASSWORD), id="never on the command line"),
        pytest.param((), id="nothing to do"),
    ],
)
def test_a_wrong_command_line_is_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as caught:
        user(FakeApiServer(), *words, stdin=TYPED)

    assert caught.value.code == 2


def test_a_cluster_that_does_not_answer_is_told_in_one_line() -> None:
    server = FakeApiServer()

    def fail(_: Request) -> None:
        raise ApiOutageError(0, "connection refused")

    server.before = fail

    with pytest.raises(RetryableError, match="Secret mlz-rest in namespace mlz-system: 0: conn"):
        user(server, "list")


def test_without_a_cluster_it_ends_with_3(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))

    assert main(["user", "list", "--context", "nowhere"]) == 3

    assert "no cluster to ask" in capsys.readouterr().err


def test_the_command_is_listed_and_imports_the_cluster_only_when_called() -> None:
    assert "user" in COMMANDS
    code = "import sys; import mlz.cli; sys.exit('argon2' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
