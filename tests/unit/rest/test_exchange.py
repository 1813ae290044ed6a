"""The ETag of a resource: what changes it, and what does not."""

from typing import Any

import pytest

from mlz.api.names import ANNOTATION_REQUEST, LABEL_RENAMED
from mlz.rest.exchange import etag


def a_body(status: Any = None, **meta: Any) -> dict[str, Any]:
    known = {"uid": "1", "generation": 1, "resourceVersion": "5", "labels": {"team": "risk"}}
    return {"metadata": known | meta, "status": status or {"state": "ACTIVE"}}


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(a_body(uid="2"), id="another of the same name"),
        pytest.param(a_body(generation=2), id="another spec"),
        pytest.param(a_body(labels={"team": "fraud"}), id="another label"),
        pytest.param(a_body(annotations={"mlz.dev/tags": "[]"}), id="another annotation"),
        pytest.param(a_body({"state": "updating"}), id="another status"),
        pytest.param(a_body(deletionTimestamp="2026-01-01T00:00:00Z"), id="it is going"),
    ],
)
def test_a_change_that_callers_see_gives_another_etag(changed: dict[str, Any]) -> None:
    assert etag(changed) != etag(a_body())


@pytest.mark.parametrize(
    "noted",
    [
        pytest.param(a_body(resourceVersion="6"), id="a write of nothing"),
        pytest.param(a_body(managedFields=[{}]), id="who owns fields"),
        pytest.param(a_body(labels={"team": "risk", LABEL_RENAMED: "x"}), id="a wish for a name"),
        pytest.param(a_body(annotations={ANNOTATION_REQUEST: "x"}), id="the mark of a creation"),
    ],
)
def test_what_we_note_in_the_middle_of_a_change_is_none(noted: dict[str, Any]) -> None:
    assert etag(noted) == etag(a_body())


def test_an_etag_is_quoted() -> None:
    assert etag(a_body()).startswith('"')
    assert etag(a_body()).endswith('"')
