"""URIs of assets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlz.errors import Reason, RejectedError
from mlz.store.uri import AssetUri, Scheme, parse_uri

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        pytest.param(
            f"oci://reg.example:5000/team/churn@{DIGEST}",
            AssetUri(Scheme.OCI, "reg.example:5000", "team/churn", digest=DIGEST),
            id="a registry with a port, pinned",
        ),
        pytest.param(
            "oci://reg/churn:v1.2",
            AssetUri(Scheme.OCI, "reg", "churn", tag="v1.2"),
            id="a tag alone",
        ),
        pytest.param(
            f"oci://reg/churn:v1@{DIGEST}",
            AssetUri(Scheme.OCI, "reg", "churn", tag="v1", digest=DIGEST),
            id="a tag and a digest",
        ),
        pytest.param(
            "s3://models/a/b+c.onnx",
            AssetUri(Scheme.S3, "models", "a/b+c.onnx"),
            id="a bucket and a key",
        ),
        pytest.param("gs://models/m.ubj", AssetUri(Scheme.GS, "models", "m.ubj"), id="gs"),
        pytest.param("az://models/m.ubj", AssetUri(Scheme.AZ, "models", "m.ubj"), id="az"),
        pytest.param(
            "https://host:8443/a/m.pmml?sig=secret",
            AssetUri(Scheme.HTTPS, "host:8443", "a/m.pmml", "sig=secret"),
            id="a query belongs to the address",
        ),
        pytest.param(
            "http://[fd00::1]:80/m.pmml",
            AssetUri(Scheme.HTTP, "[fd00::1]:80", "m.pmml"),
            id="an IPv6 address",
        ),
        pytest.param(
            "pvc://claim-1/a/m.onnx", AssetUri(Scheme.PVC, "claim-1", "a/m.onnx"), id="a claim"
        ),
    ],
)
def test_a_uri_is_read(text: str, wanted: AssetUri) -> None:
    assert parse_uri(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("model.onnx", id="a path is no URI"),
        pytest.param("file:///etc/passwd", id="files of the pod are no assets"),
        pytest.param("ftp://host/m", id="an unknown scheme"),
        pytest.param("https://host", id="no path"),
        pytest.param("https:///m", id="no host"),
        pytest.param("https://host:x/m", id="a port that is no number"),
        pytest.param("https://host/m#part", id="a fragment"),
        pytest.param("https://host/m\n", id="a line break"),
        pytest.param("oci://reg/Churn:v1", id="an upper-case repository"),
        pytest.param("oci://reg/churn", id="neither tag nor digest"),
        pytest.param("oci://reg/churn@sha256:abc", id="a digest that is too short"),
        pytest.param("s3://bucket/key?versionId=1", id="a query where there is none"),
        pytest.param("pvc://claim/../x", id="a way out of the claim"),
        pytest.param("pvc://claim//x", id="an empty part"),
        pytest.param("pvc://Claim/x", id="a name that no claim has"),
        pytest.param("https://host/" + "x" * 5000, id="far too long"),
    ],
)
def test_a_bad_uri_is_refused_with_what_was_wanted(text: str) -> None:
    with pytest.raises(RejectedError, match="oci://registry/name@sha256") as caught:
        parse_uri(text)

    assert caught.value.reason is Reason.INVALID_SPEC


def test_a_password_in_a_uri_is_refused_and_not_repeated() -> None:
    with pytest.raises(RejectedError) as caught:
        parse_uri("https://user:hunter2@host/m.onnx")

    assert "hunter2" not in caught.value.message
    assert "secretRef" in caught.value.message


def test_a_query_is_not_shown() -> None:
    assert parse_uri("https://host/m?sig=secret").shown == "https://host/m?…"


@given(st.text(max_size=80).map(lambda tail: "oci://" + tail) | st.text(max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse_uri(text)
    except RejectedError as error:
        assert error.reason is Reason.INVALID_SPEC  # noqa: PT017 - either outcome is right
