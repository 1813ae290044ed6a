"""What is said of a model file, and where it goes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlz.api import names
from mlz.model.asset import EngineType
from mlz.rest.candidates import metadata_of
from mlz.rest.problems import Code, Refusal
from mlz.rest.registry import ModelRegistry, Place, place_of
from mlz.store.credentials import Credentials
from mlz.store.download import Pace
from unit.rest.importing import WEB, Stage, stage

OTHER = b"\x08\x07 another model"


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Stage]:
    with stage(tmp_path) as found:
        yield found


def refusal(here: Stage, *arguments: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        here.run(*arguments)
    return caught.value


# What is said of a file


@pytest.mark.parametrize(
    ("file_name", "content", "engine_type"),
    [
        pytest.param("m.onnx", OTHER, "onnx", id="by its suffix"),
        pytest.param("M.PMML", OTHER, "pmml", id="in capitals"),
        pytest.param("m.xml", OTHER, "pmml", id="xml is PMML"),
        pytest.param("m.ubj", OTHER, "xgboost", id="ubj"),
        pytest.param("m.json", OTHER, "xgboost", id="json"),
        pytest.param("m.onnx.tar.gz", OTHER, "onnx", id="an archive that tells"),
        pytest.param("model", b"\xef\xbb\xbf <PMML>", "pmml", id="markup"),
        pytest.param("model", b"{L\x00", "xgboost", id="a brace"),
    ],
)
def test_the_engine_type_is_guessed(
    here: Stage, file_name: str, content: bytes, engine_type: str
) -> None:
    assert here.wanted(content, file_name=file_name).engine_type == engine_type


def test_an_engine_type_that_cannot_be_guessed_is_asked_for(here: Stage) -> None:
    with pytest.raises(Refusal) as caught:
        here.wanted(b"PK\x03\x04", file_name="m.zip")

    assert caught.value.code is Code.INVALID_FIELD
    assert "engineType" in caught.value.message
    assert here.wanted(b"PK", file_name="m.zip", engine_type=EngineType.ONNX).engine_type == "onnx"


@pytest.mark.parametrize(
    ("document", "code", "named"),
    [
        pytest.param({}, Code.INVALID_FIELD, "name", id="a model needs a name"),
        pytest.param({"name": " "}, Code.INVALID_FIELD, "name", id="a blank one is none"),
        pytest.param({"name": "a\nb"}, Code.INVALID_FIELD, "name", id="on one line"),
        pytest.param({"name": "x" * 254}, Code.INVALID_FIELD, "name", id="of a length"),
        pytest.param({"description": 1}, Code.INVALID_FIELD, "description", id="a wrong type"),
        pytest.param({"author": "Ann"}, Code.INVALID_FIELD, "author", id="an author is an object"),
        pytest.param({"engineType": "spark"}, Code.UNSUPPORTED_ENGINE, "spark", id="of MLz alone"),
        pytest.param({"engineType": "x"}, Code.UNSUPPORTED_ENGINE, "x", id="of nobody"),
        pytest.param({"schema": []}, Code.INVALID_FIELD, "schema", id="a schema is an object"),
        pytest.param({"schema": {"inputs": 1}}, Code.INVALID_FIELD, "inputs", id="with fields"),
    ],
)
def test_metadata_that_is_wrong_is_named(document: Any, code: Code, named: str) -> None:
    if "name" not in document and named != "name":
        document = document | {"name": "churn"}

    with pytest.raises(Refusal) as caught:
        metadata_of(document, is_new_model=True)

    assert caught.value.code is code
    assert named in caught.value.message


def test_metadata_of_a_version_may_be_empty_and_unknown_fields_are_ignored() -> None:
    assert metadata_of({}, is_new_model=False).name is None
    assert metadata_of({"more": 1, "name": "a"}, is_new_model=True).name == "a"


# The registry


@pytest.mark.parametrize(
    ("text", "place"),
    [
        pytest.param("reg:5000", Place("reg:5000"), id="a host"),
        pytest.param("reg/a/b/", Place("reg", "a/b"), id="with a prefix"),
    ],
)
def test_the_place_of_models_is_read(text: str, place: Place) -> None:
    assert place_of(text) == place


def test_only_manifests_of_ours_are_ours() -> None:
    digest = "sha256:" + "a" * 64

    assert Place("reg", "models").holds(f"oci://reg/models/churn@{digest}")
    assert not Place("reg", "models").holds(f"oci://reg/others/churn@{digest}")
    assert not Place("reg", "models").holds(f"oci://reg.example.com/models/churn@{digest}")
    assert not Place("reg", "models").holds("oci://reg/models/churn:latest")
    assert not Place("reg").holds("https://reg/models/churn")


def test_a_push_has_an_end(here: Stage) -> None:
    times = iter(range(0, 10_000, 20))
    pace = Pace(100, 60, lambda _: None, lambda: float(next(times)))
    here.registry = ModelRegistry(here.registry.place, WEB, Credentials(), pace)

    assert refusal(here).code is Code.UNAVAILABLE
    assert here.cluster.all(names.MODEL_VERSION) == []
