"""What holds of a scoring process as a whole, on a real model."""

from pathlib import Path

from unit.scoring.served import MAKERS, engine_process
from zoo.fixtures import zoo
from zoo.models import Zoo

__all__ = ["zoo"]


def test_callers_never_wait_for_a_look_at_all_that_is_loaded(zoo: Zoo, tmp_path: Path) -> None:
    case = MAKERS["onnx-credit"](zoo, tmp_path / "model")

    with engine_process(case.folder) as process:
        assert process.kept > 20_000
