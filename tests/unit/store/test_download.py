"""The loop that brings bytes, over http on this machine."""

import hashlib
import math
import ssl
from pathlib import Path
from typing import Any

import pytest

from mlz.errors import MlzError, Reason, RejectedError, RetryableError
from mlz.store.address import AddressPolicy
from mlz.store.credentials import Credentials
from mlz.store.download import Downloaded, Pace, Wanted, download
from mlz.store.http import open_http
from mlz.store.uri import parse_uri
from mlz.store.web import (
    CONNECT_SECONDS,
    Redirects,
    Request,
    UnreachableError,
    Web,
    retry_after_seconds,
)
from unit.store.servers import Call, LocalServer, Reply, serve_with_ranges

CONTENT = bytes(range(256)) * 4096  # a mebibyte
SHA = hashlib.sha256(CONTENT).hexdigest()


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


def pace(time: Time | None = None, attempts: int = 4, total: float = 100) -> Pace:
    time = time or Time()
    return Pace(attempts, total, time.sleep, lambda: time.now)


def fetch(url: str, folder: Path, **options: Any) -> Downloaded:
    uri = parse_uri(url)
    web = Web(AddressPolicy(allow_loopback=True), options.pop("timeout", 5))
    credentials = Credentials(options.pop("credentials", {}))
    redirects = Redirects(frozenset(options.pop("hosts", ())))
    wanted = Wanted(options.pop("max_bytes", 10**9), options.pop("sha256", None))
    source = open_http(uri, web, credentials, redirects)
    return download(source, folder / "asset", wanted, options.pop("pace", pace()))


def test_bytes_arrive_verified(server: LocalServer, tmp_path: Path) -> None:
    server.script(Reply(200, CONTENT))

    came = fetch(f"{server.url}/m.onnx", tmp_path, sha256=SHA)

    assert came == Downloaded(SHA, len(CONTENT))
    assert (tmp_path / "asset").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("status", "reason", "retried"),
    [
        pytest.param(404, Reason.ASSET_NOT_FOUND, False, id="nothing there"),
        pytest.param(410, Reason.ASSET_NOT_FOUND, False, id="gone"),
        pytest.param(401, Reason.ACCESS_DENIED, False, id="wants credentials"),
        pytest.param(403, Reason.ACCESS_DENIED, False, id="refuses credentials"),
        pytest.param(400, Reason.ASSET_NOT_FOUND, False, id="any other refusal"),
        pytest.param(302, Reason.REDIRECT_REFUSED, False, id="a redirect"),
        pytest.param(500, Reason.STORE_UNREACHABLE, True, id="a fault of the store"),
        pytest.param(503, Reason.STORE_UNREACHABLE, True, id="an overloaded store"),
        pytest.param(429, Reason.STORE_UNREACHABLE, True, id="a store that wants a pause"),
    ],
)
def test_a_status_is_told_by_its_reason_and_retried_only_where_it_may_pass(
    server: LocalServer, tmp_path: Path, status: int, reason: Reason, retried: bool
) -> None:
    server.script(Reply(status, headers={"Location": "http://elsewhere.example/"}))

    with pytest.raises(MlzError) as caught:
        fetch(f"{server.url}/m.onnx?sig=hunter2", tmp_path)

    assert caught.value.reason is reason
    assert isinstance(caught.value, RetryableError) is retried
    assert len(server.calls) == (4 if retried else 1)
    assert "hunter2" not in caught.value.message
    assert server.host in caught.value.message


def test_a_fault_that_passes_is_not_told(server: LocalServer, tmp_path: Path) -> None:
    time = Time()
    server.script(Reply(500), Reply(429), Reply(200, CONTENT))

    came = fetch(f"{server.url}/m", tmp_path, pace=pace(time), sha256=SHA)

    assert came.size_bytes == len(CONTENT)
    assert time.pauses == [0.25, 0.5]


DATE = "Wed, 21 Oct 2030 07:28:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        pytest.param({"retry-after": "120"}, 120, id="seconds"),
        pytest.param({"retry-after": " 0 "}, 0, id="none at all"),
        pytest.param(
            {"retry-after": "Wed, 21 Oct 2030 07:29:30 GMT", "date": DATE}, 90, id="a date"
        ),
        pytest.param(
            {"retry-after": "Wed, 21 Oct 2030 07:20:00 GMT", "date": DATE}, 0, id="a date gone by"
        ),
        pytest.param(
            {"retry-after": "Wed, 21 Oct 2030 07:29:30 GMT"}, None, id="a date without today's"
        ),
        pytest.param(
            {"retry-after": "Wed, 21 Oct 2030 07:29:30", "date": DATE}, None, id="without a zone"
        ),
        pytest.param({"retry-after": "-5"}, None, id="a negative number"),
        pytest.param({"retry-after": "²"}, None, id="a digit of another kind"),
        pytest.param({"retry-after": "9" * 400}, math.inf, id="a number beyond all numbers"),
        pytest.param({}, None, id="not a word"),
    ],
)
def test_retry_after_is_understood(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_seconds(headers) == seconds


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_store_is_left_alone_as_long_as_it_asks(
    server: LocalServer, tmp_path: Path, status: int
) -> None:
    time = Time()
    server.script(
        Reply(status, headers={"Retry-After": "7"}),
        Reply(status, headers={"Retry-After": "0"}),
        Reply(200, CONTENT),
    )

    came = fetch(f"{server.url}/m", tmp_path, pace=pace(time), sha256=SHA)

    assert came.size_bytes == len(CONTENT)
    assert time.pauses == [7, 0.5]  # never shorter than our own pause


def test_a_store_that_asks_for_more_time_than_is_left_is_given_up_at_once(
    server: LocalServer, tmp_path: Path
) -> None:
    time = Time()
    server.script(Reply(503, headers={"Retry-After": "101"}))

    with pytest.raises(RetryableError, match="asks to wait 101 s"):
        fetch(f"{server.url}/m", tmp_path, pace=pace(time, total=100))

    assert (time.pauses, len(server.calls)) == ([], 1)


def test_other_failures_have_no_say_in_how_long(server: LocalServer, tmp_path: Path) -> None:
    time = Time()
    server.script(Reply(500, headers={"Retry-After": "50"}), Reply(200, CONTENT))

    fetch(f"{server.url}/m", tmp_path, pace=pace(time))

    assert time.pauses == [0.25]


def test_a_broken_download_goes_on_where_it_broke(server: LocalServer, tmp_path: Path) -> None:
    server.answer = serve_with_ranges(CONTENT, [300_000, 400_000])

    came = fetch(f"{server.url}/m", tmp_path, sha256=SHA)

    assert came == Downloaded(SHA, len(CONTENT))
    ranges = [call.headers.get("range") for call in server.calls]
    assert ranges[0] is None
    assert ranges[1:] == ["bytes=300000-", "bytes=700000-"]


def test_an_asset_that_changed_meanwhile_begins_again(server: LocalServer, tmp_path: Path) -> None:
    old, new = b"o" * 500_000, CONTENT
    server.script(
        Reply(200, old, {"ETag": '"old"'}, cut_at=300_000), Reply(200, new, {"ETag": '"new"'})
    )

    came = fetch(f"{server.url}/m", tmp_path)

    assert came.sha256 == SHA
    assert server.calls[1].headers["if-range"] == '"old"'


def test_a_store_that_sends_another_part_is_asked_again_from_the_start(
    server: LocalServer, tmp_path: Path
) -> None:
    def answer(call: Call) -> Reply:
        if "range" in call.headers:
            return Reply(206, CONTENT[7:], {"Content-Range": f"bytes 7-{len(CONTENT) - 1}/*"})
        cut = 1000 if len(server.calls) == 1 else None
        return Reply(200, CONTENT, {"ETag": '"x"'}, cut)

    server.answer = answer

    assert fetch(f"{server.url}/m", tmp_path).sha256 == SHA


def test_a_download_that_always_breaks_ends_as_interrupted(
    server: LocalServer, tmp_path: Path
) -> None:
    server.script(Reply(200, CONTENT, cut_at=10))

    with pytest.raises(RetryableError) as caught:
        fetch(f"{server.url}/m", tmp_path)

    assert caught.value.reason is Reason.DOWNLOAD_INTERRUPTED
    assert len(server.calls) == 4


def test_another_digest_is_refused_at_once(server: LocalServer, tmp_path: Path) -> None:
    server.script(Reply(200, CONTENT))

    with pytest.raises(RejectedError) as caught:
        fetch(f"{server.url}/m", tmp_path, sha256="0" * 64)

    assert caught.value.reason is Reason.DIGEST_MISMATCH
    assert SHA in caught.value.message
    assert len(server.calls) == 1


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="by the store's own word"),
        pytest.param({"Content-Length": "abc"}, id="by what really comes"),
    ],
)
def test_too_much_is_refused(server: LocalServer, tmp_path: Path, headers: dict[str, str]) -> None:
    server.script(Reply(200, CONTENT, headers))

    with pytest.raises(MlzError) as caught:
        fetch(f"{server.url}/m", tmp_path, max_bytes=len(CONTENT) - 1, pace=pace(attempts=1))

    assert caught.value.reason is Reason.ASSET_TOO_LARGE
    assert (tmp_path / "asset").stat().st_size < len(CONTENT)


def test_a_silent_store_is_given_up(server: LocalServer, tmp_path: Path) -> None:
    server.script(Reply(200, CONTENT, {"Content-Length": str(len(CONTENT) + 1)}))

    with pytest.raises(RetryableError) as caught:
        fetch(f"{server.url}/m", tmp_path, timeout=0.2, pace=pace(attempts=1))

    assert caught.value.reason is Reason.DOWNLOAD_INTERRUPTED


def test_the_whole_has_a_deadline(server: LocalServer, tmp_path: Path) -> None:
    server.script(Reply(200, CONTENT, cut_at=10))
    time = Time()

    with pytest.raises(RetryableError):
        fetch(f"{server.url}/m", tmp_path, pace=pace(time, attempts=50, total=3))

    assert time.now < 6


def test_an_unknown_host_is_told_within_six_seconds(tmp_path: Path) -> None:
    time = Time()

    with pytest.raises(UnreachableError) as caught:
        fetch("http://nobody.invalid/m", tmp_path, pace=pace(time))

    assert caught.value.reason is Reason.STORE_UNREACHABLE
    assert "unknown" in caught.value.message
    assert sum(time.pauses) < 2


def test_a_store_that_swallows_everything_is_tried_no_longer_than_six_seconds(
    tmp_path: Path,
) -> None:
    time = Time()

    class Swallowing:
        shown = "http://hole/m"

        def open(self, _offset: int) -> Any:
            time.now += CONNECT_SECONDS
            raise UnreachableError("timed out")

    with pytest.raises(UnreachableError):
        download(Swallowing(), tmp_path / "asset", Wanted(1), pace(time, attempts=10))

    assert time.now <= 6


def test_a_refused_connection_is_unreachable(server: LocalServer, tmp_path: Path) -> None:
    with LocalServer() as gone:
        url = gone.url

    with pytest.raises(UnreachableError):
        fetch(f"{url}/m", tmp_path)


def test_a_name_that_leads_to_loopback_is_forbidden(tmp_path: Path) -> None:
    web = Web(AddressPolicy(), 5, resolve=lambda *_: ["127.0.0.1"])

    with pytest.raises(RejectedError) as caught, web.open(Request("http://innocent/m", "m")):
        pass

    assert caught.value.reason is Reason.ADDRESS_FORBIDDEN


def test_the_checked_address_is_the_one_that_is_connected_to(server: LocalServer) -> None:
    """A second DNS answer would lead elsewhere: there is none."""
    answers = iter([["127.0.0.1"], ["169.254.169.254"]])
    web = Web(AddressPolicy(allow_loopback=True), 5, resolve=lambda *_: next(answers))
    server.script(Reply(200, b"x"))
    url = server.url.replace("127.0.0.1", "store.example")

    with web.open(Request(url + "/m", "m")) as response:
        assert response.read(10) == b"x"

    assert server.calls[0].headers["host"].startswith("store.example:")


def test_a_redirect_to_an_allowed_host_is_followed_without_the_credentials(
    server: LocalServer, tmp_path: Path
) -> None:
    with LocalServer() as second:
        second.script(Reply(200, CONTENT))
        server.script(Reply(302, headers={"Location": f"{second.url}/real"}))

        came = fetch(
            f"{server.url}/m", tmp_path, hosts=["127.0.0.1"], credentials={"token": "secret"}
        )

        assert came.sha256 == SHA
        assert server.calls[0].headers["authorization"] == "Bearer secret"
        assert "authorization" not in second.calls[0].headers


def test_redirects_without_end_are_refused(server: LocalServer, tmp_path: Path) -> None:
    server.script(Reply(302, headers={"Location": "/again"}))

    with pytest.raises(RejectedError) as caught:
        fetch(f"{server.url}/m", tmp_path, hosts=["127.0.0.1"])

    assert caught.value.reason is Reason.REDIRECT_REFUSED


def test_user_and_password_are_sent(server: LocalServer, tmp_path: Path) -> None:
    server.script(Reply(200, CONTENT))

    fetch(f"{server.url}/m", tmp_path, credentials={"username": "u", "password": "p"})

    assert server.calls[0].headers["authorization"] == "Basic dTpw"


def test_a_secret_without_usable_keys_is_named_by_its_keys(tmp_path: Path) -> None:
    with pytest.raises(RejectedError) as caught:
        fetch("http://host/m", tmp_path, credentials={"passwort": "secret"})

    assert caught.value.reason is Reason.CREDENTIALS_NOT_FOUND
    assert "passwort" in caught.value.message
    assert "secret" not in caught.value.message.replace("secretRef", "")


def test_a_server_without_tls_is_no_https_store(server: LocalServer, tmp_path: Path) -> None:
    with pytest.raises(UnreachableError) as caught:
        fetch(f"{server.url.replace('http', 'https')}/m", tmp_path)

    assert isinstance(caught.value.__cause__, ssl.SSLError | ConnectionError)
