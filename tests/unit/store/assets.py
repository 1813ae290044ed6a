"""Assets as an archive packs them and a store serves them, with the settings of `mlz fetch`."""

import hashlib
import io
import tarfile
from pathlib import Path
from typing import Any

from mlz.settings import FetchSettings
from unit.store.servers import LocalServer, Reply


def packed(model: Path, **companions: str) -> bytes:
    """A tar.gz of a model and its companions (``schema`` and ``sample``)."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        tar.add(model, model.name)
        for name, text in companions.items():
            info = tarfile.TarInfo(f"{name}.json")
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
    return archive.getvalue()


def served(server: LocalServer, content: bytes, folder: Path, **more: Any) -> FetchSettings:
    server.script(Reply(200, content))
    values = {
        "asset_uri": f"{server.url}/m.onnx",
        "asset_sha256": hashlib.sha256(content).hexdigest(),
        "model_folder": str(folder / "model"),
        "credentials_folder": str(folder / "none"),
        "allow_loopback": True,
    }
    return FetchSettings(**(values | more))
