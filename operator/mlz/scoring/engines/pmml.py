"""
Engine type pmml: PMML4S in a Java machine inside this process (pypmml over JPype).

Records travel as one JSON text for a batch, the uniform and fastest form (engines.md section 2.2).
The machine is started once for the life of the process, with a bounded heap and without signal
handlers of its own; it must neither fork nor be started again.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jpype.config
import msgspec
from pypmml import Model, PMMLContext

from mlz.errors import Reason, RejectedError
from mlz.model.asset import Asset
from mlz.model.schema import FieldType, OutputField, Schema
from mlz.scoring.engines.base import Answer, LoadOptions, Row, ScoreError, Scores, load_failed

MEBIBYTE = 1024 * 1024
# What Python, the machine's own memory and threads need beside the heap.
_OUTSIDE_HEAP_BYTES = 320 * MEBIBYTE
_SMALLEST_HEAP_BYTES = 64 * MEBIBYTE
_HEAP_BYTES_WITHOUT_LIMIT = 1024 * MEBIBYTE
# PMML4S casts a missing result of type integer to this.
_NO_INTEGER = -(2**63)
_SHOWN_OUTPUTS = 10
_PROBABILITY = re.compile(r"probability\((.*)\)\Z", re.DOTALL)


def load(folder: Path, asset: Asset, options: LoadOptions) -> "PmmlEngine":
    """
    Load the model from its bytes: ``Model.load`` would open a file if the text named one.

    Raises:
        RejectedError: Java or PMML4S refuse.
    """
    raw = (folder / asset.model_file).read_bytes()
    # At exit Java would wait for the thread that started it, which is the worker: for ever.
    jpype.config.onexit = False
    try:
        PMMLContext.getOrCreate(gateway="jpype", java_opts=java_options(options))
        model = Model.fromBytes(raw)
        given = {str(field.name): str(field.feature) for field in model.outputFields}
    except Exception as error:  # Java's exceptions are Exception and no closed set
        raise load_failed(error) from error
    return PmmlEngine(model, asset.model_schema, given)


def java_options(options: LoadOptions) -> list[str]:
    """Flags of the Java machine: memory, threads, signals; an XML parser that fetches nothing."""
    return [
        f"-Xmx{heap_bytes(options.memory_bytes) // MEBIBYTE}m",
        f"-XX:ActiveProcessorCount={options.threads}",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-Xshare:auto",
        "-Xrs",  # SIGTERM is ours: it drains
        "-Djava.awt.headless=true",
        "-Djavax.xml.accessExternalDTD=",
        "-Djdk.xml.entityExpansionLimit=1",
        "-Djdk.xml.maxGeneralEntitySizeLimit=1000",
    ]


def heap_bytes(memory_bytes: int | None) -> int:
    """The heap that a container's memory limit leaves room for."""
    if memory_bytes is None:
        return _HEAP_BYTES_WITHOUT_LIMIT
    room = max(memory_bytes - _OUTSIDE_HEAP_BYTES, memory_bytes // 4)
    return max(_SMALLEST_HEAP_BYTES, room)


class PmmlEngine:
    """One PMML4S model; safe from many threads."""

    merges = True
    exact = True
    # Java interprets a method that it has not called some 200 times: several times slower.
    warm_after = 250

    def __init__(self, model: Any, schema: Schema, given: Mapping[str, str]) -> None:
        """
        Args:
            given: the outputs that PMML4S has for this model, each with its feature, in its order.

        Raises:
            RejectedError: the schema has an output that PMML4S has not.
        """
        self._model = model
        self._names = [field.name for field in schema.inputs or ()]
        self._outputs = _outputs(schema, given)

    def score(self, rows: Sequence[Row]) -> Scores:
        """
        Raises:
            ScoreError: PMML4S refuses the rows.
        """
        if not rows:
            return Scores([])
        text = msgspec.json.encode([self._record(row) for row in rows]).decode()
        try:
            results = msgspec.json.decode(str(self._model.predict(text)).encode())
        except Exception as error:  # Java's exceptions are Exception and no closed set
            raise ScoreError(str(error)) from error
        answers: list[Answer] = []
        bad: dict[int, str] = {}
        for number, result in enumerate(results):
            answers.append({name: result.get(theirs) for name, theirs, _ in self._outputs})
            missing = self._first_without_number(result)
            if missing is not None:
                bad[number] = missing
        return Scores(answers, bad)

    def close(self) -> None:
        """Let go of the model; the Java machine stays until the process ends."""
        self._model = None

    def _record(self, row: Row) -> dict[str, object]:
        return {
            name: value for name, value in zip(self._names, row, strict=True) if value is not None
        }

    def _first_without_number(self, result: Mapping[str, object]) -> str | None:
        """PMML4S's JSON has null for NaN."""
        for name, theirs, is_number in self._outputs:
            value = result.get(theirs)
            if is_number and (value is None or value == _NO_INTEGER):
                return name
        return None


def _outputs(schema: Schema, given: Mapping[str, str]) -> list[tuple[str, str, bool]]:
    """Each output: our name (CONTRACT section 1), PMML4S's, whether it must be a number."""
    fields = schema.outputs
    if fields is None:
        fields = tuple(OutputField(name=name) for name in sorted(given))
    return [
        (field.name, _their_name(field.name, given), field.type is not FieldType.STRING)
        for field in fields
    ]


def _their_name(name: str, given: Mapping[str, str]) -> str:
    """
    PMML4S's name of an output.

    Without an Output element the predicted value has a name there that goes by the kind of model,
    and a class ``probability_<class>``; with us, ``prediction`` and ``probability(<class>)``.

    Raises:
        RejectedError: it has none.
    """
    probability = _PROBABILITY.match(name)
    candidates = [name]
    if name == "prediction":
        candidates += [theirs for theirs, feature in given.items() if feature == "predictedValue"]
    elif probability is not None:
        candidates.append(f"probability_{probability.group(1)}")
    for candidate in candidates:
        if candidate in given:
            return candidate
    shown = ", ".join(list(given)[:_SHOWN_OUTPUTS]) or "none"
    raise RejectedError(
        Reason.MODEL_LOAD_FAILED,
        f"the schema of the model has an output {name!r}, PMML4S has {shown}; name the outputs "
        "that it gives in an Output element",
    )
