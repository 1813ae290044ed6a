"""Which fields the facade keeps: its notes, and nothing that anybody else may want to write."""

from typing import Any

import pytest

from mlz.api import names
from mlz.rest.ownership import given_up

KUBECTL = {"manager": "kubectl", "operation": "Apply", "fieldsV1": {"f:spec": {"f:type": {}}}}
STATUS = {
    "manager": "mlz-rest",
    "operation": "Apply",
    "subresource": "status",
    "fieldsV1": {"f:status": {}},
}


def ours(*annotations: str, **fields: Any) -> dict[str, Any]:
    noted: dict[str, Any] = {f"f:{one}": {} for one in annotations}
    meta = {"f:metadata": {"f:annotations": noted}} if noted else {}
    return {"manager": "mlz-rest", "operation": "Update", "fieldsV1": fields | meta}


@pytest.mark.parametrize(
    ("entries", "kept"),
    [
        pytest.param([], None, id="nobody owns anything"),
        pytest.param([KUBECTL], None, id="another's entry is not touched"),
        pytest.param([STATUS], None, id="nor what somebody applies under our name"),
        pytest.param(
            [KUBECTL, ours(**{"f:spec": {"f:asset": {}}})], [KUBECTL], id="a field of the spec goes"
        ),
        pytest.param(
            [ours(**{"f:spec": {}})], [{}], id="one empty entry, where nothing would be left"
        ),
        pytest.param([ours(names.ANNOTATION_CREATED_BY)], None, id="a note of ours stays"),
        pytest.param(
            [ours(names.ANNOTATION_CREATED_BY, **{"f:spec": {}})],
            [ours(names.ANNOTATION_CREATED_BY)],
            id="the spec goes, the note stays",
        ),
        pytest.param(
            [ours(names.ANNOTATION_CREATED_BY, names.ANNOTATION_REQUEST)],
            [ours(names.ANNOTATION_CREATED_BY)],
            id="the mark goes: it is taken off by the same write",
        ),
        pytest.param(
            [ours(names.ANNOTATION_CREATED_BY, "example.com/team")],
            [ours(names.ANNOTATION_CREATED_BY)],
            id="an annotation that is not ours goes",
        ),
        pytest.param(
            [
                {
                    "manager": "mlz-rest",
                    "operation": "Update",
                    "fieldsV1": {"f:metadata": {"f:annotations": {".": {}, "f:mlz.dev/x": {}}}},
                }
            ],
            None,
            id="the map of annotations is not worth a write",
        ),
    ],
)
def test_what_is_kept(entries: list[Any], kept: list[Any] | None) -> None:
    assert given_up(entries) == kept
