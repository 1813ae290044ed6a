"""Whether a token is authentic, for how long, and what is remembered of it."""

import base64
import json

import pytest

from unit.scoring import tokens
from unit.scoring.guarded import ACCOUNTS, SHOP, STRANGER, USERS, Watched, watched
from unit.scoring.tokens import NOW, unsigned

__all__ = ["watched"]


@pytest.mark.parametrize(
    ("header", "code"),
    [
        pytest.param(b"", "ALNB102E", id="no token at all"),
        pytest.param(b"Bearer", "ALNB102E", id="a scheme without a token"),
        pytest.param(b"Bearer ", "ALNB102E", id="an empty token"),
        pytest.param(b"Basic YTpi", "ALNB102E", id="another scheme"),
        pytest.param(b"Bearer x.y.z", "ALNB102E", id="three parts of nothing"),
        pytest.param(b"Bearer \xff\xfe", "ALNB102E", id="bytes that are no text"),
        pytest.param(b"Bearer " + b"a" * 20_000, "ALNB102E", id="endless"),
        pytest.param(f"Bearer {USERS.token('u')} x".encode(), "ALNB102E", id="and something more"),
        pytest.param(f"Bearer {USERS.token('u')}".encode(), "ok", id="as it should be"),
        pytest.param(f"bEARER  {USERS.token('u')} ".encode(), "ok", id="in other letters, blanks"),
    ],
)
def test_the_header(watched: Watched, header: bytes, code: str) -> None:
    assert watched.answer_to(header) == code


@pytest.mark.parametrize(
    ("token", "code"),
    [
        pytest.param(unsigned(USERS, "u"), "ALNB102E", id="alg none"),
        pytest.param(STRANGER.token("u"), "ALNB102E", id="somebody else's key under our key id"),
        pytest.param(tokens.facade("b").token("u"), "ALNB102E", id="an unknown key"),
        pytest.param(USERS.token("u", aud="other"), "ALNB102E", id="another audience"),
        pytest.param(USERS.token("u", aud="mlz-scoring"), "ALNB102E", id="the accounts' audience"),
        pytest.param(USERS.token("u", iss="https://other"), "ALNB102E", id="another issuer"),
        pytest.param(USERS.token("u", iss=tokens.CLUSTER), "ALNB102E", id="another issuer of ours"),
        pytest.param(USERS.token("u", nbf=NOW + 100), "ALNB102E", id="not valid yet"),
        pytest.param(USERS.token("u", exp=None), "ALNB102E", id="valid for ever"),
        pytest.param(USERS.token("u", exp=NOW - 31), "ALNB103E", id="expired"),
        pytest.param(STRANGER.token("u", exp=NOW - 31), "ALNB102E", id="forged, and expired"),
        pytest.param(USERS.token("u", exp=NOW - 29), "ok", id="expired within the leeway"),
        pytest.param(USERS.token("u")[:-8] + "AAAAAAAA", "ALNB102E", id="another signature"),
        pytest.param(USERS.token("u", role=None), "ALNB101E", id="no role"),
        pytest.param(USERS.token("u", role="root"), "ALNB101E", id="a role that is none"),
        pytest.param(USERS.token("u", role=["sysadm"]), "ALNB101E", id="a role that is no word"),
        pytest.param(USERS.token("u", role="SYSADM"), "ALNB101E", id="a role in other letters"),
    ],
)
def test_the_token_of_a_user(watched: Watched, token: str, code: str) -> None:
    assert watched.answer(token) == code
    assert watched.answer(token) == code


def test_a_public_key_is_no_shared_secret(watched: Watched) -> None:
    """HS256 with the text of the public key. Source: RFC 8725, section 2.1."""
    import hashlib
    import hmac

    def part(raw: bytes) -> str:
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    secret = json.dumps(ACCOUNTS.public).encode()
    signed = part(b'{"alg":"HS256","kid":"k"}') + "." + ACCOUNTS.token(SHOP).split(".")[1]
    signature = hmac.new(secret, signed.encode(), hashlib.sha256).digest()

    assert watched.answer(f"{signed}.{part(signature)}") == "ALNB102E"


# Time, and what is remembered


def test_a_token_ends_at_its_time_though_it_is_remembered(watched: Watched) -> None:
    token = USERS.token("u")
    answers = []
    for seconds in (0, 3599, 3629, 3631):
        watched.clock.now = NOW + seconds
        answers.append(watched.answer(token))

    assert answers == ["ok", "ok", "ok", "ALNB103E"]


def test_what_is_remembered_is_bounded(watched: Watched) -> None:
    for number in range(1100):
        assert watched.answer(USERS.token(f"u{number}")) == "ok"

    assert len(watched.guard._remembered) == 1024
    assert watched.answer(USERS.token("u0")) == "ok"


def test_a_refused_token_is_not_remembered(watched: Watched) -> None:
    for number in range(10):
        watched.answer(STRANGER.token(f"u{number}"))

    assert not watched.guard._remembered
