"""
The values that a field allows, as sets that can be compared: categories and ranges.

Everything here is about sets of values; what a difference of them means to callers is ``compat``'s.
"""

import json
import math
from collections.abc import Collection, Iterable

from mlz.model.schema import Category, Interval

# A place between numbers: just before a value (0) or just after it (1). An interval goes from one
# cut to another, so open and closed ends need no cases of their own.
Cut = tuple[float, int]
Span = tuple[Cut, Cut]
Spans = tuple[Span, ...]
# A category and whether it is a boolean: Python takes True for 1, schemas do not.
Tagged = tuple[bool, Category]

_EVERYTHING: Spans = (((-math.inf, 0), (math.inf, 1)),)


def category_set(values: Iterable[Category] | None) -> frozenset[Tagged] | None:
    """Categories without order; None where every value is allowed."""
    return None if values is None else frozenset((isinstance(one, bool), one) for one in values)


def spans(intervals: Collection[Interval] | None, *, whole: bool = False) -> Spans | None:
    """
    The union of intervals, in order and without overlap; None where every number is allowed.

    Args:
        whole: only whole numbers count: both ends are some, and belong to the range.
    """
    if not intervals:
        return None
    found = [_span(interval) for interval in intervals]
    union = _union_of_whole(found) if whole else _union(found)
    return None if union == _EVERYTHING else union


def holds_categories(new: frozenset[Tagged] | None, old: frozenset[Tagged] | None) -> bool:
    """Whether every old category is a new one."""
    return new is None or (old is not None and old <= new)


def holds_spans(new: Spans | None, old: Spans | None) -> bool:
    """Whether every number of the old range is in the new one."""
    if new is None or old is None:
        return new is None
    return all(any(to[0] <= one[0] and one[1] <= to[1] for to in new) for one in old)


def categories_text(
    values: frozenset[Tagged] | None, other: frozenset[Tagged] | None
) -> str | None:
    """As a JSON list; those that the other side lacks first, for a long list is cut."""
    if values is None:
        return None
    lacking = other or frozenset()
    ordered = sorted(values, key=lambda one: (one in lacking, _kind(one), one[1]))
    return json.dumps([_plain(value) for _, value in ordered], ensure_ascii=False)


def spans_text(values: Spans | None) -> str | None:
    """In the usual notation: ``[0, 1) or (2, inf)``."""
    if values is None:
        return None
    return " or ".join(_span_text(one) for one in values) or "no number"


def _union(found: Iterable[Span]) -> Spans:
    merged: list[Span] = []
    for start, end in sorted(found):
        if start >= end:
            continue
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)


def _union_of_whole(found: Iterable[Span]) -> Spans:
    """Each ends where the next number would begin, so that neighbours like 1-2 and 3-4 are one."""
    union = _union((_next_whole(start), _next_whole(end)) for start, end in found)
    return tuple((start, (beyond - 1, 1)) for start, (beyond, _) in union)


def _next_whole(cut: Cut) -> Cut:
    """The cut before the first whole number behind a cut."""
    value, after = cut
    if math.isinf(value):
        return value, 0
    return (math.floor(value) + 1 if after else math.ceil(value)), 0


def _span(interval: Interval) -> Span:
    low = -math.inf if interval.min is None else interval.min
    high = math.inf if interval.max is None else interval.max
    open_low = interval.min is not None and interval.closed in ("right", "neither")
    open_high = interval.max is not None and interval.closed in ("left", "neither")
    return (low, int(open_low)), (high, int(not open_high))


def _span_text(span: Span) -> str:
    (low, after), (high, until) = span
    left = "(" if after or low == -math.inf else "["
    right = "]" if until and high != math.inf else ")"
    return f"{left}{_plain(low)}, {_plain(high)}{right}"


def _plain(value: Category) -> Category:
    """Whole floats as integers: that is how the API server gives them back."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _kind(tagged: Tagged) -> int:
    is_boolean, value = tagged
    return 0 if is_boolean else 2 if isinstance(value, str) else 1
