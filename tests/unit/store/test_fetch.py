"""From a URI or a file to a model folder, whole."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from mlz.cli import main
from mlz.errors import MlzError, Reason, RejectedError
from mlz.model.asset import Asset, EngineType
from mlz.settings import FetchSettings
from mlz.store.download import Pace
from mlz.store.fetch import fetch_asset, prepare_local
from unit.store.assets import packed, served
from unit.store.servers import FakeRegistry, LocalServer
from zoo.models import Zoo

PACE = Pace(2, 60, lambda _seconds: None)
GOOD_SCHEMA = {"inputs": [{"name": "bytes", "range": [{"min": 0, "max": 256}]}]}


def test_a_fetched_folder_is_what_an_engine_wants(
    zoo: Zoo, server: LocalServer, tmp_path: Path
) -> None:
    content = zoo.magika.path.read_bytes()
    settings = served(server, content, tmp_path, engine_type=EngineType.ONNX)

    asset = fetch_asset(settings, PACE)

    folder = tmp_path / "model"
    assert Asset.model_validate_json((folder / "asset.json").read_bytes()) == asset
    assert (folder / asset.model_file).read_bytes() == content
    assert asset.digest == f"sha256:{settings.asset_sha256}"
    assert asset.size_bytes == len(content)
    assert sorted(p.name for p in folder.iterdir()) == ["asset.json", "content", "origin.json"]


def test_doing_it_again_asks_nobody(zoo: Zoo, server: LocalServer, tmp_path: Path) -> None:
    settings = served(server, zoo.speech.path.read_bytes(), tmp_path)
    first = fetch_asset(settings, PACE)

    again = fetch_asset(settings, PACE)

    assert again == first
    assert len(server.calls) == 1


def test_doing_it_again_by_manifest_asks_nobody(
    zoo: Zoo, server: LocalServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    FakeRegistry(server)
    arguments = ["--credentials", str(tmp_path), "--name", "speech"]
    assert main(["push", str(zoo.speech.path), f"oci://{server.host}/demo/m", *arguments]) == 0
    uri = capsys.readouterr().out.strip()
    settings = FetchSettings(
        asset_uri=uri, model_folder=str(tmp_path / "model"), allow_loopback=True
    )
    first = fetch_asset(settings, PACE)
    asked = len(server.calls)

    assert fetch_asset(settings, PACE) == first
    assert len(server.calls) == asked


def test_leftovers_of_another_asset_do_not_count(
    zoo: Zoo, server: LocalServer, tmp_path: Path
) -> None:
    fetch_asset(served(server, zoo.speech.path.read_bytes(), tmp_path), PACE)

    asset = fetch_asset(
        served(server, packed(zoo.magika.path), tmp_path, asset_uri=f"{server.url}/a.tgz"), PACE
    )

    assert asset.model_file == "content/magika.onnx"
    assert [p.name for p in (tmp_path / "model" / "content").iterdir()] == ["magika.onnx"]


def test_a_refused_asset_leaves_no_asset_json(server: LocalServer, tmp_path: Path) -> None:
    with pytest.raises(RejectedError):
        fetch_asset(served(server, b"no model", tmp_path), PACE)

    assert not (tmp_path / "model" / "asset.json").exists()


def test_companions_of_an_archive_are_used(zoo: Zoo, server: LocalServer, tmp_path: Path) -> None:
    content = packed(zoo.magika.path, schema=json.dumps(GOOD_SCHEMA), sample='[{"bytes": [1]}]')

    asset = fetch_asset(served(server, content, tmp_path), PACE)

    assert asset.sample_file == "content/sample.json"
    assert (asset.model_schema.inputs or ())[0].range is not None
    assert asset.digest == f"sha256:{hashlib.sha256(content).hexdigest()}"


def test_a_declared_schema_beats_the_archive_s(
    zoo: Zoo, server: LocalServer, tmp_path: Path
) -> None:
    content = packed(zoo.magika.path, schema="nonsense")

    asset = fetch_asset(
        served(server, content, tmp_path, declared_schema=json.dumps(GOOD_SCHEMA)), PACE
    )

    assert (asset.model_schema.inputs or ())[0].range is not None


@pytest.mark.parametrize(
    ("companions", "reason"),
    [
        ({"schema": "nonsense"}, Reason.ARCHIVE_INVALID),
        ({"schema": '{"inputs": [{"name": "b"}]}'}, Reason.SCHEMA_DECLARATION_MISMATCH),
        ({"sample": "nonsense"}, Reason.ARCHIVE_INVALID),
        ({"sample": "{}"}, Reason.ARCHIVE_INVALID),
        ({"sample": "[]"}, Reason.ARCHIVE_INVALID),
        ({"sample": "[1]"}, Reason.ARCHIVE_INVALID),
        ({"sample": '[{"a": NaN}]'}, Reason.ARCHIVE_INVALID),
        ({"sample": "[" * 100_000}, Reason.ARCHIVE_INVALID),
        ({"sample": "[" * 40 + "]" * 40}, Reason.ARCHIVE_INVALID),
    ],
)
def test_bad_companions_are_refused(
    zoo: Zoo, server: LocalServer, tmp_path: Path, companions: dict[str, str], reason: Reason
) -> None:
    content = packed(zoo.magika.path, **companions)

    with pytest.raises(RejectedError) as caught:
        fetch_asset(served(server, content, tmp_path), PACE)

    assert caught.value.reason is reason


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"asset_sha256": "ABC"}, id="no digest"),
        pytest.param({"asset_sha256": None}, id="not pinned"),
        pytest.param({"declared_schema": "nonsense"}, id="no schema"),
        pytest.param({"asset_uri": "model.onnx"}, id="no URI"),
    ],
)
def test_wrong_settings_are_the_spec_s_fault(
    zoo: Zoo, server: LocalServer, tmp_path: Path, values: dict[str, Any]
) -> None:
    settings = served(server, zoo.speech.path.read_bytes(), tmp_path, **values)

    with pytest.raises(RejectedError) as caught:
        fetch_asset(settings, PACE)

    assert caught.value.reason is Reason.INVALID_SPEC


def test_an_asset_on_a_volume(zoo: Zoo, tmp_path: Path) -> None:
    (tmp_path / "claims" / "models").mkdir(parents=True)
    shutil.copy(zoo.speech.path, tmp_path / "claims" / "models" / "m.onnx")
    settings = FetchSettings(
        asset_uri="pvc://models/m.onnx",
        asset_sha256=hashlib.sha256(zoo.speech.path.read_bytes()).hexdigest(),
        claims_folder=str(tmp_path / "claims"),
        model_folder=str(tmp_path / "model"),
    )

    assert fetch_asset(settings, PACE).model_file == "content/m.onnx"


def test_the_zoo_is_prepared_for_a_developer(zoo: Zoo, tmp_path: Path) -> None:
    for model in (zoo.magika, zoo.credit_xgboost, zoo.credit_pmml):
        asset = prepare_local(model.path, tmp_path / model.path.stem)

        assert (tmp_path / model.path.stem / asset.model_file).stat().st_size == asset.size_bytes


def test_a_local_archive_is_unpacked(zoo: Zoo, tmp_path: Path) -> None:
    (tmp_path / "churn.tar.gz").write_bytes(packed(zoo.magika.path))

    asset = prepare_local(tmp_path / "churn.tar.gz", tmp_path / "model", EngineType.ONNX)

    assert asset.model_file == "content/magika.onnx"


def test_a_local_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MlzError) as caught:
        prepare_local(tmp_path / "nothing", tmp_path / "model")

    assert caught.value.reason is Reason.ASSET_NOT_FOUND
