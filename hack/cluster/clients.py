"""``kubectl`` and ``helm`` in ``build/bin``, for clusters that we do not build ourselves."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from cluster.binaries import CLIENTS, Binaries
from cluster.places import Outputs, cache_folder, replace_link


def ensure_clients(outputs: Outputs, environ: Mapping[str, str]) -> None:
    """Link the machine's own, and build (some minutes) only those it does not have."""
    binaries = Binaries(cache_folder(environ), environ)
    search_path = environ.get("PATH", os.defpath)
    found = {name: shutil.which(name, path=search_path) for name in CLIENTS}
    binaries.ensure([name for name in CLIENTS if found[name] is None])
    for name in CLIENTS:
        # Resolved: what was found on PATH may be the very link that is replaced here.
        target = Path(found[name] or binaries.path(name)).resolve()
        replace_link(outputs.binaries / name, target)
