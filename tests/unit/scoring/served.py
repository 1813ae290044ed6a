"""Real models of the zoo behind the real server, with what their own libraries answer."""

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlz.model.asset import Asset
from mlz.store.fetch import prepare_local
from unit.scoring.kit import DEADLINE
from zoo.models import TARGET, Zoo

# Answers by name: scalars, or lists of numbers.
Named = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """A model in a folder as `mlz fetch` leaves it, records, and the library's own answers."""

    name: str
    folder: Path
    asset: Asset
    records: list[Any]
    expected: list[Named]


def magika(zoo: Zoo, folder: Path) -> Case:
    """Real bytes: files of this repository and of the standard library."""
    import numpy as np
    import onnxruntime

    asset = prepare_local(zoo.magika.path, folder)
    sources = sorted(Path(os.__file__).parent.rglob("*.py"))[:64]
    inputs = [_begin_and_end(source.read_bytes()) for source in sources]
    session = onnxruntime.InferenceSession(
        zoo.magika.path.read_bytes(), providers=["CPUExecutionProvider"]
    )
    # One by one: ONNX Runtime itself answers a batch of these up to 0.002 differently.
    found = [session.run(None, {"bytes": np.array([row], np.int32)})[0][0] for row in inputs]
    return Case(
        "magika",
        folder,
        asset,
        [{"bytes": row} for row in inputs],
        [{"target_label": row.tolist()} for row in found],
    )


def credit_onnx(zoo: Zoo, folder: Path) -> Case:
    import numpy as np
    import onnxruntime

    records = _all_records(zoo)
    asset = prepare_local(_archive(zoo.credit_onnx.path, records[:5], folder), folder)
    session = onnxruntime.InferenceSession(
        zoo.credit_onnx.path.read_bytes(), providers=["CPUExecutionProvider"]
    )
    feed = {
        name: np.array(
            [[record[name]] for record in records],
            dtype=object if isinstance(records[0][name], str) else np.float32,
        )
        for name in records[0]
    }
    labels, probabilities = session.run(None, feed)
    expected = [
        {"output_label": label, "output_probability": probability}
        for label, probability in zip(labels.tolist(), probabilities, strict=True)
    ]
    return Case("credit-onnx", folder, asset, records, expected)


def credit_xgboost(zoo: Zoo, folder: Path) -> Case:
    import xgboost

    asset = prepare_local(zoo.credit_xgboost.path, folder)
    table = zoo.credit.drop(columns=[TARGET])
    text = [name for name in table.columns if table[name].dtype == object]
    booster = xgboost.Booster({"nthread": 1}, model_file=str(zoo.credit_xgboost.path))
    found = booster.inplace_predict(table.astype(dict.fromkeys(text, "category")))
    expected = [
        {"prediction": int(p > 0.5), "probability": [1 - float(p), float(p)]} for p in found
    ]
    return Case("credit-xgboost", folder, asset, _all_records(zoo), expected)


def credit_pmml(zoo: Zoo, folder: Path) -> Case:
    from pypmml import Model, PMMLContext

    asset = prepare_local(zoo.credit_pmml.path, folder)
    PMMLContext.getOrCreate(gateway="jpype", java_opts=["-Xmx512m", "-Xrs"])
    model = Model.fromBytes(zoo.credit_pmml.path.read_bytes())
    records = _all_records(zoo)
    expected = [_plain(model.predict(record), asset) for record in records]
    return Case("credit-pmml", folder, asset, records, expected)


MAKERS = {
    "onnx-magika": magika,
    "onnx-credit": credit_onnx,
    "xgboost-credit": credit_xgboost,
    "pmml-credit": credit_pmml,
}


def _plain(found: Any, asset: Asset) -> Named:
    """A Java map as plain values, without what PMML4S adds to the model's Output element."""
    names = {field.name for field in asset.model_schema.outputs or ()}
    return {
        str(key): float(value) if "probability" in str(key) else str(value)
        for key, value in dict(found).items()
        if str(key) in names
    }


def _all_records(zoo: Zoo) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = zoo.credit.drop(columns=[TARGET]).to_dict("records")
    return records


def _begin_and_end(content: bytes) -> list[int]:
    begin, end = content[:1024], content[-1024:]
    return [*begin, *[256] * (1024 - len(begin)), *[256] * (1024 - len(end)), *end]


def _archive(model: Path, sample: Sequence[Any], folder: Path) -> Path:
    """A model with records for the warm-up."""
    path = folder.parent / f"{folder.name}.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(model, model.name)
        raw = json.dumps(sample).encode()
        entry = tarfile.TarInfo("sample.json")
        entry.size = len(raw)
        archive.addfile(entry, io.BytesIO(raw))
    return path


@dataclass
class EngineProcess:
    """
    `mlz engine` in a process of its own.

    Attributes:
        kept: objects that its garbage collector never looks at.
    """

    process: subprocess.Popen[str]
    port: int
    kept: int

    def memory_bytes(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) * 1024


@contextmanager
def engine_process(folder: Path, **settings: object) -> Iterator[EngineProcess]:
    """Start `mlz engine` on a folder; it must be alive at the end and leave with status 0."""
    variables = {
        "model_folder": folder,
        "host": "127.0.0.1",
        "port": 0,
        "model_name": "m",
        "deployment_guid": "g",
        "drain_delay_seconds": 0,
    } | settings
    script = (
        "from mlz.scoring import server; from mlz.scoring.machine import Machine\n"
        "from mlz.settings import EngineSettings; import gc, os\n"
        "settings = EngineSettings.from_environment(os.environ)\n"
        "server.serve(settings, Machine(memory_bytes=2**30),"
        " lambda host, port: print(port, gc.get_freeze_count(), flush=True))\n"
    )
    environment = os.environ | {f"MLZ_{k.upper()}": str(v) for k, v in variables.items()}
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", script],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, "the engine ended before it was ready"
            yield EngineProcess(process, *map(int, line.split()))
            assert process.poll() is None, "the engine ended by itself"
        finally:
            process.send_signal(signal.SIGTERM)
            status = process.wait(DEADLINE * 3)
            process.stdout.close() if process.stdout else None
        assert status == 0
