"""Merge patches. Source: RFC 7396, "Appendix A. Example Test Cases"."""

from typing import Any

import pytest

from mlz.rest.merging import is_done, merged


@pytest.mark.parametrize(
    ("value", "patch", "result"),
    [
        pytest.param({"a": "b"}, {"a": "c"}, {"a": "c"}, id="replaces"),
        pytest.param({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}, id="adds"),
        pytest.param({"a": "b"}, {"a": None}, {}, id="removes"),
        pytest.param({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}, id="spares the rest"),
        pytest.param({"a": ["b"]}, {"a": "c"}, {"a": "c"}, id="a list is one value"),
        pytest.param({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}, id="deep"),
        pytest.param({"a": "b"}, ["c"], ["c"], id="anything but an object replaces all"),
        pytest.param({"e": None}, {"a": 1}, {"e": None, "a": 1}, id="null that was there stays"),
        pytest.param([1, 2], {"a": "b", "c": None}, {"a": "b"}, id="an object replaces a list"),
        pytest.param({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}, id="no null comes in"),
    ],
)
def test_a_merge(value: Any, patch: Any, result: Any) -> None:
    assert merged(value, patch) == result
    assert is_done(result, patch)
    assert is_done(value, patch) == (value == result)


def test_what_is_merged_is_not_changed() -> None:
    value = {"a": {"b": 1}}

    merged(value, {"a": {"b": 2}})

    assert value == {"a": {"b": 1}}
