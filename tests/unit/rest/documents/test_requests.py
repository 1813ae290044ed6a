"""Bodies of requests: what is read as JSON, and whatever comes is refused in words."""

import json
import os
from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any

import pytest

from mlz.rest.documents import services, v3_patch, v4_patch
from mlz.rest.documents.changes import Named, merge_patch
from mlz.rest.documents.creation import creation
from mlz.rest.documents.predictions import Inputs, questions
from mlz.rest.documents.requests import DEEPEST, json_body, whole
from mlz.rest.problems import Code, Refusal
from unit.rest.documents.examples import (
    HREF,
    SECOND_HREF,
    SERVICE,
    a_create_body,
    the_deployment,
    the_second_version,
    the_service,
)

# Of each kind; a change is judged by as many as there is time for, a search says how many.
CASES = int(os.environ.get("MLZ_FUZZ", "4000"))


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


def code_of(raw: bytes) -> Code:
    with pytest.raises(Refusal) as caught:
        json_body(raw)
    return caught.value.code


# JSON


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"{", id="half an object"),
        pytest.param(b"{'a': 1}", id="Python's quotes"),
        pytest.param(b"[1] [2]", id="two documents"),
        pytest.param(b'"\xff"', id="no UTF-8"),
        pytest.param('"ü"'.encode("utf-16"), id="UTF-16"),
        pytest.param(b"\xef\xbb\xbf{}", id="a byte order mark"),
        pytest.param(b"NaN", id="not a number"),
        pytest.param(b"[-Infinity]", id="infinity"),
        pytest.param(b"1e999", id="a number too large"),
        pytest.param(b"9" * 5000, id="an integer too long"),
        pytest.param(b'"\\ud800"', id="half a character"),
        pytest.param(b'{"\\udfff": 1}', id="half a character in a name"),
        pytest.param(nested(DEEPEST + 2), id="nested too deep"),
        pytest.param(nested(200_000), id="nested far too deep"),
        pytest.param(b'{"a":' * 50_000 + b"1" + b"}" * 50_000, id="objects, too"),
    ],
)
def test_what_is_no_json_is_a_parsing_error(raw: bytes) -> None:
    assert code_of(raw) is Code.PARSING_ERROR


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b" null ", None),
        (b'"\\ud83d\\ude00"', "😀"),
        (b"[1, -2.5e3, true]", [1, -2500.0, True]),
        (b'{"a": 1, "a": 2}', {"a": 2}),
    ],
)
def test_json_is_read(raw: bytes, value: object) -> None:
    assert json_body(raw) == value


def test_what_is_nested_as_deep_as_may_be_is_read() -> None:
    assert json.dumps(json_body(nested(DEEPEST))).count("[") == DEEPEST


# Whatever comes

HOSTILE: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 60_000, 2**63, -(2**70), 1.5, float("nan"), float("inf"), "", " ",
    "\0", "\ud800", "a\nb", "x" * 5000, "online", "pmml", "onnx", "spark", HREF, SECOND_HREF,
    SERVICE, [], {}, [[]], {"": None}, {"id": "1"}, {"id": None}, "replace", "remove", "/name",
)  # fmt: skip
OPS = ("replace", "add", "remove", "test", " add ")
PATHS = (*v3_patch.READERS, *v4_patch.READERS, "/active", "/replicas", "/type", "/custom/a", "")


def anything(random: Random, depth: int = 2) -> Any:
    """One of many values that somebody might send, or a few of them in one."""
    if depth == 0 or random.random() < 0.7:
        return random.choice(HOSTILE)
    inner = [anything(random, depth - 1) for _ in range(random.randrange(3))]
    return inner if random.random() < 0.5 else dict(zip("ab", inner, strict=False))


def spoiled(random: Random, document: dict[str, Any]) -> dict[str, Any]:
    """The document with some fields lost, and others something else."""
    found = {key: value for key, value in document.items() if random.random() > 0.02}
    for key in document:
        if random.random() < 0.1:
            found[key] = anything(random)
    return found


def a_patch(random: Random) -> Any:
    if random.random() < 0.1:
        return anything(random)
    return [
        spoiled(
            random,
            {"op": random.choice(OPS), "path": random.choice(PATHS), "value": anything(random)},
        )
        for _ in range(random.randrange(4))
    ]


def a_create(random: Random) -> Any:
    options = ("zaiu", "telum2", "batching", "maxBatchSize", "predictionHorizon", "timeout")
    info = a_create_body(**dict.fromkeys(options, 1))["deploy_info"]
    body = spoiled(random, a_create_body() | {"servingId": "churn"})
    return body | ({"deploy_info": spoiled(random, info)} if random.random() < 0.9 else {})


def a_service(random: Random) -> Any:
    return spoiled(random, {"name": "risk", "type": "cluster", "active": True, "replicas": 2})


def a_table(random: Random) -> Any:
    table = {"fields": ["a", "b"], "values": [[1, 2], anything(random)], "id": "one"}
    return spoiled(random, {"input_data": [spoiled(random, table)]})


def v3_merge_patch(document: object) -> object:
    return merge_patch(v3_patch.change_of(document), CURRENT, NAMED)


def v4_merge_patch(document: object) -> object:
    return merge_patch(v4_patch.change_of(document), CURRENT, NAMED)


CURRENT = the_deployment()
NAMED = Named(the_second_version(), the_service())


@pytest.mark.parametrize(
    ("reader", "make"),
    [
        pytest.param(v3_merge_patch, a_patch, id="v3 patch"),
        pytest.param(v4_merge_patch, a_patch, id="v4 patch"),
        pytest.param(
            lambda document: services.merge_patch(document, CURRENT), a_patch, id="service patch"
        ),
        pytest.param(services.creation, a_service, id="service"),
        pytest.param(creation, a_create, id="create"),
        pytest.param(
            lambda document: questions(document, Inputs(("a",))), a_table, id="predictions"
        ),
    ],
)
def test_whatever_comes_is_taken_or_refused_in_words(
    reader: Callable[[Any], object], make: Callable[[Random], Any]
) -> None:
    random = Random(0)
    taken = 0
    for _ in range(CASES):
        document = make(random)
        try:
            reader(json_body(json.dumps(document).encode()))
        except Refusal as refusal:
            # Whoever answers it writes it as UTF-8.
            json.dumps([refusal.message, refusal.errors], ensure_ascii=False).encode()
        else:
            taken += 1

    assert 0.02 < taken / CASES < 0.9


@pytest.mark.parametrize("reader", [v3_patch.change_of, v4_patch.change_of, creation])
def test_values_that_no_json_has_are_refused_in_words_as_well(
    reader: Callable[[Any], object],
) -> None:
    random = Random(1)
    for _ in range(CASES // 10):
        document = (a_create if reader is creation else a_patch)(random)
        with suppress(Refusal):
            reader(document)


def test_whatever_bytes_come_are_json_or_a_parsing_error() -> None:
    random = Random(2)
    pieces = [b"{", b"}", b"[", b"]", b'"', b":", b",", b"1", b"e9", b"\\u", b"d800", b"nul",
              b"null", b"true", b"-", b".", b" ", b"\xff", b"\xc3\xbc", b"NaN", b'"a"']  # fmt: skip
    for _ in range(CASES):
        raw = b"".join(random.choices(pieces, k=random.randrange(8)))
        try:
            document = json_body(raw)
        except Refusal as refusal:
            # Flow of control, not of the test: most bytes are no JSON.
            if refusal.code is not Code.PARSING_ERROR:
                raise
        else:
            json.dumps(document, ensure_ascii=False, allow_nan=False).encode()


@pytest.mark.parametrize(
    ("value", "number"),
    [
        pytest.param(3, 3, id="an integer"),
        pytest.param(3.0, 3, id="the same to JSON"),
        pytest.param(3.5, None, id="a part of one"),
        pytest.param(True, None, id="a boolean is no number"),
        pytest.param("3", None, id="nor is a text"),
        pytest.param(float("nan"), None, id="nor what is none"),
        pytest.param(float("inf"), None, id="nor what has no end"),
    ],
)
def test_a_whole_number_is_one_however_it_is_written(value: object, number: int | None) -> None:
    assert whole(value) == number
