"""Tables of watsonx's form to records, and answers back to tables."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import a_version_body
from mlz.rest.documents.predictions import (
    Inputs,
    Questions,
    inputs_of,
    predictions,
    questions,
)
from mlz.rest.problems import Code, Refusal

NAMED = Inputs(names=("age", "sex"))
TENSOR = Inputs(names=("input",), tensor="input")
POSITIONAL = Inputs(names=("f0", "f1"), positional=True)


def asked(*tables: Any) -> dict[str, Any]:
    return {"input_data": list(tables)}


def answered(*answers: Any) -> Any:
    count = len(answers)
    return predictions(Questions((None,) * count, (count,), (None,)), answers)["predictions"][0]


# Questions


@pytest.mark.parametrize(
    ("inputs", "table", "records"),
    [
        pytest.param(
            NAMED,
            {"fields": ["sex", "age"], "values": [["f", 1], ["m", None]]},
            ({"sex": "f", "age": 1}, {"sex": "m", "age": None}),
            id="fields name the values",
        ),
        pytest.param(
            NAMED, {"values": [[1, "f"]]}, ({"age": 1, "sex": "f"},), id="else the model does"
        ),
        pytest.param(
            POSITIONAL, {"values": [[1, 2]]}, ([1, 2],), id="a model without names takes arrays"
        ),
        pytest.param(
            TENSOR, {"values": [[[1], [2]]]}, ({"input": [[1], [2]]},), id="a row is a tensor"
        ),
        pytest.param(TENSOR, {"values": [3]}, ({"input": 3},), id="or a plain value"),
        pytest.param(NAMED, {"fields": ["age"], "values": []}, (), id="no rows, no records"),
        pytest.param(
            Inputs(), {"fields": ["a"], "values": [[1]]}, ({"a": 1},), id="nothing is known"
        ),
    ],
)
def test_rows_become_records(inputs: Inputs, table: Any, records: tuple[Any, ...]) -> None:
    assert questions(asked(table), inputs).records == records


@pytest.mark.parametrize(
    "document",
    [
        pytest.param([], id="an array"),
        pytest.param({}, id="no input_data"),
        pytest.param({"input_data": {}}, id="input_data is an object"),
        pytest.param(asked(), id="no table"),
        pytest.param(asked(*[{"values": []}] * 101), id="too many tables"),
        pytest.param(asked("x"), id="a table is a text"),
        pytest.param(asked({}), id="no values"),
        pytest.param(asked({"values": {"a": [1]}}), id="values are columns"),
        pytest.param(asked({"fields": "age", "values": []}), id="fields are a text"),
        pytest.param(asked({"fields": [1], "values": []}), id="a field is a number"),
        pytest.param(asked({"fields": ["a", "a"], "values": []}), id="a field twice"),
        pytest.param(asked({"fields": ["a"], "values": [[1, 2]]}), id="a row too long"),
        pytest.param(asked({"fields": ["a"], "values": [1]}), id="a row is no array"),
        pytest.param(asked({"values": [[1]]}), id="a row too short for the model"),
        pytest.param(asked({"values": [], "id": 1}), id="the table's id is a number"),
    ],
)
def test_what_is_no_table_is_refused(document: Any) -> None:
    with pytest.raises(Refusal) as caught:
        questions(document, NAMED)

    assert caught.value.code in {Code.INVALID_FIELD, Code.PARSING_ERROR}


def test_a_bad_row_is_named() -> None:
    document = asked({"values": []}, {"fields": ["a"], "values": [[1], []]})

    with pytest.raises(Refusal, match=r"\$\.input_data\[1\]\.values\[1\]: expected an array of 1"):
        questions(document, NAMED)


def test_fields_are_needed_where_the_inputs_are_not_known() -> None:
    with pytest.raises(Refusal, match="fields beside values"):
        questions(asked({"values": [[1]]}), Inputs())


@pytest.mark.parametrize(
    ("engine_type", "schema", "inputs"),
    [
        ("onnx", {"inputs": [{"name": "x"}]}, Inputs(("x",), tensor="x")),
        ("onnx", {"inputs": [{"name": "x"}, {"name": "y"}]}, Inputs(("x", "y"))),
        ("pmml", {"inputs": [{"name": "x"}]}, Inputs(("x",))),
        ("xgboost", {"inputs": [{"name": "f0"}], "positional": True}, Inputs(("f0",), True)),
        ("xgboost", {}, Inputs()),
    ],
)
def test_a_versions_inputs_are_its_schemas(
    engine_type: str, schema: dict[str, Any], inputs: Inputs
) -> None:
    body = a_version_body(status={"schema": schema}, engineType=engine_type)

    assert inputs_of(body) == inputs


# Answers


@pytest.mark.parametrize(
    ("answers", "fields", "values"),
    [
        pytest.param(
            [{"prediction": 1, "probability": [0.2, 0.8]}],
            ["prediction", "probability"],
            [[1, [0.2, 0.8]]],
            id="xgboost",
        ),
        pytest.param(
            [{"probability(0)": 0.2, "label": "x"}, {"label": "y", "probability(0)": 0.3}],
            ["probability(0)", "label"],
            [[0.2, "x"], [0.3, "y"]],
            id="pmml, in whatever order",
        ),
        pytest.param(
            [{"y": {"dims": [2, 3], "data": [1, 2, 3, 4, 5, 6]}, "s": {"dims": [], "data": [7]}}],
            ["y", "s"],
            [[[[1, 2, 3], [4, 5, 6]], 7]],
            id="onnx tensors are nested lists",
        ),
        pytest.param(
            [{"y": {"dims": [0, 2], "data": []}, "z": {"dims": [2, 0], "data": []}}],
            ["y", "z"],
            [[[], [[], []]]],
            id="empty tensors, too",
        ),
        pytest.param([{"p": {"0": 0.2}}], ["p"], [[{"0": 0.2}]], id="a map of onnx is itself"),
        pytest.param([{"a": 1}, {"b": 2}], ["a", "b"], [[1, None], [None, 2]], id="missing: null"),
        pytest.param([], [], [], id="nothing"),
    ],
)
def test_answers_become_a_table(answers: Any, fields: Any, values: Any) -> None:
    assert answered(*answers) == {"fields": fields, "values": values}


def test_each_table_has_its_answer_under_its_id() -> None:
    document = asked(
        {"id": "one", "fields": ["a"], "values": [[1], [2]]},
        {"fields": ["a"], "values": []},
        {"fields": ["a"], "values": [[3]]},
    )

    answer = predictions(questions(document, NAMED), [{"p": 1}, {"p": 2}, {"p": 3}])

    assert answer == {
        "predictions": [
            {"id": "one", "fields": ["p"], "values": [[1], [2]]},
            {"fields": [], "values": []},
            {"fields": ["p"], "values": [[3]]},
        ]
    }


rows = st.lists(st.lists(st.integers() | st.text() | st.none(), min_size=2, max_size=2))


@given(st.lists(rows, min_size=1, max_size=5))
def test_what_a_model_that_repeats_its_records_answers_is_what_was_asked(tables: Any) -> None:
    document = asked(*({"fields": ["a", "b"], "values": one} for one in tables))

    found = questions(document, NAMED)
    answer = predictions(found, found.records)

    assert [table["values"] for table in answer["predictions"]] == tables
