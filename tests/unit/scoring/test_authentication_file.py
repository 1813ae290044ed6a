"""The trust file: keys, owners and lists that change under way, and what cannot be read."""

from pathlib import Path

import pytest

from mlz.scoring.authentication import Guard
from mlz.scoring.problems import Problem
from unit.scoring import tokens
from unit.scoring.guarded import ACCOUNTS, SHOP, USERS, Clock, Watched, watched
from unit.scoring.tokens import MountedFile, a_trust

__all__ = ["watched"]


def test_a_new_key_is_taken_and_an_old_one_refused_without_a_restart(watched: Watched) -> None:
    new = tokens.facade("b")
    answers = [watched.answer(new.token("u")), watched.answer(USERS.token("u"))]
    watched.write(a_trust(USERS, new, ACCOUNTS))
    answers += [watched.answer(new.token("u")), watched.answer(USERS.token("u"))]
    watched.write(a_trust(new, ACCOUNTS))
    answers += [watched.answer(new.token("u")), watched.answer(USERS.token("u"))]

    assert answers == ["ALNB102E", "ok", "ok", "ok", "ok", "ALNB102E"]


def test_a_new_owner_and_a_new_list_hold_for_tokens_that_are_known(watched: Watched) -> None:
    mine, account = USERS.token("dora", role="apiuser"), ACCOUNTS.token(SHOP)
    before = [watched.answer(mine), watched.answer(account)]

    watched.write(a_trust(USERS, ACCOUNTS, deploymentOwner="else", serviceAccounts=["apps/other"]))

    assert before == ["ok", "ok"]
    assert [watched.answer(mine), watched.answer(account)] == ["not_owner", "ALNB101E"]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("", id="empty"),
        pytest.param("{", id="no JSON"),
        pytest.param("[]", id="no object"),
        pytest.param('{"issuers": [{"kind": "mlz"}]}', id="half an issuer"),
    ],
)
def test_what_cannot_be_read_changes_nothing(
    watched: Watched, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    watched.write(content)
    for _ in range(3):
        watched.clock.now += 5
        watched.guard.look_after()

    assert watched.answer(USERS.token("u")) == "ok"
    assert [one.message for one in caplog.records] == ["cannot read who may score"]


def test_nobody_scores_before_the_file_could_be_read(tmp_path: Path) -> None:
    clock = Clock()
    guard = Guard(tmp_path / "trust.json", clock)
    guard.look_after()
    header = f"Bearer {USERS.token('u')}".encode()

    refusal = guard.refusal(header)
    MountedFile(tmp_path).write(a_trust(USERS))
    clock.now += 5
    guard.look_after()

    assert refusal is not None
    assert refusal.problem is Problem.NOT_READY
    assert guard.refusal(header) is None


def test_the_file_is_looked_at_every_five_seconds_even_if_the_clock_is_set_back(
    watched: Watched,
) -> None:
    new = tokens.facade("b")
    watched.file.write(a_trust(new))

    watched.clock.now += 4.9
    watched.guard.look_after()
    early = watched.answer(USERS.token("u"))
    watched.clock.now -= 100
    watched.guard.look_after()

    assert (early, watched.answer(USERS.token("u", nbf=None, iat=None))) == ("ok", "ALNB102E")


def test_a_newer_operator_may_say_more_than_this_engine_knows(tmp_path: Path) -> None:
    stranger = tokens.facade("s")
    stranger.kind, stranger.issuer = "something-new", "https://new"
    content = a_trust(USERS, stranger, somethingNew={"a": 1})
    watched = Watched(tmp_path, content)

    assert watched.answer(USERS.token("u")) == "ok"
    assert watched.answer(stranger.token("u")) == "ALNB102E"
