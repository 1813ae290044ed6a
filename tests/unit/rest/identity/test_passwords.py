"""What may be a password, how it is kept, and that a check does not tell who has one."""

import os

import pytest

from mlz.errors import RejectedError
from mlz.rest.identity.account import User
from mlz.rest.identity.passwords import CONCURRENT_CHECKS, PARAMETERS, Passwords
from unit.rest.identity.people import PASSWORD, cheap_passwords, hash_of


def test_a_hash_is_argon2id_with_the_parameters_of_owasp() -> None:
    hashed = Passwords(os.urandom).hashed(PASSWORD, "alice")

    assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert Passwords(os.urandom).is_right(PASSWORD, hashed)


def test_checks_at_once_fit_into_a_pod_of_256_mebibytes() -> None:
    assert CONCURRENT_CHECKS * PARAMETERS.memory_cost <= 80 * 1024


def test_equal_passwords_have_different_hashes() -> None:
    passwords = Passwords(os.urandom)

    assert passwords.hashed(PASSWORD, "alice") != passwords.hashed(PASSWORD, "alice")


@pytest.mark.parametrize(
    ("password", "known", "is_right"),
    [
        pytest.param(PASSWORD, PASSWORD, True, id="the right one"),
        pytest.param(PASSWORD + " ", PASSWORD, False, id="a blank more"),
        pytest.param(PASSWORD.upper(), PASSWORD, False, id="capitals"),
        pytest.param("", PASSWORD, False, id="an empty one"),
        pytest.param("x" * 100_000, PASSWORD, False, id="a huge one"),
        pytest.param("\ud800" * 12, PASSWORD, False, id="no Unicode"),
        pytest.param("\0" + PASSWORD, PASSWORD, False, id="a zero byte before it"),
        pytest.param(PASSWORD + "\0", PASSWORD, False, id="a zero byte after it"),
        pytest.param("A\u0308pfel und Birnen", "\u00c4pfel und Birnen", True, id="decomposed"),
    ],
)
def test_what_is_right(password: str, known: str, is_right: bool) -> None:
    assert cheap_passwords().is_right(password, hash_of(known)) is is_right


@pytest.mark.parametrize("password", [PASSWORD, "", "x" * 2000, "\ud800"])
def test_nobody_has_a_password(password: str) -> None:
    assert not cheap_passwords().is_right(password, None)


@pytest.mark.parametrize("known", ["", "x", "$argon2id$", "$2b$12$abc", "$argon2id$v=19$m=8,t=0"])
def test_a_broken_hash_is_nobodys(known: str) -> None:
    assert not cheap_passwords().is_right(PASSWORD, known)


def test_no_password_is_right_for_nobody_even_the_one_behind_the_dummy() -> None:
    made: list[bytes] = []

    def random_bytes(size: int) -> bytes:
        made.append(b"x" * size)
        return made[-1]

    passwords = Passwords(random_bytes)

    assert not passwords.is_right("x" * 32, None)
    assert passwords.is_right("x" * 32, passwords._nobody)


def test_an_unknown_user_costs_a_whole_check(monkeypatch: pytest.MonkeyPatch) -> None:
    passwords = Passwords(os.urandom)
    checked: list[tuple[str, bytes]] = []
    hasher = passwords._hasher
    monkeypatch.setattr(
        type(hasher), "verify", lambda _, known, secret: checked.append((known, secret))
    )

    passwords.is_right(PASSWORD, None)
    passwords.is_right("\ud800", None)
    passwords.is_right("x" * 5000, hash_of())

    assert [known.split("$")[3] for known, _ in checked] == ["m=19456,t=2,p=1"] * 2 + [
        "m=8,t=1,p=1"
    ]


@pytest.mark.parametrize(
    ("password", "why"),
    [
        pytest.param("elevenchars", "fewer than 12 characters", id="11 characters"),
        pytest.param("", "fewer than 12 characters", id="none"),
        pytest.param("ab" * 10, "fewer than 5 different", id="monotonous"),
        pytest.param("é" * 513, "more than 1024 bytes", id="1026 bytes"),
        pytest.param("abcdefghijkl\ud800", "no text", id="half a character"),
        pytest.param("abcdefghijkl\tm", "cannot be typed", id="a tab"),
        pytest.param("my name is ALICE", "user's name", id="the name in capitals"),
    ],
)
def test_a_password_that_is_refused_says_why_and_is_not_shown(password: str, why: str) -> None:
    with pytest.raises(RejectedError, match=why) as caught:
        cheap_passwords().hashed(password, "alice")

    assert not password or password not in caught.value.message


@pytest.mark.parametrize("password", ["twelve chars", "gänsefüßchen", "correct horse battery" * 40])
def test_a_password_that_is_taken(password: str) -> None:
    passwords = cheap_passwords()

    hashed = passwords.hashed(password, "alice")

    assert passwords.is_right(password, hashed)
    User.model_validate({"password_hash": hashed, "role": "apiuser"})


@pytest.mark.parametrize("name", ["a", "or", "hor"])
def test_a_very_short_name_may_be_in_a_password(name: str) -> None:
    assert cheap_passwords().is_right(PASSWORD, cheap_passwords().hashed(PASSWORD, name))


def test_a_hash_of_other_parameters_is_made_anew_once() -> None:
    passwords = Passwords(os.urandom)

    newer = passwords.rehashed(PASSWORD, hash_of())

    assert newer is not None
    assert passwords.is_right(PASSWORD, newer)
    assert passwords.rehashed(PASSWORD, newer) is None
