"""A multipart body, in whatever pieces it comes, becomes one file on the disk, and then none."""

import asyncio
import hashlib
import json
import threading
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlz.rest.arrival import Arrival, Space
from mlz.rest.problems import Code, Refusal
from mlz.rest.uploads import Limits, Upload, plain_name, receive

TYPE = "multipart/form-data; boundary=edge"
LIMITS = Limits(file_bytes=1_000_000, metadata_bytes=1000, silence_seconds=5)
CONTENT = b"a model\r\n--edg\r\n--edge-not\r\n" * 100


def part(name: str, content: bytes, disposition: str = "", headers: str = "") -> bytes:
    head = f'Content-Disposition: form-data; name="{name}"{disposition}\r\n{headers}\r\n'
    return b"--edge\r\n" + head.encode() + content + b"\r\n"


def file_part(content: bytes = CONTENT, name: str = "model.onnx") -> bytes:
    return part("file", content, f'; filename="{name}"', "Content-Type: text/plain\r\n")


def metadata_part(document: object) -> bytes:
    return part("metadata", json.dumps(document).encode())


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--edge--\r\n"


async def pieces(body: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


def received(
    folder: Path, body: bytes, content_type: str = TYPE, limits: Limits = LIMITS, size: int = 1000
) -> tuple[Upload, bytes]:
    async def run() -> tuple[Upload, bytes]:
        stream = pieces(body, size)
        async with receive(stream, content_type, limits, Space(folder, 10**9)) as upload:
            return upload, upload.path.read_bytes()

    return asyncio.run(run())


def refusal(
    folder: Path, body: bytes, content_type: str = TYPE, limits: Limits = LIMITS
) -> Refusal:
    with pytest.raises(Refusal) as caught:
        received(folder, body, content_type, limits)
    assert list(folder.iterdir()) == []
    return caught.value


def test_a_file_and_its_metadata_arrive(tmp_path: Path) -> None:
    upload, content = received(tmp_path, form(metadata_part({"name": "churn"}), file_part()))

    assert content == CONTENT
    assert upload.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert upload.size_bytes == len(CONTENT)
    assert upload.file_name == "model.onnx"
    assert upload.head == CONTENT[:4096]
    assert upload.metadata == {"name": "churn"}


def test_the_metadata_may_come_last_or_not_at_all(tmp_path: Path) -> None:
    last, _ = received(tmp_path, form(file_part(), metadata_part({"name": "churn"})))
    none, _ = received(tmp_path, form(file_part()))

    assert last.metadata == {"name": "churn"}
    assert none.metadata == {}


def test_the_file_is_gone_when_the_request_is_over(tmp_path: Path) -> None:
    upload, _ = received(tmp_path, form(file_part()))

    assert not upload.path.exists()
    assert list(tmp_path.iterdir()) == []


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    size=st.integers(1, 400),
    content=st.lists(
        st.sampled_from([b"\r", b"\n", b"\r\n", b"-", b"--", b"edge", b"--edge", b"x" * 50]),
        min_size=1,
        max_size=30,
    ).map(b"".join),
)
def test_the_pieces_of_the_socket_change_nothing(tmp_path: Path, size: int, content: bytes) -> None:
    if b"\r\n--edge" in b"\r\n" + content:
        content = content.replace(b"--edge", b"--ed")
    body = form(metadata_part({"a": 1}), file_part(content))

    upload, found = received(tmp_path, body, size=size)

    assert found == content
    assert upload.metadata == {"a": 1}


REFUSED: list[tuple[str, bytes, Code]] = [
    ("the body ends before its last boundary", file_part() + b"--ed", Code.PARSING_ERROR),
    ("there is nothing at all", b"", Code.PARSING_ERROR),
    ("there is no file", form(metadata_part({})), Code.PARSING_ERROR),
    ("the file is empty", form(file_part(b"")), Code.PARSING_ERROR),
    ("the file comes twice", form(file_part(), file_part()), Code.PARSING_ERROR),
    ("the boundary is another one", b"--other\r\n\r\n", Code.PARSING_ERROR),
    ("a part has no name", form(b"--edge\r\nContent-Type: a/b\r\n\r\nx\r\n"), Code.PARSING_ERROR),
    ("a part is not known", form(file_part(), part("more", b"1")), Code.INVALID_FIELD),
    (
        "a part is encoded, which RFC 7578 does not know any more",
        form(part("file", b"YQ==", headers="Content-Transfer-Encoding: base64\r\n")),
        Code.PARSING_ERROR,
    ),
    (
        "a header is endless",
        form(part("file", b"x", headers=f"X: {'y' * 5000}\r\n")),
        Code.PARSING_ERROR,
    ),
    (
        "headers without end",
        form(part("file", b"x", headers="X: y\r\n" * 20)),
        Code.PARSING_ERROR,
    ),
    ("the metadata is no JSON", form(file_part(), part("metadata", b"{")), Code.PARSING_ERROR),
    ("the metadata is no object", form(file_part(), part("metadata", b"[]")), Code.PARSING_ERROR),
    ("NaN is no number", form(file_part(), part("metadata", b'{"a":NaN}')), Code.PARSING_ERROR),
    (
        "the metadata is nested without end",
        form(file_part(), part("metadata", b"[" * 900)),
        Code.PARSING_ERROR,
    ),
    (
        "the metadata is a text of its own",
        form(part("metadata", b" " * 1001), file_part()),
        Code.BODY_TOO_LARGE,
    ),
    ("the file is too large", form(file_part(b"x" * 1_000_001)), Code.BODY_TOO_LARGE),
    (
        "so is what comes after the form",
        form(file_part()) + b"x" * 2_000_000,
        Code.BODY_TOO_LARGE,
    ),
]


@pytest.mark.parametrize(
    ("body", "code"), [pytest.param(body, code, id=name) for name, body, code in REFUSED]
)
def test_a_body_that_is_no_import_is_refused_and_leaves_nothing(
    tmp_path: Path, body: bytes, code: Code
) -> None:
    assert refusal(tmp_path, body).code is code


@pytest.mark.parametrize(
    ("content_type", "code"),
    [
        pytest.param("", Code.UNSUPPORTED_MEDIA_TYPE, id="none"),
        pytest.param("application/json", Code.UNSUPPORTED_MEDIA_TYPE, id="another one"),
        pytest.param("multipart/form-data; boundary=\u20ac", Code.UNSUPPORTED_MEDIA_TYPE, id="€"),
        pytest.param("multipart/form-data", Code.PARSING_ERROR, id="no boundary"),
        pytest.param(f"multipart/form-data; boundary={'x' * 71}", Code.PARSING_ERROR, id="long"),
    ],
)
def test_a_content_type_that_is_no_form_is_refused(
    tmp_path: Path, content_type: str, code: Code
) -> None:
    assert refusal(tmp_path, form(file_part()), content_type).code is code


def test_the_limit_of_a_file_is_the_last_size_that_is_taken(tmp_path: Path) -> None:
    limits = replace(LIMITS, file_bytes=len(CONTENT))

    upload, _ = received(tmp_path, form(file_part()), limits=limits)

    assert upload.size_bytes == limits.file_bytes


@pytest.mark.parametrize(
    ("given_name", "name"),
    [
        pytest.param("model.onnx", "model.onnx", id="a harmless one stays"),
        pytest.param("../../etc/passwd", "passwd", id="a path is cut"),
        pytest.param("C:\\models\\m.pmml", "m.pmml", id="a Windows path as well"),
        pytest.param(".bashrc", "bashrc", id="nothing is hidden"),
        pytest.param("a b\u00e9\x00c.xml", "a_b_c.xml", id="ASCII without blanks"),
        pytest.param("x" * 200 + ".onnx", "x" * 95 + ".onnx", id="the end of a long one"),
        pytest.param("", "model", id="none"),
        pytest.param("...", "model", id="dots are none"),
    ],
)
def test_a_file_name_is_made_harmless(given_name: str, name: str) -> None:
    assert plain_name(given_name) == name


def test_a_client_that_goes_away_leaves_nothing(tmp_path: Path) -> None:
    async def leaving() -> AsyncIterator[bytes]:
        yield file_part(b"x" * 500_000)
        raise ConnectionResetError

    async def run() -> None:
        async with receive(leaving(), TYPE, LIMITS, Space(tmp_path, 10**9)):
            pytest.fail("there is no whole upload")

    with pytest.raises(ConnectionResetError):
        asyncio.run(run())

    assert list(tmp_path.iterdir()) == []


def test_a_request_that_is_cancelled_leaves_nothing(tmp_path: Path) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield file_part(b"x" * 100)[:-2]
        while True:
            yield b"x" * 1000
            await asyncio.sleep(0)

    async def run() -> None:
        limits = replace(LIMITS, file_bytes=10**9)
        async with receive(endless(), TYPE, limits, Space(tmp_path, 10**9)):
            pytest.fail("there is no whole upload")

    async def cancelled() -> None:
        task = asyncio.create_task(run())
        while not list(tmp_path.iterdir()):  # noqa: ASYNC110, ASYNC240 - a fact on the disk
            await asyncio.sleep(0.01)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "limits",
    [
        pytest.param(replace(LIMITS, silence_seconds=0.05), id="nothing comes"),
        pytest.param(replace(LIMITS, total_seconds=0.05), id="it takes for ever"),
    ],
)
def test_a_slow_body_is_not_waited_for(tmp_path: Path, limits: Limits) -> None:
    async def silent() -> AsyncIterator[bytes]:
        yield file_part()[:100]
        await asyncio.sleep(30)

    async def run() -> None:
        async with receive(silent(), TYPE, limits, Space(tmp_path, 10**9)):
            pytest.fail("there is no whole upload")

    with pytest.raises(Refusal) as caught:
        asyncio.run(run())

    assert caught.value.code is Code.REQUEST_TIMEOUT
    assert list(tmp_path.iterdir()) == []


def test_uploads_share_one_room_and_give_it_back(tmp_path: Path) -> None:
    space = Space(tmp_path, len(CONTENT) * 3 // 2)

    async def run() -> None:
        async with receive(pieces(form(file_part())), TYPE, LIMITS, space):
            with pytest.raises(Refusal) as caught:
                async with receive(pieces(form(file_part())), TYPE, LIMITS, space):
                    pytest.fail("there is no room for two")
            assert caught.value.code is Code.UNAVAILABLE
            assert "Retry-After" in caught.value.headers
        async with receive(pieces(form(file_part())), TYPE, LIMITS, space):
            pass

    asyncio.run(run())


def test_a_full_disk_is_no_bug_of_the_caller() -> None:
    arrival = Arrival(Space(Path("/dev"), 10**9), 10**9)
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no device that is always full")
    arrival._stream = full.open("wb", buffering=10)

    with pytest.raises(Refusal) as caught:
        arrival.write(memoryview(b"x" * 100))
    arrival.close()

    assert caught.value.code is Code.UNAVAILABLE


def test_the_loop_writes_nothing_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: set[threading.Thread] = set()
    write = Arrival.write

    def noted(arrival: Arrival, piece: memoryview) -> None:
        threads.add(threading.current_thread())
        write(arrival, piece)

    monkeypatch.setattr(Arrival, "write", noted)
    received(tmp_path, form(file_part()))

    assert threads
    assert threading.main_thread() not in threads


def test_memory_stays_flat_whatever_the_size(tmp_path: Path) -> None:
    size = 64 * 1024 * 1024

    async def large() -> AsyncIterator[bytes]:
        yield file_part(b"x")[:-2]
        for _ in range(size // 65536):
            yield b"x" * 65536
        yield b"\r\n--edge--\r\n"

    async def run() -> int:
        limits = replace(LIMITS, file_bytes=2 * size)
        async with receive(large(), TYPE, limits, Space(tmp_path, 10**9)) as upload:
            return upload.size_bytes

    tracemalloc.start()
    came = asyncio.run(run())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert came == size + 1
    assert peak < 8 * 1024 * 1024


def bodies() -> st.SearchStrategy[bytes]:
    known = [
        b"--edge", b"--edge\r\n", b"--edge--", b"\r\n", b"\r\n\r\n", b"Content-Disposition: ",
        b"form-data", b'; name="file"', b'; name="metadata"', b'; filename="m.onnx"', b'"', b";",
        b"Content-Transfer-Encoding: ", b"{}", b"[", b"\x00", b"\xff", b":", b" ", b"\r", b"\n",
    ]  # fmt: skip
    return st.lists(st.sampled_from(known) | st.binary(max_size=4), max_size=25).map(b"".join)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(body=bodies(), size=st.integers(1, 50), starts_well=st.booleans())
def test_no_body_causes_anything_but_a_refusal(
    tmp_path: Path, body: bytes, size: int, starts_well: bool
) -> None:
    if starts_well:
        body = b"--edge\r\nContent-Disposition: form-data" + body

    with suppress(Refusal):
        received(tmp_path, body, size=size)

    assert list(tmp_path.iterdir()) == []
