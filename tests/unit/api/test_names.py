"""Names: short enough, valid, different for what differs, the same for what is the same."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlz.api import names

DNS = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
deployments = st.from_regex(names.NAME_PATTERN, fullmatch=True).filter(
    lambda name: len(name) <= names.NAME_LIMIT
)
objects = st.text("a0-.", min_size=1, max_size=120).filter(DNS.fullmatch)


@given(deployments, st.text(max_size=50))
def test_names_made_from_a_deployment_are_valid_and_short(name: str, uri: str) -> None:
    version = names.version_name(name, uri)

    for made in (version, names.inspection_name(version)):
        assert len(made) <= 63
        assert DNS.fullmatch(made)


@given(objects)
def test_the_inspection_pod_of_any_version_has_a_valid_short_name(version: str) -> None:
    made = names.inspection_name(version)

    assert len(made) <= 63
    assert DNS.fullmatch(made)


def test_long_versions_that_begin_alike_have_inspection_pods_of_their_own() -> None:
    long = "v" * 60

    assert names.inspection_name(f"{long}-1") != names.inspection_name(f"{long}-2")


@pytest.mark.parametrize(
    "identity",
    [
        pytest.param(("https://host/b", "aa", None), id="another URI"),
        pytest.param(("https://host/a", "bb", None), id="another digest"),
        pytest.param(("https://host/a", "aa", "secret"), id="another Secret"),
        pytest.param(("https://host/a", None, "aa"), id="the same words in other places"),
    ],
)
def test_another_asset_is_another_version(identity: tuple[str | None, ...]) -> None:
    same = names.version_name("churn", "https://host/a", "aa", None)

    assert same == names.version_name("churn", "https://host/a", "aa", None)
    assert names.version_name("churn", *identity) != same


def test_hashes_do_not_depend_on_the_order_of_keys() -> None:
    assert names.full_hash({"a": 1, "b": 2}) == names.full_hash({"b": 2, "a": 1})
    assert names.full_hash({"a": 1}).startswith(names.short_hash({"a": 1}))


def test_an_asset_is_labelled_by_the_start_of_its_digest() -> None:
    assert names.asset_label("sha256:" + "0123456789abcdef" * 4) == "0123456789abcdef"


@given(objects)
def test_a_claim_in_any_scoring_service_has_a_valid_annotation(service: str) -> None:
    prefix, _, name = names.claim_annotation(service).partition("/")

    assert prefix == names.GROUP
    assert re.fullmatch("[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?", name)


def test_long_scoring_services_that_begin_alike_have_claims_of_their_own() -> None:
    long = "s" * 60

    assert names.claim_annotation(f"{long}-1") != names.claim_annotation(f"{long}-2")
