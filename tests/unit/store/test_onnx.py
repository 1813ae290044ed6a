"""ONNX: gates and schema, on graphs made for each case and on real ones."""

from collections.abc import Callable
from pathlib import Path

import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto, TypeProto, ValueInfoProto, helper

from mlz.errors import Reason, RejectedError
from mlz.model.asset import Framework
from mlz.model.schema import FieldType, InputField, OutputField, Schema
from mlz.store.onnx_format import inspect_onnx, onnx_schema
from mlz.store.onnx_graph import read_onnx
from mlz.store.protobuf import run_of
from zoo.models import Zoo

FLOAT = TensorProto.FLOAT


def value(name: str, kind: int = FLOAT, shape: list[int | str | None] | None = None):  # type: ignore[no-untyped-def]
    return helper.make_tensor_value_info(name, kind, [None, 4] if shape is None else shape)


def model(**parts: object) -> ModelProto:
    """A graph of one node; each part can be another."""
    given = {
        "nodes": [helper.make_node("Identity", ["x"], ["y"])],
        "inputs": [value("x")],
        "outputs": [value("y")],
        "initializer": [],
    } | parts
    graph = helper.make_graph(
        given["nodes"], "g", given["inputs"], given["outputs"], given["initializer"]
    )
    return helper.make_model(graph, producer_name="maker", producer_version="1.0")


def schema(made: ModelProto) -> Schema:
    return onnx_schema(read_onnx(made.SerializeToString()))


def refusal(content: bytes) -> RejectedError:
    with pytest.raises(RejectedError) as caught:
        read_onnx(content)
    return caught.value


def test_names_types_and_shapes_are_the_graph_s_own() -> None:
    found = schema(model(inputs=[value("x", TensorProto.INT8, ["batch", None, 3])]))

    assert found.inputs == (
        InputField(
            name="x", type=FieldType.INT8, shape=(None, None, 3), required=True, nullable=False
        ),
    )
    assert found.outputs == (OutputField(name="y", type=FieldType.FLOAT, shape=(None, 4)),)
    assert found.classes is None


@pytest.mark.parametrize(
    ("shape", "wanted"),
    [
        pytest.param([], (), id="a scalar"),
        pytest.param([1, 3], (1, 3), id="fixed"),
        pytest.param(["n", -1, 2], (None, None, 2), id="symbolic and negative are free"),
    ],
)
def test_shapes(shape: list[int | str], wanted: tuple[int | None, ...]) -> None:
    found = schema(model(inputs=[value("x", shape=shape)]))  # type: ignore[arg-type]

    assert (found.inputs or ())[0].shape == wanted


def test_an_input_with_a_default_is_not_asked_for() -> None:
    weights = helper.make_tensor("w", FLOAT, [4], [1.0, 2.0, 3.0, 4.0])

    found = schema(model(inputs=[value("x"), value("w", shape=[4])], initializer=[weights]))

    assert [field.name for field in found.inputs or ()] == ["x"]


def zip_map(labels: dict[str, object]) -> ModelProto:
    probabilities = helper.make_sequence_type_proto(
        helper.make_map_type_proto(TensorProto.STRING, helper.make_tensor_type_proto(FLOAT, []))
    )
    return model(
        nodes=[
            helper.make_node("LinearClassifier", ["x"], ["l", "p"], domain="ai.onnx.ml",
                             coefficients=[1.0] * 8, **labels),
            helper.make_node("Identity", ["l"], ["label"]),
            helper.make_node("Normalizer", ["p"], ["n"], domain="ai.onnx.ml"),
            helper.make_node("ZipMap", ["n"], ["probabilities"], domain="ai.onnx.ml",
                             classlabels_strings=["good", "bad"]),
        ],
        outputs=[
            value("label", TensorProto.STRING, [None]),
            helper.make_value_info("probabilities", probabilities),
        ],
    )  # fmt: skip


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(helper.make_sequence_type_proto, id="a sequence"),
        pytest.param(helper.make_optional_type_proto, id="an optional"),
        pytest.param(
            lambda one: helper.make_optional_type_proto(helper.make_sequence_type_proto(one)),
            id="an optional sequence",
        ),
    ],
)
def test_only_a_tensor_has_a_shape(kind: Callable[[TypeProto], TypeProto]) -> None:
    element = helper.make_tensor_type_proto(FLOAT, [None, 4])

    found = schema(model(outputs=[helper.make_value_info("y", kind(element))]))

    assert found.outputs == (OutputField(name="y", type=FieldType.FLOAT),)


def test_a_zip_map_is_by_class() -> None:
    found = schema(zip_map({"classlabels_strings": ["good", "bad"]}))

    assert found.outputs == (
        OutputField(name="label", type=FieldType.STRING, shape=(None,)),
        OutputField(name="probabilities", type=FieldType.FLOAT, by_class=True),
    )
    assert found.classes == ("good", "bad")


@pytest.mark.parametrize(
    ("labels", "wanted"),
    [
        pytest.param({"classlabels_strings": ["b", "a"]}, ("b", "a"), id="text, in its order"),
        pytest.param({"classlabels_ints": [2, 0, -1]}, (2, 0, -1), id="numbers"),
        pytest.param({}, ("good", "bad"), id="of the ZipMap alone"),
    ],
)
def test_classes_are_those_behind_the_first_output(
    labels: dict[str, object], wanted: tuple[str | int, ...]
) -> None:
    assert schema(zip_map(labels)).classes == wanted


def test_the_classes_of_a_part_are_not_the_classes_of_the_whole() -> None:
    one_of_many = helper.make_node(
        "TreeEnsembleClassifier", ["x"], ["l", "p"], domain="ai.onnx.ml", classlabels_int64s=[0, 1]
    )

    found = schema(
        model(nodes=[one_of_many, helper.make_node("ArgMax", ["p"], ["y"])], outputs=[value("y")])
    )

    assert found.classes is None


def external() -> TensorProto:
    tensor = TensorProto(name="w", data_type=FLOAT, dims=[4], data_location=1)
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../etc/passwd"
    return tensor


def in_initializer() -> ModelProto:
    return model(initializer=[external()])


def in_attribute() -> ModelProto:
    return model(nodes=[helper.make_node("Constant", [], ["y"], value=external())])


def in_subgraph() -> ModelProto:
    inner = helper.make_graph([], "inner", [], [value("z")], [external()])
    return model(nodes=[helper.make_node("If", ["x"], ["y"], then_branch=inner)])


def in_sparse() -> ModelProto:
    made = model()
    made.graph.sparse_initializer.add().values.CopyFrom(external())
    return made


def in_function() -> ModelProto:
    made = model()
    made.functions.add().node.append(helper.make_node("Constant", [], ["y"], value=external()))
    return made


def in_training() -> ModelProto:
    made = model()
    made.training_info.add().initialization.initializer.append(external())
    return made


@pytest.mark.parametrize(
    "make", [in_initializer, in_attribute, in_subgraph, in_sparse, in_function, in_training]
)
def test_external_data_is_found_wherever_it_hides(make: Callable[[], ModelProto]) -> None:
    error = refusal(make().SerializeToString())

    assert error.reason is Reason.MODEL_UNSAFE
    assert "external data" in error.message


def varint(number: int) -> bytes:
    parts = []
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])


def test_absurd_nesting_is_unsafe() -> None:
    graph = b""
    for number in (6, 5, 1) * 40:  # attribute's graph, node's attribute, graph's node
        graph = bytes([number << 3 | 2]) + varint(len(graph)) + graph

    error = refusal(b"\x3a" + varint(len(graph)) + graph)

    assert error.reason is Reason.MODEL_UNSAFE


WHOLE = zip_map({"classlabels_strings": ["good", "bad"]}).SerializeToString()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x08\x09", id="no graph"),
        pytest.param(WHOLE[:-1], id="truncated by one byte"),
        pytest.param(WHOLE[: len(WHOLE) // 2], id="half of it"),
        pytest.param(WHOLE + WHOLE, id="two graphs, which a library would merge"),
        pytest.param(b"\x3a\x05hello", id="a graph that is text"),
        pytest.param(b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", id="a huge length"),
        pytest.param(b"\x38\x01", id="a graph that is a number"),
        pytest.param(b"\xff" * 20, id="a number without end"),
        pytest.param(model(outputs=[]).SerializeToString(), id="no outputs"),
    ],
)
def test_what_is_no_onnx_file_is_invalid(content: bytes) -> None:
    error = refusal(content)

    assert error.reason is Reason.MODEL_INVALID
    assert "wanted an ONNX file" in error.message


@pytest.mark.parametrize(
    ("inputs", "found"),
    [
        pytest.param([value("x", TensorProto.FLOAT16)], "a tensor of float16", id="half precision"),
        pytest.param(
            [value("x", TensorProto.FLOAT8E5M2)], "a tensor of element type 19", id="a quarter"
        ),
        pytest.param([value("x"), value("x")], "different names", id="one name twice"),
        pytest.param(
            [helper.make_tensor_sequence_value_info("x", FLOAT, [None])],
            "a sequence of float",
            id="a sequence",
        ),
        pytest.param([ValueInfoProto(name="x")], "of no type", id="no type"),
    ],
)
def test_inputs_that_cannot_be_fed_are_refused(inputs: list[object], found: str) -> None:
    with pytest.raises(RejectedError, match=found) as caught:
        schema(model(inputs=inputs))

    assert caught.value.reason is Reason.MODEL_INVALID


@given(place=st.integers(0, len(WHOLE) - 1), noise=st.binary(min_size=1, max_size=8))
def test_a_damaged_model_is_read_or_refused(place: int, noise: bytes) -> None:
    damaged = WHOLE[:place] + noise + WHOLE[place + len(noise) :]
    try:
        onnx_schema(read_onnx(damaged))
    except RejectedError as error:
        assert error.reason.startswith("Model")  # noqa: PT017 - either outcome is right


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        onnx_schema(read_onnx(content))
    except RejectedError as error:
        assert error.reason.startswith("Model")  # noqa: PT017 - either outcome is right


@given(st.lists(st.binary(min_size=64, max_size=200), max_size=3), st.integers(0, 300))
def test_runs_that_are_skipped_end_where_they_end(texts: list[bytes], count: int) -> None:
    run = (b"\x3dabcd" + b"\x40\xff\x01" + b"\x4a\x03abc") * count
    tail = b"".join(b"\x4a" + bytes([len(t)]) + t for t in texts if len(t) < 128)

    found = run_of(floats=7, integers=8, strings=9).match(run + tail)

    assert (found.end() if found else 0) == len(run)


def test_a_million_unpacked_numbers_are_read_in_a_moment() -> None:
    node = helper.make_node(
        "TreeEnsembleClassifier", ["x"], ["y"], domain="ai.onnx.ml",
        nodes_values=[1.0] * 500_000, nodes_treeids=[300] * 500_000,
        nodes_modes=["BRANCH_LEQ"] * 100_000, classlabels_int64s=[0, 1],
    )  # fmt: skip

    assert schema(model(nodes=[node])).classes == (0, 1)


def test_large_weights_are_stepped_over(tmp_path: Path) -> None:
    weights = TensorProto(name="w", data_type=FLOAT, dims=[25_000_000], raw_data=bytes(100_000_000))
    path = tmp_path / "large.onnx"
    path.write_bytes(model(initializer=[weights]).SerializeToString())

    assert len(inspect_onnx(path).schema.inputs or ()) == 1


def test_real_models_are_seen_as_their_runtime_sees_them(zoo: Zoo) -> None:
    datasets = Path(onnxruntime.__file__).parent / "datasets"
    for path in [zoo.magika.path, zoo.speech.path, *sorted(datasets.glob("*.onnx"))]:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

        found = inspect_onnx(path).schema

        assert [(f.name, _rank(f.shape)) for f in found.inputs or ()] == [
            (i.name, [d if isinstance(d, int) else None for d in i.shape])
            for i in session.get_inputs()
        ]
        assert [f.name for f in found.outputs or ()] == [o.name for o in session.get_outputs()]


def _rank(shape: tuple[int | None, ...] | None) -> list[int | None]:
    return list(shape or ())


def test_a_library_may_write_anything_into_its_version(tmp_path: Path) -> None:
    made = model()
    made.producer_name = " Maker of\nmodels"
    made.producer_version = "Git info:\n    Commit: b0\n" + "x" * 300
    (tmp_path / "m.onnx").write_bytes(made.SerializeToString())

    framework = inspect_onnx(tmp_path / "m.onnx").framework

    assert framework is not None
    assert framework.name == "Maker of models"
    assert framework.version == ("Git info: Commit: b0 " + "x" * 300)[:253]


@pytest.mark.parametrize("name", ["", " \n"])
def test_a_model_that_names_no_maker_is_onnx_s(name: str, tmp_path: Path) -> None:
    made = model()
    made.producer_name, made.producer_version = name, ""
    (tmp_path / "m.onnx").write_bytes(made.SerializeToString())

    assert inspect_onnx(tmp_path / "m.onnx").framework == Framework(name="onnx")


def test_magika_is_what_it_is_known_to_be(zoo: Zoo) -> None:
    facts = inspect_onnx(zoo.magika.path)

    assert facts.framework is not None
    assert facts.framework.name == "tf2onnx"
    assert facts.schema.to_document() == {
        "inputs": [
            {
                "name": "bytes",
                "type": "int32",
                "shape": [None, 2048],
                "required": True,
                "nullable": False,
            }
        ],
        "outputs": [{"name": "target_label", "type": "float", "shape": [None, 214]}],
    }
