"""Routes, statuses and error objects, over real sockets."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from mlz.model.asset import EngineType
from mlz.model.schema import FieldType, InputField, OutputField, Schema
from mlz.scoring.http_api import STATUSES
from mlz.scoring.problems import FaultKind, Problem
from unit.scoring.kit import DIGEST, JSON_TYPE, Adder, Client, Live, an_asset, ask, serving_adder

SCORE = "/iml/v2/scoring/online/g"
INFER = "/v2/models/m/infer"


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    with serving_adder(max_records=10) as live:
        yield live


@pytest.mark.parametrize(
    ("path", "document"),
    [
        pytest.param("/v2/health/live", {"live": True}, id="alive"),
        pytest.param("/v2/health/ready", {"ready": True, "name": "m"}, id="ready"),
        pytest.param("/v2/models/m/ready", {"ready": True, "name": "m"}, id="the model is"),
        pytest.param("/v2/health/ready?verbose=1", {"ready": True, "name": "m"}, id="a query"),
        pytest.param("http://h/v2/health/live", {"live": True}, id="an absolute target"),
        pytest.param("/v2/%68ealth/live", {"live": True}, id="an escaped letter"),
        pytest.param(
            "/v2/models/m",
            {
                "name": "m",
                "versions": [DIGEST],
                "platform": "mlz_xgboost",
                "inputs": [{"name": "x", "datatype": "FP64", "shape": [-1]}],
                "outputs": [{"name": "sum", "datatype": "FP64", "shape": [-1]}],
            },
            id="metadata",
        ),
    ],
)
def test_what_can_be_asked(live: Live, path: str, document: dict[str, Any]) -> None:
    answer = ask(live.port, path)

    assert (answer.status, answer.json) == (200, document)
    assert answer.headers["mlz-asset-digest"] == DIGEST
    assert answer.headers["date"].endswith("GMT")


def test_the_server_says_what_it_is(live: Live) -> None:
    assert ask(live.port, "/v2").json["name"] == "mlz"


@pytest.mark.parametrize("path", [SCORE, "/iml/v2/scoring/online/adder"])
def test_scoring_works_under_both_ids(live: Live, path: str) -> None:
    assert ask(live.port, path, [{"x": 1}, {"x": 2}]).json == [{"sum": 1.0}, {"sum": 2.0}]


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("application/json", id="JSON"),
        pytest.param("Application/JSON; charset=utf-8", id="in other letters, with a charset"),
        pytest.param("application/problem+json", id="a kind of JSON"),
        pytest.param("", id="nothing said"),
    ],
)
def test_media_types_that_are_taken(live: Live, kind: str) -> None:
    headers = [("Content-Type", kind)] if kind else []

    assert ask(live.port, SCORE, [], headers=headers).status == 200


XML = [("Content-Type", "text/xml")]
GZIP = [JSON_TYPE, ("Content-Encoding", "gzip")]


@pytest.mark.parametrize(
    ("ask_for", "status", "code"),
    [
        pytest.param({"path": "/nothing"}, 404, "not_found", id="no such path"),
        pytest.param(
            {"path": "/iml/v2/scoring/online/other", "body": []}, 404, "not_found", id="no such id"
        ),
        pytest.param({"path": "/v2/models/other"}, 404, "not_found", id="no such model"),
        pytest.param({"path": "/%00%ff"}, 404, "not_found", id="an odd path"),
        pytest.param(
            {"path": SCORE, "method": "GET"}, 405, "method_not_allowed", id="scoring is POST"
        ),
        pytest.param(
            {"path": "/v2", "method": "OPTIONS"}, 405, "method_not_allowed", id="metadata is GET"
        ),
        pytest.param(
            {"path": SCORE, "body": [], "headers": XML}, 415, "unsupported_media_type", id="XML"
        ),
        pytest.param(
            {"path": SCORE, "body": [], "headers": GZIP}, 415, "unsupported_media_type", id="gzip"
        ),
        pytest.param(
            {"path": SCORE, "body": [{}] * 11}, 413, "too_many_records", id="too many records"
        ),
        pytest.param({"path": SCORE, "body": b""}, 400, "bad_input", id="an empty body"),
        pytest.param({"path": SCORE, "body": {}}, 400, "bad_input", id="no array"),
        pytest.param({"path": SCORE, "body": [{}]}, 400, "bad_input", id="a field is missing"),
        pytest.param(
            {"path": SCORE, "body": [{"x": 666}]}, 422, "answer_not_finite", id="not finite"
        ),
    ],
)
def test_refusals_are_objects_with_a_code_and_an_id(
    live: Live, ask_for: dict[str, Any], status: int, code: str
) -> None:
    answer = ask(live.port, **ask_for)

    assert (answer.status, answer.json["code"]) == (status, code)
    assert answer.json["message"]
    assert len(answer.json["requestId"]) == 16


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        pytest.param(XML, "found text/xml", id="another type"),
        pytest.param(GZIP, "found application/json with content-encoding gzip", id="compressed"),
        pytest.param(
            [("Content-Encoding", "br")], "found none with content-encoding br", id="no type"
        ),
        pytest.param([("Content-Type", "a" * 1000)], f"found {'a' * 200}", id="a long one"),
    ],
)
def test_a_body_that_is_not_json_is_told_what_it_is(
    live: Live, headers: list[tuple[str, str]], found: str
) -> None:
    message = ask(live.port, SCORE, [], headers=headers).json["message"]

    assert message.endswith(
        f"wanted content-type application/json without a content-encoding, {found}"
    )


def test_a_wrong_method_is_told_the_right_ones(live: Live) -> None:
    assert ask(live.port, SCORE, method="PUT").headers["allow"] == "POST"
    assert ask(live.port, "/v2", method="PUT").headers["allow"] == "GET, HEAD"


def test_a_fault_is_told_as_documented(live: Live) -> None:
    answer = ask(live.port, SCORE, [{"x": 1}, {"x": "1"}])

    assert answer.json["errors"] == [
        {
            "fault": "type",
            "record": 1,
            "field": "x",
            "path": "$[1].x",
            "expected": "number",
            "found": "string",
        }
    ]


def test_a_bug_shows_an_id_and_its_text_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Adder):
        def score(self, rows: Any) -> Any:
            raise ZeroDivisionError("a secret")

    with serving_adder(Broken()) as live:
        answer = ask(live.port, SCORE, [{"x": 1}])

    assert (answer.status, answer.json["code"]) == (500, "internal")
    assert b"secret" not in answer.body
    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert record.__dict__["requestId"] == answer.json["requestId"]
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError


def test_overload_and_timeout_have_their_statuses() -> None:
    engine = Adder(gate=threading.Event())

    with (
        serving_adder(engine, timeout_in_ms=200, queue_limit=1) as live,
        Client(live.port) as first,
        Client(live.port) as second,
    ):
        first.send(request_of(1))
        assert engine.entered.wait(10)
        second.send(request_of(2))
        refused = [ask(live.port, SCORE, [{"x": 3}]) for _ in range(2)]
        late = first.read(), second.read()
        assert engine.gate is not None
        engine.gate.set()

    # The second request may still be on its way when the first of the others comes.
    assert 503 in {answer.status for answer in refused}
    assert refused[-1].headers["retry-after"] == "1"
    assert {answer.status for answer in late} <= {503, 504}
    assert late[0].json["code"] == "scoring_timeout"


def request_of(value: float) -> bytes:
    from unit.scoring.kit import request

    return request(SCORE, [{"x": value}])


def test_the_metrics_count_what_was_done() -> None:
    with serving_adder() as live:
        ask(live.port, SCORE, [{"x": 1}, {"x": 2}])
        ask(live.port, SCORE, [{}])
        ask(live.port, "/nothing")
        answer = ask(live.port, "/metrics")

    lines = set(answer.body.decode().splitlines())
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert {
        'mlz_scoring_requests_total{code="200",route="score"} 1.0',
        'mlz_scoring_requests_total{code="400",route="score"} 1.0',
        'mlz_scoring_requests_total{code="404",route="none"} 1.0',
        'mlz_scoring_request_seconds_count{route="score"} 2.0',
        'mlz_scoring_rejected_total{code="bad_input"} 1.0',
        f'mlz_scoring_records_total{{digest="{DIGEST}"}} 2.0',
        "mlz_scoring_queue_depth 0.0",
        f'mlz_scoring_asset_info{{digest="{DIGEST}",engine_type="xgboost",name="m"}} 1.0',
    } <= lines
    assert any(line.startswith("process_resident_memory_bytes") for line in lines)


def test_every_problem_has_one_status() -> None:
    assert set(STATUSES) == set(Problem)


def test_the_fault_words_are_those_of_the_contract() -> None:
    words = "missing null type range category shape overflow syntax not_finite"

    assert {kind.value for kind in FaultKind} == set(words.split())


def infer(*tensors: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"inputs": list(tensors), **more}


def column(**overrides: Any) -> dict[str, Any]:
    return {"name": "x", "datatype": "FP64", "shape": [2], "data": [1, 2]} | overrides


@pytest.mark.parametrize(
    "tensor",
    [
        pytest.param(column(), id="a column"),
        pytest.param(column(shape=[2, 1]), id="of shape [n, 1]"),
        pytest.param(column(shape=[2, 1], data=[[1], [2]]), id="nested"),
        pytest.param(column(datatype="INT32"), id="of integers"),
    ],
)
def test_the_open_inference_protocol_takes_columns(live: Live, tensor: dict[str, Any]) -> None:
    answer = ask(live.port, INFER, infer(tensor, id="7", parameters={"a": 1}))

    assert answer.json == {
        "model_name": "m",
        "model_version": DIGEST,
        "id": "7",
        "outputs": [{"name": "sum", "datatype": "FP64", "shape": [2], "data": [1.0, 2.0]}],
    }


def test_outputs_may_be_chosen(live: Live) -> None:
    answer = ask(live.port, INFER, infer(column(), outputs=[{"name": "sum"}]))

    assert [tensor["name"] for tensor in answer.json["outputs"]] == ["sum"]


@pytest.mark.parametrize(
    ("body", "path", "fault"),
    [
        pytest.param([], "$", "type", id="no object"),
        pytest.param({}, "$.inputs", "missing", id="no inputs"),
        pytest.param({"inputs": {}}, "$.inputs", "type", id="inputs that are no array"),
        pytest.param(infer(id=5), "$.id", "type", id="an id that is no text"),
        pytest.param({"inputs": [1]}, "$.inputs[0]", "type", id="a tensor that is no object"),
        pytest.param(infer(column(name=1)), "$.inputs[0].name", "type", id="a name that is none"),
        pytest.param(infer(column(datatype="F")), "$.inputs[0].datatype", "type", id="no datatype"),
        pytest.param(infer(column(datatype=[])), "$.inputs[0].datatype", "type", id="odd datatype"),
        pytest.param(infer(column(shape=[-1])), "$.inputs[0].shape", "type", id="a negative size"),
        pytest.param(infer(column(shape="2")), "$.inputs[0].shape", "type", id="a shape of text"),
        pytest.param(infer(column(shape=[2] * 17)), "$.inputs[0].shape", "type", id="17 axes"),
        pytest.param(infer(column(shape=[3])), "$.inputs[0].data", "shape", id="too little data"),
        pytest.param(infer(column(shape=[1, 2])), "$.inputs[0].shape", "shape", id="another shape"),
        pytest.param(infer(column(data=5)), "$.inputs[0].data", "type", id="data that is no array"),
        pytest.param(infer(column(data=[1, "a"])), "$.inputs[0].data[1]", "type", id="text"),
        pytest.param(infer(column(data=[1, [2]])), "$.inputs[0].data[1]", "type", id="half nested"),
        pytest.param(infer(column(name="y")), "$.inputs", "missing", id="another name"),
        pytest.param(
            infer(column(), outputs=[{"name": "z"}]), "$.outputs[0].name", "category", id="output"
        ),
        pytest.param(infer(column(), outputs=5), "$.outputs", "type", id="odd outputs"),
        pytest.param(infer(column(), outputs=[5]), "$.outputs[0]", "type", id="an odd output"),
    ],
)
def test_what_is_wrong_with_tensors_is_told_by_path(
    live: Live, body: object, path: str, fault: str
) -> None:
    answer = ask(live.port, INFER, body)

    assert answer.status == 400
    assert [(one["path"], one["fault"]) for one in answer.json["errors"]] == [(path, fault)]


def test_too_many_rows_in_tensors_are_refused(live: Live) -> None:
    answer = ask(live.port, INFER, infer(column(shape=[11], data=[1] * 11)))

    assert (answer.status, answer.json["code"]) == (413, "too_many_records")


@pytest.mark.parametrize(
    ("tensors", "path", "fault"),
    [
        pytest.param(
            [("a", "FP64", [1, 2], [1, 2])], "$.inputs[0].datatype", "type", id="another datatype"
        ),
        pytest.param([("a", "FP32", [2], [1, 2])], "$.inputs[0].data", "shape", id="another rank"),
        pytest.param([("a", "FP32", [1, 3], [1, 2, 3])], "$.inputs[0].data", "shape", id="a size"),
        pytest.param(
            [("a", "FP32", [1, 2], [1, None])], "$.inputs[0].data[1]", "null", id="an element"
        ),
        pytest.param(
            [("a", "FP32", [2, 2], [1] * 4), ("b", "INT64", [1], [1])],
            "$.inputs[1].shape",
            "shape",
            id="batches of two sizes",
        ),
        pytest.param([], "$.inputs", "missing", id="a tensor is missing"),
    ],
)
def test_tensors_of_an_onnx_model_must_be_its_own(
    tensors: list[tuple[str, str, list[int], list[Any]]], path: str, fault: str
) -> None:
    schema = Schema(
        inputs=(
            InputField(name="a", type=FieldType.FLOAT, shape=(None, 2)),
            InputField(name="b", type=FieldType.INT64, shape=(None,)),
        ),
        outputs=(OutputField(name="sum"),),
    )
    asset = an_asset(engine_type=EngineType.ONNX, model_schema=schema)
    whole = [*tensors, ("b", "INT64", [1], [1])] if len(tensors) == 1 else tensors
    keys = ("name", "datatype", "shape", "data")
    body = infer(*(dict(zip(keys, tensor, strict=True)) for tensor in whole))

    with serving_adder(asset=asset) as live:
        answer = ask(live.port, INFER, body)

    assert answer.status == 400
    assert (answer.json["errors"][0]["path"], answer.json["errors"][0]["fault"]) == (path, fault)
