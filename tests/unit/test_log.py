"""Logs: one JSON object a line, whatever is logged, and no chatter of libraries."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from mlz import log


@pytest.fixture(autouse=True)
def _put_back() -> Iterator[None]:
    """Logging is the process's: what a test configures must not outlive it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in ("kopf", "httpx", "asyncio")}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


def logged(level: str = "INFO", *, human: bool = False, **extra: Any) -> str:
    stream = io.StringIO()
    log.configure(level, human=human, stream=stream)
    logging.getLogger("mlz.test").info("rolled out", extra=extra)
    return stream.getvalue()


def test_a_line_is_an_object_with_time_level_logger_message_and_fields() -> None:
    found = json.loads(logged(digest="sha256:aa", count=3))

    assert found.pop("time")
    assert found == {
        "level": "INFO",
        "logger": "mlz.test",
        "message": "rolled out",
        "digest": "sha256:aa",
        "count": 3,
    }


class Unprintable:
    def __repr__(self) -> str:
        raise RuntimeError("no")


CYCLE: dict[str, Any] = {}
CYCLE["self"] = CYCLE


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(object(), id="an object"),
        pytest.param({1, 2}, id="a set"),
        pytest.param(b"\xff", id="bytes"),
        pytest.param(ValueError("x"), id="an exception"),
        pytest.param({("a", "b"): 1}, id="a mapping by pairs"),
        pytest.param(CYCLE, id="a value within itself"),
        pytest.param("\ud800", id="half a character"),
        pytest.param(Unprintable(), id="an object that cannot be printed"),
        pytest.param("two\nlines", id="two lines"),
    ],
)
def test_whatever_a_field_holds_the_line_is_written_and_is_json(
    value: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    text = logged(value=value)

    assert text.count("\n") == 1
    assert json.loads(text)["message"] == "rolled out"
    assert capsys.readouterr().err == "", "logging itself must not stumble"


def test_an_exception_is_one_line() -> None:
    stream = io.StringIO()
    log.configure(stream=stream)

    try:
        int("no\nway")
    except ValueError:
        logging.getLogger("mlz.test").exception("it broke")

    found = json.loads(stream.getvalue())
    assert stream.getvalue().count("\n") == 1
    assert "ValueError: invalid literal" in found["exc_info"]


def test_a_human_gets_plain_lines() -> None:
    assert logged(human=True, digest="aa") == "INFO: rolled out\n"


@pytest.mark.parametrize(
    ("level", "lines"),
    [
        pytest.param("DEBUG", ["mlz debug", "mlz info", "kopf warning"], id="all of ours"),
        pytest.param("INFO", ["mlz info", "kopf warning"], id="ours, and warnings of others"),
        pytest.param("WARNING", ["kopf warning"], id="warnings"),
        pytest.param("ERROR", [], id="errors alone"),
    ],
)
def test_levels_hold_for_us_and_libraries_do_not_chat(level: str, lines: list[str]) -> None:
    stream = io.StringIO()
    log.configure(level, stream=stream)

    logging.getLogger("mlz").debug("mlz debug")
    logging.getLogger("mlz").info("mlz info")
    logging.getLogger("kopf.objects").info("kopf info")
    logging.getLogger("kopf.objects").warning("kopf warning")

    assert [json.loads(line)["message"] for line in stream.getvalue().splitlines()] == lines


def test_configuring_twice_writes_once() -> None:
    log.configure(stream=io.StringIO())

    assert logged().count("\n") == 1
