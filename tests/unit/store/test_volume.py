"""Assets on volumes."""

from pathlib import Path

import pytest

from mlz.errors import Reason, RejectedError
from mlz.store.uri import parse_uri
from mlz.store.volume import open_volume


def claim(folder: Path) -> Path:
    (folder / "models" / "a").mkdir(parents=True)
    (folder / "models" / "a" / "m.onnx").write_bytes(b"content")
    (folder / "outside").write_bytes(b"secret")
    return folder / "models"


def test_a_file_is_read_from_any_byte(tmp_path: Path) -> None:
    claim(tmp_path)

    with open_volume(parse_uri("pvc://models/a/m.onnx"), tmp_path).open(3) as opened:
        assert b"".join(opened.chunks) == b"tent"
        assert opened.total_bytes == 7


def test_a_link_inside_the_claim_is_followed(tmp_path: Path) -> None:
    (claim(tmp_path) / "latest").symlink_to("a/m.onnx")

    with open_volume(parse_uri("pvc://models/latest"), tmp_path).open(0) as opened:
        assert b"".join(opened.chunks) == b"content"


@pytest.mark.parametrize(
    ("link", "target", "reason"),
    [
        pytest.param("up", "../outside", Reason.ACCESS_DENIED, id="a link upwards"),
        pytest.param("abs", "/etc/passwd", Reason.ACCESS_DENIED, id="an absolute link"),
        pytest.param("loop", "loop", Reason.ASSET_NOT_FOUND, id="a link to itself"),
        pytest.param("dead", "nothing", Reason.ASSET_NOT_FOUND, id="a link to nothing"),
        pytest.param("dir", "a", Reason.ASSET_NOT_FOUND, id="a link to a folder"),
    ],
)
def test_links_do_not_lead_out(tmp_path: Path, link: str, target: str, reason: Reason) -> None:
    (claim(tmp_path) / link).symlink_to(target)

    with pytest.raises(RejectedError) as caught:
        open_volume(parse_uri(f"pvc://models/{link}"), tmp_path)

    assert caught.value.reason is reason
    assert "secret" not in caught.value.message


def test_a_link_in_the_middle_does_not_lead_out(tmp_path: Path) -> None:
    (claim(tmp_path) / "up").symlink_to("..")

    with pytest.raises(RejectedError) as caught:
        open_volume(parse_uri("pvc://models/up/outside"), tmp_path)

    assert caught.value.reason is Reason.ACCESS_DENIED


def test_a_claim_that_is_not_mounted_is_named(tmp_path: Path) -> None:
    with pytest.raises(RejectedError, match="'models'") as caught:
        open_volume(parse_uri("pvc://models/m"), tmp_path)

    assert caught.value.reason is Reason.VOLUME_CLAIM_NOT_FOUND
