"""Who may score: tokens, roles, owners and ServiceAccounts; and keys that change under way."""

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlz.model.trust import MLZ_ALGORITHMS, MLZ_AUDIENCE, KeySet, Trust, TrustedIssuer
from mlz.rest.identity import roles
from mlz.rest.identity.keys import Lifetimes, active_key, jwks, new_jwk, plan
from mlz.rest.identity.roles import Operation, Owners
from mlz.rest.identity.tokens import Terms, issue
from mlz.scoring.authentication import Guard, Role
from mlz.scoring.problems import Problem
from unit.scoring import tokens
from unit.scoring.kit import JSON_TYPE, Answer, Client, Live, ask, request, serving_adder
from unit.scoring.tokens import NOW, MountedFile, Signer, a_trust, unsigned

SCORE = "/iml/v2/scoring/online/g"
INFER = "/v2/models/m/infer"
BODY = {
    SCORE: [{"x": 1}],
    INFER: {"inputs": [{"name": "x", "datatype": "FP64", "shape": [1], "data": [1]}]},
}
USERS = tokens.facade()
ACCOUNTS = tokens.cluster()
SHOP = "system:serviceaccount:apps:shop"


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


class Watched:
    """A guard over a mounted file, and a clock to turn."""

    def __init__(self, folder: Path, content: dict[str, Any] | None = None) -> None:
        self.clock = Clock()
        self.file = MountedFile(folder)
        self.file.write(a_trust(USERS, ACCOUNTS) if content is None else content)
        self.guard = Guard(self.file.path, self.clock)
        self.guard.look_after()

    def write(self, content: dict[str, Any] | str) -> None:
        """Another content, and the time until the guard looks."""
        self.file.write(content)
        self.clock.now += 5
        self.guard.look_after()

    def answer(self, token: str) -> str:
        return self.answer_to(f"Bearer {token}".encode())

    def answer_to(self, header: bytes) -> str:
        refusal = self.guard.refusal(header)
        return "ok" if refusal is None else refusal.problem.value


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


# Authentic or not


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


def test_two_headers_are_no_token(tmp_path: Path) -> None:
    """A proxy in front may have looked at the other one."""
    with required(tmp_path) as live:
        good = ("Authorization", f"Bearer {fresh(USERS)}")
        answer = ask(live.port, SCORE, BODY[SCORE], headers=[JSON_TYPE, good, good])

    assert (answer.status, answer.json["code"]) == (401, "ALNB102E")


STRANGER = tokens.facade("a")


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


# What users may score

MATRIX = [
    pytest.param("sysadm", "u", "ok", id="sysadm scores all"),
    pytest.param("mladm", "u", "ok", id="mladm scores all"),
    pytest.param("appuser", "u", "ok", id="appuser scores all"),
    pytest.param("devuser", "mona", "ok", id="devuser scores what is made of own models"),
    pytest.param("devuser", "dora", "not_owner", id="not own deployments of others' models"),
    pytest.param("apiuser", "dora", "ok", id="apiuser scores own deployments"),
    pytest.param("apiuser", "mona", "not_owner", id="not others' deployments of own models"),
    pytest.param("apiuser", "Dora", "not_owner", id="names are compared letter by letter"),
]


@pytest.mark.parametrize(("role", "name", "code"), MATRIX)
def test_roles(watched: Watched, role: str, name: str, code: str) -> None:
    assert watched.answer(USERS.token(name, role=role)) == code


@pytest.mark.parametrize("role", ["devuser", "apiuser"])
@pytest.mark.parametrize("nobody", [{}, {"deploymentOwner": "", "modelOwner": ""}])
def test_what_nobody_made_is_nobodys_own(tmp_path: Path, role: str, nobody: dict[str, str]) -> None:
    content = a_trust(USERS) | {"deploymentOwner": None, "modelOwner": None} | nobody
    watched = Watched(tmp_path, content)

    assert watched.answer(USERS.token("u", role=role)) == "not_owner"


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("name", ["mona", "dora", "u"])
def test_the_facade_says_the_same_of_every_role(watched: Watched, role: Role, name: str) -> None:
    caller = roles.Caller(name, roles.Role(role.value), "mlz")
    owners = Owners(model="mona", deployment="dora")

    allowed = watched.answer(USERS.token(name, role=role)) == "ok"

    assert allowed == roles.may(caller, Operation.SCORE, owners)
    assert {one.value for one in Role} == {one.value for one in roles.Role}


@pytest.mark.parametrize("minutes", [0, 5, 60])
def test_tokens_as_the_facade_makes_them_are_taken_of_keys_that_it_showed_before(
    tmp_path: Path, minutes: int
) -> None:
    """The way of a key: the facade's Secret, its JWKS, the operator, the file; all by real code."""
    terms = Terms("https://rest")
    keys = plan((), NOW, Lifetimes(), new_jwk).keys
    shown = KeySet.model_validate_json(json.dumps(jwks(keys)))
    issuer = TrustedIssuer(
        kind="mlz",
        issuer=terms.issuer,
        audience=MLZ_AUDIENCE,
        algorithms=MLZ_ALGORITHMS,
        keys=shown.keys,
    )
    document = Trust(issuers=(issuer,), model_owner="mona").model_dump(mode="json", by_alias=True)
    watched = Watched(tmp_path, document)
    watched.clock.now = now = NOW + 60 * minutes
    active = active_key(plan(keys, now, Lifetimes(), new_jwk).keys)
    assert active is not None

    mona = roles.Caller("mona", roles.Role.DEVUSER, "mlz")
    other = roles.Caller("other", roles.Role.DEVUSER, "mlz")
    answers = [watched.answer(issue(one, active, terms, now, "id")) for one in (mona, other)]

    assert answers == ["ok", "not_owner"]


# ServiceAccounts


@pytest.mark.parametrize(
    ("subject", "code"),
    [
        pytest.param("system:serviceaccount:apps:shop", "ok", id="named"),
        pytest.param("system:serviceaccount:models:any", "ok", id="of a namespace that may"),
        pytest.param("system:serviceaccount:apps:other", "ALNB101E", id="not named"),
        pytest.param("system:serviceaccount:other:shop", "ALNB101E", id="of another namespace"),
        pytest.param("system:serviceaccount:apps:shop:x", "ALNB101E", id="named and more"),
        pytest.param("system:serviceaccount:models-2:any", "ALNB101E", id="a like namespace"),
        pytest.param("system:serviceaccount:models", "ALNB102E", id="no name"),
        pytest.param("models:any", "ALNB102E", id="no ServiceAccount"),
        pytest.param("system:node:models", "ALNB102E", id="a node"),
        pytest.param("sysadm", "ALNB102E", id="a user's name"),
    ],
)
def test_service_accounts(watched: Watched, subject: str, code: str) -> None:
    assert watched.answer(ACCOUNTS.token(subject)) == code


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({"aud": ["https://kubernetes.default.svc"]}, id="for the API server"),
        pytest.param({"aud": ["mlz"]}, id="for the facade"),
        pytest.param({"exp": NOW - 60}, id="expired"),
    ],
)
def test_a_token_of_another_use_is_none(watched: Watched, claims: dict[str, Any]) -> None:
    assert watched.answer(ACCOUNTS.token(SHOP, **claims)).startswith("ALNB10")


def test_a_role_in_a_service_accounts_token_means_nothing(watched: Watched) -> None:
    token = ACCOUNTS.token("system:serviceaccount:other:x", role="sysadm")

    assert watched.answer(token) == "ALNB101E"


def test_an_empty_list_lets_no_service_account_in(tmp_path: Path) -> None:
    watched = Watched(tmp_path, a_trust(ACCOUNTS, serviceAccounts=[]))

    assert watched.answer(ACCOUNTS.token(SHOP)) == "ALNB101E"


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


# The file


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


# Over HTTP


def fresh(signer: Signer, subject: str = "u", **claims: Any) -> str:
    """A token of this moment: a server has the clock of the machine."""
    now = int(time.time())
    return signer.token(subject, **{"iat": now, "nbf": now, "exp": now + 3600, **claims})


def required(folder: Path, **settings: Any) -> Any:
    file = MountedFile(folder)
    file.write(a_trust(USERS, ACCOUNTS))
    return serving_adder(authentication="Required", trust_file=str(file.path), **settings)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with required(tmp_path_factory.mktemp("trust")) as live:
        yield live


def scored(live: Live, path: str, token: str | None, **options: Any) -> Answer:
    headers = [JSON_TYPE] + ([] if token is None else [("Authorization", f"Bearer {token}")])
    return ask(live.port, path, BODY[path], headers=headers, **options)


@pytest.mark.parametrize("path", [SCORE, INFER])
@pytest.mark.parametrize(
    ("token", "status", "code"),
    [
        pytest.param(None, 401, "ALNB102E", id="none"),
        pytest.param("nonsense", 401, "ALNB102E", id="malformed"),
        pytest.param(fresh(USERS, exp=1, nbf=1, iat=1), 401, "ALNB103E", id="expired"),
        pytest.param(fresh(USERS, role="x"), 403, "ALNB101E", id="without a role"),
        pytest.param(fresh(USERS, role="apiuser"), 403, "not_owner", id="not the owner"),
    ],
)
def test_refusals_have_their_status(
    live: Live, path: str, token: str | None, status: int, code: str
) -> None:
    answer = scored(live, path, token)

    assert (answer.status, answer.json["code"]) == (status, code)
    assert answer.json["message"]
    assert len(answer.json["requestId"]) == 16
    assert answer.headers.get("www-authenticate") == ("Bearer" if status == 401 else None)


@pytest.mark.parametrize("path", [SCORE, INFER])
@pytest.mark.parametrize(
    "token",
    [
        pytest.param(fresh(USERS), id="of a user"),
        pytest.param(fresh(ACCOUNTS, SHOP), id="of a ServiceAccount"),
    ],
)
def test_who_may_score_does(live: Live, path: str, token: str) -> None:
    assert [scored(live, path, token).status for _ in range(3)] == [200, 200, 200]


def test_both_ids_are_guarded(live: Live) -> None:
    paths = [SCORE, "/iml/v2/scoring/online/adder", "/iml/v2/scoring/online/%67"]

    assert [ask(live.port, path, []).status for path in paths] == [401, 401, 401]


@pytest.mark.parametrize(
    "path", ["/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/m", "/metrics"]
)
def test_health_metadata_and_metrics_stay_open(live: Live, path: str) -> None:
    assert ask(live.port, path).status == 200


def test_a_refused_client_need_not_send_its_body(live: Live) -> None:
    body = b'[{"x": 5}]'
    head = request(SCORE, body, headers=[JSON_TYPE, ("Expect", "100-continue")])[: -len(body)]

    with Client(live.port) as client:
        client.send(head)

        assert client.read().status == 401


def test_the_body_of_a_refused_request_is_not_kept(live: Live) -> None:
    """It is read and thrown away; the connection goes on, with the next request judged anew."""
    with Client(live.port) as client:
        refused = client.ask(SCORE, b"x" * 1_000_000)
        good = [JSON_TYPE, ("Authorization", f"Bearer {fresh(USERS)}")]
        answer = client.ask(SCORE, [{"x": 2}], headers=good)
        again = client.ask(SCORE, [{"x": 2}])

    assert (refused.status, answer.status, again.status) == (401, 200, 401)


def test_a_trailer_is_no_token(live: Live) -> None:
    head = f"POST {SCORE} HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    trailer = f"0\r\nAuthorization: Bearer {fresh(USERS)}\r\n\r\n".encode()

    with Client(live.port) as client:
        client.send(head + b"2\r\n[]\r\n" + trailer)

        assert client.read().status == 401


def test_who_may_not_score_is_told_before_what_is_wrong_with_the_request(live: Live) -> None:
    answer = ask(live.port, SCORE, [], headers=[("Content-Type", "text/xml")])

    assert answer.status == 401


def test_refusals_are_counted_by_their_code(tmp_path: Path) -> None:
    with required(tmp_path) as live:
        scored(live, SCORE, None)
        lines = set(ask(live.port, "/metrics").body.decode().splitlines())

    assert {
        'mlz_scoring_requests_total{code="401",route="score"} 1.0',
        'mlz_scoring_rejected_total{code="ALNB102E"} 1.0',
    } <= lines


def test_a_server_takes_a_new_key_while_it_runs(tmp_path: Path) -> None:
    new, file = tokens.facade("b"), MountedFile(tmp_path)
    file.write(a_trust(USERS))
    with serving_adder(authentication="Required", trust_file=str(file.path)) as live:
        before = scored(live, SCORE, fresh(new)).status
        file.write(a_trust(new))
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and scored(live, SCORE, fresh(new)).status != 200:
            time.sleep(0.2)
        after = scored(live, SCORE, fresh(new)).status

    assert (before, after) == (401, 200)


def test_without_authentication_a_token_is_not_even_looked_at() -> None:
    with serving_adder() as live:
        assert scored(live, SCORE, "nonsense").status == 200
