"""The models of the demonstration, and the records that it scores."""

from pathlib import Path

import pytest

from demonstration import models


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the models go; those that are trained are a word each, for the sake of time."""
    monkeypatch.setattr(models, "FOLDER", tmp_path)
    for maker in ("_credit_xgboost", "_credit_pmml"):
        monkeypatch.setattr(models, maker, lambda *given: given[-1].write_text("trees"))
    return tmp_path


def test_every_word_of_a_held_out_application_was_learned() -> None:
    table = models._applications()
    words = [name for name in table if name not in (*models.NUMBERS, models.TARGET)]
    learned, held_out = table.head(-models.HELD_OUT), table.tail(models.HELD_OUT)

    assert len(held_out) == models.HELD_OUT
    for name in words:
        assert set(held_out[name]) <= set(learned[name]), name


def test_a_model_is_made_once_and_anew_when_its_recipe_changes(folder: Path) -> None:
    models.make_all()
    first = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    models.make_all()
    second = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    (folder / "made-from").write_text("another recipe")
    models.make_all()
    third = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}

    assert first == second
    assert {"filetype.onnx", "credit.ubj", "credit.pmml", "credit-2.pmml"} <= first.keys()
    assert all(third[name] > first[name] for name in first)
