"""
Lists in pages that skip nothing.

``start`` is a number of items to pass over, or the mark in ``next.href`` of the page before. With
marks nothing is skipped though others delete what was on earlier pages; with numbers it would be.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from mlz.api.parsing import Body
from mlz.rest.documents.bodies import Json, part, uid_of
from mlz.rest.problems import invalid_field

DEFAULT_LIMIT = 100
LARGEST_LIMIT = 1000

LIMIT = re.compile(r"[1-9][0-9]{0,2}|1000")
START = r"[0-9]{1,9}|[0-9TZ:.+-]{1,40}~[A-Za-z0-9-]{1,64}"

_NUMBER = re.compile(r"[0-9]{1,9}")
_MARK = re.compile(r"(?P<created>[0-9TZ:.+-]{1,40})~(?P<uid>[A-Za-z0-9-]{1,64})")

Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Span:
    """
    Which part of a list is wanted.

    Attributes:
        skipped: how many to pass over.
        after: the last item of the page before (created, uid), or None.
    """

    limit: int = DEFAULT_LIMIT
    skipped: int = 0
    after: Place | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """
    One page.

    Attributes:
        total: items of the whole list.
        mark: ``start`` of the next page, or None on the last one.
    """

    bodies: tuple[Body, ...]
    total: int
    mark: str | None


def span(limit: str | None, start: str | None) -> Span:
    """
    The part that query parameters ask for.

    Raises:
        Refusal: one of them is neither a number nor a mark of ours.
    """
    return _from(start, _limit(limit))


def page(bodies: Iterable[Body], wanted: Span) -> Page:
    """The wanted part, the oldest first; the order never changes while an item lives."""
    items = sorted(((_place(body), body) for body in bodies), key=lambda item: item[0])
    after = wanted.after
    rest = items if after is None else [item for item in items if item[0] > after]
    rest = rest[wanted.skipped :]
    shown = rest[: wanted.limit]
    more = len(rest) > len(shown)
    return Page(
        bodies=tuple(body for _, body in shown),
        total=len(items),
        mark="~".join(shown[-1][0]) if more else None,
    )


def document(
    found: Page, write: Callable[[Body], Json], url: str, query: Mapping[str, str]
) -> Json:
    """
    The list as MLz's ancestor writes it, and where it goes on.

    Args:
        write: makes the document of one item.
        url: of the list, without a query.
        query: what else was asked for; it is kept in ``next.href``.
    """
    listed: Json = {"count": found.total, "resources": [write(body) for body in found.bodies]}
    if found.mark is not None:
        listed["next"] = {"href": f"{url}?{urlencode({**query, 'start': found.mark})}"}
    return listed


def _place(body: Body) -> Place:
    return str(part(body, "metadata").get("creationTimestamp") or ""), uid_of(body)


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    if LIMIT.fullmatch(text):
        return int(text)
    raise invalid_field("limit", f"a number from 1 to {LARGEST_LIMIT}", f"'{text[:40]}'")


def _from(start: str | None, limit: int) -> Span:
    if start is None:
        return Span(limit)
    if _NUMBER.fullmatch(start):
        return Span(limit, skipped=int(start))
    mark = _MARK.fullmatch(start)
    if mark is None:
        raise invalid_field("start", "a number, or start of next.href", f"'{start[:80]}'")
    return Span(limit, after=(mark["created"], mark["uid"]))
