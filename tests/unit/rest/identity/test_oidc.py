"""An outside issuer: its keys are found and kept, its claims become callers."""

import http.client
import json
import threading
from typing import Any

import pytest
from pydantic import ValidationError

from mlz.rest.identity.bearers import bearer, is_of
from mlz.rest.identity.oidc import (
    MAX_DOCUMENT_BYTES,
    DiscoveryError,
    Oidc,
    OidcSettings,
    caller_of,
    discovered,
)
from mlz.rest.identity.roles import Caller, Role
from mlz.rest.identity.tokens import issue, our_issuer
from mlz.rest.problems import Code, Refusal
from mlz.tokens import Claims, UnknownKeyError
from unit.rest.identity.people import (
    ALICE,
    NOW,
    TERMS,
    a_key,
    b64,
    claims_of,
    outside_key,
    public,
    signed,
)

ISSUER = "https://issuer.test"
DISCOVERY = f"{ISSUER}/.well-known/openid-configuration"
JWKS = f"{ISSUER}/keys"


def some_settings(**overrides: Any) -> OidcSettings:
    values = {
        "issuer": ISSUER,
        "audience": "mlz",
        "nameClaim": "preferred_username",
        "roleClaim": "groups",
        "roles": {"ml-admins": "mladm", "apps": "appuser"},
        **overrides,
    }
    return OidcSettings.model_validate(values)


class Provider:
    """The issuer's web server."""

    def __init__(self, *algorithms: str) -> None:
        self.documents: dict[str, Any] = {DISCOVERY: {"issuer": ISSUER, "jwks_uri": JWKS}}
        self.fetched: list[str] = []
        self.fault: Exception | None = None
        self.has(*(algorithms or ("RS256",)))

    def has(self, *algorithms: str) -> None:
        self.documents[JWKS] = {"keys": [public(outside_key(one)) for one in algorithms]}

    def fetch(self, url: str) -> bytes:
        self.fetched.append(url)
        if self.fault is not None:
            raise self.fault
        found = self.documents[url]
        return found if isinstance(found, bytes) else json.dumps(found).encode()


def a_token(algorithm: str = "RS256", header: Any = None, **claims: Any) -> str:
    wanted = {"preferred_username": "alice", "groups": ["staff", "apps"], **claims}
    return signed(claims_of(**wanted), header, algorithm)


def oidc_of(provider: Provider, told: list[str] | None = None, **settings: Any) -> Oidc:
    report = [] if told is None else told
    return Oidc(some_settings(**settings), provider.fetch, report.append)


def refusal_of(oidc: Oidc, token: str, now: float = NOW) -> Refusal:
    with pytest.raises(Refusal) as caught:
        oidc.caller(token, now)
    return caught.value


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "EdDSA"])
def test_a_token_of_the_outside_issuer_has_a_caller(algorithm: str) -> None:
    oidc = oidc_of(Provider(algorithm))

    caller = oidc.caller(a_token(algorithm), NOW)

    assert caller == Caller("oidc:alice", Role.APPUSER, "oidc", NOW)


def test_a_user_out_there_never_has_the_name_of_one_of_ours() -> None:
    for prefix in ("", "alice", "a b:", "x\n:"):
        with pytest.raises(ValidationError):
            some_settings(namePrefix=prefix)


@pytest.mark.parametrize(
    ("settings", "claims", "expected"),
    [
        pytest.param({}, {"groups": ["apps"]}, "appuser", id="a list"),
        pytest.param({}, {"groups": "apps"}, "appuser", id="a single value"),
        pytest.param({}, {"groups": ["apps", "ml-admins"]}, "mladm", id="the first of ours counts"),
        pytest.param({}, {"groups": ["x"]}, None, id="no value of ours"),
        pytest.param({}, {"groups": "apps ml-admins"}, None, id="no list in a string"),
        pytest.param({}, {"groups": [["apps"], 7, None]}, None, id="other things in a list"),
        pytest.param({}, {"groups": None}, None, id="no such claim"),
        pytest.param({}, {"groups": {"apps": True}}, None, id="an object"),
        pytest.param({}, {"groups": ["mladm", "sysadm"]}, None, id="roles are not named directly"),
        pytest.param(
            {"roleClaim": "realm.roles"}, {"realm": {"roles": ["apps"]}}, "appuser", id="nested"
        ),
        pytest.param({"roleClaim": "realm.roles"}, {"realm": ["apps"]}, None, id="no such nest"),
        pytest.param(
            {"roleClaim": "https://x.test/r"}, {"https://x.test/r": "apps"}, "appuser", id="a URL"
        ),
        pytest.param({"roles": {}}, {"groups": ["apps"]}, None, id="nobody has a role"),
    ],
)
def test_claims_decide_about_the_role(
    settings: dict[str, Any], claims: dict[str, Any], expected: str | None
) -> None:
    oidc = oidc_of(Provider(), **settings)
    token = a_token(**claims)

    if expected is not None:
        assert oidc.caller(token, NOW).role == expected
        return
    refusal = refusal_of(oidc, token)
    assert (refusal.code, refusal.status) == (Code.INVALID_ROLE, 403)


@pytest.mark.parametrize("name", [None, "", 7, ["alice"], "a\nb", "\x1b[2J", "a" * 201, "\u202e"])
def test_a_name_that_is_none_is_refused(name: Any) -> None:
    refusal = refusal_of(oidc_of(Provider()), a_token(preferred_username=name))

    assert (refusal.code, refusal.status) == (Code.INVALID_TOKEN, 401)


@pytest.mark.parametrize(
    ("verified", "taken"),
    [
        pytest.param(True, True, id="verified"),
        pytest.param(None, True, id="the issuer says nothing about it"),
        pytest.param(False, False, id="not verified"),
        pytest.param("false", False, id="not verified, in words"),
        pytest.param("true", False, id="words are no booleans"),
    ],
)
def test_an_address_that_is_only_claimed_is_no_name(verified: Any, taken: bool) -> None:
    oidc = oidc_of(Provider(), nameClaim="email")
    token = a_token(email="alice@bank.test", email_verified=verified)

    if taken:
        assert oidc.caller(token, NOW).name == "oidc:alice@bank.test"
    else:
        assert refusal_of(oidc, token).code is Code.INVALID_TOKEN


@pytest.mark.parametrize(
    ("token", "code"),
    [
        pytest.param(a_token(aud="other"), "ALNB102E", id="for another client"),
        pytest.param(a_token(exp=NOW - 99), "ALNB103E", id="expired"),
        pytest.param(a_token("EdDSA"), "ALNB102E", id="an unknown key"),
        pytest.param("x.y.z", "ALNB102E", id="malformed"),
    ],
)
def test_which_refusal_a_token_gets(token: str, code: str) -> None:
    assert refusal_of(oidc_of(Provider()), token).code == code


def test_keys_are_read_once_for_many_tokens() -> None:
    provider = Provider()
    oidc = oidc_of(provider)

    for second in range(299):
        oidc.caller(a_token(), NOW + second)

    assert provider.fetched == [DISCOVERY, JWKS]


def test_keys_are_read_again_after_five_minutes_so_that_withdrawn_ones_end() -> None:
    provider = Provider("RS256", "ES256")
    oidc = oidc_of(provider)
    oidc.caller(a_token(), NOW)
    provider.has("ES256")

    assert oidc.caller(a_token(), NOW + 299).role is Role.APPUSER
    assert refusal_of(oidc, a_token(), NOW + 300).code is Code.INVALID_TOKEN


def test_a_new_key_is_found_at_once_but_not_more_often_than_every_30_seconds() -> None:
    provider = Provider()
    oidc = oidc_of(provider)
    oidc.caller(a_token(), NOW)
    provider.has("RS256", "ES256")

    early = refusal_of(oidc, a_token("ES256"), NOW + 29)
    found = oidc.caller(a_token("ES256"), NOW + 30)

    assert early.code is Code.INVALID_TOKEN
    assert found.name == "oidc:alice"
    assert provider.fetched == [DISCOVERY, JWKS] * 2


def test_forgers_cannot_make_us_ask_more_often() -> None:
    provider = Provider()
    oidc = oidc_of(provider)

    for second in range(120):
        refusal_of(oidc, a_token(header={"kid": f"forged{second}"}), NOW + second)

    assert len(provider.fetched) == 2 * 4


def test_an_issuer_that_is_down_is_believed_by_its_last_keys_for_a_day() -> None:
    provider, told = Provider(), list[str]()
    oidc = oidc_of(provider, told)
    oidc.caller(a_token(exp=NOW + 10**6), NOW)
    provider.fault = TimeoutError("timed out")

    assert oidc.caller(a_token(exp=NOW + 10**6), NOW + 86_400).name == "oidc:alice"
    assert told == ["the keys of https://issuer.test cannot be read: timed out"]
    assert refusal_of(oidc, a_token(exp=NOW + 10**6), NOW + 86_401).code is Code.UNAVAILABLE


@pytest.mark.parametrize(
    "fault", [ConnectionRefusedError("refused"), http.client.IncompleteRead(b"{"), DiscoveryError()]
)
def test_without_any_keys_it_is_us_who_are_unavailable(fault: Exception) -> None:
    provider = Provider()
    provider.fault = fault
    oidc = oidc_of(provider)

    refusal = refusal_of(oidc, a_token())
    again = refusal_of(oidc, a_token(), NOW + 29)

    assert (refusal.code, refusal.status) == (Code.UNAVAILABLE, 503)
    assert again.headers["Retry-After"] == "30"
    assert provider.fetched == [DISCOVERY]


def test_a_clock_that_goes_back_does_not_stop_the_reading_of_keys() -> None:
    provider = Provider()
    oidc = oidc_of(provider)
    oidc.caller(a_token(), NOW)

    oidc.caller(a_token(iat=None, nbf=None), NOW - 5000)

    assert len(provider.fetched) == 4


def test_many_who_come_first_make_one_fetch() -> None:
    provider, started, go = Provider(), threading.Event(), threading.Event()

    def slow(url: str) -> bytes:
        started.set()
        assert go.wait(10)
        return provider.fetch(url)

    oidc, found = Oidc(some_settings(), slow, lambda _: None), list[str]()
    threads = [
        threading.Thread(target=lambda: found.append(oidc.caller(a_token(), NOW).name))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    assert started.wait(10)
    go.set()
    for thread in threads:
        thread.join(10)

    assert found == ["oidc:alice"] * 8
    assert provider.fetched == [DISCOVERY, JWKS]


@pytest.mark.parametrize(
    ("url", "document"),
    [
        pytest.param(DISCOVERY, {"issuer": "https://evil.test", "jwks_uri": JWKS}, id="another's"),
        pytest.param(DISCOVERY, {"issuer": ISSUER + "/", "jwks_uri": JWKS}, id="almost its own"),
        pytest.param(DISCOVERY, {"issuer": ISSUER}, id="no key address"),
        pytest.param(DISCOVERY, {"issuer": ISSUER, "jwks_uri": 7}, id="a number for an address"),
        pytest.param(
            DISCOVERY, {"issuer": ISSUER, "jwks_uri": "http://issuer.test/keys"}, id="without TLS"
        ),
        pytest.param(DISCOVERY, {"issuer": ISSUER, "jwks_uri": "file:///etc/x"}, id="a file"),
        pytest.param(DISCOVERY, {"issuer": ISSUER, "jwks_uri": "https://[x"}, id="no URL"),
        pytest.param(DISCOVERY, [], id="no object"),
        pytest.param(DISCOVERY, b"<html>", id="a log-in page"),
        pytest.param(DISCOVERY, b"[" * 100_000, id="deeply nested"),
        pytest.param(DISCOVERY, b"\xff\xfe\xff", id="no text"),
        pytest.param(JWKS, {}, id="no keys"),
        pytest.param(JWKS, {"keys": "x"}, id="keys that are none"),
        pytest.param(JWKS, b'{"keys": []}' + b" " * MAX_DOCUMENT_BYTES, id="too large"),
    ],
)
def test_what_is_no_discovery_is_told_and_never_believed(url: str, document: Any) -> None:
    provider = Provider()
    provider.documents[url] = document

    with pytest.raises(DiscoveryError):
        discovered(some_settings(), provider.fetch)
    assert refusal_of(oidc_of(provider), a_token()).code is Code.UNAVAILABLE


@pytest.mark.parametrize(
    "issuer", ["http://issuer.test", "issuer.test", "", "https://", "https://a:b@issuer.test"]
)
def test_an_issuer_is_an_https_url(issuer: str) -> None:
    with pytest.raises(ValidationError):
        some_settings(issuer=issuer)


def test_algorithms_that_are_not_asymmetric_are_none() -> None:
    oidc = oidc_of(Provider(), algorithms=["HS256", "none"])

    assert refusal_of(oidc, a_token()).code is Code.INVALID_TOKEN


def test_a_caller_needs_no_time_of_issue() -> None:
    claims = Claims(ISSUER, "a", NOW, {"preferred_username": "a", "groups": "apps"})

    assert caller_of(claims, some_settings()).issued == 0


# Which issuer a token is of


def test_each_token_goes_to_its_own_issuer() -> None:
    provider = Provider()
    oidc = oidc_of(provider)
    keys = (a_key(),)
    ours = our_issuer(keys, TERMS)

    assert bearer(issue(ALICE, keys[0], TERMS, NOW, "id"), ours, oidc, NOW) == ALICE
    assert provider.fetched == []
    assert bearer(a_token(), ours, oidc, NOW).name == "oidc:alice"


def test_without_an_outside_issuer_its_tokens_are_refused() -> None:
    with pytest.raises(Refusal) as caught:
        bearer(a_token(), our_issuer((a_key(),), TERMS), None, NOW)

    assert caught.value.code is Code.INVALID_TOKEN


def test_a_forger_gains_nothing_by_naming_the_other_issuer() -> None:
    keys = (a_key(),)
    theirs = our_issuer(keys, TERMS)
    forged = issue(ALICE, a_key(number=7), TERMS, NOW, "id")

    with pytest.raises(Refusal):
        bearer(forged, theirs, oidc_of(Provider()), NOW)
    with pytest.raises(Refusal):
        bearer(signed(claims_of(iss=TERMS.issuer)), theirs, oidc_of(Provider()), NOW)


@pytest.mark.parametrize(
    "token",
    ["", "..", "a.b", "a.ä.c", "a.\ud800.c", "a.A.c", f"a.{b64(b'[' * 5000)}.c", "a.bnVsbA.c"]
    + [f"a.{b64(one)}.c" for one in (b"[]", b"{}", b'{"iss": 7}', b'"iss"', b'{"iss": []}')],
)
def test_what_names_no_issuer_is_of_none(token: str) -> None:
    assert not is_of(token, ISSUER)


def test_an_unknown_key_is_a_refused_token() -> None:
    assert "no known key" in str(UnknownKeyError())
