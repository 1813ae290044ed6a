"""Pulling from and pushing to a registry on this machine."""

import hashlib
import json
from pathlib import Path

import pytest

from mlz.errors import Reason, RejectedError
from mlz.model.asset import Asset, EngineType
from mlz.model.schema import Schema
from mlz.store.address import AddressPolicy, is_private
from mlz.store.credentials import Credentials
from mlz.store.download import Downloaded, Pace, Wanted, download
from mlz.store.modelpack import ARTIFACT_TYPE, CONFIG_TYPE, MANIFEST_TYPE
from mlz.store.oci import Registry, open_oci
from mlz.store.push import Package, Pushed, parse_target, push
from mlz.store.uri import parse_uri
from mlz.store.web import Web
from unit.store.servers import FakeRegistry, LocalServer, Reply

MODEL = b"a model" * 1000
SHA = hashlib.sha256(MODEL).hexdigest()
WEB = Web(AddressPolicy(allow_loopback=True), 5)


def pull(uri: str, folder: Path, sha256: str | None = None, **keys: str) -> Downloaded:
    source = open_oci(parse_uri(uri), WEB, Credentials(keys))
    pace = Pace(2, 60, lambda _seconds: None)
    return download(source, folder / "asset", Wanted(10**6, sha256), pace)


def pushed(server: LocalServer, folder: Path, tag: str = "", **keys: str) -> Pushed:
    path = folder / "model.onnx"
    path.write_bytes(MODEL)
    asset = Asset(
        digest=f"sha256:{SHA}",
        size_bytes=len(MODEL),
        engine_type=EngineType.ONNX,
        model_file="content/model.onnx",
        model_schema=Schema(),
    )
    uri = parse_target(f"oci://{server.host}/demo/model{tag}")
    return push(Package(path, asset, "churn"), Registry(WEB, uri, Credentials(keys)), uri)


def artifact(registry: FakeRegistry, *layers: dict[str, object], **manifest: object) -> str:
    """Put a manifest by hand; its digest."""
    document = {"schemaVersion": 2, "config": {}, "layers": list(layers), **manifest}
    content = json.dumps(document).encode()
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    registry.manifests[digest] = content
    return digest


def layer(content: bytes, media_type: str = "application/octet-stream") -> dict[str, object]:
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    return {"mediaType": media_type, "digest": digest, "size": len(content)}


def test_what_is_pushed_can_be_pulled(server: LocalServer, tmp_path: Path) -> None:
    FakeRegistry(server)

    found = pushed(server, tmp_path)

    assert pull(found.uri, tmp_path) == Downloaded(SHA, len(MODEL))
    assert found.blob.sha256 == SHA


def test_the_artifact_is_laid_out_as_modelpack_says(server: LocalServer, tmp_path: Path) -> None:
    registry = FakeRegistry(server)

    found = pushed(server, tmp_path, tag=":v1")

    manifest = json.loads(registry.manifests["v1"])
    config = json.loads(registry.blobs[manifest["config"]["digest"]])
    assert manifest["mediaType"] == MANIFEST_TYPE
    assert manifest["artifactType"] == ARTIFACT_TYPE
    assert manifest["config"]["mediaType"] == CONFIG_TYPE
    assert manifest["layers"] == [
        {
            "mediaType": "application/vnd.cncf.model.weight.v1.raw",
            "digest": f"sha256:{SHA}",
            "size": len(MODEL),
            "annotations": {"org.cncf.model.filepath": "model.onnx"},
        }
    ]
    assert manifest["annotations"]["dev.mlz.engine-type"] == "onnx"
    assert config == {
        "descriptor": {"name": "churn"},
        "config": {"format": "onnx"},
        "modelfs": {"type": "layers", "diffIds": [f"sha256:{SHA}"]},
    }
    assert found.uri.endswith(f"/demo/model@{found.manifest_digest}")


def test_the_same_bytes_twice_are_one_manifest_and_one_upload(
    server: LocalServer, tmp_path: Path
) -> None:
    FakeRegistry(server)

    first, second = pushed(server, tmp_path), pushed(server, tmp_path)

    assert first == second
    uploads = [c for c in server.calls if c.method == "PUT" and "uploads" in c.path]
    assert len(uploads) == 2  # the model and its configuration, once


@pytest.mark.parametrize("basic", [pytest.param(True, id="basic"), pytest.param(False, id="token")])
def test_a_log_in_is_used_where_the_registry_asks_for_it(
    server: LocalServer, tmp_path: Path, basic: bool
) -> None:
    registry = FakeRegistry(server, ("ann", "hunter2"))
    registry.basic = basic

    found = pushed(server, tmp_path, username="ann", password="hunter2")
    docker = json.dumps({"auths": {server.host: {"auth": "YW5uOmh1bnRlcjI="}}})
    came = pull(found.uri, tmp_path, **{".dockerconfigjson": docker})

    assert came.sha256 == SHA
    assert "authorization" not in server.calls[0].headers


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param({}, id="none"),
        pytest.param({"username": "ann", "password": "wrong"}, id="a wrong one"),
        pytest.param({".dockerconfigjson": '{"auths": {"other": {}}}'}, id="another registry's"),
    ],
)
def test_without_the_right_log_in_access_is_denied(
    server: LocalServer, tmp_path: Path, keys: dict[str, str]
) -> None:
    FakeRegistry(server, ("ann", "hunter2"))

    with pytest.raises(RejectedError) as caught:
        pull(f"oci://{server.host}/demo/model:v1", tmp_path, **keys)

    assert caught.value.reason is Reason.ACCESS_DENIED
    assert "wrong" not in caught.value.message


def test_a_broken_docker_configuration_is_named(server: LocalServer, tmp_path: Path) -> None:
    with pytest.raises(RejectedError) as caught:
        pull(f"oci://{server.host}/demo/model:v1", tmp_path, **{".dockerconfigjson": "[]"})

    assert caught.value.reason is Reason.CREDENTIALS_NOT_FOUND


def test_blobs_may_redirect_but_the_log_in_stays_behind(
    server: LocalServer, tmp_path: Path
) -> None:
    registry = FakeRegistry(server, ("ann", "hunter2"))
    found = pushed(server, tmp_path, username="ann", password="hunter2")
    with LocalServer() as bucket:
        bucket.script(Reply(200, MODEL))
        registry.blob_redirect = bucket.url

        came = pull(found.uri, tmp_path, username="ann", password="hunter2")

        assert came.sha256 == SHA
        assert "authorization" not in bucket.calls[0].headers


def test_a_blob_that_redirects_to_metadata_is_forbidden(
    server: LocalServer, tmp_path: Path
) -> None:
    registry = FakeRegistry(server)
    found = pushed(server, tmp_path)
    registry.blob_redirect = "http://169.254.169.254/latest"

    with pytest.raises(RejectedError) as caught:
        pull(found.uri, tmp_path)

    assert caught.value.reason is Reason.ADDRESS_FORBIDDEN


def test_an_unknown_manifest_is_not_found(server: LocalServer, tmp_path: Path) -> None:
    FakeRegistry(server)

    with pytest.raises(RejectedError) as caught:
        pull(f"oci://{server.host}/demo/model:v9", tmp_path)

    assert caught.value.reason is Reason.ASSET_NOT_FOUND


def test_a_manifest_with_other_bytes_than_its_digest_is_refused(
    server: LocalServer, tmp_path: Path
) -> None:
    registry = FakeRegistry(server)
    digest = artifact(registry, layer(MODEL))
    registry.manifests[digest] += b" "

    with pytest.raises(RejectedError) as caught:
        pull(f"oci://{server.host}/demo/model@{digest}", tmp_path)

    assert caught.value.reason is Reason.DIGEST_MISMATCH


def test_a_blob_with_other_bytes_than_its_digest_is_refused(
    server: LocalServer, tmp_path: Path
) -> None:
    registry = FakeRegistry(server)
    found = pushed(server, tmp_path)
    registry.blobs[f"sha256:{SHA}"] = MODEL[:-1] + b"!"

    with pytest.raises(RejectedError) as caught:
        pull(found.uri, tmp_path)

    assert caught.value.reason is Reason.DIGEST_MISMATCH


def test_another_sha256_in_the_spec_is_refused_before_the_download(
    server: LocalServer, tmp_path: Path
) -> None:
    FakeRegistry(server)
    found = pushed(server, tmp_path)

    with pytest.raises(RejectedError) as caught:
        pull(found.uri, tmp_path, sha256="0" * 64)

    assert caught.value.reason is Reason.DIGEST_MISMATCH


@pytest.mark.parametrize(
    ("layers", "accepted"),
    [
        pytest.param([layer(MODEL)], True, id="one layer of any kind, as oras pushes it"),
        pytest.param(
            [
                layer(b"readme", "application/vnd.cncf.model.doc.v1.raw"),
                layer(MODEL, "application/vnd.cncf.model.weight.v1.raw"),
            ],
            True,
            id="one weight layer among others",
        ),
        pytest.param(
            [layer(MODEL, "application/vnd.cnai.model.weight.v1.raw")],
            True,
            id="the specification's older name",
        ),
        pytest.param([layer(MODEL), layer(b"x")], False, id="two layers that may both be it"),
        pytest.param([], False, id="no layer"),
        pytest.param(
            [layer(MODEL, "application/vnd.cncf.model.weight.v1.tar+zstd")], False, id="zstd"
        ),
        pytest.param([{"digest": "x"}], False, id="a broken descriptor"),
    ],
)
def test_the_model_is_the_one_weight_layer(
    server: LocalServer, tmp_path: Path, layers: list[dict[str, object]], accepted: bool
) -> None:
    registry = FakeRegistry(server)
    registry.blobs[f"sha256:{SHA}"] = MODEL
    uri = f"oci://{server.host}/demo/model@{artifact(registry, *layers)}"

    if accepted:
        assert pull(uri, tmp_path).sha256 == SHA
        return
    with pytest.raises(RejectedError) as caught:
        pull(uri, tmp_path)

    assert caught.value.reason is Reason.MODEL_INVALID


def test_an_index_is_no_model(server: LocalServer, tmp_path: Path) -> None:
    registry = FakeRegistry(server)
    digest = artifact(registry, manifests=[])

    with pytest.raises(RejectedError, match="index"):
        pull(f"oci://{server.host}/demo/model@{digest}", tmp_path)


def test_a_public_address_is_not_private_so_its_registry_must_speak_tls() -> None:
    assert not is_private("93.184.216.34")
    assert all(map(is_private, ("10.96.0.1", "127.0.0.1", "fd00::1", "::ffff:10.0.0.1")))


@pytest.mark.parametrize(
    "target",
    [
        pytest.param("oci://reg/name@sha256:" + "a" * 64, id="a digest is not chosen"),
        pytest.param("https://reg/name", id="another scheme"),
        pytest.param("oci://reg", id="no name"),
    ],
)
def test_a_target_that_cannot_be_pushed_to_is_refused(target: str) -> None:
    with pytest.raises(RejectedError):
        parse_target(target)
