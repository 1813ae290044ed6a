"""Where keys come from: the API server and the facade, again and again, and what stays known."""

import datetime
import ipaddress
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from mlz.cluster.client import ApiOutageError, ApiRefusalError
from mlz.cluster.issuer import IssuerClient
from mlz.controller.trust import TrustSource, cluster_issuer, facade_issuer, trust_source
from mlz.errors import MlzError, RejectedError, RetryableError
from mlz.model.trust import IssuerKind, PublicKey, TrustedIssuer
from mlz.settings import AuthenticationDefaults, FacadeDefaults
from unit.cluster.servers import kubeconfig

MLZ, KUBERNETES = IssuerKind.MLZ, IssuerKind.KUBERNETES
KEY = {"kty": "OKP", "crv": "Ed25519", "x": "AAAA", "kid": "b", "alg": "EdDSA", "use": "sig"}
RSA = {"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "r", "alg": "RS256", "use": "sig"}
CONFIGURATION = {
    "issuer": "https://cluster",
    "jwks_uri": "https://10.0.0.1:6443/openid/v1/jwks",
    "response_types_supported": ["id_token"],
    "subject_types_supported": ["public"],
    "id_token_signing_alg_values_supported": ["RS256"],
}


# The source


def an_issuer(kind: IssuerKind, *key_ids: str) -> TrustedIssuer:
    keys = tuple(PublicKey(kty="OKP", kid=one) for one in key_ids)
    return TrustedIssuer(kind=kind, issuer=kind, audience="a", algorithms=("EdDSA",), keys=keys)


class Asked:
    """A source whose issuers answer what a test wants."""

    def __init__(self) -> None:
        self.answers: dict[IssuerKind, TrustedIssuer | Exception] = {
            kind: an_issuer(kind, "a") for kind in IssuerKind
        }
        self.changes = 0
        self.source = TrustSource({kind: self._ask(kind) for kind in IssuerKind}, self._change)

    def _ask(self, kind: IssuerKind) -> Callable[[], TrustedIssuer]:
        def ask() -> TrustedIssuer:
            answer = self.answers[kind]
            if isinstance(answer, Exception):
                raise answer
            return answer

        return ask

    def _change(self) -> None:
        self.changes += 1


def test_before_the_first_answer_nothing_is_known_of_an_issuer() -> None:
    assert Asked().source.issuers() == {MLZ: None, KUBERNETES: None}


def test_what_was_answered_is_known() -> None:
    asked = Asked()

    assert asked.source.refresh() is True
    assert asked.source.issuers() == asked.answers


def test_only_a_change_is_told() -> None:
    asked = Asked()
    counts = []
    for key_ids in (("a",), ("a",), ("a", "b"), ("a", "b"), ("b",)):
        asked.answers[MLZ] = an_issuer(MLZ, *key_ids)
        asked.source.refresh()
        counts.append(asked.changes)

    assert counts == [1, 1, 2, 2, 3]


SILENCES = [
    pytest.param(ApiOutageError(0, "refused"), id="an outage"),
    pytest.param(ApiRefusalError(403, "forbidden"), id="a refusal"),
    pytest.param(RetryableError("StoreUnreachable", "x"), id="nobody there"),  # type: ignore[arg-type]
    pytest.param(RejectedError("AddressForbidden", "x"), id="a bad address"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize("error", SILENCES)
def test_the_last_answer_stays_and_the_others_go_on(error: Exception) -> None:
    asked = Asked()
    asked.source.refresh()
    asked.answers = {MLZ: error, KUBERNETES: an_issuer(KUBERNETES, "new")}

    assert asked.source.refresh() is False
    assert asked.source.issuers() == {
        MLZ: an_issuer(MLZ, "a"),
        KUBERNETES: an_issuer(KUBERNETES, "new"),
    }


def test_silence_is_told_once_until_there_is_an_answer(caplog: pytest.LogCaptureFixture) -> None:
    asked, good = Asked(), an_issuer(MLZ, "a")
    bad = ApiOutageError(0, "refused")
    for answer in (bad, bad, bad, good, bad, bad):
        asked.answers[MLZ] = answer
        asked.source.refresh()

    assert [one.levelname for one in caplog.records].count("WARNING") == 2


def test_the_thread_asks_again_soon_and_survives_a_bug(caplog: pytest.LogCaptureFixture) -> None:
    answered = threading.Event()
    answers: list[Exception] = [ZeroDivisionError("a bug")]

    def ask() -> TrustedIssuer:
        if answers:
            raise answers.pop()
        return an_issuer(MLZ, "a")

    source = TrustSource({MLZ: ask}, answered.set)
    source.start()
    known = answered.wait(20)
    source.stop()

    assert known
    assert source.issuers() == {MLZ: an_issuer(MLZ, "a")}
    assert [one.levelname for one in caplog.records if one.levelname != "INFO"] == ["ERROR"]


# A server that is asked


class Server:
    """Answers by path: (status, content type, body); anything else is 404."""

    def __init__(self, certificate: Path | None = None) -> None:
        self.answers: dict[str, tuple[int, str, bytes]] = {}
        self.asked: list[tuple[str, str]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                accept = self.headers.get("Accept", "*/*")
                server.asked.append((self.path, accept))
                status, kind, body = server.answers.get(self.path, (404, "text/plain", b""))
                if kind not in accept and "*/*" not in accept and kind.startswith("application/"):
                    status, body = 406, b"406: Not Acceptable"  # as go-restful does
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing on stderr."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self._thread.start()
        self.port = self._http.server_port

    def answers_with(self, path: str, document: Any, kind: str = "application/json") -> None:
        raw = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.answers[path] = (200, kind, raw)

    def stop(self) -> None:
        self._http.shutdown()
        self._thread.join(10)
        self._http.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.stop()


# The API server


@pytest.fixture
def client(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> IssuerClient:
    path = kubeconfig(tmp_path, f"http://127.0.0.1:{server.port}")
    place = "kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION"
    monkeypatch.setattr(place, str(path))
    server.answers_with("/.well-known/openid-configuration", CONFIGURATION)
    keys = {"keys": [RSA, {**RSA, "kid": "a"}]}
    server.answers_with("/openid/v1/jwks", keys, "application/jwk-set+json")
    return IssuerClient(timeout_seconds=2)


def test_the_cluster_says_who_it_is_and_by_which_keys_it_signs(client: IssuerClient) -> None:
    found = cluster_issuer(client)

    assert (found.kind, found.issuer) == ("kubernetes", "https://cluster")
    assert (found.audience, found.algorithms) == ("mlz-scoring", ("RS256",))
    assert [key.kid for key in found.keys] == ["a", "r"]


def test_keys_are_asked_for_by_their_own_media_type(client: IssuerClient, server: Server) -> None:
    """The API server answers 406 to who asks for JSON alone."""
    cluster_issuer(client)

    assert "application/jwk-set+json" in dict(server.asked)["/openid/v1/jwks"]


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        pytest.param("/openid/v1/jwks", (403, "application/json", b"{}"), id="not allowed"),
        pytest.param("/openid/v1/jwks", (503, "application/json", b"{}"), id="not now"),
        pytest.param("/openid/v1/jwks", (200, "application/json", b"<html>"), id="no JSON"),
        pytest.param("/openid/v1/jwks", (200, "application/json", b"{}"), id="no key set"),
        pytest.param("/openid/v1/jwks", (200, "application/json", b'{"keys": []}'), id="no key"),
        pytest.param(
            "/.well-known/openid-configuration", (200, "application/json", b"{}"), id="no issuer"
        ),
        pytest.param(
            "/.well-known/openid-configuration",
            (200, "application/json", b'{"issuer": ""}'),
            id="an empty issuer",
        ),
    ],
)
def test_an_api_server_that_says_anything_else_is_silent(
    client: IssuerClient, server: Server, path: str, answer: tuple[int, str, bytes]
) -> None:
    server.answers[path] = answer

    assert is_silence(lambda: cluster_issuer(client))


def is_silence(ask: Callable[[], TrustedIssuer]) -> bool:
    """Whether the source takes it as no answer, and goes on."""
    source = TrustSource({MLZ: ask}, lambda: None)
    return source.refresh() is False and source.issuers() == {MLZ: None}


# The facade


def a_certificate(folder: Path) -> Path:
    """Signed by itself and no authority, as the chart makes one."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mlz-rest")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    form = serialization.PrivateFormat.PKCS8
    secret = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    (folder / "ca.crt").write_bytes(pem)
    (folder / "both.pem").write_bytes(secret + pem)
    return folder / "both.pem"


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[Server]:
    made = Server(a_certificate(tmp_path))
    made.answers_with("/auth/jwks.json", {"keys": [KEY, {**KEY, "kid": "a", "d": "secret"}]})
    yield made
    made.stop()


def a_facade(server: Server, scheme: str = "https", **overrides: str) -> FacadeDefaults:
    url = f"{scheme}://127.0.0.1:{server.port}/auth/jwks.json"
    return FacadeDefaults(**{"issuer": "https://rest", "keys_url": url} | overrides)


def test_the_facade_is_asked_over_tls(secured: Server, tmp_path: Path) -> None:
    facade = a_facade(secured, authorities_file=str(tmp_path / "ca.crt"))

    found = facade_issuer(facade, allow_loopback=True)

    assert (found.kind, found.issuer, found.audience) == ("mlz", "https://rest", "mlz")
    assert [key.kid for key in found.keys] == ["a", "b"]
    assert "secret" not in found.model_dump_json()


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_an_unknown_authority_is_not_believed(
    secured: Server, tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "other.crt"
    if content is not None:
        path.write_text(content)
    facade = a_facade(secured, authorities_file=str(path))

    assert is_silence(lambda: facade_issuer(facade, allow_loopback=True))


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param((404, "text/plain", b""), id="not there"),
        pytest.param((500, "text/plain", b""), id="broken"),
        pytest.param((302, "text/plain", b""), id="elsewhere"),
        pytest.param((200, "application/json", b"<html>"), id="no JSON"),
        pytest.param((200, "application/json", b"\xff"), id="no text"),
        pytest.param((200, "application/json", b'{"keys": [1]}'), id="no keys"),
        pytest.param((200, "application/json", b'{"keys": []}'), id="an empty set"),
        pytest.param((200, "application/json", b" " * 70_000 + b"{}"), id="too long"),
    ],
)
def test_a_facade_that_says_anything_else_is_silent(
    server: Server, answer: tuple[int, str, bytes]
) -> None:
    server.answers["/auth/jwks.json"] = answer

    assert is_silence(lambda: facade_issuer(a_facade(server, "http"), allow_loopback=True))


def test_the_address_of_the_facade_is_not_ones_own() -> None:
    facade = FacadeDefaults(issuer="i", keys_url="http://127.0.0.1:1/")

    with pytest.raises(MlzError, match=r"127\.0\.0\.1"):
        facade_issuer(facade)


def test_without_a_facade_only_the_cluster_is_asked(client: IssuerClient) -> None:
    sources = [
        trust_source(AuthenticationDefaults(), lambda: None),
        trust_source(
            AuthenticationDefaults(facade=FacadeDefaults(issuer="i", keys_url="https://h/")),
            lambda: None,
        ),
    ]

    assert [set(one.issuers()) for one in sources] == [{KUBERNETES}, {KUBERNETES, MLZ}]
