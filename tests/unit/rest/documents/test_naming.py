"""Names of resources: readable, valid, the same for the same display name, and for no other."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlz.api.names import NAME_LIMIT, NAME_PATTERN
from mlz.rest.documents.naming import is_name, resource_name, version_name

SHA256 = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("display_name", "stem"),
    [
        pytest.param("CVT-online", "cvt-online", id="capitals are no names"),
        pytest.param("Größe & Preis", "groe-preis", id="accents are dropped"),
        pytest.param("2024 churn", "churn", id="a name begins with a letter"),
        pytest.param("日本", "unnamed", id="nothing readable is left"),
        pytest.param("churn\n", "churn", id="a line break is no part of a name"),
        pytest.param("x" * 46, "x" * 36, id="one more than a name may have"),
    ],
)
def test_a_display_name_that_is_no_name_becomes_readable_and_gets_a_hash(
    display_name: str, stem: str
) -> None:
    name = resource_name(display_name)

    assert re.fullmatch(re.escape(stem) + "-[0-9a-f]{8}", name)


@pytest.mark.parametrize("name", ["churn", "a", "x" * NAME_LIMIT])
def test_a_display_name_that_is_a_name_stays_as_it_is(name: str) -> None:
    assert resource_name(name) == name


@given(st.text(max_size=300))
def test_every_display_name_has_a_valid_name_and_always_the_same(display_name: str) -> None:
    name = resource_name(display_name)

    assert re.match(NAME_PATTERN, name)
    assert len(name) <= NAME_LIMIT
    assert is_name(name)
    assert resource_name(display_name) == name


@given(st.lists(st.text("aA -_9", min_size=1, max_size=6), unique=True, max_size=30))
def test_names_that_look_alike_stay_different(display_names: list[str]) -> None:
    assert len({resource_name(one) for one in display_names}) == len(display_names)


def test_the_same_bytes_in_a_model_are_the_same_version_and_in_another_model_another() -> None:
    assert version_name("churn", SHA256) == "churn-01234567"
    assert version_name("price", SHA256) == "price-01234567"


def test_models_with_long_names_that_begin_alike_do_not_share_versions() -> None:
    one, other = resource_name("Y" * 60), resource_name("Y" * 61)

    assert version_name(one, SHA256) != version_name(other, SHA256)
    assert version_name("m" * 100, SHA256) != version_name("m" * 101, SHA256)
    assert len(version_name("m" * 253, SHA256)) <= 63
