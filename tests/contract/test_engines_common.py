"""
What every engine type owes, on real models behind the real server: the library's own answers.

1,000 applications of the German credit table (64 files for magika), one by one, in batches, and
from 32 clients at once; tolerance 1e-6.
"""

import json
import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from mlz.scoring.engines.base import LoadOptions
from mlz.scoring.machine import Machine
from mlz.scoring.runtime import load_engine, load_model, warmed_up
from mlz.scoring.server import Process, load
from unit.scoring.kit import Client, Live, ask, serving, some_settings
from unit.scoring.served import MAKERS, Case
from zoo.fixtures import zoo
from zoo.models import Zoo

__all__ = ["zoo"]

SCORE = "/iml/v2/scoring/online/g"
INFER = "/v2/models/m/infer"
TOLERANCE = 1e-6


@dataclass(frozen=True)
class Served:
    case: Case
    live: Live


@pytest.fixture(scope="module", params=MAKERS)
def served(
    request: pytest.FixtureRequest, zoo: Zoo, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    case = MAKERS[request.param](zoo, tmp_path_factory.mktemp("models") / "model")
    settings = some_settings(model_folder=str(case.folder))
    with serving(Process(settings, lambda worker: load(worker, settings, Machine()))) as live:
        yield Served(case, live)


def assert_equal(answer: object, expected: object) -> None:
    if isinstance(expected, dict) and isinstance(answer, dict) and "dims" not in answer:
        assert {str(key) for key in expected} == answer.keys()
        for key, value in expected.items():
            assert_equal(answer[str(key)], value)
    elif isinstance(answer, dict) and "dims" in answer:
        if isinstance(expected, dict):
            expected = expected["data"]
        flat = expected if isinstance(expected, list) else [expected]
        assert math.prod(answer["dims"]) == len(flat)
        assert_equal(answer["data"], flat)
    elif isinstance(expected, list) and isinstance(answer, list):
        assert len(answer) == len(expected)
        for one, other in zip(answer, expected, strict=True):
            assert_equal(one, other)
    elif isinstance(expected, float):
        assert answer == pytest.approx(expected, abs=TOLERANCE)
    else:
        assert answer == expected


def score(client: Client, records: Sequence[Any]) -> list[Any]:
    answer = client.ask(SCORE, records)
    assert answer.status == 200, answer.json
    found: list[Any] = answer.json
    return found


def test_each_record_is_answered_as_its_library_does(served: Served) -> None:
    with Client(served.live.port) as client:
        answers = [score(client, [record])[0] for record in served.case.records]

    assert_equal(answers, served.case.expected)


def test_a_batch_is_answered_as_its_library_does(served: Served) -> None:
    with Client(served.live.port) as client:
        answers = score(client, served.case.records)

    assert_equal(answers, served.case.expected)


def test_32_clients_at_once_get_their_own_answers(served: Served) -> None:
    parts = [range(start, len(served.case.records), 32) for start in range(32)]

    def run(part: range) -> None:
        with Client(served.live.port) as client:
            for number in part:
                answers = score(client, [served.case.records[number]])
                assert_equal(answers, [served.case.expected[number]])

    with ThreadPoolExecutor(32) as pool:
        list(pool.map(run, parts))


def test_answers_carry_the_digest_of_what_was_loaded(served: Served) -> None:
    answer = ask(served.live.port, SCORE, served.case.records[:1])

    assert answer.headers["mlz-asset-digest"] == served.case.asset.digest
    assert answer.headers["content-type"] == "application/json"


def test_no_records_no_answers(served: Served) -> None:
    assert ask(served.live.port, SCORE, []).json == []


def test_fields_that_the_model_does_not_know_are_ignored(served: Served) -> None:
    record = {"other": {"deep": [1]}} | served.case.records[0]

    assert_equal(ask(served.live.port, SCORE, [record]).json, served.case.expected[:1])


def test_metadata_names_the_inputs_and_outputs(served: Served) -> None:
    document = ask(served.live.port, "/v2/models/m").json
    schema = served.case.asset.model_schema

    assert [one["name"] for one in document["inputs"]] == [f.name for f in schema.inputs or ()]
    assert all(one["datatype"] for one in document["inputs"])
    assert {one["name"] for one in document["outputs"]} == set(served.case.expected[0])


def test_the_open_inference_protocol_gives_the_same_answers(served: Served) -> None:
    records = served.case.records[:50]
    inputs = [
        {
            "name": one["name"],
            "datatype": one["datatype"],
            "shape": [len(records), *one["shape"][1:]],
            "data": [record[one["name"]] for record in records],
        }
        for one in ask(served.live.port, "/v2/models/m").json["inputs"]
    ]

    answer = ask(served.live.port, INFER, {"id": "q", "inputs": inputs})

    assert answer.status == 200, answer.json
    assert (answer.json["id"], answer.json["model_name"]) == ("q", "m")
    for tensor in answer.json["outputs"]:
        expected = [one[tensor["name"]] for one in served.case.expected[: len(records)]]
        assert tensor["shape"][0] == len(records)
        assert_equal(tensor["data"], list(_flat(expected)))


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from _flat(part)
    else:
        yield value


def test_an_engine_scores_nothing_as_nothing_and_can_be_closed(served: Served) -> None:
    case = served.case
    engine = load_engine(case.folder, case.asset, LoadOptions())

    assert engine.score([]).answers == []
    engine.close()


def test_answers_of_a_batch_are_those_of_its_records(served: Served) -> None:
    settings = some_settings(model_folder=str(served.case.folder))
    loaded = load_model(settings, Machine())
    engine = warmed_up(loaded).engine
    rows = loaded.reader.read(served.case.records[:100])

    together = engine.score(rows).answers
    alone = [engine.score([row]).answers[0] for row in rows]

    assert_equal(json.loads(json.dumps(together)), json.loads(json.dumps(alone)))
    engine.close()
