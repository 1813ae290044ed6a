"""
From a model folder to something that scores: read, check, load, warm up. Blocking; runs once.

Order matters: what is cheap and final (digest, hardware) is refused before a library is imported.
"""

import importlib
import os
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from mlz.errors import Reason, RejectedError
from mlz.model.asset import ASSET_FILE, Asset, EngineType
from mlz.scoring.doors import RecordsDoor
from mlz.scoring.engines.base import Engine, LoadOptions
from mlz.scoring.hardware import prove
from mlz.scoring.machine import Machine
from mlz.scoring.oip import InferDoor
from mlz.scoring.scorer import Door
from mlz.scoring.validation import RecordReader, compile_reader
from mlz.scoring.warmup import OneByOne, warm_up
from mlz.settings import EngineSettings

# ONNX Runtime reports its use to its vendor unless this is set before it is imported.
_NO_TELEMETRY = ("ORT_DISABLE_TELEMETRY", "1")
_MODULES = {
    EngineType.ONNX: "mlz.scoring.engines.onnx",
    EngineType.XGBOOST: "mlz.scoring.engines.xgboost",
    EngineType.PMML: "mlz.scoring.engines.pmml",
}


@dataclass(frozen=True, slots=True)
class Loaded:
    """An asset that its library has loaded, but nobody has scored yet."""

    asset: Asset
    engine: Engine
    reader: RecordReader
    sample: bytes | None
    settings: EngineSettings


@dataclass(frozen=True, slots=True)
class Runtime:
    """An asset proven to score, and its doors."""

    asset: Asset
    engine: Engine
    seconds_a_record: float
    records: Door
    tensors: Door


def load_model(settings: EngineSettings, machine: Machine) -> Loaded:
    """
    Load what the settings say.

    Raises:
        RejectedError: another asset than wanted, no accelerator, or not loadable.
    """
    prove(settings.provider, machine.cpuinfo)
    folder = Path(settings.model_folder)
    asset = read_asset(folder)
    if settings.asset_digest and settings.asset_digest != asset.digest:
        raise RejectedError(
            Reason.DIGEST_MISMATCH,
            f"this pod is to serve {settings.asset_digest}, its folder holds {asset.digest}",
        )
    reader = compile_reader(asset.model_schema, asset.engine_type)
    engine = load_engine(folder, asset, LoadOptions(settings.threads, machine.memory_bytes))
    sample = None if asset.sample_file is None else (folder / asset.sample_file).read_bytes()
    return Loaded(asset, engine, reader, sample, settings)


def warmed_up(loaded: Loaded) -> Runtime:
    """
    Score for the first time.

    Raises:
        RejectedError: the model gives no good answer.
    """
    warmed = warm_up(loaded.engine, loaded.reader, loaded.asset, loaded.sample)
    settings = loaded.settings
    return Runtime(
        loaded.asset,
        loaded.engine if warmed.independent else OneByOne(loaded.engine),
        warmed.seconds,
        RecordsDoor(loaded.asset, loaded.reader, settings),
        InferDoor(loaded.asset, loaded.reader, settings),
    )


def read_asset(folder: Path) -> Asset:
    """
    The asset that `mlz fetch` left in a folder.

    Raises:
        RejectedError: there is none, or not one of ours.
    """
    path = folder / ASSET_FILE
    try:
        return Asset.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        text = f"no asset can be read from {path}: {error}; `mlz fetch` writes it"
        raise RejectedError(Reason.MODEL_LOAD_FAILED, text) from error


def load_engine(folder: Path, asset: Asset, options: LoadOptions) -> Engine:
    """
    Import the engine type's module, with its library, and load the model.

    Raises:
        RejectedError: the library is not in this image, or cannot load the model.
    """
    try:
        os.environ.setdefault(*_NO_TELEMETRY)
        module = importlib.import_module(_MODULES[asset.engine_type])
    except ImportError as error:
        text = f"this image has no library for engine type {asset.engine_type}: {error}"
        raise RejectedError(Reason.ENGINE_NOT_AVAILABLE, text) from error
    engine: Engine = module.load(folder, asset, options)
    return engine
