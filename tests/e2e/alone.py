"""What an asset answers where nothing else is: an engine of its own on this machine, no cluster."""

import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from e2e.endpoints import Endpoint
from e2e.load import own_answer
from mlz.model.asset import EngineType
from mlz.store.fetch import prepare_local
from unit.scoring.served import engine_process


def answer_alone(file: Path, engine_type: str, records: list[Any]) -> tuple[str, Any]:
    """The digest of a model file, and its answer."""
    with tempfile.TemporaryDirectory(prefix="mlz-alone-") as folder:
        prepare_local(file, Path(folder), EngineType(engine_type))
        with (
            engine_process(Path(folder)) as process,
            closing(Endpoint(f"http://127.0.0.1:{process.port}", "g")) as endpoint,
        ):
            return own_answer(endpoint, records)
