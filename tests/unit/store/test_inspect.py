"""What a file is, by its content."""

from pathlib import Path

import pytest

from mlz.errors import Reason, RejectedError
from mlz.model.asset import EngineType
from mlz.store.inspect import inspect_file
from zoo.models import Zoo


def refusal(path: Path, declared: EngineType | None) -> RejectedError:
    with pytest.raises(RejectedError) as caught:
        inspect_file(path, declared)
    return caught.value


def test_each_model_is_recognised_and_no_other(zoo: Zoo) -> None:
    files = {
        EngineType.ONNX: [zoo.magika.path, zoo.speech.path],
        EngineType.XGBOOST: [zoo.credit_xgboost.path, zoo.credit_xgboost_json.path],
        EngineType.PMML: [zoo.credit_pmml.path],
    }
    for engine_type, paths in files.items():
        for path in paths:
            assert inspect_file(path).engine_type is engine_type
            assert inspect_file(path, engine_type).engine_type is engine_type
            for other in set(EngineType) - {engine_type}:
                error = refusal(path, other)
                assert error.reason is Reason.ENGINE_TYPE_MISMATCH
                assert f"declared as {other}" in error.message
                assert str(engine_type) in error.message


@pytest.mark.parametrize("declared", [None, *EngineType])
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"", Reason.MODEL_INVALID, id="nothing"),
        pytest.param(b"hello world", Reason.MODEL_INVALID, id="text"),
        pytest.param(b"\x80\x04\x95abc", Reason.MODEL_UNSAFE, id="a pickle"),
        pytest.param(b"binf\0\0\0", Reason.MODEL_INVALID, id="XGBoost's old binary format"),
        pytest.param(b"\x89HDF\r\n", Reason.MODEL_INVALID, id="HDF5"),
        pytest.param(b"\x08\x07\x12\x02hi", Reason.MODEL_INVALID, id="protobuf, but no ONNX"),
        pytest.param(b"<html/>", Reason.MODEL_INVALID, id="XML, but no PMML"),
        pytest.param(b'{"a": 1}', Reason.MODEL_INVALID, id="JSON, but no XGBoost"),
    ],
)
def test_what_is_no_model_is_refused_whatever_was_declared(
    content: bytes, reason: Reason, declared: EngineType | None, tmp_path: Path
) -> None:
    path = tmp_path / "model"
    path.write_bytes(content)

    error = refusal(path, declared)

    assert error.reason is reason
    assert "wanted" in error.message
