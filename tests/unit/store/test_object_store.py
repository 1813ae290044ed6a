"""S3 against moto; the signatures of the others."""

import hashlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from moto.server import ThreadedMotoServer

from mlz.errors import Reason, RejectedError
from mlz.store.address import AddressPolicy
from mlz.store.credentials import Credentials
from mlz.store.download import Downloaded, Pace, Wanted, download
from mlz.store.object_store import open_object
from mlz.store.uri import parse_uri
from mlz.store.web import Web
from unit.store.servers import LocalServer, Reply

CONTENT = b"a model" * 100_000
SHA = hashlib.sha256(CONTENT).hexdigest()
AZURE = {"AZURE_STORAGE_ACCOUNT_NAME": "acc"}


def fetch(uri: str, keys: dict[str, str], folder: Path) -> Downloaded:
    web = Web(AddressPolicy(allow_loopback=True), 5)
    source = open_object(parse_uri(uri), web, Credentials(keys), 600)
    pace = Pace(1, 60, lambda _seconds: None)
    return download(source, folder / "asset", Wanted(10**7, SHA), pace)


@pytest.fixture(scope="module")
def s3() -> Iterator[dict[str, str]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = ThreadedMotoServer("127.0.0.1", port, verbose=False)
    server.start()
    keys = {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "hunter2",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_REGION": "us-east-1",
    }
    import boto3  # type: ignore[import-untyped]  # it has none, and is slow to import

    client = boto3.client(
        "s3",
        endpoint_url=keys["AWS_ENDPOINT_URL"],
        region_name="us-east-1",
        aws_access_key_id="key",
        aws_secret_access_key="hunter2",
    )
    client.create_bucket(Bucket="models")
    client.put_object(Bucket="models", Key="a/b+c=d.onnx", Body=CONTENT)
    client.close()
    yield keys
    server.stop()


def test_an_object_arrives(s3: dict[str, str], tmp_path: Path) -> None:
    assert fetch("s3://models/a/b+c=d.onnx", s3, tmp_path) == Downloaded(SHA, len(CONTENT))


def test_a_key_that_is_not_there_is_not_found(s3: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(RejectedError) as caught:
        fetch("s3://models/nothing", s3, tmp_path)

    assert caught.value.reason is Reason.ASSET_NOT_FOUND
    assert "Signature" not in caught.value.message


def test_without_keys_the_object_is_asked_for_anonymously(
    server: LocalServer, tmp_path: Path
) -> None:
    server.script(Reply(403))

    with pytest.raises(RejectedError) as caught:
        fetch("s3://models/m", {"AWS_ENDPOINT_URL": server.url}, tmp_path)

    assert caught.value.reason is Reason.ACCESS_DENIED
    assert "gave none" in caught.value.message
    assert server.calls[0].path == "/models/m"


@pytest.mark.parametrize(
    ("uri", "keys"),
    [
        pytest.param("s3://models/m", {"AWS_ACCESS_KEY_ID": "key"}, id="half of a key"),
        pytest.param("s3://models/m", {"password": "hunter2"}, id="another store's keys"),
        pytest.param("gs://models/m", {"service-account.json": "{}"}, id="an empty key file"),
        pytest.param("gs://models/m", {"service-account.json": "hunter2"}, id="no key file"),
        pytest.param("az://models/m", {}, id="Azure without an account"),
        pytest.param(
            "az://models/m", AZURE | {"AZURE_STORAGE_ACCOUNT_KEY": "hunter2"}, id="no base64"
        ),
    ],
)
def test_keys_that_make_no_signature_are_refused_without_being_told(
    uri: str, keys: dict[str, str], tmp_path: Path
) -> None:
    with pytest.raises(RejectedError) as caught:
        fetch(uri, keys, tmp_path)

    assert caught.value.reason is Reason.CREDENTIALS_NOT_FOUND
    assert "hunter2" not in caught.value.message


def test_azure_by_account_key_and_by_token(server: LocalServer, tmp_path: Path) -> None:
    server.script(Reply(200, CONTENT))
    endpoint = AZURE | {"AZURE_STORAGE_ENDPOINT": f"{server.url}/acc"}

    fetch("az://models/m", endpoint | {"AZURE_STORAGE_ACCOUNT_KEY": "YWJj"}, tmp_path)
    fetch("az://models/m", endpoint | {"AZURE_STORAGE_SAS_TOKEN": "?sv=1&sig=x"}, tmp_path)

    by_key, by_token = (urlsplit(call.path) for call in server.calls)
    assert by_key.path == by_token.path == "/acc/models/m"
    assert parse_qs(by_key.query)["sp"] == ["r"]
    assert by_token.query == "sv=1&sig=x"


def test_google_is_signed_here_and_asked_for_nothing_else(tmp_path: Path) -> None:
    private = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    key = {
        "type": "service_account",
        "client_email": "mlz@project",
        "private_key": private.decode(),
        "private_key_id": "1",
        "gcs_base_url": "http://169.254.169.254",
    }
    asked: list[str] = []

    def resolve(host: str, _port: int) -> list[str]:
        asked.append(host)
        raise socket.gaierror

    web = Web(AddressPolicy(), 5, resolve=resolve)
    credentials = Credentials({"service-account.json": json.dumps(key)})
    source = open_object(parse_uri("gs://models/m"), web, credentials, 600)

    with pytest.raises(Exception, match="unknown"), source.open(0):
        pass
    assert asked == ["storage.googleapis.com"]
