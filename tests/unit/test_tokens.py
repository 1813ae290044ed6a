"""Which tokens are taken: the authentic ones for us and of this moment, and no other string."""

import hmac
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from mlz.tokens import (
    ALGORITHMS,
    MAX_TOKEN_BYTES,
    Fault,
    Issuer,
    TokenError,
    UnknownKeyError,
    verified,
)
from unit.rest.identity.people import (
    NOW,
    an_issuer,
    b64,
    claims_of,
    dumped,
    outside_key,
    public,
    raw_token,
    signed,
)

HEADER = {"alg": "EdDSA", "kid": "EdDSA", "typ": "JWT"}


def fault_of(token: str, *issuers: Issuer, now: float = NOW) -> Fault:
    with pytest.raises(TokenError) as caught:
        verified(token, issuers or (an_issuer(),), now)
    assert token == "" or token not in caught.value.message
    return caught.value.kind


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_an_authentic_token_says_who_it_is_for(algorithm: str) -> None:
    found = verified(signed(claims_of(), algorithm=algorithm), [an_issuer(algorithm)], NOW)

    assert found.issuer == "https://issuer.test"
    assert found.subject == "alice"
    assert found.expires == NOW + 3600
    assert found.claims["role"] == "apiuser"


@pytest.mark.parametrize(
    ("claims", "header", "fault"),
    [
        pytest.param({"aud": "other"}, {}, Fault.AUDIENCE, id="for somebody else"),
        pytest.param({"aud": ["a", "b"]}, {}, Fault.AUDIENCE, id="for others"),
        pytest.param({"aud": []}, {}, Fault.MALFORMED, id="for nobody"),
        pytest.param({"aud": None}, {}, Fault.MALFORMED, id="no audience"),
        pytest.param({"aud": 7}, {}, Fault.MALFORMED, id="audience is a number"),
        pytest.param({"aud": ["mlz", 7]}, {}, Fault.MALFORMED, id="an audience is a number"),
        pytest.param({"iss": "https://evil.test"}, {}, Fault.ISSUER, id="another issuer"),
        pytest.param({"iss": "https://issuer.test/"}, {}, Fault.ISSUER, id="almost the issuer"),
        pytest.param({"iss": None}, {}, Fault.MALFORMED, id="no issuer"),
        pytest.param({"iss": ["https://issuer.test"]}, {}, Fault.MALFORMED, id="issuers"),
        pytest.param({"sub": None}, {}, Fault.MALFORMED, id="nobody's"),
        pytest.param({"sub": ""}, {}, Fault.MALFORMED, id="an empty name"),
        pytest.param({"sub": 7}, {}, Fault.MALFORMED, id="a number for a name"),
        pytest.param({"sub": "a\nb"}, {}, Fault.MALFORMED, id="a line end would forge a log line"),
        pytest.param({"sub": "a" * 257}, {}, Fault.MALFORMED, id="too long a name"),
        pytest.param({"exp": None}, {}, Fault.MALFORMED, id="valid for ever"),
        pytest.param({"exp": str(NOW)}, {}, Fault.MALFORMED, id="expiry as text"),
        pytest.param({"exp": True}, {}, Fault.MALFORMED, id="expiry as a boolean"),
        pytest.param({"exp": -1}, {}, Fault.MALFORMED, id="expiry before 1970"),
        pytest.param({"exp": 10**400}, {}, Fault.MALFORMED, id="expiry too large for a float"),
        pytest.param({"exp": NOW - 30}, {}, Fault.EXPIRED, id="expired, leeway included"),
        pytest.param({"nbf": NOW + 31}, {}, Fault.EARLY, id="not valid yet"),
        pytest.param({"iat": NOW + 31}, {}, Fault.EARLY, id="made in the future"),
        pytest.param({"nbf": "now"}, {}, Fault.MALFORMED, id="not before what?"),
        pytest.param({"iat": [1]}, {}, Fault.MALFORMED, id="issued when?"),
        pytest.param({}, {"kid": "other"}, Fault.FORGED, id="an unknown key"),
        pytest.param({}, {"typ": "logout+jwt"}, Fault.MALFORMED, id="a token to log out"),
        pytest.param({}, {"typ": "dpop+jwt"}, Fault.MALFORMED, id="a proof of possession"),
    ],
)
def test_what_is_wrong_with_an_authentic_token(
    claims: dict[str, Any], header: dict[str, Any], fault: Fault
) -> None:
    assert fault_of(signed(claims_of(**claims), header)) is fault


@pytest.mark.parametrize(
    ("claims", "header"),
    [
        pytest.param({"exp": NOW - 29}, {}, id="expired within the leeway"),
        pytest.param({"nbf": NOW + 29}, {}, id="not valid yet within the leeway"),
        pytest.param({"nbf": None, "iat": None}, {}, id="only the expiry is needed"),
        pytest.param({"aud": ["other", "mlz"]}, {}, id="for us, too"),
        pytest.param({"exp": NOW + 0.5}, {}, id="a fraction of a second"),
        pytest.param({}, {"typ": "at+JWT"}, id="an access token by RFC 9068"),
        pytest.param({}, {"typ": None}, id="no type, as Kubernetes makes them"),
        pytest.param({}, {"kid": None}, id="no key id, but only one key that fits"),
        pytest.param({}, {"x5t": "abc", "vendor": 1}, id="header members that mean nothing to us"),
        pytest.param({}, {"jku": "https://evil.test/keys"}, id="keys come from us, not from there"),
    ],
)
def test_what_is_taken(claims: dict[str, Any], header: dict[str, Any]) -> None:
    assert verified(signed(claims_of(**claims), header), [an_issuer()], NOW).subject == "alice"


@pytest.mark.parametrize(
    ("header", "payload"),
    [
        pytest.param({**HEADER, "crit": ["exp"]}, claims_of(), id="crit"),
        pytest.param({**HEADER, "crit": []}, claims_of(), id="an empty crit"),
        pytest.param({**HEADER, "b64": False, "crit": ["b64"]}, claims_of(), id="b64"),
        pytest.param({**HEADER, "b64": True}, claims_of(), id="b64 as it is by default"),
        pytest.param({**HEADER, "kid": 7}, claims_of(), id="a number for a key id"),
        pytest.param({**HEADER, "kid": None}, claims_of(), id="null for a key id"),
        pytest.param({**HEADER, "typ": 7}, claims_of(), id="a number for a type"),
        pytest.param({**HEADER, "alg": ["EdDSA"]}, claims_of(), id="algorithms"),
        pytest.param({"kid": "EdDSA"}, claims_of(), id="no algorithm"),
        pytest.param([HEADER], claims_of(), id="a list for a header"),
        pytest.param("alg", claims_of(), id="a string for a header"),
        pytest.param(HEADER, [claims_of()], id="a list of claims"),
        pytest.param(HEADER, "claims", id="a string of claims"),
        pytest.param(HEADER, None, id="null for claims"),
        pytest.param(HEADER, {**claims_of(), "exp": float("nan")}, id="NaN"),
        pytest.param(HEADER, {**claims_of(), "exp": float("inf")}, id="Infinity"),
        pytest.param(HEADER, dumped(claims_of())[:-1] + b',"exp":1e999}', id="infinity, written"),
        pytest.param(HEADER, dumped(claims_of())[:-1] + b',"sub":"root"}', id="a claim twice"),
        pytest.param(
            b'{"alg":"EdDSA","alg":"EdDSA"}', claims_of(), id="a header member twice, equally"
        ),
        pytest.param(HEADER, b'{"x":' + b"[" * 3000 + b"]" * 3000 + b"}", id="deeply nested"),
        pytest.param(b"[" * 4000, claims_of(), id="a deeply nested header"),
        pytest.param(HEADER, b'{"exp":' + b"9" * 5000 + b"}", id="more digits than Python reads"),
        pytest.param(HEADER, dumped(claims_of()).decode().encode("utf-16"), id="UTF-16"),
        pytest.param(HEADER, b"\xef\xbb\xbf" + dumped(claims_of()), id="a byte order mark"),
        pytest.param(HEADER, b'{"sub":"\xff"}', id="no UTF-8"),
        pytest.param(HEADER, {**claims_of(), "sub": "\ud800"}, id="half a character"),
    ],
)
def test_a_signature_does_not_heal_what_is_malformed(header: object, payload: object) -> None:
    assert fault_of(raw_token(header, payload)) is Fault.MALFORMED


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("", id="nothing"),
        pytest.param(".", id="a dot"),
        pytest.param("..", id="dots"),
        pytest.param("a.b", id="two parts"),
        pytest.param("a.b.c.d.e", id="encrypted"),
        pytest.param("ä.ö.ü", id="no ASCII"),
        pytest.param("\ud800.a.b", id="half a character"),
        pytest.param("e30.e30.e30 ", id="a blank after it"),
        pytest.param("e30.e30.e30\n", id="a line end after it"),
        pytest.param("e30=.e30.e30", id="padding"),
        pytest.param("a" * (MAX_TOKEN_BYTES + 1), id="too long"),
        pytest.param("a.a." + "a" * MAX_TOKEN_BYTES, id="too long a signature"),
    ],
)
def test_what_is_no_token_is_malformed(token: str) -> None:
    assert fault_of(token) is Fault.MALFORMED


def test_a_long_token_is_malformed_even_if_authentic() -> None:
    assert fault_of(signed(claims_of(pad="x" * MAX_TOKEN_BYTES))) is Fault.MALFORMED


@pytest.mark.parametrize("word", ["none", "None", "NONE", "nOnE", ""])
def test_no_signature_is_no_token(word: str) -> None:
    parts = b64(dumped({"alg": word, "kid": "EdDSA"})), b64(dumped(claims_of()))

    assert fault_of(".".join((*parts, ""))) is Fault.MALFORMED
    assert fault_of(".".join((*parts, "AA")), an_issuer(algorithms=(word, "EdDSA"))) is Fault.FORGED


@pytest.mark.parametrize("bits", [256, 384, 512])
@pytest.mark.parametrize("encoding", ["PEM", "DER", "x"])
def test_a_public_key_is_no_shared_secret(bits: int, encoding: Any) -> None:
    key = outside_key("EdDSA")
    algorithm = f"HS{bits}"
    secret = public(key)["x"].encode()
    if encoding != "x":
        secret = key.as_bytes(encoding, private=False)
    text = f"{b64(dumped({'alg': algorithm, 'kid': 'EdDSA'}))}.{b64(dumped(claims_of()))}"
    token = f"{text}.{b64(hmac.digest(secret, text.encode(), f'sha{bits}'))}"

    assert fault_of(token) is Fault.FORGED
    assert fault_of(token, an_issuer(algorithms=(algorithm, "EdDSA"))) is Fault.FORGED


def test_a_shared_secret_in_a_key_set_is_left_out() -> None:
    key = OctKey.import_key("0123456789abcdef0123456789abcdef", {"kid": "s"})
    token = jwt.encode({"alg": "HS256", "kid": "s"}, claims_of(), key, ["HS256"])
    issuer = an_issuer(keys={"keys": [key.as_dict()]}, algorithms=("HS256",))

    assert fault_of(token, issuer) is Fault.FORGED


def test_the_issuer_decides_about_algorithms_not_the_token() -> None:
    token = signed(claims_of(), {"kid": "RS256", "alg": "RS512"}, "RS256")

    assert fault_of(token, an_issuer("RS256")) is Fault.FORGED


def test_a_key_for_one_algorithm_serves_no_other() -> None:
    entry = {**public(outside_key("RS256")), "alg": "RS256"}
    token = signed(claims_of(), {"alg": "PS256"}, "RS256")

    issuer = an_issuer(keys={"keys": [entry]}, algorithms=("RS256", "PS256"))

    assert fault_of(token, issuer) is Fault.FORGED


def test_another_key_of_the_same_name_is_a_forgery() -> None:
    entry = {**public(outside_key("Ed25519")), "kid": "EdDSA"}

    assert fault_of(signed(claims_of()), an_issuer(keys={"keys": [entry]})) is Fault.FORGED


def test_two_keys_of_one_name_are_no_key() -> None:
    entries = [public(outside_key("EdDSA")), {**public(outside_key("Ed25519")), "kid": "EdDSA"}]

    assert fault_of(signed(claims_of()), an_issuer(keys={"keys": entries})) is Fault.FORGED


def test_without_a_key_id_the_only_key_that_fits_is_taken_and_none_of_several() -> None:
    token = signed(claims_of(), {"kid": None})
    both = [public(outside_key("EdDSA")), public(outside_key("Ed25519"))]

    verified(token, [an_issuer("EdDSA", "RS256")], NOW)

    assert fault_of(token, an_issuer(keys={"keys": both})) is Fault.FORGED


def test_an_unknown_key_is_told_apart_so_that_new_ones_can_be_fetched() -> None:
    with pytest.raises(UnknownKeyError):
        verified(signed(claims_of(), {"kid": "new"}), [an_issuer()], NOW)


def test_an_issuer_may_have_several_audiences() -> None:
    issuers = [an_issuer(audience="other"), an_issuer()]

    assert verified(signed(claims_of()), issuers, NOW).subject == "alice"


def test_keys_of_one_issuer_sign_for_no_other() -> None:
    ours = an_issuer(keys={"keys": []})
    theirs = an_issuer(issuer="https://other.test")

    assert fault_of(signed(claims_of()), ours, theirs) is Fault.FORGED


def test_nobody_is_trusted_by_default() -> None:
    with pytest.raises(TokenError) as caught:
        verified(signed(claims_of()), [], NOW)

    assert caught.value.kind is Fault.ISSUER


def test_of_a_forged_token_nothing_else_is_told() -> None:
    head, _, signature = signed(claims_of()).split(".")
    body = b64(dumped(claims_of(exp=NOW - 9999, aud="other")))

    assert fault_of(f"{head}.{body}.{signature}") is Fault.FORGED


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param("key", id="no object"),
        pytest.param({}, id="empty"),
        pytest.param({"kty": "PQ"}, id="a type of the future"),
        pytest.param({"kty": ["OKP"]}, id="types"),
        pytest.param({"kty": "OKP", "crv": "X25519", "x": "A" * 43}, id="a key to agree on keys"),
        pytest.param({"kty": "OKP", "crv": "Ed25519"}, id="without its value"),
        pytest.param({"kty": "OKP", "crv": "Ed25519", "x": 7}, id="a number for its value"),
        pytest.param({"kty": "OKP", "crv": "Ed25519", "x": "AA"}, id="too short"),
        pytest.param({"kty": "OKP", "crv": "Ed25519", "x": "ä"}, id="no ASCII"),
        pytest.param({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}, id="not on the curve"),
        pytest.param({"kty": "EC", "crv": "P-192", "x": "AA", "y": "AA"}, id="another curve"),
        pytest.param({"kty": "EC", "crv": ["P-256"], "x": "AA", "y": "AA"}, id="curves"),
        pytest.param({"kty": "RSA", "n": "AQAB", "e": "AQAB"}, id="RSA of 17 bits"),
        pytest.param({"kty": "RSA", "n": b64(b"\xff" * 1100), "e": "AQAB"}, id="RSA of 8800 bits"),
        pytest.param({"kty": "RSA", "n": b64(b"\xff" * 256), "e": "AA"}, id="RSA without exponent"),
        pytest.param({"kty": "RSA", "n": 7, "e": "AQAB"}, id="RSA of a number"),
        pytest.param({**public(outside_key("Ed25519")), "use": "enc"}, id="to encrypt with"),
        pytest.param({**public(outside_key("Ed25519")), "key_ops": ["sign"]}, id="to sign with"),
        pytest.param({**public(outside_key("Ed25519")), "key_ops": 7}, id="operations are 7"),
        pytest.param({**public(outside_key("Ed25519")), "kid": 7}, id="a number for its name"),
        pytest.param({**public(outside_key("Ed25519")), "alg": ["EdDSA"]}, id="algorithms"),
    ],
)
def test_a_key_that_cannot_be_used_is_left_out_and_the_others_count(entry: Any) -> None:
    named = {"kid": "EdDSA", **entry} if isinstance(entry, dict) else entry
    issuer = an_issuer(keys={"keys": [named, public(outside_key("EdDSA"))]})

    assert verified(signed(claims_of()), [issuer], NOW).subject == "alice"


def test_a_weak_rsa_key_is_left_out() -> None:
    modulus = b64(((1 << 2046) | 1).to_bytes(256, "big"))
    issuer = an_issuer(keys={"keys": [{"kty": "RSA", "n": modulus, "e": "AQAB", "kid": "RS256"}]})

    assert fault_of(signed(claims_of(), algorithm="RS256"), issuer) is Fault.FORGED


def test_a_private_key_in_a_key_set_is_read_as_its_public_half() -> None:
    entry = outside_key("EdDSA").as_dict(private=True)

    assert verified(signed(claims_of()), [an_issuer(keys={"keys": [entry]})], NOW)


@pytest.mark.parametrize("document", [{}, {"keys": None}, {"keys": {}}, {"keys": "x"}])
def test_what_is_no_key_set_has_no_keys(document: dict[str, Any]) -> None:
    assert fault_of(signed(claims_of()), an_issuer(keys=document)) is Fault.FORGED
