"""
The values that an ONNX input may have, where the graph proves it.

A OneHotEncoder with ``zeros=0`` fails on a value that is not in its list. So an input whose every
value comes to such an encoder unchanged has categories: a value outside of them always fails. The
proof has to hold in one direction only: what is listed may still fail elsewhere, but nothing that
the model would take may be missing. Whatever is not known here to keep values ends the proof.
Source: ONNX operators, ``ai.onnx.ml.OneHotEncoder``.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mlz.model.schema import Category, FieldType, InputField
from mlz.store.onnx_graph import INT64, Node, OnnxModel, Values

_ML = "ai.onnx.ml"
_STANDARD = "ai.onnx"
# They move values, or split them over other dimensions, and lose none.
_RESHAPING = frozenset((_STANDARD, name) for name in ("Reshape", "Flatten", "Squeeze", "Unsqueeze"))
# They look at a shape alone, so an optimizer may do without what makes the values.
_SHAPE_ONLY = frozenset({"Shape", "Size"})
# Integers that become INT64 exactly, by a Cast or in the encoder itself.
_EXACT = frozenset(
    {
        FieldType.INT8, FieldType.INT16, FieldType.INT32, FieldType.INT64,
        FieldType.UINT8, FieldType.UINT16, FieldType.UINT32,
    }
)  # fmt: skip
# A graph that doubles its columns again and again must not cost us memory.
_MAX_COLUMNS = 4096
# The attribute ``axis``, where it means the columns of a value with two dimensions.
_COLUMNS = ((1,), (-1,))

Names = frozenset[str]
_NOTHING: Names = frozenset()


@dataclass(frozen=True, slots=True)
class _Value:
    """
    A value of the graph: the inputs of which it holds every element, whatever its shape.

    ``columns``: the same for each column of a value with two dimensions; None where they are not
    known.
    """

    holds: Names
    columns: tuple[Names, ...] | None = None


def input_categories(
    model: OnnxModel, fields: Sequence[InputField]
) -> dict[str, tuple[Category, ...]]:
    """
    The categories of each input that has some, in the order of its first encoder.

    Args:
        model: a graph that has passed the gates.
        fields: the inputs that must be fed, with types and shapes.
    """
    if model.has_functions:
        return {}
    types = {field.name: field.type for field in fields}
    found: dict[str, tuple[Category, ...]] = {}
    for names, listed in _strict_encoders(model, fields):
        for name in names:
            if _takes(types[name], listed):
                allowed = dict.fromkeys(listed)
                found[name] = tuple(one for one in found.get(name, allowed) if one in allowed)
    # Where nothing is left the model never scores; the warm-up says that better than a schema.
    return {name: categories for name, categories in found.items() if categories}


def _strict_encoders(
    model: OnnxModel, fields: Sequence[InputField]
) -> Iterator[tuple[Names, Values]]:
    """Of each encoder that every answer needs: the inputs it gets whole, and its list."""
    values = {field.name: _fed(field) for field in fields}
    needed = _needed(model)
    for node in model.nodes:
        sources = [values.get(name) for name in node.inputs]
        if not any(sources) or "" in node.outputs:
            continue
        if sources[0] and _is_strict(node) and needed.intersection(node.outputs):
            yield sources[0].holds, _listed(node)
        kept = _kept(node, sources, model)
        if kept is not None and len(node.outputs) == 1:
            values[node.outputs[0]] = kept


def _fed(field: InputField) -> _Value:
    """An input; one of several columns is in none of them whole."""
    name = frozenset({field.name})
    width = field.shape[1] if field.shape and len(field.shape) == 2 else None
    if width is None or width > _MAX_COLUMNS:
        return _Value(name)
    return _Value(name, (name,) if width == 1 else (_NOTHING,) * width)


def _needed(model: OnnxModel) -> set[str]:
    """Names of values that an output cannot be computed without."""
    needed = {name for name, _ in model.outputs}
    for node in reversed(model.nodes):
        if needed.intersection(node.outputs) and node.op_type not in _SHAPE_ONLY:
            # An optional input that is absent has the empty name.
            needed.update(name for name in node.inputs if name)
    return needed


def _is_strict(node: Node) -> bool:
    """Without ``zeros`` an unknown value is encoded as zeros."""
    is_encoder = (node.domain, node.op_type) == (_ML, "OneHotEncoder")
    return is_encoder and node.attributes.get("zeros") == (0,)


def _listed(node: Node) -> Values:
    """The encoder's categories; none where it has both lists, which no library loads."""
    texts = node.attributes.get("cats_strings", ())
    numbers = node.attributes.get("cats_int64s", ())
    return () if texts and numbers else texts or numbers


def _takes(kind: FieldType | None, listed: Values) -> bool:
    """
    Whether values of a type are looked up in the list as they are.

    A float is cut to a whole number before, so 1.5 is taken for 1: no list can say that.
    """
    wanted = str if kind is FieldType.STRING else int
    known = kind is FieldType.STRING or kind in _EXACT
    return known and bool(listed) and all(type(one) is wanted for one in listed)


def _kept(node: Node, sources: Sequence[_Value | None], model: OnnxModel) -> _Value | None:
    """What the node's first output holds; None where it may hold other values."""
    operation = (node.domain or _STANDARD, node.op_type)
    if operation == (_STANDARD, "Concat"):
        return _joined(node, [source or _Value(_NOTHING) for source in sources])
    first = sources[0]
    if first is None:
        return None
    if operation in _RESHAPING:
        return _Value(first.holds)
    if operation == (_STANDARD, "Identity") or _is_exact_cast(node):
        return first
    by_column = operation == (_STANDARD, "Gather") and node.attributes.get("axis") in _COLUMNS
    if by_column or operation == (_ML, "ArrayFeatureExtractor"):
        return _selected(first, node, model)
    return None


def _is_exact_cast(node: Node) -> bool:
    """To INT64; ``_takes`` leaves out the types that lose something on the way."""
    is_cast = (node.domain or _STANDARD, node.op_type) == (_STANDARD, "Cast")
    return is_cast and node.attributes.get("to") == (INT64,)


def _joined(node: Node, sources: Sequence[_Value]) -> _Value:
    holds = _NOTHING.union(*(source.holds for source in sources))
    columns: tuple[Names, ...] = ()
    for source in sources:
        if source.columns is None or len(columns) > _MAX_COLUMNS:
            return _Value(holds)
        columns += source.columns
    by_column = node.attributes.get("axis") in _COLUMNS and len(columns) <= _MAX_COLUMNS
    return _Value(holds, columns if by_column else None)


def _selected(value: _Value, node: Node, model: OnnxModel) -> _Value | None:
    """Some columns, by constant numbers."""
    places = model.indices.get(node.inputs[1]) if len(node.inputs) == 2 else None
    columns = value.columns
    if columns is None or not places:
        return None
    if not all(-len(columns) <= place < len(columns) for place in places):
        return None
    chosen = tuple(columns[place] for place in places)
    return _Value(_NOTHING.union(*chosen), chosen)
