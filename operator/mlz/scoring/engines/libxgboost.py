"""
The few calls of XGBoost's C API that scoring needs, without its Python package.

The package imports pandas and scikit-learn where it finds them (1 to 6 s) and spends 250 us a call
on checks that ``validation`` has done (performance.md, "In-process limit"); its library does
neither. Safe from many threads: results are kept by the library for each thread.

Its threads are OpenMP's, which spin for milliseconds after every call: two of them cost a record
six times the processor time of one, and wait for each other where the node is busy. So they sleep
between calls, and a small batch is scored by its caller alone.
"""

import ctypes
import ctypes.util
import json
import math
import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]

_LENGTH = ctypes.c_uint64
_PREDICT = json.dumps(
    {
        "type": 0,
        "training": False,
        "iteration_begin": 0,
        "iteration_end": 0,
        "missing": math.nan,
        "strict_shape": False,
        "cache_id": 0,
    }
).encode()
# For fewer rows a thread costs more than it saves (100 trees: 0.5 us a row).
_ROWS_A_THREAD = 256
_DENSE = json.dumps({"missing": math.nan, "nthread": 1}).encode()


class XgboostError(Exception):
    """What the library says."""


class Booster:
    """One model."""

    def __init__(self, raw: bytes, threads: int) -> None:
        """
        Load a model document.

        Args:
            threads: the most that a call may use.

        Raises:
            XgboostError: the library refuses it.
            OSError: there is no library.
        """
        self._library = _library()
        self._threads = threads
        self._take_threads(rows=0)
        self._handle = ctypes.c_void_p()
        self._call("XGBoosterCreate", None, _LENGTH(0), ctypes.byref(self._handle))
        self._call("XGBoosterLoadModelFromBuffer", self._handle, raw, _LENGTH(len(raw)))
        self._call("XGBoosterSetParam", self._handle, b"nthread", b"0")  # what OpenMP says
        self._call("XGBoosterSetParam", self._handle, b"verbosity", b"0")
        config = self.config()["learner"]["gradient_booster"]["name"]
        self._in_place = config != "gblinear"

    def __del__(self) -> None:
        """Free the model, once no call uses it any more."""
        if self._handle:
            self._library.XGBoosterFree(self._handle)

    def config(self) -> dict[str, Any]:
        """The library's own description of the model's parameters."""
        text = self._text("XGBoosterSaveJsonConfig")
        document: dict[str, Any] = json.loads(text)
        return document

    def document(self) -> bytes:
        """The whole model as JSON."""
        return self._text("XGBoosterSaveModelToBuffer", b'{"format": "json"}')

    def feature_count(self) -> int:
        """Columns of a row."""
        count = _LENGTH()
        self._call("XGBoosterGetNumFeature", self._handle, ctypes.byref(count))
        return count.value

    def feature_names(self) -> list[str]:
        """Names in the order of the columns; empty where the model has none."""
        count = _LENGTH()
        names = ctypes.POINTER(ctypes.c_char_p)()
        self._call(
            "XGBoosterGetStrFeatureInfo",
            self._handle,
            b"feature_name",
            ctypes.byref(count),
            ctypes.byref(names),
        )
        return [(names[place] or b"").decode() for place in range(count.value)]

    def predict(self, rows: Matrix) -> Matrix:
        """
        The library's own prediction.

        Args:
            rows: shape (n, features), C order; NaN is a missing value.

        Returns:
            Shape (n,) or (n, outputs), a copy.
        """
        self._take_threads(len(rows))
        if self._in_place:
            return self._predict("XGBoosterPredictFromDense", _array_interface(rows), None)
        handle = ctypes.c_void_p()
        self._call("XGDMatrixCreateFromDense", _array_interface(rows), _DENSE, ctypes.byref(handle))
        try:
            return self._predict("XGBoosterPredictFromDMatrix", handle)
        finally:
            self._call("XGDMatrixFree", handle)

    def _take_threads(self, rows: int) -> None:
        """Tell OpenMP how many threads the calls of this very thread may use."""
        self._library.omp_set_num_threads(min(self._threads, max(1, rows // _ROWS_A_THREAD)))

    def _predict(self, name: str, rows: object, *proxy: object) -> Matrix:
        shape = ctypes.POINTER(_LENGTH)()
        rank = _LENGTH()
        result = ctypes.POINTER(ctypes.c_float)()
        self._call(
            name,
            self._handle,
            rows,
            _PREDICT,
            *proxy,
            ctypes.byref(shape),
            ctypes.byref(rank),
            ctypes.byref(result),
        )
        sizes = tuple(shape[axis] for axis in range(rank.value))
        return np.ctypeslib.as_array(result, sizes).copy()

    def _text(self, name: str, *arguments: object) -> bytes:
        length = _LENGTH()
        text = ctypes.POINTER(ctypes.c_char)()
        self._call(name, self._handle, *arguments, ctypes.byref(length), ctypes.byref(text))
        return ctypes.string_at(text, length.value)

    def _call(self, name: str, *arguments: object) -> None:
        if getattr(self._library, name)(*arguments) != 0:
            raise XgboostError((self._library.XGBGetLastError() or b"").decode(errors="replace"))


def version() -> str:
    """Version of the library."""
    parts = [ctypes.c_int() for _ in range(3)]
    _library().XGBoostVersion(*map(ctypes.byref, parts))
    return ".".join(str(part.value) for part in parts)


def _library() -> ctypes.CDLL:
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when OpenMP is loaded
    library = ctypes.CDLL(str(_path()))
    library.XGBGetLastError.restype = ctypes.c_char_p
    return library


def _path() -> Path:
    """In the package, as the wheels have it, or of the system, as Debian has it."""
    spec = find_spec("xgboost")
    if spec is not None and spec.origin is not None:
        inside = Path(spec.origin).parent / "lib" / "libxgboost.so"
        if inside.exists():
            return inside
    name = ctypes.util.find_library("xgboost")
    if name is None:
        text = "libxgboost.so is not installed"
        raise OSError(text)
    return Path(name)


def _array_interface(rows: Matrix) -> bytes:
    address = rows.__array_interface__["data"][0]
    kind = rows.__array_interface__["typestr"]
    return b'{"data":[%d,true],"shape":[%d,%d],"typestr":"%b","version":3}' % (
        address,
        rows.shape[0],
        rows.shape[1],
        kind.encode(),
    )
