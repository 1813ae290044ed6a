"""
From a model file to its engine type and schema, by content alone.

The first bytes say what it may be, that format's gates say whether it is. No model library is
involved: what comes out of here may be given to one.
"""

from pathlib import Path

from mlz.errors import Reason, RejectedError
from mlz.model.asset import EngineType
from mlz.store.facts import ModelFacts
from mlz.store.ubjson import looks_like_ubjson

_HEAD_BYTES = 4096
_ONNX_FIRST_BYTES = frozenset(  # the tags of ModelProto's fields; it usually begins with the first
    (0x08, 0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42)
)
_WORDS = {
    EngineType.ONNX: "an ONNX file",
    EngineType.XGBOOST: "an XGBoost model (JSON or UBJSON)",
    EngineType.PMML: "a PMML file",
}
_OTHERS = (  # what it is, how it begins, what to do
    ("an HDF5 file", b"\x89HDF", "convert the model to ONNX"),
    ("an XGBoost model in the old binary format", b"binf", "save it with save_model('m.ubj')"),
    ("an XGBoost model in the old binary format", b"bs64", "save it with save_model('m.ubj')"),
    ("a NumPy file", b"\x93NUMPY", "convert the model to ONNX"),
    ("an ORT file", b"ORTM", "use the ONNX file it was made from"),
)


def inspect_file(path: Path, engine_type: EngineType | None = None) -> ModelFacts:
    """
    Check a model file and derive its schema.

    Args:
        path: a plain file, no archive.
        engine_type: the declared one; None takes what the content says.

    Raises:
        RejectedError: EngineTypeMismatch, ModelInvalid, ModelUnsafe, FrameworkVersionUnsupported.
    """
    with path.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
    found = _recognised(head)
    if found is None:
        raise _unknown(head, engine_type)
    if engine_type is not None and found is not engine_type:
        raise _mismatch(path, found, engine_type)
    return _inspect(path, found)


def _recognised(head: bytes) -> EngineType | None:
    """What the first bytes may be; for ONNX, which has no magic number, no more than may be."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"<") or head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return EngineType.PMML
    if looks_like_ubjson(head) or text.startswith(b"{"):
        return EngineType.XGBOOST
    return EngineType.ONNX if head[:1] and head[0] in _ONNX_FIRST_BYTES else None


def _inspect(path: Path, engine_type: EngineType) -> ModelFacts:
    """The formats are imported when they are met: a pod that starts waits for one, not three."""
    if engine_type is EngineType.ONNX:
        from mlz.store.onnx_format import inspect_onnx

        return inspect_onnx(path)
    if engine_type is EngineType.XGBOOST:
        from mlz.store.xgboost_format import inspect_xgboost

        return inspect_xgboost(path)
    from mlz.store.pmml_format import inspect_pmml

    return inspect_pmml(path)


def _mismatch(path: Path, found: EngineType, declared: EngineType) -> RejectedError:
    """Another type where the file really is of it, else just no file of the declared type."""
    try:
        _inspect(path, found)
    except RejectedError as error:
        if error.reason is Reason.MODEL_INVALID:
            return RejectedError(
                Reason.MODEL_INVALID, f"wanted {_WORDS[declared]}; the content is something else"
            )
    return RejectedError(
        Reason.ENGINE_TYPE_MISMATCH,
        f"the engine type is declared as {declared}, the content is {_WORDS[found]}; declare "
        f"{found} or give another file",
    )


def _unknown(head: bytes, declared: EngineType | None) -> RejectedError:
    wanted = _WORDS[declared] if declared else "an ONNX, XGBoost or PMML model"
    if head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return RejectedError(
            Reason.MODEL_UNSAFE,
            f"wanted {wanted}, found a Python pickle, which can run any code; convert the model "
            "to ONNX, or save it in its library's own format",
        )
    for name, start, advice in _OTHERS:
        if head.startswith(start):
            return RejectedError(Reason.MODEL_INVALID, f"wanted {wanted}, found {name}; {advice}")
    found = "an empty file" if not head else "none of these formats"
    return RejectedError(Reason.MODEL_INVALID, f"wanted {wanted}, found {found}")
