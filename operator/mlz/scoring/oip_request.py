"""
A request of the Open Inference Protocol v2 in JSON, checked for its own form only.

Whether its tensors fit a model is ``oip``'s question. Source: Open Inference Protocol, "Inference
Request JSON Object". Binary tensors (its extension) are not taken.
"""

import itertools
import math
from dataclasses import dataclass

from mlz.scoring import codec
from mlz.scoring.places import json_path, shown, type_name
from mlz.scoring.problems import Fault, FaultKind, Faults

_INTEGERS = tuple(f"{sign}INT{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64))
DATATYPES = frozenset(("BOOL", *_INTEGERS, "FP16", "FP32", "FP64", "BYTES"))
_EXPECTED = "one of " + " ".join(sorted(DATATYPES))
_MOST_AXES = 16


@dataclass(frozen=True, slots=True)
class InferInput:
    """One input tensor; ``place`` in the request's list, ``data`` flat in row-major order."""

    place: int
    name: str
    datatype: str
    shape: tuple[int, ...]
    data: list[object]


@dataclass(frozen=True, slots=True)
class InferRequest:
    """A request; ``outputs`` None means all of them."""

    id: str | None
    inputs: dict[str, InferInput]
    outputs: tuple[str, ...] | None


def read_request(body: bytes, max_depth: int) -> InferRequest:
    """
    Read a request.

    Raises:
        RequestError: no JSON, or not in the form of the protocol; all faults are named.
    """
    document = codec.decode(body, max_depth)
    faults = Faults()
    if not isinstance(document, dict):
        faults.add(_fault(FaultKind.TYPE, (), "object with inputs", type_name(document)))
        document = {}
    identity = document.get("id")
    if identity is not None and not isinstance(identity, str):
        faults.add(_fault(FaultKind.TYPE, ("id",), "string", type_name(identity)))
    inputs = _inputs(document.get("inputs"), faults) if not faults.count else {}
    outputs = _outputs(document.get("outputs"), faults)
    faults.raise_if_any()
    return InferRequest(identity if isinstance(identity, str) else None, inputs, outputs)


def _inputs(value: object, faults: Faults) -> dict[str, InferInput]:
    if not isinstance(value, list):
        kind = FaultKind.MISSING if value is None else FaultKind.TYPE
        faults.add(_fault(kind, ("inputs",), "array of tensors", type_name(value)))
        return {}
    found: dict[str, InferInput] = {}
    for place, part in enumerate(value):
        tensor = _input(place, part, faults)
        if tensor is not None:
            found[tensor.name] = tensor
    return found


def _input(place: int, part: object, faults: Faults) -> InferInput | None:
    if not isinstance(part, dict):
        faults.add(_fault(FaultKind.TYPE, ("inputs", place), "tensor object", type_name(part)))
        return None
    name, datatype = part.get("name"), part.get("datatype")
    shape, data = _shape(part.get("shape")), part.get("data")
    wrong = [
        (key, expected)
        for key, expected, fine in (
            ("name", "string", isinstance(name, str)),
            ("datatype", _EXPECTED, isinstance(datatype, str) and datatype in DATATYPES),
            ("shape", "array of sizes", shape is not None),
            ("data", "array", isinstance(data, list)),
        )
        if not fine
    ]
    for key, expected in wrong:
        faults.add(_wrong_key(place, part, key, expected))
    if wrong or not isinstance(data, list) or shape is None:
        return None
    return _tensor(InferInput(place, str(name), str(datatype), shape, _flat(data)), faults)


def _tensor(tensor: InferInput, faults: Faults) -> InferInput | None:
    if len(tensor.data) == math.prod(tensor.shape):
        return tensor
    expected = f"{math.prod(tensor.shape)} elements for shape {list(tensor.shape)}"
    steps = ("inputs", tensor.place, "data")
    faults.add(_fault(FaultKind.SHAPE, steps, expected, f"{len(tensor.data)}", tensor.name))
    return None


def _wrong_key(place: int, part: dict[str, object], key: str, expected: str) -> Fault:
    value = part.get(key)
    kind = FaultKind.TYPE if key in part else FaultKind.MISSING
    found = shown(value) if isinstance(value, str) else type_name(value)
    name = part.get("name")
    field = name if isinstance(name, str) else None
    return _fault(kind, ("inputs", place, key), expected, found, field)


def _shape(value: object) -> tuple[int, ...] | None:
    """Sizes, or None where it is no shape; the product stays within what a body can hold."""
    if not isinstance(value, list) or len(value) > _MOST_AXES:
        return None
    sizes = [size for size in value if type(size) is int and 0 <= size < 2**31]
    return tuple(sizes) if len(sizes) == len(value) else None


def _flat(data: list[object]) -> list[object]:
    """Nested data in row-major order; whatever its nesting, the count must be that of the shape."""
    flat = data
    while flat and all(isinstance(part, list) for part in flat):
        lists = [part for part in flat if isinstance(part, list)]
        flat = list(itertools.chain.from_iterable(lists))
    return flat


def _outputs(value: object, faults: Faults) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list):
        faults.add(_fault(FaultKind.TYPE, ("outputs",), "array", type_name(value)))
        return None
    names: list[str] = []
    for place, part in enumerate(value):
        name = part.get("name") if isinstance(part, dict) else None
        if isinstance(name, str):
            names.append(name)
        else:
            steps = ("outputs", place)
            faults.add(_fault(FaultKind.TYPE, steps, "object with a name", type_name(part)))
    return tuple(names)


def _fault(
    kind: FaultKind,
    steps: tuple[int | str, ...],
    expected: str,
    found: str,
    field: str | None = None,
) -> Fault:
    return Fault(fault=kind, field=field, path=json_path(*steps), expected=expected, found=found)
