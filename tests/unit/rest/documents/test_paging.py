"""Lists in pages: nothing is skipped and nothing comes twice, whatever others delete meanwhile."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import a_service_body
from mlz.rest.documents.bodies import uid_of
from mlz.rest.documents.paging import DEFAULT_LIMIT, Span, document, page, span
from mlz.rest.problems import Code, Refusal

URL = "https://mlz.example.com/v3/deployments"


def items(seconds: list[int]) -> list[dict[str, Any]]:
    """One for each number, made in that second of a minute; several may share one."""
    return [
        a_service_body(f"s{number}", meta={"creationTimestamp": f"2030-01-01T00:00:{second:02}Z"})
        for number, second in enumerate(seconds)
    ]


def write(body: Any) -> dict[str, Any]:
    return {"guid": uid_of(body)}


@given(
    st.lists(st.integers(0, 9), max_size=30),
    st.integers(1, 7),
    st.lists(st.integers(0, 29), max_size=10),
)
def test_pages_by_their_marks_skip_nothing_though_items_vanish(
    seconds: list[int], limit: int, deleted: list[int]
) -> None:
    bodies = items(seconds)
    doomed = {f"uid-of-s{number}" for number in deleted}
    seen: list[str] = []

    wanted: Span | None = Span(limit)
    while wanted is not None:
        found = page(bodies, wanted)
        seen += [uid_of(body) for body in found.bodies]
        bodies = [body for body in bodies if uid_of(body) not in doomed]
        wanted = None if found.mark is None else span(str(limit), found.mark)

    assert len(seen) == len(set(seen))
    assert {uid_of(body) for body in bodies} <= set(seen)


@given(st.lists(st.integers(0, 9), max_size=30), st.integers(1, 7))
def test_pages_by_numbers_hold_the_whole_list_in_one_order(seconds: list[int], limit: int) -> None:
    bodies = items(seconds)
    seen = [
        uid_of(body)
        for start in range(0, len(bodies), limit)
        for body in page(reversed(bodies), span(str(limit), str(start))).bodies
    ]

    assert seen == [uid_of(body) for body in page(bodies, Span(1000)).bodies]
    assert len(seen) == len(bodies)


def test_a_list_counts_all_and_says_where_it_goes_on() -> None:
    found = document(page(items([1, 2, 3]), Span(2)), write, URL, {"limit": "2", "modelName": "ü"})

    assert found["count"] == 3
    assert found["resources"] == [{"guid": "uid-of-s0"}, {"guid": "uid-of-s1"}]
    query = parse_qs(urlsplit(found["next"]["href"]).query)
    assert (query["limit"], query["modelName"]) == (["2"], ["ü"])
    rest = page(items([1, 2, 3]), span("2", query["start"][0]))
    assert [uid_of(body) for body in rest.bodies] == ["uid-of-s2"]


def test_the_last_page_has_no_next() -> None:
    assert document(page(items([1, 2]), Span(2)), write, URL, {}).keys() == {"count", "resources"}
    assert page([], Span()).total == 0


def test_what_is_not_said_is_the_beginning() -> None:
    assert span(None, None) == Span(DEFAULT_LIMIT)


@pytest.mark.parametrize(
    ("limit", "start"),
    [
        *((one, None) for one in ("0", "1001", "-1", "x", "", "1e3", "٣")),
        *((None, one) for one in ("-1", "x", "", "1~", "~1", "~", "1.5", "9" * 10)),
    ],
)
def test_neither_number_nor_mark_is_refused(limit: str | None, start: str | None) -> None:
    with pytest.raises(Refusal) as caught:
        span(limit, start)

    assert caught.value.code is Code.INVALID_FIELD
