"""
What an ONNX file says of itself, read without the library, and the gates it must pass.

Only names, types, shapes, a few attributes and short lists of indices become Python objects; other
tensors are stepped over. Refused are truncated files, files without a graph, and tensors that lie
in other files, wherever they hide: initializers, attributes, subgraphs, functions, training parts.
Source: onnx/onnx.proto, IR 13.
"""

import mmap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from mlz.errors import Reason, RejectedError
from mlz.store.protobuf import LENGTH, Field, ProtobufReader, run_of

_MAX_DEPTH = 32
_LABELS = frozenset({"classlabels_strings", "classlabels_int64s", "classlabels_ints"})
_CATEGORIES = frozenset({"cats_strings", "cats_int64s"})
_KEPT = _LABELS | _CATEGORIES | {"zeros", "axis", "to"}
_SKIPPED_RUN = run_of(floats=7, integers=8, strings=9)
_EXTERNAL = 1
INT64 = 7
# Lists of column numbers are short; anything longer is a weight.
_MAX_INDICES = 4096

Values = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class ValueType:
    """
    The type of an input or output.

    ``kind`` is tensor, sequence, map, optional or sparse; ``element`` the number of the element
    type (of a sequence's or map's values too); ``shape`` None where the rank is unknown.
    """

    kind: str
    element: int = 0
    shape: tuple[int | None, ...] | None = None
    inner: str = ""


@dataclass(frozen=True, slots=True)
class Node:
    """
    One operation; of its attributes those that a schema is made from.

    A single number is a tuple of one. Text of ``cats_strings`` that is no UTF-8 has replacement
    characters: such a category cannot come in a JSON record anyway.
    """

    op_type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    domain: str = ""
    attributes: Mapping[str, Values] = field(default_factory=dict)

    @property
    def labels(self) -> Values:
        """A classifier's classes; empty where it has none."""
        return next((self.attributes[name] for name in _LABELS if self.attributes.get(name)), ())


@dataclass(slots=True)
class OnnxModel:
    """
    The parts of a model that its schema is made from; filled while reading.

    ``indices`` are the short one-dimensional INT64 initializers; ``has_functions`` says that an
    operation may be another one than its name tells.
    """

    producer: str = ""
    producer_version: str = ""
    ir_version: int = 0
    inputs: list[tuple[str, ValueType | None]] = field(default_factory=list)
    outputs: list[tuple[str, ValueType | None]] = field(default_factory=list)
    initializers: set[str] = field(default_factory=set)
    nodes: list[Node] = field(default_factory=list)
    indices: dict[str, tuple[int, ...]] = field(default_factory=dict)
    has_functions: bool = False


def read_onnx(buffer: "mmap.mmap | bytes") -> OnnxModel:
    """
    Read and check a whole model.

    Raises:
        RejectedError: ModelInvalid; not an ONNX file. ModelUnsafe; external data, absurd nesting.
    """
    return _Walk(ProtobufReader(buffer, "an ONNX file")).model()


class _Walk:
    """One pass over the file; every message type of ONNX that may hold a tensor is visited."""

    def __init__(self, reader: ProtobufReader) -> None:
        self._reader = reader
        self._model = OnnxModel()

    def model(self) -> OnnxModel:
        graphs = 0
        for part in self._reader.fields(0, self._reader.size):
            if part.number == 7:
                graphs += 1
                self._graph(part, 0, self._model)
            else:
                self._model_part(part)
        if graphs != 1:
            found = "no graph" if graphs == 0 else f"{graphs} graphs"
            raise self._reader.broken(self._reader.size, found)
        if not self._model.outputs:
            raise self._reader.broken(self._reader.size, "a graph without outputs")
        return self._model

    def _model_part(self, part: Field) -> None:
        if part.number == 1:
            self._model.ir_version = self._reader.number(part)
        elif part.number == 2:
            self._model.producer = self._reader.text(part)
        elif part.number == 3:
            self._model.producer_version = self._reader.text(part)
        elif part.number == 20:
            self._training(part)
        elif part.number == 25:
            self._model.has_functions = True
            self._function(part)

    def _graph(self, graph: Field, depth: int, model: OnnxModel | None) -> None:
        """A graph; ``model`` takes its names where it is the main one."""
        self._reader.expect(graph, LENGTH)
        if depth > _MAX_DEPTH:
            raise RejectedError(
                Reason.MODEL_UNSAFE, f"the graph is nested deeper than {_MAX_DEPTH} subgraphs"
            )
        for part in self._reader.fields(graph.start, graph.end):
            if part.number == 1:
                node = self._node(part, depth)
                if model is not None:
                    model.nodes.append(node)
            elif part.number in (5, 15):
                self._initializer(part, model)
            elif model is not None and part.number in (11, 12):
                values = model.inputs if part.number == 11 else model.outputs
                values.append(self._value(part))

    def _initializer(self, part: Field, model: OnnxModel | None) -> None:
        is_dense = part.number == 5
        name = self._tensor(part) if is_dense else self._sparse_tensor(part)
        if model is not None:
            model.initializers.add(name)
            if is_dense:
                self._keep_indices(name, part, model)

    def _node(self, node: Field, depth: int) -> Node:
        self._reader.expect(node, LENGTH)
        texts = {4: "", 7: ""}
        names: dict[int, list[str]] = {1: [], 2: []}
        attributes: dict[str, Values] = {}
        for part in self._reader.fields(node.start, node.end):
            if part.number in names:
                names[part.number].append(self._reader.text(part))
            elif part.number in texts:
                texts[part.number] = self._reader.text(part)
            elif part.number == 5:
                name, values = self._attribute(part, depth)
                if name in _KEPT:
                    attributes[name] = values
        return Node(texts[4], tuple(names[1]), tuple(names[2]), texts[7], attributes)

    def _attribute(self, attribute: Field, depth: int) -> tuple[str, Values]:
        """Check an attribute; its name, and its values where they are kept."""
        self._reader.expect(attribute, LENGTH)
        name = ""
        values: list[str | int] = []
        for part in self._attribute_parts(attribute):
            if part.number == 1:
                name = self._reader.text(part)
            elif name in _KEPT and part.number == 9:
                values.append(self._reader.text(part, lenient=name in _CATEGORIES))
            elif name in _KEPT and part.number in (3, 8):
                values.extend(self._reader.integers(part))
            else:
                self._attribute_content(part, depth)
        return name, tuple(values)

    def _attribute_parts(self, attribute: Field) -> Iterator[Field]:
        """The parts, with runs of plain values left out once the name says nobody wants them."""
        parts = self._reader.fields(attribute.start, attribute.end)
        for part in parts:
            yield part
            if part.number == 1:
                skip = None if self._reader.text(part) in _KEPT else _SKIPPED_RUN
                yield from self._reader.fields(part.end, attribute.end, skip)
                return

    def _attribute_content(self, part: Field, depth: int) -> None:
        if part.number in (5, 10):
            self._tensor(part)
        elif part.number in (22, 23):
            self._sparse_tensor(part)
        elif part.number in (6, 11):
            self._graph(part, depth + 1, None)

    def _tensor(self, tensor: Field) -> str:
        """Check that a tensor's bytes are in this file; its name."""
        self._reader.expect(tensor, LENGTH)
        name, is_external = "", False
        for part in self._reader.fields(tensor.start, tensor.end):
            if part.number == 8:
                name = self._reader.text(part)
            elif part.number == 13:
                is_external = True
            elif part.number == 14:
                is_external = is_external or self._reader.number(part) == _EXTERNAL
        if is_external:
            raise RejectedError(
                Reason.MODEL_UNSAFE,
                f"tensor {name[:80]!r} lies in another file (external data); save the model as one "
                "file: onnx.save(model, path, save_as_external_data=False)",
            )
        return name

    def _keep_indices(self, name: str, tensor: Field, model: OnnxModel) -> None:
        """Note a tensor that may be a list of column numbers."""
        dims: list[int] = []
        values: list[int] = []
        kind = 0
        for part in self._reader.fields(tensor.start, tensor.end):
            if part.number == 1:
                dims += self._reader.integers(part)
            elif part.number == 2:
                kind = self._reader.number(part)
            elif kind == INT64 and part.end - part.start <= 8 * _MAX_INDICES:
                values += self._reader.signed_words(part) if part.number == 9 else []
                values += self._reader.integers(part) if part.number == 7 else []
        if dims == [len(values)]:
            model.indices[name] = tuple(values)

    def _sparse_tensor(self, tensor: Field) -> str:
        self._reader.expect(tensor, LENGTH)
        name = ""
        for part in self._reader.fields(tensor.start, tensor.end):
            if part.number in (1, 2):
                found = self._tensor(part)
                name = found if part.number == 1 else name
        return name

    def _function(self, function: Field) -> None:
        self._reader.expect(function, LENGTH)
        for part in self._reader.fields(function.start, function.end):
            if part.number == 7:
                self._node(part, 1)
            elif part.number == 11:
                self._attribute(part, 1)

    def _training(self, training: Field) -> None:
        self._reader.expect(training, LENGTH)
        for part in self._reader.fields(training.start, training.end):
            if part.number in (1, 2):
                self._graph(part, 1, None)

    def _value(self, value: Field) -> tuple[str, ValueType | None]:
        self._reader.expect(value, LENGTH)
        name, found = "", None
        for part in self._reader.fields(value.start, value.end):
            if part.number == 1:
                name = self._reader.text(part)
            elif part.number == 2:
                found = self._type(part, 0)
        return name, found

    def _type(self, message: Field, depth: int) -> ValueType | None:
        self._reader.expect(message, LENGTH)
        kinds = {1: "tensor", 4: "sequence", 5: "map", 8: "sparse", 9: "optional"}
        found = None
        for part in self._reader.fields(message.start, message.end):
            kind = kinds.get(part.number)
            if kind in ("tensor", "sparse"):
                element, shape = self._tensor_type(part)
                found = ValueType(str(kind), element, shape)
            elif kind and depth < _MAX_DEPTH:
                found = self._container_type(part, kind, depth)
        return found

    def _container_type(self, message: Field, kind: str, depth: int) -> ValueType:
        """A sequence's or optional's element type is its field 1, a map's value type field 2."""
        self._reader.expect(message, LENGTH)
        wanted = 2 if kind == "map" else 1
        inner = None
        for part in self._reader.fields(message.start, message.end):
            if part.number == wanted:
                inner = self._type(part, depth + 1)
        if inner is None:
            return ValueType(kind)
        return ValueType(kind, inner.element, inner.shape, inner.kind)

    def _tensor_type(self, message: Field) -> tuple[int, tuple[int | None, ...] | None]:
        self._reader.expect(message, LENGTH)
        element, shape = 0, None
        for part in self._reader.fields(message.start, message.end):
            if part.number == 1:
                element = self._reader.number(part)
            elif part.number == 2:
                shape = self._shape(part)
        return element, shape

    def _shape(self, message: Field) -> tuple[int | None, ...]:
        self._reader.expect(message, LENGTH)
        dimensions: list[int | None] = []
        for part in self._reader.fields(message.start, message.end):
            if part.number != 1:
                continue
            self._reader.expect(part, LENGTH)
            size = None
            for detail in self._reader.fields(part.start, part.end):
                if detail.number == 1:
                    size = self._reader.number(detail)
            # A negative size is how some exporters write a free one.
            dimensions.append(size if size is not None and size >= 0 else None)
        return tuple(dimensions)
