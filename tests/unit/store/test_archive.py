"""Archives, honest and hostile."""

import gzip
import io
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlz.errors import Reason, RejectedError
from mlz.store.archive import Unpacked, unpack

MODEL = b"\x08\x07 a model"
Files = list[tuple[str, bytes]]


def tar(files: Files, mode: str = "w:gz", change: Callable[[tarfile.TarInfo], None] | None = None,
        form: int = tarfile.PAX_FORMAT) -> bytes:  # fmt: skip
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode, format=form) as archive:  # type: ignore[call-overload]
        for name, content in files:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            if change:
                change(info)
            archive.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def zipped(files: Files, mode: int = 0) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return packed.getvalue()


def unpacked(content: bytes, folder: Path, max_bytes: int = 10**9) -> Unpacked | None:
    (folder / "asset").write_bytes(content)
    (folder / "out").mkdir(exist_ok=True)
    return unpack(folder / "asset", folder / "out", max_bytes)


def refusal(content: bytes, folder: Path, max_bytes: int = 10**9) -> RejectedError:
    with pytest.raises(RejectedError) as caught:
        unpacked(content, folder, max_bytes)
    return caught.value


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(tar([("m.onnx", MODEL)]), id="tar.gz"),
        pytest.param(tar([("m.onnx", MODEL)], "w"), id="tar"),
        pytest.param(zipped([("m.onnx", MODEL)]), id="zip"),
        pytest.param(tar([("model/m.onnx", MODEL)]), id="in a folder"),
        pytest.param(tar([("./m.onnx", MODEL)]), id="with a dot"),
        pytest.param(tar([("m.onnx", MODEL), ("._m.onnx", b"x")]), id="packed on a Mac"),
        pytest.param(zipped([("m.onnx", MODEL), ("__MACOSX/._m", b"x")]), id="zipped on a Mac"),
        pytest.param(tar([("d" * 150 + "/m.onnx", MODEL)]), id="a long path"),
        pytest.param(
            tar([("d" * 150 + "/m.onnx", MODEL)], form=tarfile.GNU_FORMAT), id="a long GNU path"
        ),
    ],
)
def test_the_one_model_comes_out(content: bytes, tmp_path: Path) -> None:
    found = unpacked(content, tmp_path)

    assert found == Unpacked(tmp_path / "out" / "m.onnx")
    assert found.model_file.read_bytes() == MODEL


@pytest.mark.parametrize("pack", [tar, zipped])
def test_companions_come_with_it(pack: Callable[[Files], bytes], tmp_path: Path) -> None:
    files = [("a/schema.json", b"{}"), ("a/model.json", MODEL), ("a/sample.json", b"[]")]

    found = unpacked(pack(files), tmp_path)

    out = tmp_path / "out"
    assert found == Unpacked(out / "model.json", out / "schema.json", out / "sample.json")


def test_a_model_is_no_archive(tmp_path: Path) -> None:
    assert unpacked(MODEL, tmp_path) is None
    assert unpacked(b"", tmp_path) is None
    assert unpacked(b"<PMML/>", tmp_path) is None


def link(info: tarfile.TarInfo) -> None:
    info.type, info.linkname, info.size = tarfile.SYMTYPE, "/etc/passwd", 0


def hard_link(info: tarfile.TarInfo) -> None:
    info.type, info.linkname, info.size = tarfile.LNKTYPE, "m.onnx", 0


def device(info: tarfile.TarInfo) -> None:
    info.type, info.size = tarfile.CHRTYPE, 0


def fifo(info: tarfile.TarInfo) -> None:
    info.type, info.size = tarfile.FIFOTYPE, 0


def sparse(info: tarfile.TarInfo) -> None:
    info.type = tarfile.GNUTYPE_SPARSE


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(tar([("../m.onnx", MODEL)]), id="a path upwards"),
        pytest.param(tar([("a/../../m.onnx", MODEL)]), id="a path upwards in the middle"),
        pytest.param(tar([("/m.onnx", MODEL)]), id="an absolute path"),
        pytest.param(zipped([("../m.onnx", MODEL)]), id="a path upwards in a zip"),
        pytest.param(zipped([("a\\..\\..\\m.onnx", MODEL)]), id="backslashes"),
        pytest.param(zipped([("C:/m.onnx", MODEL)]), id="a drive"),
        pytest.param(tar([("m.onnx", b"")], change=link), id="a link"),
        pytest.param(tar([("m.onnx", b"")], change=hard_link), id="a hard link"),
        pytest.param(tar([("m.onnx", b"")], change=device), id="a device"),
        pytest.param(tar([("m.onnx", b"")], change=fifo), id="a fifo"),
        pytest.param(tar([("m.onnx", MODEL)], change=sparse), id="a sparse file"),
        pytest.param(zipped([("m.onnx", b"/etc")], stat.S_IFLNK | 0o777), id="a link in a zip"),
        pytest.param(tar([("m.onnx", MODEL), ("m.onnx", MODEL)]), id="a name twice"),
        pytest.param(tar([("a/m.onnx", MODEL), ("b/m.onnx", MODEL)]), id="one name, two folders"),
        pytest.param(tar([("m\n.onnx", MODEL)]), id="a name with a line break"),
        pytest.param(zipped([("m.onnx", b"\0" * 20_000_000)]), id="a zip bomb"),
        pytest.param(tar([("m.onnx", b"\0" * 20_000_000)]), id="a tar.gz bomb"),
        pytest.param(
            zipped([(f"._{i}", b"") for i in range(30_000)]), id="a table of contents bomb"
        ),
        pytest.param(tar([(f"._{i}", b"") for i in range(1500)]), id="too many files"),
        pytest.param(
            tar([("sample.json", b"x" * (17 * 2**20)), ("m", MODEL)], "w"), id="a huge companion"
        ),
    ],
)
def test_what_may_harm_is_unsafe(content: bytes, tmp_path: Path) -> None:
    error = refusal(content, tmp_path)

    assert error.reason is Reason.ARCHIVE_UNSAFE
    assert not (tmp_path / "m.onnx").exists()


def test_a_header_bomb_is_refused_before_it_is_read(tmp_path: Path) -> None:
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 2**33
    bomb = gzip.compress(header.tobuf(tarfile.GNU_FORMAT) + b"\0" * 100_000)

    assert refusal(bomb, tmp_path).reason is Reason.ARCHIVE_UNSAFE


def test_more_than_the_limit_is_too_large(tmp_path: Path) -> None:
    content = zipped([("m.onnx", bytes(range(256)) * 100)])

    assert refusal(content, tmp_path, 25_599).reason is Reason.ASSET_TOO_LARGE


WHOLE_TAR = tar([("m.onnx", MODEL * 500)])
WHOLE_ZIP = zipped([("m.onnx", MODEL * 500)])


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(tar([]), id="nothing in it"),
        pytest.param(zipped([]), id="nothing in a zip"),
        pytest.param(tar([("schema.json", b"{}")]), id="no model"),
        pytest.param(tar([("a.onnx", MODEL), ("b.onnx", MODEL)]), id="two models"),
        pytest.param(gzip.compress(MODEL), id="a gzip file that is no tar"),
        pytest.param(WHOLE_TAR[: len(WHOLE_TAR) // 2], id="half a tar.gz"),
        pytest.param(WHOLE_ZIP[: len(WHOLE_ZIP) // 2], id="half a zip"),
        pytest.param(
            WHOLE_ZIP[:-6] + b"\xff\xff\xff\xff" + WHOLE_ZIP[-2:], id="a table that lies nowhere"
        ),
        pytest.param(b"BZh91AY", id="bzip2"),
        pytest.param(b"\xfd7zXZ\0", id="xz"),
        pytest.param(b"7z\xbc\xaf", id="7z"),
    ],
)
def test_what_is_broken_is_invalid(content: bytes, tmp_path: Path) -> None:
    assert refusal(content, tmp_path).reason is Reason.ARCHIVE_INVALID


def test_a_single_file_that_is_compressed_is_told_what_is_taken(tmp_path: Path) -> None:
    assert "read as tar.gz only" in refusal(gzip.compress(MODEL), tmp_path).message


@given(
    which=st.sampled_from([WHOLE_TAR, WHOLE_ZIP, tar([("m.onnx", MODEL)], "w")]),
    place=st.integers(0, 20_000),
    noise=st.binary(min_size=1, max_size=20),
)
def test_a_damaged_archive_is_unpacked_or_refused(
    which: bytes, place: int, noise: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place %= len(which)
    damaged = which[:place] + noise + which[place + len(noise) :]
    try:
        unpacked(damaged, tmp_path_factory.mktemp("damaged"))
    except RejectedError as error:
        assert error.reason.startswith("Archive")  # noqa: PT017 - either outcome is right
