"""The declared schema against the derived one."""

import json
from typing import Any

import pytest

from mlz.errors import Reason, RejectedError
from mlz.model.schema import FieldType, InputField, Interval, OutputField, Schema
from mlz.store.declaration import merged, parse_declaration

DERIVED = Schema(
    inputs=(
        InputField(name="x", type=FieldType.FLOAT, shape=(None, 1), required=True, nullable=False),
        InputField(name="k", type=FieldType.STRING, shape=(), categories=("a", "b")),
    ),
    outputs=(OutputField(name="p", type=FieldType.FLOAT, shape=(None, 2)),),
    classes=("no", "yes"),
)


def declared(**document: Any) -> Schema:
    return parse_declaration(json.dumps(document), Reason.INVALID_SPEC)


def test_nothing_declared_changes_nothing() -> None:
    assert merged(DERIVED, declared()) == DERIVED


def test_the_derived_schema_is_a_declaration_of_itself() -> None:
    assert merged(DERIVED, Schema.model_validate(DERIVED.to_document())) == DERIVED


def test_what_only_the_declaration_knows_is_added() -> None:
    found = merged(DERIVED, declared(inputs=[{"name": "x", "range": [{"min": 0, "max": 1}]}]))

    assert (found.inputs or ())[0] == (DERIVED.inputs or ())[0].model_copy(
        update={"range": (Interval(min=0, max=1),)}
    )
    assert (found.inputs or ())[1] == (DERIVED.inputs or ())[1]


def test_the_order_of_categories_is_no_difference() -> None:
    found = merged(DERIVED, declared(inputs=[{"name": "k", "categories": ["b", "a"]}]))

    assert found == DERIVED


def test_classes_are_known_to_the_declaration_where_the_model_has_none() -> None:
    bare = DERIVED.model_copy(update={"classes": None})

    assert merged(bare, declared(classes=["x", "y"])).classes == ("x", "y")


@pytest.mark.parametrize(
    ("document", "path"),
    [
        pytest.param({"inputs": [{"name": "z"}]}, "$.inputs[0].name", id="an unknown field"),
        pytest.param(
            {"inputs": [{"name": "x"}, {"name": "x"}]}, "$.inputs[1].name", id="a field twice"
        ),
        pytest.param(
            {"inputs": [{"name": "x", "type": "double"}]}, "$.inputs[0].type", id="another type"
        ),
        pytest.param(
            {"inputs": [{"name": "x", "shape": [1, 1]}]}, "$.inputs[0].shape", id="another shape"
        ),
        pytest.param(
            {"inputs": [{"name": "k"}, {"name": "x", "required": False}]},
            "$.inputs[1].required",
            id="optional, but it is not",
        ),
        pytest.param(
            {"inputs": [{"name": "k", "categories": ["a"]}]},
            "$.inputs[0].categories",
            id="fewer categories",
        ),
        pytest.param(
            {"inputs": [{"name": "x", "categories": ["a"]}]},
            "$.inputs[0].categories[0]",
            id="categories of another type",
        ),
        pytest.param({"outputs": [{"name": "q"}]}, "$.outputs[0].name", id="an unknown output"),
        pytest.param({"classes": ["yes", "no"]}, "$.classes", id="another order of probabilities"),
        pytest.param({"positional": True}, "$.positional", id="positional, but it has names"),
    ],
)
def test_a_contradiction_is_named_by_its_path(document: dict[str, Any], path: str) -> None:
    with pytest.raises(RejectedError) as caught:
        merged(DERIVED, declared(**document))

    assert caught.value.reason is Reason.SCHEMA_DECLARATION_MISMATCH
    assert caught.value.message.startswith(f"{path} is declared as ")


def test_classes_are_a_set_where_answers_are_named_by_class() -> None:
    named = DERIVED.model_copy(
        update={"outputs": (OutputField(name="p", type=FieldType.FLOAT, by_class=True),)}
    )

    assert merged(named, declared(classes=["yes", "no"])).classes == ("no", "yes")


def test_true_is_not_one() -> None:
    numbers = DERIVED.model_copy(update={"classes": (0, 1)})

    with pytest.raises(RejectedError):
        merged(numbers, declared(classes=[False, True]))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"inputs": 1}',
        '{"inputs": [{"type": "float"}]}',
        '{"input": []}',
        "[" * 9999,
    ],
)
def test_what_is_no_schema_document_is_refused(text: str) -> None:
    with pytest.raises(RejectedError) as caught:
        parse_declaration(text, Reason.ARCHIVE_INVALID)

    assert caught.value.reason is Reason.ARCHIVE_INVALID
